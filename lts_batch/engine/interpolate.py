"""The interpolation amount over time, and the paths it draws: through latents and detail.

Two or more clips are mixed by weights that sum to 1; weights outside of 0..1 go beyond the clips. For two clips they are
(1 - x, x): x = 0 is clip 1, x = 1 is clip 2. ``w`` is ``[clips, frames]``; *shares* are weights that cannot go outside.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.frame import features

HEADROOM_DB = 12.0  # how far a step beyond the ends may pass the louder clip, band by band
_PARALLEL = 1e-4  # radians between two latents, below which the arc between them is a line


def curve_amounts(curve: Sequence[tuple[float, float]], unit: str, shape: str, times_seconds: NDArray[np.float64],
                  duration_seconds: float) -> NDArray[np.float64]:
    """x at each time ``[n]``, held before the first breakpoint (time, x) and after the last.

    Args:
        unit: ``fraction`` of the duration, or ``seconds``.
        shape: ``linear``, or ``smooth``: monotone cubic pieces (PCHIP: Fritsch, Butland 1984) that never overshoot,
            and start and end level.

    >>> curve_amounts([(0.0, 0.0), (1.0, 1.0)], "fraction", "linear", np.array([0.0, 1.0, 9.0]), 4.0).tolist()
    [0.0, 0.25, 1.0]
    """
    knots, amounts = np.array(curve, dtype=np.float64).T
    times = times_seconds / (duration_seconds if unit == "fraction" else 1.0)
    if shape == "linear":
        found = np.interp(times, knots, amounts)
    else:
        from scipy.interpolate import PchipInterpolator

        # level outside, so that it is smooth where it starts and ends too, and rests on an end exactly
        smooth = PchipInterpolator(np.concatenate(([knots[0] - 1.0], knots, [knots[-1] + 1.0])), np.pad(amounts, 1, "edge"))
        found = smooth(np.clip(times, knots[0] - 1.0, knots[-1] + 1.0))
    return np.asarray(found.clip(amounts.min(), amounts.max()))  # rounding must not go past an end


def two_weights(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights ``[2, frames]`` of clip 1 and clip 2 at x ``[frames]``."""
    return np.stack((1.0 - x, x))


def shares(w: Tensor) -> Tensor:
    """Weights that stay in 0..1 and sum to 1, for what cannot be extrapolated: phase, residual, floors, lengths.

    >>> shares(torch.tensor([[1.5], [-0.5]])).flatten().tolist()
    [1.0, 0.0]
    """
    inside = w.clamp_min(0.0)
    return inside / inside.sum(0)


def outside(w: Tensor) -> Tensor:
    """Which frames lie beyond the clips ``[frames]``."""
    return (w < 0.0).any(0)


def latents(clips: Sequence[Tensor], w: Tensor, path: str) -> Tensor:
    """The path through latents ``[channels, frames, latent]``: z = sum_i w_i z_i, exact where one clip has all the weight.

    ``spherical``, for two clips, goes along the arc: z = (sin((1 - x) a) z1 + sin(x a) z2) / sin(a), with a the angle
    between the two (Shoemake 1985). Half-way along a line between two latents their mean is shorter than both, and the
    decoder has seen few such; the arc keeps their length.
    """
    if path == "linear":
        return torch.stack([weight[:, None] * z for weight, z in zip(w, clips, strict=True)]).sum(0)
    one, two = clips
    lengths = one.norm(dim=-1) * two.norm(dim=-1)
    cosine = (one * two).sum(-1) / lengths.clamp_min(1e-12)
    angle = torch.arccos(cosine.clamp(-1.0, 1.0))  # [channels, frames]
    # opposite latents have no arc, parallel ones no angle: there, and smoothly near the first, it is the line
    bent = (angle > _PARALLEL) & (angle < np.pi - 0.05) & (lengths > 0.0)
    safe = torch.where(bent, angle, torch.ones_like(angle))
    weights = [torch.where(bent, torch.sin(weight * safe) / torch.sin(safe), weight.expand_as(angle)) for weight in w]
    # sin(a)/sin(a) is 1 to rounding only, and an end has to be the end
    weights = [torch.where((w == 0.0).sum(0) == len(w) - 1, weight, bowed) for weight, bowed in zip(w, weights, strict=True)]
    return weights[0][..., None] * one + weights[1][..., None] * two


def magnitudes(decoded: Tensor, lost: Sequence[Tensor], w: Tensor, detail: float, floors: Sequence[float],
               levels: Tensor | None = None) -> Tensor:
    """Decoded magnitudes ``[channels, bands, frames]`` with what the model lost put back:

        log(m + e) = log(D + e) + detail * { sum_i w_i [log(t_i + e_i) - log(d_i + f_i)] + log(D + f) - log(D + e) }

    with f the floor of log shapes, below which the model says nothing and its word swings widely.

    Args:
        lost: the square brackets of the clips; unused at ``detail = 0``.
        floors: e_i, -100 dB of each clip's peak; e moves between them, so that all ends are exact.
        levels: of the frames ``[channels, frames]``, where the model knows shapes; f is e if they are not given.
    """
    if detail == 0.0:
        return decoded
    floor = (shares(w) * torch.tensor(floors, device=w.device).log()[:, None]).sum(0).exp()  # [frames]
    bracket = torch.zeros_like(decoded)
    for weight, one in zip(w, lost, strict=True):
        bracket.addcmul_(one, weight.expand_as(one))
    said = decoded + (floor if levels is None else said_floor(levels, floor))
    if detail < 1.0:
        decoded = decoded + floor
        said, bracket = decoded, bracket.add_((said / decoded).log_()).mul_(detail)
    return said.mul_(bracket.exp_()).sub_(floor).clamp_min_(0.0)


def said_floor(levels: Tensor, floor: Tensor | float) -> Tensor:
    """f ``[channels, 1, frames]``: where a model ceases to say anything, in frames of levels ``[channels, frames]``."""
    return (levels * features.SHAPE_FLOOR + floor)[:, None, :]


def bounded(magnitudes: Tensor, true: Sequence[Tensor], w: Tensor) -> Tensor:
    """Magnitudes ``[channels, bands, frames]`` that, beyond the ends, stay within ``HEADROOM_DB`` of the loudest clip's."""
    bound = torch.stack(list(true)).amax(0) * 10.0 ** (HEADROOM_DB / 20.0)
    return torch.where(outside(w), torch.minimum(magnitudes, bound), magnitudes)
