"""Voices without a pitch: coloured noise, wind, crackle, grains."""

import numpy as np
import scipy.signal

from lts_batch.material.synthesis.choices import random_curve, random_envelope
from lts_batch.material.tones import Floats, Samples, band, coloured_noise, finish, log_uniform, resonance, shape_spectrum


def noise(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Noise of any colour, steady, swelling or in bursts; whole, banded or swept (swoosh)."""
    samples = round(seconds * sample_rate)
    out = coloured_noise(rng, samples, rng.uniform(-1.5, 2.5))
    kind = rng.integers(4)
    centre, q = random_curve(rng, 60, 16000), log_uniform(rng, 0.3, 20)
    if kind == 1:
        out = shape_spectrum(out, lambda f, p: band(f, centre(p), q), sample_rate)
    elif kind == 2:
        out = shape_spectrum(out, lambda f, p: resonance(f, centre(p), 0.5 + q / 5) ** 2, sample_rate)
    elif kind == 3:
        low, wide = log_uniform(rng, 40, 8000), log_uniform(rng, 1.2, 30)
        out = shape_spectrum(out, lambda f, p: ((f > low) & (f < low * wide)) + 1e-3 + 0 * p, sample_rate)
    if rng.random() < 0.3:
        rate = log_uniform(rng, 1, 25)
        out = out * (np.arange(samples) / sample_rate * rate % 1 < rng.uniform(0.1, 0.9))
    return finish(out * random_envelope(rng, samples, sample_rate), sample_rate)


def wind(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Wind, breath, sea, blown bottles: noise with a few narrow resonances that wander, over a wash."""
    samples = round(seconds * sample_rate)
    out = coloured_noise(rng, samples, rng.uniform(0, 2))
    peaks = [(random_curve(rng, 100, 9000, 5), log_uniform(rng, 2, 60), rng.uniform(0.2, 1))
             for _ in range(rng.integers(1, 5))]
    floor = 10 ** rng.uniform(-3, -0.5)

    def whistle(hz: Floats, position: Floats) -> Floats:
        return np.asarray(floor + np.sum([a * band(hz, c(position), q) for c, q, a in peaks], axis=0))

    out = shape_spectrum(out, whistle, sample_rate)
    swell = random_curve(rng, 0.05, 1, 6)(np.arange(samples) / samples)
    return finish(out * swell, sample_rate)


def crackle(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Vinyl, fire, rain, Geiger: sparse clicks through resonances, over hiss and rumble."""
    samples = round(seconds * sample_rate)
    density = log_uniform(rng, 5, 3000)
    clicks = (rng.random(samples) < density / sample_rate) * rng.standard_normal(samples) ** 3
    clicks[samples // 3] += 2.0
    time = np.arange(int(0.01 * sample_rate)) / sample_rate
    ring = np.exp(-time / log_uniform(rng, 0.00005, 0.002)) * np.cos(2 * np.pi * log_uniform(rng, 300, 12000) * time)
    out = scipy.signal.oaconvolve(clicks, ring)[:samples]
    out = out / (np.abs(out).max() + 1e-9)
    out = out + 10 ** rng.uniform(-3.5, -1) * coloured_noise(rng, samples, rng.uniform(-0.5, 1))
    return finish(out + 10 ** rng.uniform(-3.5, -1.3) * coloured_noise(rng, samples, 3), sample_rate)


def grains(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Clouds of short tones and noises."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples)
    low = log_uniform(rng, 60, 4000)
    wide, grain_seconds = log_uniform(rng, 1.05, 16), log_uniform(rng, 0.005, 0.15)
    noisy = rng.random()
    for _ in range(int(seconds * log_uniform(rng, 8, 150)) + 1):
        size = min(samples, max(32, int(grain_seconds * rng.uniform(0.5, 1.5) * sample_rate)))
        start = int(rng.integers(0, samples - size + 1))
        hz = min(log_uniform(rng, low, low * wide), 0.45 * sample_rate)
        tone = np.sin(2 * np.pi * hz / sample_rate * np.arange(size))
        if rng.random() < noisy * 0.6:
            tone = tone * rng.standard_normal(size)
        out[start:start + size] += rng.exponential(1) * tone * np.hanning(size)
    return finish(out, sample_rate)
