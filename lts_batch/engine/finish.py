"""The last touch on a stem: level, offset, silence, effects, fades; and on a job: full scale and the true-peak ceiling.

A stem is a stream that can be begun again and again, so that an hour of it never lies in memory. Everything is off unless
asked for, and what is off leaves the very same bits.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lts_batch.clips.loudness import Meter, TruePeak
from lts_batch.engine.chain import Chain
from lts_batch.settings import Settings

Audio = NDArray[np.float32]
Blocks = Callable[[], Iterator[Audio]]  # a stem from its start, in blocks [channels, any number]

MOST_LEVEL_DB = 12.0  # a stem further off than this did not get there by interpolation
LEAST_LEVEL_DB = 0.01  # nobody hears less, and true ends stay as they are


@dataclass(frozen=True)
class Finished:
    """A stem as it will be heard: its stream and its length in samples. Nothing done gives the stream that was given."""

    blocks: Blocks
    samples: int


def effects(settings: Settings) -> Chain | None:
    """The chain of effects that the settings ask for, to be made once for all stems of a job.

    Raises:
        SettingsError: an effect, parameter or plug-in that there is not.
    """
    return Chain(settings.effects, "effects") if settings.effects else None


def finish(blocks: Blocks, sample_rate: int, channels: int, settings: Settings, loudness_db: float | None,
           chain: Chain | None = None) -> Finished:
    """Level, offset, trim, effects with their tail, fades, in this order, each where it is asked for.

    What needs the whole stem (loudness, mean, peak, where silence ends) is found now, in up to two passes; the rest is
    done while the result is read.

    Args:
        blocks: the stem.
        loudness_db: integrated loudness in LUFS that one constant gain brings the stem to; None leaves it.
        chain: of ``effects(settings)``; made here if not given.

    Raises:
        SettingsError: effects that do not work, also while the result is read.
    """
    chain = chain or effects(settings)
    found = _listen(blocks, sample_rate, channels, settings, loudness_db)
    start, stop = _sounding(blocks, found, settings.trim_db)
    samples = stop - start
    if chain is not None:
        samples += round(settings.tail_seconds * sample_rate)
    level = np.float32(found.gain)
    offset = (found.means * found.gain).astype(np.float32)[:, None]
    trimmed, fades = stop - start < found.samples, settings.fade_in_seconds > 0.0 or settings.fade_out_seconds > 0.0
    if not (found.gain != 1.0 or offset.any() or trimmed or fades or chain is not None):
        return Finished(blocks, found.samples)

    def finished() -> Iterator[Audio]:
        stream = _between(blocks(), start, stop) if trimmed else blocks()
        if found.gain != 1.0:
            stream = (block * level for block in stream)
        if offset.any():
            stream = (block - offset for block in stream)
        if chain is not None:
            stream = chain.run(stream, sample_rate, channels, samples)
        position = 0
        for block in stream:
            yield fade(block, position, samples, sample_rate, fade_in_seconds=settings.fade_in_seconds,
                       fade_out_seconds=settings.fade_out_seconds)
            position += block.shape[1]

    return Finished(finished, samples)


def fade(block: Audio, start_sample: int, stem_samples: int, sample_rate: int, *, fade_in_seconds: float,
         fade_out_seconds: float) -> Audio:
    """A block ``[channels, samples]`` of a stem with raised-cosine fades at the stem's ends; unchanged without fades."""
    if fade_in_seconds == 0.0 and fade_out_seconds == 0.0:
        return block
    position = start_sample + np.arange(block.shape[1])
    gain = np.ones(block.shape[1])
    for seconds, distance in ((fade_in_seconds, position), (fade_out_seconds, stem_samples - 1 - position)):
        if seconds > 0.0:
            length = min(seconds * sample_rate, stem_samples)
            gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / length, 0.0, 1.0))
    return np.asarray(block * gain, dtype=np.float32)


@dataclass(frozen=True)
class _Heard:
    """What a pass over a stem finds: its length, the gain to be given, the mean of each channel, the peak without it."""

    samples: int
    gain: float
    means: NDArray[np.float64]
    peak: float


def _listen(blocks: Blocks, sample_rate: int, channels: int, settings: Settings, loudness_db: float | None) -> _Heard:
    meter = None if loudness_db is None else Meter(sample_rate, channels)
    samples, sums = 0, np.zeros(channels)
    lowest, highest = np.full(channels, math.inf), np.full(channels, -math.inf)
    for block in blocks():
        samples += block.shape[1]
        if meter is not None:
            meter.add(block)
        if settings.remove_dc:
            sums += block.sum(axis=1, dtype=np.float64)
        if settings.trim_db is not None and block.shape[1]:
            lowest, highest = np.minimum(lowest, block.min(axis=1)), np.maximum(highest, block.max(axis=1))
    means = sums / max(1, samples)
    peak = float(np.maximum(highest - means, means - lowest).max())
    gain = 1.0 if meter is None or loudness_db is None else _level_gain(loudness_db - meter.loudness_db())
    return _Heard(samples, gain, means, peak)


