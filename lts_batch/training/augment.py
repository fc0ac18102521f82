"""Changes to training frames that leave them plausible sounds: transposed, filtered, or heard together with others.

A corpus of a given size holds few recordings; these widen it in the ways in which recordings differ most. Pure tones at
random places stand for what instruments rarely play and recordings often hold: the lone high partials of bells,
chimes and whistles.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands

SHIFT_BANDS = 24  # half an octave either way
TONES_A_BAND = 4
MOST_TONES = 3
_GROUPS = 8  # frames shifted alike; one gather per frame would cost more than the network
_CURVES = 6
_CURVE_DB = 4.0


def augment(shapes: Tensor, bands: Bands, generator: torch.Generator) -> Tensor:
    """Log shapes ``[frames, bands]``, in random order, to as many others.

    A quarter of the frames stays as it is; the others are shifted by up to ``SHIFT_BANDS``, and then a third of them
    filtered by a smooth curve, a third mixed with another frame at 0 to -30 dB, a third joined by pure tones.

    Args:
        generator: on the device of the shapes.
    """
    untouched = len(shapes) // 4
    groups = features.expand(shapes[untouched:]).chunk(_GROUPS)
    shifts = torch.randint(-SHIFT_BANDS, SHIFT_BANDS + 1, (len(groups),), generator=generator, device=generator.device)
    linear = torch.cat([_shift(group, by) for group, by in zip(groups, shifts.tolist(), strict=True)])
    filtered, mixed, joined = features.unit_norm(linear).tensor_split(3)
    filtered = filtered * _curves(len(filtered), filtered.shape[1], generator)
    others = mixed[torch.randperm(len(mixed), generator=generator, device=generator.device)]
    mixed = torch.hypot(mixed, _gains(len(mixed), -30.0, 0.0, generator) * others)
    joined = torch.hypot(joined, _tones(len(joined), bands, generator))
    changed = features.compress(features.unit_norm(torch.cat((filtered, mixed, joined))))
    return torch.cat((shapes[:untouched], changed))


def _shift(linear: Tensor, bands: int) -> Tensor:
    if bands >= 0:
        return torch.nn.functional.pad(linear, (bands, 0))[:, :linear.shape[1]]
    return torch.nn.functional.pad(linear, (0, -bands))[:, -bands:]


def _curves(count: int, bands: int, generator: torch.Generator) -> Tensor:
    """Smooth random gains ``[count, bands]``: slow cosines over the bands, a few decibels each."""
    device = generator.device
    position = torch.linspace(0.0, math.pi, bands, device=device)
    number = torch.arange(1, _CURVES + 1, device=device)
    cosines = torch.cos(number[:, None] * position)
    amounts = torch.randn(count, _CURVES, generator=generator, device=device) * _CURVE_DB / number.sqrt()
    return torch.as_tensor(10.0 ** ((amounts @ cosines) / 20.0))


def _gains(count: int, low_db: float, high_db: float, generator: torch.Generator) -> Tensor:
    """Random gains ``[count, 1]``, even in decibels."""
    random = torch.rand(count, 1, generator=generator, device=generator.device)
    return torch.as_tensor(10.0 ** ((low_db + (high_db - low_db) * random) / 20.0))


def _tones(count: int, bands: Bands, generator: torch.Generator) -> Tensor:
    """Frames ``[count, bands]`` of up to ``MOST_TONES`` sines each, anywhere, from -30 dB up to far over the frame."""
    device = generator.device
    table = _sines(bands, str(device))
    power = torch.zeros(count, len(bands), device=device)
    for _ in range(MOST_TONES):
        chosen = table[torch.randint(len(table), (count,), generator=generator, device=device)]
        sounding = torch.rand(count, 1, generator=generator, device=device) < 0.7
        power = power + (sounding * _gains(count, -30.0, 0.0, generator) * chosen).square()
    return power.sqrt() * _gains(count, -20.0, 20.0, generator)


@lru_cache(maxsize=2)
def _sines(bands: Bands, device: str = "cpu") -> Tensor:
    """The frames of sines evenly spread over the bands ``[TONES_A_BAND * bands, bands]``."""
    places = np.linspace(0.0, len(bands) - 1.0, TONES_A_BAND * len(bands))
    frequencies = np.interp(places, np.arange(len(bands)), bands.centres_hz)
    return torch.from_numpy(bands.response(frequencies).astype(np.float32)).to(device)
