"""Noise to be measured."""

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 44100


def noise(samples: int, channels: int = 1, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((channels, samples)) * 0.1
