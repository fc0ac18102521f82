"""Whether the loudness of stems lies on the straight line between the clips' (ITU-R BS.1770, measured by pyloudnorm)."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import job
import numpy as np
import pyloudnorm  # type: ignore[import-untyped]
from evaluation_clips import SAMPLE_RATE_HZ
from study import Results, columns, say

from lts_batch.models.checkpoint import Model

AMOUNTS = (0.0, 0.25, 0.5, 0.75, 1.0)
MOST_DB = 1.0
BLOCK_SECONDS = 0.4  # shorter clips have no block: theirs is the plain K-weighted mean square


def loudness_db(audio: job.Audio, sample_rate: int) -> float:
    """Integrated loudness in LUFS; of what is shorter than a block, or all gated away, the K-weighted RMS."""
    meter = pyloudnorm.Meter(sample_rate)
    samples = audio.T.astype(np.float64)
    if len(samples) >= BLOCK_SECONDS * sample_rate:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of silence
            found = float(meter.integrated_loudness(samples))
        if math.isfinite(found):
            return found
    weighted = samples
    for stage in meter._filters.values():  # the library filters whole blocks only
        weighted = np.stack([stage.apply_filter(channel) for channel in weighted.T], axis=1)
    return -0.691 + 10.0 * math.log10(float(np.square(weighted).mean(0).sum()) + 1e-30)


def run(pairs: Mapping[str, tuple[job.Audio, job.Audio]], model: Model) -> Results:
    """For each pair the loudness of the clips, and how far each stem lies off the line."""
    found: Results = {}
    for name, clips in pairs.items():
        say(f"loudness, {name}")
        ends = [loudness_db(clip, SAMPLE_RATE_HZ) for clip in clips]
        stems = job.stems(clips, SAMPLE_RATE_HZ, model, x=list(AMOUNTS))
        off = [loudness_db(stem, SAMPLE_RATE_HZ) - ((1.0 - x) * ends[0] + x * ends[1])
               for x, stem in zip(AMOUNTS, stems, strict=True)]
        found[name] = {"clips_lufs": ends, "off_db": off}
    return found


def table(results: Results) -> str:
    return "loudness of the clips / LUFS, and how far stems lie off the line between them / dB\n" + columns(
        ["", "clip 1", "clip 2", *(f"x = {x:g}" for x in AMOUNTS)],
        [[name, *one["clips_lufs"], *one["off_db"]] for name, one in results.items()])


def failures(results: Results) -> list[str]:
    return [f"{name}: x = {x:g} is {off:+.2f} dB off the line of loudness, wanted within {MOST_DB:g}"
            for name, one in results.items() for x, off in zip(AMOUNTS, one["off_db"], strict=True) if not abs(off) <= MOST_DB]


def picture(results: Results, axis: Any) -> None:
    """How far each pair's stems lie off the line."""
    for one in results.values():
        axis.plot(AMOUNTS, one["off_db"], "o-", ms=3, lw=0.8)
    for limit in (-MOST_DB, MOST_DB):
        axis.axhline(limit, color="C3", lw=1)
    axis.set_title("loudness off the line / dB", fontsize=9)
    axis.set_xlabel("x", fontsize=7)
    axis.tick_params(labelsize=7)
