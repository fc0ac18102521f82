"""The pitch of a clip over time, and sounds moved along the frequency axis.

Pitch is tracked by pYIN (Mauch, Dixon 2014), as librosa has it, and only where a render asks for it.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.files.sources import Resampled, Source

LOWEST_HZ, HIGHEST_HZ = 40.0, 2000.0
LEAST_VOICED = 0.2  # of the audible part of a clip: below it a clip has no pitch, only moments that look like one
QUIET_DB = -50.0  # under the loudest frame: not audible
_RATE_HZ, _FRAME, _HOP = 22050, 2048, 256
_CHUNK_SECONDS, _OVERLAP_SECONDS = 30.0, 1.0
_MEDIAN_SECONDS = 0.08  # shorter flukes of an octave are mended
_FADE_SECONDS = 0.04  # over which the strength of voicing comes and goes


@dataclass(frozen=True)
class Track:
    """The pitch of a clip, a value every ``hop_seconds``.

    Attributes:
        log2_hz: logarithm of the fundamental ``[n]``, carried on through what has no pitch.
        strength: 0 where there is no pitch, 1 where there surely is ``[n]``.
        median_hz: of what is voiced; 0 for a clip that has no pitch.
    """

    log2_hz: NDArray[np.float64]
    strength: NDArray[np.float64]
    hop_seconds: float
    median_hz: float

    @property
    def is_pitched(self) -> bool:
        """Whether there is a pitch to speak of."""
        return self.median_hz > 0.0

    def f0_at(self, times_seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fundamental in Hz at each time ``[n]``."""
        return np.asarray(2.0 ** self._at(self.log2_hz, times_seconds))

    def strength_at(self, times_seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Strength of voicing at each time ``[n]``."""
        return self._at(self.strength, times_seconds)

    def _at(self, values: NDArray[np.float64], times_seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(times_seconds, np.arange(len(values)) * self.hop_seconds, values)


def track(source: Source) -> Track:
    """The pitch of all channels together. Long clips are tracked in chunks that overlap."""
    import librosa
    from scipy.ndimage import median_filter, uniform_filter1d

    _let_others_run()
    low = source if source.sample_rate == _RATE_HZ else Resampled(source, _RATE_HZ)
    step = round((_CHUNK_SECONDS - 2 * _OVERLAP_SECONDS) * _RATE_HZ) // _HOP * _HOP
    margin = round(_OVERLAP_SECONDS * _RATE_HZ) // _HOP * _HOP
    hertz, voiced, power = [], [], []
    for start in range(0, low.samples, step):
        begin = max(0, start - margin)
        mono = low.read(begin, min(start + step + margin, low.samples) - begin).mean(axis=0)
        padded = np.pad(mono, (0, max(0, _FRAME - len(mono))))
        f0, _, probability = librosa.pyin(padded, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=_RATE_HZ, frame_length=_FRAME,
                                          hop_length=_HOP, fill_na=None)
        loud = librosa.feature.rms(y=padded, frame_length=_FRAME, hop_length=_HOP)[0] ** 2
        own = slice((start - begin) // _HOP, (start - begin) // _HOP + -(-min(step, low.samples - start) // _HOP))
        hertz.append(f0[own])
        voiced.append(probability[own])
        power.append(loud[own])
    f0, probability, loud = map(np.concatenate, (hertz, voiced, power))
    audible = loud > loud.max() * 10.0 ** (QUIET_DB / 10.0)
    hop = _HOP / _RATE_HZ
    sure = np.where(audible, probability, 0.0) > 0.5
    if not sure.any() or sure.sum() < LEAST_VOICED * audible.sum():
        return Track(np.zeros(len(f0)), np.zeros(len(f0)), hop, 0.0)
    log2_hz = np.interp(np.arange(len(f0)), np.flatnonzero(sure), np.log2(f0[sure]))
    log2_hz = median_filter(log2_hz, size=max(3, round(_MEDIAN_SECONDS / hop) | 1), mode="nearest")
    strength = uniform_filter1d(sure.astype(np.float64), max(3, round(_FADE_SECONDS / hop) | 1), mode="nearest")
    return Track(log2_hz, strength, hop, float(2.0 ** np.median(log2_hz[sure])))


@cache
def _let_others_run() -> None:
    """librosa's Viterbi search keeps Python's lock, for ten seconds and more where the machine is busy. Meanwhile no other
    thread runs: no sign of life of a daemon, no Ctrl-C. The same code compiled anew gives the lock back while it works.
    """
    import numba
    from librosa import sequence

    search = getattr(sequence, "_viterbi", None)
    if search is not None and hasattr(search, "py_func"):
        sequence._viterbi = numba.njit(nogil=True)(search.py_func)


def rows_below(centres_hz: NDArray[np.float64], octaves: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where shifted rows come from: for row k of each frame the source row below ``centres_hz[k] / 2^octaves``, and how far
    on to the next it is (0..1), both ``[rows, frames]``; -1 where nothing comes from, for it would lie outside.

    Args:
        centres_hz: of the rows, rising.
    """
    wanted = centres_hz[:, None] * 2.0 ** -octaves
    below = np.clip(np.searchsorted(centres_hz, wanted, side="right") - 1, 0, max(len(centres_hz) - 2, 0))
    gaps = np.diff(centres_hz, append=centres_hz[-1] + 1.0)
    share = (wanted - centres_hz[below]) / gaps[below]
    outside = (share > 1.0 + 1e-9) | (share < -1e-9)
    return np.where(outside, -1, below), np.clip(share, 0.0, 1.0)


def shift(values: Tensor, octaves: NDArray[np.float64], centres_hz: NDArray[np.float64]) -> Tensor:
    """Values ``[channels, rows, frames]`` moved up by ``octaves [frames]``: what was at f is at f 2^octaves.

    A frame that is not moved is untouched; zeros come in where nothing was.
    """
    moved = np.flatnonzero(octaves)
    if not len(moved):
        return values
    below, share = rows_below(centres_hz, octaves[moved])
    low = torch.from_numpy(np.maximum(below, 0)).to(values.device)
    weight = torch.from_numpy(share.astype(np.float32)).to(values.device)
    columns = torch.from_numpy(moved).to(values.device)
    mine = values[..., columns]
    first, second = (mine.gather(1, (low + more).clamp_max(len(centres_hz) - 1).expand(len(values), -1, -1)) for more in (0, 1))
    found = torch.lerp(first, second, weight) * torch.from_numpy((below >= 0).astype(np.float32)).to(values.device)
    out = values.clone()
    out[..., columns] = found
    return out
