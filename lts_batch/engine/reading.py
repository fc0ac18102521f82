"""A clip read at other times than its own: its frames where a stem wants them.

Between two frames magnitudes, levels and latents lie on straight lines, and phase goes on by its instantaneous frequencies (see
``vocoder``). A stem that runs much faster than its clip would leap over frames, and with them over hits: there each frame has
the mean power of those that it stands for.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.clips import pitch
from lts_batch.engine.analysis import Analysis
from lts_batch.engine.frames import Frames
from lts_batch.resynthesis import phase, vocoder

SLOW, FAST = 1.5, 2.0  # frames of the clip for one of the stem, at which those leapt over begin to count, and count in full
MOST_LOOKS = 12  # at the frames that one stands for

Positions = NDArray[np.float64]


def read(clip: Analysis, positions: Positions, speeds: Positions, octaves: Positions | None, locks: NDArray[np.int64],
         state: vocoder.State, following: int) -> tuple[Frames, vocoder.State]:
    """A clip at fractional frame positions ``[n]``, shifted by octaves ``[n]``.

    Args:
        speeds: how many frames of the clip pass there for one of the stem ``[n]``.
        locks: those of the ``n`` that take up the clip's own phase.
        state: of the vocoder, from the run before.
        following: which of the ``n`` is the first of the next run.
    """
    lower = np.floor(positions).astype(np.int64)
    wanted, place = np.unique(np.concatenate((lower, lower + 1)), return_inverse=True)
    found = clip.gather(wanted)
    device = clip.model.device
    low, high = (torch.from_numpy(half).to(device) for half in (place[:len(lower)], place[len(lower):]))
    share = torch.from_numpy((positions - lower).astype(np.float32)).to(device)
    rows, hertz = clip.bank.model_rows, clip.model.bands.centres_hz

    def between(values: Tensor, dim: int = -1) -> Tensor:
        shape = [1] * values.ndim
        shape[dim] = -1
        return torch.lerp(values.index_select(dim, low), values.index_select(dim, high), share.view(shape))

    if clip.phases:
        coefficients, state = vocoder.propagate(
            found.coefficients[..., low], found.coefficients[..., high], positions, clip.bank.row_hz,
            float(clip.model.bands.frame_rate), reach=clip.bank.reach, octaves=octaves, locked=locks, state=state,
            following=following)
    else:
        coefficients = between(found.coefficients)
        if octaves is not None:
            coefficients = pitch.shift(coefficients, octaves, hertz[:rows])
    frames = Frames(coefficients, between(found.levels), between(found.loudness), between(found.latents, 1),
                    between(found.lost) if clip.detail else found.lost)
    if octaves is None and speeds.max(initial=0.0) > SLOW:
        frames = _gathered(clip, frames, positions, speeds)
    if octaves is not None and clip.detail:
        frames = replace(frames, lost=pitch.shift(frames.lost, octaves, hertz[:rows]))
    return frames, state


def locked(times: Positions, attacks: Positions, octaves: Positions | None) -> NDArray[np.int64]:
    """Frames ``[n]`` that take up the clip's own phase: the first at or after each attack of the clip, and all before time 0 if
    that is one of them, the clip's start.

    Args:
        octaves: by how much a clip that runs in its own time is shifted; back in its own pitch it is itself again.
    """
    inside = attacks[(attacks >= times[0]) & (attacks <= times[-1])]
    found = [np.searchsorted(times, inside)]
    if len(attacks) and attacks[0] == 0.0:
        found.append(np.flatnonzero(times < 0.0))
    if octaves is not None:
        found.append(np.flatnonzero(octaves == 0.0))
    return np.unique(np.concatenate(found))


def _gathered(clip: Analysis, frames: Frames, positions: Positions, speeds: Positions) -> Frames:
    """Frames with the mean power of those around them that are leapt over."""
    looks = min(MOST_LOOKS, math.ceil(speeds.max()))
    sums: list[Tensor] | None = None
    for offset in (np.arange(looks) + 0.5) / looks - 0.5:
        near = clip.gather(np.rint(positions + offset * (speeds - 1.0)).astype(np.int64))
        own = [_power(near.coefficients), near.levels.square(), near.loudness.square(), near.latents, near.lost]
        sums = own if sums is None else [one.add_(other) for one, other in zip(sums, own, strict=True)]
    assert sums is not None
    power, levels, loudness, latents, lost = (one / looks for one in sums)
    say = torch.from_numpy(((speeds - SLOW) / (FAST - SLOW)).clip(0.0, 1.0).astype(np.float32)).to(power.device)

    def met(one: Tensor, other: Tensor) -> Tensor:
        return torch.lerp(one, other, say)

    magnitudes = met(_power(frames.coefficients), power).sqrt_()
    return Frames(phase.impose(magnitudes, frames.coefficients) if clip.phases else magnitudes,
                  met(frames.levels.square(), levels).sqrt_(), met(frames.loudness.square(), loudness).sqrt_(),
                  torch.lerp(frames.latents, latents, say[:, None]), met(frames.lost, lost) if clip.detail else frames.lost)


def _power(coefficients: Tensor) -> Tensor:
    return (phase.strengths(coefficients) if coefficients.is_complex() else coefficients).square()
