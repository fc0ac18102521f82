"""Whether seamless loops give seamless loops: the clips themselves across the seam at the ends, no step there between."""

import math
from collections.abc import Sequence
from typing import Any

import job
import numpy as np
import synthetic
from evaluation_clips import SAMPLE_RATE_HZ
from study import Results, columns, say

from lts_batch.metrics import measures
from lts_batch.models.checkpoint import Model

AMOUNTS = (0.0, 0.25, 0.5, 0.75, 1.0)
NULL_DB = -90.0
MOST_STEP_DB = 0.0  # the seam must not be where a loop is roughest
AROUND_SECONDS = 0.05
AT_SAMPLES = 8  # on both sides of the seam
LOOPS = {"2 s and 2 s": (2.0, 2.0), "2 s and 1.5 s": (2.0, 1.5), "15 s and 14 s": (15.0, 14.0)}  # the last goes in slices
QUICK_LOOPS = 2


def step_db(loop: job.Audio) -> float:
    """The largest second difference at the seam over the largest anywhere else."""
    turned = np.roll(loop.astype(np.float64), loop.shape[1] // 2, axis=1)
    bend = np.abs(np.diff(turned, n=2, axis=1))
    seam = loop.shape[1] // 2 - 1  # bend n is that around sample n + 1
    here = np.zeros(bend.shape[1], dtype=bool)
    here[seam - AT_SAMPLES:seam + AT_SAMPLES] = True
    return 20.0 * math.log10(max(float(bend[:, here].max()), 1e-30) / max(float(bend[:, ~here].max()), 1e-30))


def across_db(clip: job.Audio, stem: job.Audio) -> float:
    """What is left of a clip less a stem, 50 ms before and after the seam."""
    if clip.shape != stem.shape:
        return measures.MOST_DB
    around = round(AROUND_SECONDS * SAMPLE_RATE_HZ)
    pieces = [np.concatenate((one[:, -around:], one[:, :around]), axis=1) for one in (clip, stem)]
    return measures.residual_db(pieces[0], pieces[1])


def run(model: Model, quick: bool) -> list[Results]:
    """A row for each two loops: nulls across the seam, and the step at the seam of the clips and of the stems."""
    rows = []
    for name, seconds in list(LOOPS.items())[:QUICK_LOOPS if quick else None]:
        say(f"loops of {name}")
        clips = [synthetic.loop(round(length * SAMPLE_RATE_HZ), SAMPLE_RATE_HZ, hertz, seed)[None]
                 for seed, (length, hertz) in enumerate(zip(seconds, (110.0, 165.0), strict=True))]
        stems = job.stems(clips, SAMPLE_RATE_HZ, model, x=list(AMOUNTS))  # loop = auto: nobody says that they are loops
        rows.append({"loops": name, "null_db": [across_db(clip, stem) for clip, stem in zip(clips, stems[::4], strict=True)],
                     "clips_step_db": [step_db(clip) for clip in clips], "steps_db": [step_db(stem) for stem in stems]})
    return rows


def table(rows: Sequence[Results]) -> str:
    return ("seamless loops: null across the seam, and the step at the seam over the largest elsewhere / dB\n" + columns(
        ["", "null x = 0", "null x = 1", "step, clip 1", "clip 2", *(f"x = {x:g}" for x in AMOUNTS)],
        [[row["loops"], *row["null_db"], *row["clips_step_db"], *row["steps_db"]] for row in rows], 1))


def failures(rows: Sequence[Results]) -> list[str]:
    return [*(f"loops of {row['loops']}: null across the seam {null:.1f} dB at x = {x}, wanted below {NULL_DB:g}"
              for row in rows for x, null in enumerate(row["null_db"]) if not null < NULL_DB),
            *(f"loops of {row['loops']}: a step of {step:.1f} dB at the seam at x = {x:g}, wanted at most {MOST_STEP_DB:g}"
              for row in rows for x, step in zip(AMOUNTS, row["steps_db"], strict=True) if not step <= MOST_STEP_DB)]


def picture(rows: Sequence[Results], axis: Any) -> None:
    """The step at the seam along x."""
    for row in rows:
        axis.plot(AMOUNTS, row["steps_db"], "o-", ms=3, label=row["loops"])
    axis.axhline(MOST_STEP_DB, color="C3", lw=1)
    axis.set_title("step at the seam / largest elsewhere, dB", fontsize=9)
    axis.set_xlabel("x", fontsize=7)
    axis.tick_params(labelsize=7)
    axis.legend(fontsize=6)
