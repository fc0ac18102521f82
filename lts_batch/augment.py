"""Changes to training frames that leave them plausible sounds: transposed, filtered, or heard together with another.

A corpus of a given size holds few recordings; these widen it in the three ways in which recordings differ most.
"""

import math

import torch
from torch import Tensor

from lts_batch import features

SHIFT_BANDS = 24  # half an octave either way
_GROUPS = 8  # frames shifted alike; one gather per frame would cost more than the network
_CURVES = 6
_CURVE_DB = 4.0


def augment(shapes: Tensor, generator: torch.Generator) -> Tensor:
    """Log shapes ``[frames, bands]``, in random order, to as many others.

    A quarter of the frames stays as it is; the others are shifted by up to ``SHIFT_BANDS``, and then one half of them is
    filtered by a smooth curve, the other half mixed with another frame at 0 to -30 dB.
    """
    untouched = len(shapes) // 4
    linear = torch.cat([_shift(group, generator) for group in features.expand(shapes[untouched:]).chunk(_GROUPS)])
    filtered, mixed = linear.tensor_split(2)
    filtered = filtered * _curves(len(filtered), filtered.shape[1], generator)
    others = features.unit_norm(mixed)[torch.randperm(len(mixed), generator=generator)]
    share = 10 ** (-1.5 * torch.rand(len(mixed), 1, generator=generator))
    mixed = torch.hypot(features.unit_norm(mixed), share * others)
    return torch.cat((shapes[:untouched], features.compress(features.unit_norm(torch.cat((filtered, mixed))))))


def _shift(linear: Tensor, generator: torch.Generator) -> Tensor:
    bands = int(torch.randint(-SHIFT_BANDS, SHIFT_BANDS + 1, (), generator=generator))
    if bands >= 0:
        return torch.nn.functional.pad(linear, (bands, 0))[:, :linear.shape[1]]
    return torch.nn.functional.pad(linear, (0, -bands))[:, -bands:]


def _curves(count: int, bands: int, generator: torch.Generator) -> Tensor:
    """Smooth random gains ``[count, bands]``: slow cosines over the bands, a few decibels each."""
    position = torch.linspace(0.0, math.pi, bands)
    cosines = torch.cos(torch.arange(1, _CURVES + 1)[:, None] * position)
    amounts = torch.randn(count, _CURVES, generator=generator) * _CURVE_DB / torch.arange(1, _CURVES + 1).sqrt()
    return torch.as_tensor(10.0 ** ((amounts @ cosines) / 20.0))
