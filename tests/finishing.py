"""Stems as streams, and what the last touch leaves of them."""

import numpy as np

from lts_batch.clips.loudness import Meter
from lts_batch.engine import finish

RATE = 44100


def noise(channels=1, samples=60_000, level=0.1, seed=0):
    return (level * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


def stream(sound, block_samples=4096):
    """A stem that can be begun again and again."""
    return lambda: (sound[:, start:start + block_samples] for start in range(0, sound.shape[1], block_samples))


def finished(sound, settings, loudness_db=None, rate=RATE, block_samples=4096):
    done = finish.finish(stream(sound, block_samples), rate, len(sound), settings, loudness_db)
    out = np.concatenate(list(done.blocks()), axis=1)
    assert out.dtype == np.float32 and out.shape == (len(sound), done.samples)
    assert np.array_equal(np.concatenate(list(done.blocks()), axis=1), out), "read again it is another"
    return out


def loudness_db(sound, rate=RATE):
    meter = Meter(rate, len(sound))
    meter.add(sound)
    return meter.loudness_db()
