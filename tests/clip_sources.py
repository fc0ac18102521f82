"""Clips of noise to read by position, and one as strict as a file."""

import numpy as np
from numpy.typing import NDArray

from lts_batch.files.sources import Excerpt

Audio = NDArray[np.float32]


def noise(channels: int, samples: int, seed: int = 1) -> Audio:
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


def source(samples: Audio, sample_rate: int = 44100) -> Excerpt:
    return Excerpt(samples, sample_rate, 0, samples.shape[1])


class Strict:
    """A source that, like a file, holds nothing outside; it remembers what was read."""

    def __init__(self, samples: Audio, sample_rate: int = 44100) -> None:
        self._samples, self.sample_rate = samples, sample_rate
        self.channels, self.samples = samples.shape
        self.reads: list[tuple[int, int]] = []

    def read(self, start: int, count: int) -> Audio:
        assert 0 <= start <= start + count <= self.samples, "read outside of the clip"
        self.reads.append((start, count))
        return self._samples[:, start:start + count]
