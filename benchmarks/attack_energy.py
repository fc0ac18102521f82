"""Whether attacks stay attacks: energy just before them at x = 0.5, with attacks that lie up to 80 ms apart in the clips.

Each clip has its attacks at places that are known to the sample: click tracks made by arithmetic, and drum recordings cut
where they begin and laid behind silence. Half-way the attacks must lie half-way, and the 20 ms before them hold at least 20 dB
less energy than the 20 ms after.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import evaluation_clips
import job
import numpy as np
import study
import synthetic
from evaluation_clips import SAMPLE_RATE_HZ
from study import Results, columns, say

from lts_batch.metrics import measures
from lts_batch.models.checkpoint import Model

MOST_DB = -20.0
WINDOW_SECONDS, GUARD_SECONDS = 0.020, 0.001  # an attack may be early by the guard
APART_SECONDS = (0.0, 0.02, 0.04, 0.08)
LEAD_SECONDS, CLICKS, CLICK_EVERY_SECONDS = 0.3, 6, 0.6
DRUMS = (("drum_snare_hard", "elec_snare"), ("tabla_ghe4", "drum_tom_lo_hard"), ("bd_haus", "drum_heavy_kick"))
BEGIN_DB = -40.0  # of its peak: where a drum begins
ALIGNMENTS = ("onsets", "stretch")  # the second shows what the first is for
VIEW_SECONDS = 0.12


@dataclass(frozen=True)
class Scene:
    """Two clips ``[1, samples]`` of one length, and the samples at which the attacks of each begin."""

    name: str
    apart_seconds: float
    clips: tuple[job.Audio, job.Audio]
    attacks: tuple[tuple[int, ...], tuple[int, ...]]

    def half_way(self) -> list[float]:
        """Where the attacks of the stem at x = 0.5 belong."""
        return [(one + other) / 2 for one, other in zip(*self.attacks, strict=True)]


def before_db(stem: job.Audio, attack: float, sample_rate: int = SAMPLE_RATE_HZ) -> float:
    """Energy of the 20 ms before an attack over that of the 20 ms from it on."""
    window, begin = round(WINDOW_SECONDS * sample_rate), round(attack - GUARD_SECONDS * sample_rate)
    before = float(np.sum(np.square(stem[:, max(0, begin - window):begin], dtype=np.float64)))
    after = float(np.sum(np.square(stem[:, begin:begin + window], dtype=np.float64)))
    if before == 0.0:
        return measures.LEAST_DB
    return 10.0 * math.log10(before / after) if after > 0.0 else measures.MOST_DB


def click_scene(apart_seconds: float) -> Scene:
    """Clicks of noise and clicks of a tone; each second pair of them is exchanged in time."""
    samples = round((LEAD_SECONDS + CLICKS * CLICK_EVERY_SECONDS) * SAMPLE_RATE_HZ)
    first = [round((LEAD_SECONDS + n * CLICK_EVERY_SECONDS) * SAMPLE_RATE_HZ) for n in range(CLICKS)]
    second = [at + (-1) ** n * round(apart_seconds * SAMPLE_RATE_HZ) for n, at in enumerate(first)]
    return Scene("clicks", apart_seconds, (synthetic.clicks(first, samples, SAMPLE_RATE_HZ, None)[None],
                                           synthetic.clicks(second, samples, SAMPLE_RATE_HZ, 1500.0)[None]),
                 (tuple(first), tuple(second)))


def drum_scene(folder: Path, names: tuple[str, str], apart_seconds: float) -> Scene:
    """Two drums behind silence, the second later."""
    hits = [_from_its_start(evaluation_clips.load(folder, name)) for name in names]
    starts = [round(seconds * SAMPLE_RATE_HZ) for seconds in (LEAD_SECONDS, LEAD_SECONDS + apart_seconds)]
    samples = max(start + len(hit) for start, hit in zip(starts, hits, strict=True))
    first, second = (np.pad(hit, (start, samples - start - len(hit)))[None] for start, hit in zip(starts, hits, strict=True))
    return Scene(" and ".join(names), apart_seconds, (first, second), ((starts[0],), (starts[1],)))


def _from_its_start(hit: job.Audio) -> job.Audio:
    return hit[int(np.argmax(np.abs(hit) > np.abs(hit).max() * 10.0 ** (BEGIN_DB / 20.0))):]


def scenes(folder: Path, quick: bool) -> list[Scene]:
    """All that are tried."""
    apart, drums = (APART_SECONDS[-1:], DRUMS[:1]) if quick else (APART_SECONDS, DRUMS)
    return [*(click_scene(seconds) for seconds in apart),
            *(drum_scene(folder, names, seconds) for names in drums for seconds in apart)]


def run(folder: Path, model: Model, quick: bool, picture_path: Path | None) -> list[Results]:
    """Rows of the table; the picture is drawn here, for waveforms are nothing for JSON."""
    rows, shown = [], []
    for scene in scenes(folder, quick):
        say(f"attacks, {scene.name}, {1000 * scene.apart_seconds:g} ms apart")
        row: Results = {"sounds": scene.name, "apart_seconds": scene.apart_seconds,
                        "clips_db": [max(before_db(clip, at) for at in attacks)
                                     for clip, attacks in zip(scene.clips, scene.attacks, strict=True)]}
        for align in ALIGNMENTS:
            stem, = job.stems(scene.clips, SAMPLE_RATE_HZ, model, x=[0.5], align=align)
            row[align] = max(before_db(stem, at) for at in scene.half_way())
            if align == ALIGNMENTS[0] and scene.apart_seconds == APART_SECONDS[-1]:
                shown.append((scene, stem, row[align]))
        rows.append(row)
    if picture_path is not None:
        _draw(shown, picture_path)
    return rows


def table(rows: Sequence[Results]) -> str:
    return ("energy of the 20 ms before an attack over the 20 ms after it / dB, the worst attack\n" + columns(
        ["", "ms apart", "clip 1", "clip 2", *(f"x = 0.5, {align}" for align in ALIGNMENTS)],
        [[row["sounds"], round(1000 * row["apart_seconds"]), *row["clips_db"], *(row[align] for align in ALIGNMENTS)]
         for row in rows], 1))


def failures(rows: Sequence[Results]) -> list[str]:
    return [f"{row['sounds']}, {1000 * row['apart_seconds']:g} ms apart: {row['onsets']:.1f} dB before the attack, wanted at"
            f" most {MOST_DB:g}" for row in rows if not row["onsets"] <= MOST_DB]


def picture(rows: Sequence[Results], axis: Any) -> None:
    """Energy before attacks against how far they are apart."""
    for sounds in dict.fromkeys(row["sounds"] for row in rows):
        mine = [row for row in rows if row["sounds"] == sounds]
        axis.plot([1000 * row["apart_seconds"] for row in mine], [row["onsets"] for row in mine], "o-", ms=3, label=sounds)
    axis.axhline(MOST_DB, color="C3", lw=1)
    axis.set_title("20 ms before attacks, x = 0.5 / dB", fontsize=9)
    axis.set_xlabel("attacks apart in the clips / ms", fontsize=7)
    axis.tick_params(labelsize=7)
    axis.legend(fontsize=6, framealpha=0.5)  # lines are seen through it


def _draw(shown: Sequence[tuple[Scene, job.Audio, float]], path: Path) -> None:
    """Waveforms around an attack: clip 1, clip 2, and the stem half-way with the window that is judged."""
    figure = study.new_figure(2.0 * len(shown) + 0.5)
    axes = figure.subplots(len(shown), 3, sharex=True, squeeze=False)
    for row, (scene, stem, worst_db) in zip(axes, shown, strict=True):
        at = scene.half_way()[0]
        first, count = round(at - VIEW_SECONDS * SAMPLE_RATE_HZ), round(2 * VIEW_SECONDS * SAMPLE_RATE_HZ)
        milliseconds = (first + np.arange(count) - at) * 1000 / SAMPLE_RATE_HZ
        titles = (f"{scene.name}: clip 1", "clip 2", f"x = 0.5: {worst_db:.0f} dB before the attack")
        for axis, sound, title in zip(row, (*scene.clips, stem), titles, strict=True):
            axis.plot(milliseconds, sound[0, first:first + count], lw=0.6)
            axis.set_title(title, fontsize=9)
            axis.tick_params(labelsize=7)
        row[2].axvspan(-1000 * (WINDOW_SECONDS + GUARD_SECONDS), -1000 * GUARD_SECONDS, color="C1", alpha=0.3)
    for axis in axes[-1]:
        axis.set_xlabel("ms from the attack half-way", fontsize=8)
    figure.suptitle(f"Attacks {1000 * APART_SECONDS[-1]:g} ms apart, align = onsets; shaded: the 20 ms that are judged",
                    fontsize=11)
    study.save(figure, path)
