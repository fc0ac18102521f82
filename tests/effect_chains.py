"""Noise through a chain of effects, block by block."""

import numpy as np

from lts_batch.engine.chain import BLOCK_SAMPLES, Chain

RATE = 44100


def noise(channels, samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


def run(effects, sound, rate=RATE, *, tail=0, block_samples=5000):
    made = effects if isinstance(effects, Chain) else Chain(effects, "test")
    blocks = (sound[:, start:start + block_samples] for start in range(0, sound.shape[1], block_samples))
    out = list(made.run(blocks, rate, len(sound), sound.shape[1] + tail))
    assert all(block.dtype == np.float32 and 0 < block.shape[1] <= BLOCK_SAMPLES for block in out)
    return np.concatenate(out, axis=1)
