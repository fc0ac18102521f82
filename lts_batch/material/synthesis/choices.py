"""Choices that many voices make: paths, notes, pitch, envelopes, spectra, vowels. Each draws from the generator it is given."""

from collections.abc import Callable

import numpy as np

from lts_batch.material.tones import Floats, band, log_uniform


def random_curve(rng: np.random.Generator, low: float, high: float, points: int = 0) -> Callable[[Floats], Floats]:
    """A random path over positions 0 to 1 between ``low`` and ``high``, even on a logarithmic scale."""
    points = points or int(rng.integers(2, 6))
    places = np.sort(np.concatenate(([0.0, 1.0], rng.random(points - 2))))
    values = np.log(low) + (np.log(high) - np.log(low)) * rng.random(points)
    return lambda position: np.asarray(np.exp(np.interp(position, places, values)))

CHORDS = ((0,), (0, 12), (0, 7), (0, 5), (0, 4, 7), (0, 3, 7), (0, 4, 7, 11), (0, 3, 7, 10), (0, 5, 7), (0, 2, 7),
          (0, 3, 6), (0, 4, 8), (0, 7, 12, 16), (0, 1, 6), (0, 1, 2, 3))


def random_notes_hz(rng: np.random.Generator, low_hz: float = 40, high_hz: float = 1500) -> list[float]:
    root = log_uniform(rng, low_hz, high_hz)
    chord = CHORDS[0] if rng.random() < 0.6 else CHORDS[rng.integers(len(CHORDS))]
    return [root * 2 ** (step / 12) for step in chord]


def random_pitch(rng: np.random.Generator, hz: float, samples: int, sample_rate: int) -> Floats:
    """A fundamental that stands, trembles or slides, [samples]."""
    time = np.arange(samples) / sample_rate
    track = np.full(samples, hz)
    kind = rng.random()
    if kind < 0.35:
        depth = rng.uniform(0.05, 0.6) * np.clip(time / rng.uniform(0.05, 0.8), 0, 1)
        track *= 2 ** (depth / 12 * np.sin(2 * np.pi * rng.uniform(3, 8) * time + rng.uniform(0, 6)))
    elif kind < 0.5:
        track *= 2 ** (rng.uniform(-7, 7) / 12 * np.exp(-time / rng.uniform(0.03, 0.5)))
    elif kind < 0.6:
        track *= 2 ** (rng.uniform(-5, 5) / 12 * time / max(time[-1], 1e-3))
    return track


def random_envelope(rng: np.random.Generator, samples: int, sample_rate: int) -> Floats:
    """Attack, then a hold, a decay or a swell, then a release, [samples]."""
    time = np.arange(samples) / sample_rate
    length = samples / sample_rate
    attack = min(log_uniform(rng, 0.001, 0.4), 0.4 * length)
    release = min(log_uniform(rng, 0.01, 0.6), 0.4 * length)
    out = np.minimum(time / attack, 1.0)
    kind = rng.random()
    if kind < 0.5:
        out *= np.exp(-np.maximum(time - attack, 0) / log_uniform(rng, 0.08, 4.0))
    elif kind < 0.65:
        out *= 1 + rng.uniform(0.1, 0.9) * np.sin(2 * np.pi * log_uniform(rng, 0.5, 12) * time)
    elif kind < 0.75:
        out = (time / length) ** rng.uniform(0.5, 3)
    return out * np.clip((length - time) / release, 0, 1)


def random_series(rng: np.random.Generator, fundamental_hz: float, count: int = 700) -> Floats:
    """Amplitudes of harmonics: a slope, a few broad bumps, odd against even, and a scatter of their own."""
    k = np.arange(1, count + 1)
    out = k ** -rng.uniform(0.2, 2.6)
    for _ in range(rng.integers(0, 5)):
        octaves = np.log2(k * fundamental_hz / log_uniform(rng, 150, 12000)) / rng.uniform(0.1, 0.7)
        out *= 1 + 10 ** (rng.uniform(0, 30) / 20) * np.exp(-0.5 * octaves**2)
    if rng.random() < 0.35:
        out[1::2] *= rng.uniform(0, 0.6)
    if rng.random() < 0.3:  # drawbars, gaps
        out *= rng.random(count) < rng.uniform(0.2, 0.7)
        out[rng.integers(0, 3)] += 1
    return np.asarray(out * 10 ** (rng.normal(0, rng.uniform(0, 8), count) / 20) * rng.choice([-1, 1], count))


def random_waveform(rng: np.random.Generator, count: int = 700) -> Floats:
    """Saw, square, triangle or pulse of some width as amplitudes of harmonics."""
    k = np.arange(1, count + 1)
    kind = rng.integers(4)
    if kind == 0:
        return 1.0 / k
    if kind == 1:
        return (k % 2) / k
    if kind == 2:
        return (k % 2) / k**2 * np.where(k % 4 == 1, 1.0, -1.0)
    return np.asarray(np.sin(np.pi * k * rng.uniform(0.03, 0.45)) / k)

VOWELS_HZ = {  # first five formants (Hz); after Peterson and Barney (1952), with rounded upper formants
    "a": (730, 1090, 2440, 3400, 4500), "e": (530, 1840, 2480, 3500, 4600), "i": (270, 2290, 3010, 3700, 4800),
    "o": (450, 800, 2600, 3300, 4400), "u": (300, 870, 2240, 3200, 4300), "ae": (660, 1720, 2410, 3500, 4600),
    "er": (490, 1350, 1690, 3200, 4400),
}


def random_vowels(rng: np.random.Generator) -> Callable[[Floats, Floats], Floats]:
    """The magnitude of a mouth that moves through one to four vowels."""
    words = [VOWELS_HZ[w] for w in rng.choice(list(VOWELS_HZ), rng.integers(1, 5))]
    places = np.linspace(0, 1, len(words))
    size = log_uniform(rng, 0.75, 1.5)
    widths = (60, 80, 120, 180, 250)
    falls_db = [0, rng.uniform(2, 14), rng.uniform(6, 24), rng.uniform(10, 30), rng.uniform(14, 36)]
    levels = 10 ** (-np.array(falls_db) / 20)
    air = 10 ** rng.uniform(-3.5, -1.5)

    def gain(hz: Floats, position: Floats) -> Floats:
        out = np.full(np.broadcast_shapes(hz.shape, position.shape), air, np.float32)
        for n in range(5):
            centre = np.interp(position, places, [word[n] * size for word in words]).astype(np.float32)
            out += levels[n] * band(hz, centre, centre / (widths[n] * size))
        return out
    return gain
