"""Weights and amplitudes at random, for tests of what lies between clips."""

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from lts_batch.engine import interpolate

FRAMES = 12
SEEDS = st.integers(0, 10**6)
BEYOND = st.floats(-1.0, 2.0)
FAR_BEYOND = st.floats(-3.0, 3.0)
COUNTS = st.integers(2, 4)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def between(x: float, frames: int = FRAMES) -> Tensor:
    """The weights of two clips at one x."""
    return torch.from_numpy(interpolate.two_weights(np.full(frames, x)).astype(np.float32))


def alone(place: int, count: int, frames: int = FRAMES) -> Tensor:
    """All the weight on one clip."""
    return torch.nn.functional.one_hot(torch.full((frames,), place), count).T.float()


def anywhere(seed: int, count: int, spread: float = 0.0) -> Tensor:
    """Weights that sum to 1: between the clips, and by ``spread`` beyond them."""
    inside = torch.rand(count, FRAMES, generator=seeded(seed)) + 1e-3
    apart = torch.rand(count, FRAMES, generator=seeded(seed + 1))
    return inside / inside.sum(0) + spread * (apart - apart.mean(0))


def loud(seed: int, *shape: int) -> Tensor:
    """Amplitudes over 140 dB, some of them zero."""
    generator = seeded(seed)
    values = 10.0 ** (-7.0 * torch.rand(shape, generator=generator))
    return values * (torch.rand(shape, generator=generator) > 0.2)


def db(level: Tensor) -> Tensor:
    return 20 * level.log10()
