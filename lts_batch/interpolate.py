"""The interpolation amount x over time, and the paths it draws: through latents, levels and detail.

x = 0 is clip 1, x = 1 is clip 2; beyond them the path goes on in the same direction. Weights are (1 - x, x).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEVEL_FLOOR_DB = -60.0  # below the clip's peak; loudness is interpolated in dB above it
LEVEL_HEADROOM_DB = 6.0  # how far beyond the ends a frame may pass the louder clip's, where the other is silent, say
HEADROOM_DB = 12.0  # how far a step beyond the ends may pass the louder clip, band by band


def curve_amounts(curve: Sequence[tuple[float, float]], unit: str, times_seconds: NDArray[np.float64],
                  duration_seconds: float) -> NDArray[np.float64]:
    """x at each time ``[n]``: straight lines between the breakpoints (time, x), held before the first and after the last.

    >>> curve_amounts([(0.0, 0.0), (1.0, 1.0)], "fraction", np.array([0.0, 1.0, 9.0]), 4.0).tolist()
    [0.0, 0.25, 1.0]
    """
    scale = duration_seconds if unit == "fraction" else 1.0
    return np.interp(times_seconds, [t * scale for t, _ in curve], [x for _, x in curve])


def weights(x: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of clip 1 and clip 2, which sum to 1 and go outside 0..1 beyond the ends."""
    return 1.0 - x, x


def clamped_weights(x: Tensor) -> tuple[Tensor, Tensor]:
    """Weights that stay in 0..1, for what cannot be extrapolated: phase, residual, floors."""
    return weights(x.clamp(0.0, 1.0))


def latents(first: Tensor, second: Tensor, x: Tensor) -> Tensor:
    """The path z = (1 - x) z1 + x z2: latents ``[..., frames, latent]``, x ``[frames]``; exact at both ends."""
    one, two = weights(x[:, None])
    return one * first + two * second


def levels(first: Tensor, second: Tensor, x: Tensor, peaks: tuple[float, float]) -> Tensor:
    """Levels ``[..., frames]`` (amplitudes) interpolated in dB above a floor of -60 dB of each clip's peak.

    What lies below the floor (silence, in the end) is mixed as a plain gain, so that x = 0 and x = 1 give exactly the
    clips' own levels and a path between a sound and silence still passes through every loudness.
    """
    one, two = weights(x)
    path, below = torch.zeros_like(x), torch.zeros_like(x)
    for level, weight, clamped, peak in zip((first, second), (one, two), clamped_weights(x), peaks, strict=True):
        floor = max(peak * 10.0 ** (LEVEL_FLOOR_DB / 20.0), 1e-30)
        path = path + weight * level.clamp_min(floor).log()
        below = below + clamped * (level / floor).clamp_max(1.0)
    louder = torch.maximum(first, second) * 10.0 ** (LEVEL_HEADROOM_DB / 20.0)
    return torch.where((x < 0.0) | (x > 1.0), torch.minimum(path.exp(), louder), path.exp()) * below


def magnitudes(decoded: Tensor, lost: tuple[Tensor, Tensor], x: Tensor, detail: float,
               floors: tuple[float, float]) -> Tensor:
    """Decoded magnitudes ``[..., bands, frames]`` with what the model lost put back:

        log(m + e) = log(D + e) + detail * sum_i w_i [log(t_i + e_i) - log(d_i + e_i)]

    Args:
        lost: the brackets of both clips; unused at ``detail = 0``.
        floors: e_1 and e_2, -100 dB of each clip's peak; e moves between them, so that both ends are exact.
    """
    if detail == 0.0:
        return decoded
    one, two = clamped_weights(x)
    floor = torch.exp(one * np.log(floors[0]) + two * np.log(floors[1]))
    bracket = weights(x)[0] * lost[0] + weights(x)[1] * lost[1]
    return ((decoded + floor) * torch.exp(detail * bracket) - floor).clamp_min(0.0)


def bounded(magnitudes: Tensor, true: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
    """Magnitudes ``[..., bands, frames]`` that, beyond the ends, stay within ``HEADROOM_DB`` of the louder clip's."""
    bound = torch.maximum(*true) * 10.0 ** (HEADROOM_DB / 20.0)
    return torch.where((x < 0.0) | (x > 1.0), torch.minimum(magnitudes, bound), magnitudes)