def _level_gain(missing_db: float) -> float:
    if not math.isfinite(missing_db) or abs(missing_db) < LEAST_LEVEL_DB:  # silence has no loudness to be mended
        return 1.0
    return float(10.0 ** (min(max(missing_db, -MOST_LEVEL_DB), MOST_LEVEL_DB) / 20.0))


def _sounding(blocks: Blocks, heard: _Heard, trim_db: float | None) -> tuple[int, int]:
    """The first sample of a stem that is not silence, and the one after the last; all of a stem that is only silence."""
    if trim_db is None or not 0.0 < heard.peak < math.inf:
        return 0, heard.samples
    least = heard.peak * 10.0 ** (trim_db / 20.0)
    first, last, position = None, 0, 0
    for block in blocks():
        loud = np.flatnonzero((np.abs(block - heard.means[:, None]) >= least).any(axis=0))
        if len(loud):
            first = position + int(loud[0]) if first is None else first
            last = position + int(loud[-1])
        position += block.shape[1]
    return first or 0, last + 1


def _between(stream: Iterator[Audio], start: int, stop: int) -> Iterator[Audio]:
    """Samples ``start`` to ``stop`` of a stream."""
    position = 0
    for block in stream:
        part = block[:, max(0, start - position):max(0, stop - position)]
        if part.shape[1]:
            yield part
        position += block.shape[1]
        if position >= stop:
            return


# ---------------------------------------------------------------- all stems of a job


@dataclass(frozen=True)
class Peak:
    """How high a finished stem goes, linear, full scale 1: its highest sample, and the waveform between samples where the
    settings need it, else the same again."""

    sample: float
    true: float


class Gauge:
    """Finds the peak of a finished stem, a block at a time."""

    def __init__(self, sample_rate: int, channels: int, settings: Settings) -> None:
        self._sample = 0.0
        self._true = TruePeak(sample_rate, channels) if settings.ceiling_db is not None else None

    def add(self, block: Audio) -> None:
        """Append samples ``[channels, n]``."""
        self._sample = max(self._sample, float(np.abs(block).max(initial=0.0)))
        if self._true is not None:
            self._true.add(block)

    def finish(self) -> Peak:
        """The peak of all that was added; nothing can be added after."""
        return Peak(self._sample, self._sample if self._true is None else self._true.finish())


def common_gain(peaks: Sequence[float]) -> float:
    """The one gain that brings the loudest stem of a job to full scale, 1 where none passes it.

    >>> common_gain([0.5, 2.0]), common_gain([0.5])
    (0.5, 1.0)
    """
    loudest = max(peaks, default=0.0)
    return 1.0 if loudest <= 1.0 else 1.0 / loudest


def job_gain(peaks: Sequence[Peak], settings: Settings) -> float:
    """The one gain that all stems of a job get, so that they stay as far apart as they are: never more than 1.

    Down to full scale where ``clip = scale`` and a stem passes it, and down to the true-peak ceiling where there is one.

    >>> job_gain([Peak(0.5, 0.5), Peak(2.0, 2.5)], Settings(clip="scale"))
    0.5
    >>> job_gain([Peak(0.5, 0.5), Peak(2.0, 2.5)], Settings())
    1.0
    """
    gain = common_gain([peak.sample for peak in peaks]) if settings.clip == "scale" else 1.0
    loudest = max((peak.true for peak in peaks), default=0.0)
    if settings.ceiling_db is not None and loudest > 0.0:
        gain = min(gain, 10.0 ** (settings.ceiling_db / 20.0) / loudest)
    return gain


def finish_arrays(stems: Sequence[Audio], sample_rate: int, settings: Settings,
                  loudness_db: Sequence[float | None]) -> list[Audio]:
    """All of a job in memory: each stem ``[channels, samples]`` finished, and the one gain of the ceiling.

    What becomes of stems past full scale is a matter of files, so ``clip`` changes nothing here.
    """
    chain = effects(settings)
    finished, peaks = [], []
    for stem, target_db in zip(stems, loudness_db, strict=True):
        done = finish(partial(_in_one, stem), sample_rate, stem.shape[0], settings, target_db, chain)
        finished.append(np.concatenate([np.zeros_like(stem[:, :0]), *done.blocks()], axis=1))
        gauge = Gauge(sample_rate, stem.shape[0], settings)
        gauge.add(finished[-1])
        peaks.append(gauge.finish())
    gain = np.float32(min(1.0, job_gain([Peak(0.0, peak.true) for peak in peaks], settings)))
    return finished if gain == 1.0 else [stem * gain for stem in finished]


def _in_one(stem: Audio) -> Iterator[Audio]:
    yield stem
