"""Phase: target magnitudes and the clips' own coefficients in, complex coefficients out.

``source`` takes the phase of the weighted sum of the clips' coefficients: at x = 0 and x = 1 that is the clip's own.
Under a warp the instantaneous frequencies of a clip are integrated along the stem (the phase vocoder's rule, here per
band of the frame) and locked again to the clip's phase at its attacks. ``griffinlim`` starts from noise. Both may be
repaired by the fast Griffin-Lim algorithm (Perraudin, Balazs, Sondergaard 2013).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.filterbank import Filterbank

ALPHA = 0.99  # acceleration of Griffin-Lim
ATTACK_RATIO = 2.0  # a level that doubles within ATTACK_FRAMES is an attack
ATTACK_FRAMES = 4
LEAST_STRENGTH = 1e-30  # a carrier below it has no phase to speak of, and dividing by it would overflow


def impose(magnitudes: Tensor, carrier: Tensor) -> Tensor:
    """Coefficients with the given magnitudes and the phase of ``carrier`` (phase 0 where it is silent)."""
    strength = carrier.abs()
    silent = strength < LEAST_STRENGTH
    safe = torch.where(silent, torch.ones_like(carrier), carrier)
    return safe * (magnitudes / torch.where(silent, torch.ones_like(strength), strength))


def blend(coefficients: tuple[Tensor, Tensor], levels: tuple[Tensor, Tensor], floors: tuple[float, float],
          x: tuple[Tensor, Tensor]) -> Tensor:
    """sum_i w_i c_i with levels matched: coefficients ``[channels, rows, frames]``, levels ``[channels, frames]``."""
    total = torch.zeros_like(coefficients[0])
    for c, level, floor, weight in zip(coefficients, levels, floors, x, strict=True):
        total = total + c * (weight / level.clamp_min(floor))[:, None, :]
    return total


def noise_phase(shape: torch.Size, seed: int, first_frame: int = 0, block_frames: int = 1024) -> Tensor:
    """Unit coefficients ``[channels, rows, frames]`` of random phase, the start of ``griffinlim``.

    The noise belongs to absolute frames (blocks of ``block_frames`` have a generator each), so that slices that overlap
    start alike and meet without a dip.
    """
    begin, end = first_frame // block_frames, (first_frame + shape[2] - 1) // block_frames + 1
    angles = [torch.rand(*shape[:2], block_frames, generator=torch.Generator().manual_seed(seed * 1_000_003 + block + 500_000))
              for block in range(begin, end)]
    skipped = first_frame - begin * block_frames
    angle = torch.cat(angles, dim=2)[:, :, skipped:skipped + shape[2]] * (2.0 * np.pi)
    return torch.polar(torch.ones(shape), angle)


def griffin_lim(target: Tensor, start: Tensor, bank: Filterbank, rows: int, iterations: int) -> Tensor:
    """Fast Griffin-Lim in the frame: ``iterations`` projections onto what some waveform really has.

    Args:
        target: magnitudes ``[channels, rows, frames]`` of the first ``rows`` rows; the residual rows of ``start`` stay.
        start: coefficients ``[channels, all rows, frames]`` to begin with.
    """
    current, previous = start, start
    for _ in range(iterations):
        consistent = bank.forward(bank.inverse(current))
        ahead = consistent + ALPHA * (consistent - previous)
        previous = consistent
        current = torch.cat((impose(target, ahead[:, :rows]), start[:, rows:]), dim=1)
    return current


def attacks(levels: Tensor) -> NDArray[np.int64]:
    """Frames ``[n]`` where the level ``[channels, frames]`` of a clip jumps up: the last frame before the jump's middle.

    One attack per jump: the frame where the rise over ``ATTACK_FRAMES`` is steepest.
    """
    level = levels.square().sum(0).sqrt()
    floor = max(float(level.max()) * 1e-3, 1e-12)
    log = level.clamp_min(floor).log().numpy()
    rise = np.zeros_like(log)
    rise[ATTACK_FRAMES:] = log[ATTACK_FRAMES:] - log[:-ATTACK_FRAMES]
    middle = np.zeros_like(rise)
    middle[1:-1] = (rise[1:-1] >= rise[:-2]) & (rise[1:-1] > rise[2:]) & (rise[1:-1] > np.log(ATTACK_RATIO))
    return np.flatnonzero(middle)


def integrate(coefficients: Tensor, advances: Tensor, locked: NDArray[np.int64], start: Tensor | None) -> Tensor:
    """Coefficients of a warped clip: its magnitudes, with phase that runs at its instantaneous frequencies.

    Args:
        coefficients: the clip at the warped positions ``[channels, rows, frames]`` (nearest frames: magnitude right,
            phase right only at single moments).
        advances: phase advance of the clip over one frame at those positions, radians, same shape.
        locked: frames at which the phase is taken from ``coefficients``.
        start: phase of frame 0 ``[channels, rows]``; taken from ``coefficients`` if not given.
    """
    phase = coefficients.angle().double()
    frames = coefficients.shape[-1]
    steps = torch.zeros_like(phase)
    steps[..., 1:] = advances[..., :-1].double()
    travelled = steps.cumsum(-1)
    latest = np.zeros(frames, dtype=np.int64)
    latest[locked] = locked
    anchors = torch.from_numpy(np.maximum.accumulate(latest))
    reference = phase - travelled
    if start is not None and 0 not in locked:
        reference[..., 0] = start
    return torch.polar(coefficients.abs(), (travelled + reference[..., anchors]).float())
