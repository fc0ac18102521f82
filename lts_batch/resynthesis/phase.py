"""Phase: target magnitudes and the clips' own coefficients in, complex coefficients out.

Phase from the clips is that of the weighted sum of their coefficients: at an end it is the clip's own. Phase from nothing
starts from noise. Both may be repaired by the fast Griffin-Lim algorithm (Perraudin, Balazs, Sondergaard 2013).
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

ALPHA = 0.99  # acceleration of Griffin-Lim
LEAST_STRENGTH = 1e-18  # a carrier below it has no phase to speak of: its square is no longer a normal number


def strengths(coefficients: Tensor) -> Tensor:
    """Magnitudes of complex values, laid out as they are; on the CPU by NumPy, which is eight times as fast at it."""
    if coefficients.is_cuda or coefficients.is_mps:
        return coefficients.abs()
    return torch.from_numpy(np.abs(coefficients.numpy()))


def impose(magnitudes: Tensor, carrier: Tensor, out: Tensor | None = None) -> Tensor:
    """Coefficients with the given magnitudes and the phase of ``carrier`` (phase 0 where it is silent), in ``out`` if given."""
    strength = strengths(carrier)
    sounding = bool(strength.numel()) and float(strength.amin()) >= LEAST_STRENGTH
    silent = None if sounding else strength < LEAST_STRENGTH
    gains = torch.div(magnitudes, strength.clamp_min_(LEAST_STRENGTH), out=strength)
    found = torch.empty_like(carrier) if out is None else out
    if carrier.is_cuda or carrier.is_mps:
        torch.mul(carrier, gains, out=found)
    else:  # torch would first make complex values of all gains
        np.multiply(carrier.numpy(), gains.numpy(), out=found.numpy())
    return found if silent is None else torch.where(silent, magnitudes.to(found.dtype), found, out=found)


def blend(coefficients: Sequence[Tensor], levels: Sequence[Tensor], floors: Sequence[float], shares: Tensor) -> Tensor:
    """sum_i w_i c_i with levels matched.

    Args:
        coefficients: of the clips ``[channels, rows, frames]``.
        levels: their norms ``[channels, frames]``, counted as ``floors`` where they are less.
        shares: weights within 0..1 ``[clips, frames]``.
    """
    total = torch.zeros_like(coefficients[0])
    for c, level, floor, share in zip(coefficients, levels, floors, shares, strict=True):
        total.addcmul_(c, (share / level.clamp_min(floor))[:, None, :].to(c.dtype))
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


class Transform(Protocol):
    """A transform and its inverse, which gives the audio whose coefficients are nearest."""

    def forward(self, audio: Tensor) -> Tensor: ...
    def inverse(self, coefficients: Tensor) -> Tensor: ...


def griffin_lim(target: Tensor, start: Tensor, bank: Transform, rows: int, iterations: int) -> Tensor:
    """Fast Griffin-Lim: ``iterations`` projections onto what some waveform really has.

    Args:
        target: magnitudes ``[channels, rows, frames]`` of the first ``rows`` rows; the other rows of ``start`` stay.
        start: coefficients ``[channels, all rows, frames]`` to begin with.
    """
    current, previous = start, start
    for _ in range(iterations):
        consistent = bank.forward(bank.inverse(current))
        ahead = consistent + ALPHA * (consistent - previous)
        previous = consistent
        current = torch.cat((impose(target, ahead[:, :rows]), start[:, rows:]), dim=1)
    return current
