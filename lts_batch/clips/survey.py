"""What has to be known of a clip as a whole before its first frame: one pass over its samples, in bounded memory."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lts_batch.clips import loudness
from lts_batch.errors import ClipError
from lts_batch.files import audio
from lts_batch.files.sources import BLOCK_SAMPLES, Source, blocks, read_around

LEAST_SECONDS = 0.003  # one frame: less has no spectrum to speak of


@dataclass(frozen=True)
class Survey:
    """A clip at a glance.

    Attributes:
        peak: its largest sample.
        energies: K-weighted mean squares ``[channels, steps]``, ``loudness.STEPS_PER_SECOND``.
        loudness_db: integrated loudness in LUFS.
    """

    peak: float
    energies: NDArray[np.float64]
    loudness_db: float


def survey(clip: Source, name: str, channels: int) -> Survey:
    """Listens through a clip, as it sounds on ``channels`` channels: a mono one on each of them.

    Raises:
        ClipError: it is silent, or shorter than a frame, or so loud that its power cannot be reckoned with.
    """
    if clip.samples < LEAST_SECONDS * clip.sample_rate:
        raise ClipError(f"{name} is {clip.samples} sample{'s' * (clip.samples != 1)} long at {clip.sample_rate} Hz; a clip"
                        f" must last at least {LEAST_SECONDS * 1000:g} ms: choose a longer part")
    meter, peak = loudness.Meter(clip.sample_rate, clip.channels), 0.0
    for block in blocks(clip):
        peak = max(peak, audio.peak(block))
        if peak > 10.0 ** (audio.MOST_PEAK_DB / 20.0):
            raise ClipError(f"{name} holds a value of {peak:.3g}, and full scale is 1: a clip may pass it by"
                            f" {audio.MOST_PEAK_DB:g} dB at most; cut that moment out, or export it again from where it came")
        meter.add(block)
    if peak <= 10.0 ** (audio.SILENCE_DB / 20.0):
        raise ClipError(f"{name} is silent: its peak is below {audio.SILENCE_DB:g} dBFS, and silence has no timbre;"
                        " choose another part")
    return Survey(peak, *_heard(meter, channels))


def laid_out(known: Survey, clip: Source, samples: int, *, repeated: bool) -> Survey:
    """What is known of a clip, of the same as a job lays it out: cut to a length, or filled up with silence or more rounds."""
    if samples == clip.samples:
        return known
    meter = loudness.Meter(clip.sample_rate, clip.channels)
    for start in range(0, samples, BLOCK_SAMPLES):
        meter.add(read_around(clip, start, min(BLOCK_SAMPLES, samples - start), period=clip.samples if repeated else None))
    energies, found_db = _heard(meter, len(known.energies))
    return replace(known, energies=energies, loudness_db=found_db if math.isfinite(found_db) else known.loudness_db)


def _heard(meter: loudness.Meter, channels: int) -> tuple[NDArray[np.float64], float]:
    """Energies ``[channels, steps]`` and integrated loudness of what was metered; a mono clip sounds on every channel."""
    energies = np.repeat(meter.energies, channels, axis=0) if len(meter.energies) == 1 else meter.energies
    return energies, loudness.integrated_db(energies, meter.last_step)
