"""A clip read at other times or other frequencies than its own: where its phase comes from.

A phase vocoder (Flanagan, Golden 1966) with identity phase locking (Laroche, Dolson 1999), for any transform whose phase
refers to the centre of a frame. At a peak over the rows, phase goes on from frame to frame by the instantaneous frequency of
the clip there. The rows around a peak keep the phase differences to it that they have in the clip, so that a partial stays
one partial and does not thin out. At an attack all rows take up the clip's own phase, and so do those before it that already
hear it coming.

What is worked out is by how much each row is turned away from the clip's own phase. Where the clip runs at its own rate the
turn does not change, and a lock sets it to nothing: then the clip comes out as it was.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.clips import pitch

State = NDArray[np.float64] | None  # by how much each row is turned ``[rows]``


def propagate(below: Tensor, above: Tensor, positions: NDArray[np.float64], rows_hz: NDArray[np.float64],
              frame_rate: float, *, reach: NDArray[np.int64], octaves: NDArray[np.float64] | None = None,
              locked: NDArray[np.int64], state: State = None, following: int = 0) -> tuple[Tensor, State]:
    """Coefficients ``[channels, rows, frames]`` of a clip at fractional frames, and the state for what follows.

    Channels are turned alike, so that the phase between them stays the clip's.

    Args:
        below, above: the clip's frames on both sides of each position ``[channels, rows, frames]``.
        positions: in frames of the clip ``[frames]``.
        rows_hz: centre of each row.
        frame_rate: frames per second.
        reach: how many frames a row is ahead of what it hears ``[rows]``.
        octaves: shift of each frame ``[frames]``.
        locked: frames that take up the clip's own phase.
        state: from the call before, for frame 0; without one the clip's own phase is taken.
        following: the frame at which the next call begins.
    """
    from lts_batch.resynthesis import turning  # compiles: only what needs it shall wait for it

    share = positions - np.floor(positions)
    centre = 2.0 * np.pi * rows_hz / frame_rate
    low, high = (np.ascontiguousarray(side.cpu().numpy().transpose(0, 2, 1)) for side in (below, above))
    magnitude, phase, step = turning.read(low, high, share, centre)  # [channels, frames, rows]
    ratio = np.ones(len(positions))
    if octaves is not None and octaves.any():
        ratio = 2.0 ** octaves
        magnitude, phase, step = _shifted(magnitude, phase, step, octaves, rows_hz)
    still = rows_hz == 0.0  # real, so that it has a sign and no phase that could run on; next to no row of bands
    magnitude[..., still] = 0.0
    is_locked = np.zeros(len(positions), dtype=np.bool_)
    is_locked[locked] = True
    if state is None:
        is_locked[0] = True
    turns = turning.turn(magnitude, phase, step, positions, ratio, is_locked, reach,
                         np.zeros(len(rows_hz)) if state is None else state)
    out = turning.turned(magnitude, phase, turns)
    out[..., still] = low[..., still] + share[:, None].astype(np.float32) * (high[..., still] - low[..., still])
    return torch.from_numpy(out).transpose(1, 2).contiguous().to(below.device), turns[following].copy()


def _shifted(magnitude: NDArray[np.float32], phase: NDArray[np.float32], step: NDArray[np.float32],
             octaves: NDArray[np.float64], rows_hz: NDArray[np.float64]) -> tuple[NDArray[np.float32], ...]:
    """Rows that were at f are at f 2^octaves; phase is that of the nearest row, and steps are as much longer."""
    order = np.argsort(rows_hz, kind="stable")
    below, share = pitch.rows_below(rows_hz[order], octaves)  # [rows, frames]
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    below, share = below[place].T, share[place].T.astype(np.float32)  # [frames, rows], in the order of the rows
    there, first = below >= 0, order[np.maximum(below, 0)]
    second = order[np.minimum(np.maximum(below, 0) + 1, len(order) - 1)]
    nearest = np.where(share < 0.5, first, second)

    def take(values: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.take_along_axis(values, np.broadcast_to(rows, values.shape), axis=2)

    mixed = take(magnitude, first) * (1.0 - share) + take(magnitude, second) * share
    ratio = (2.0 ** octaves).astype(np.float32)[:, None]
    moved = ((mixed * there), take(phase, nearest), take(step, nearest) * ratio)
    return tuple(np.ascontiguousarray(values, dtype=np.float32) for values in moved)  # one layout, compiled once
