"""Voices with a pitch that are held: sines, harmonic tones, FM, filtered waves, sweeps, drones, bows, hum."""

import numpy as np

from lts_batch.material.synthesis.choices import (
    random_curve,
    random_envelope,
    random_notes_hz,
    random_pitch,
    random_series,
    random_waveform,
)
from lts_batch.material.tones import (
    Floats,
    Samples,
    band,
    coloured_noise,
    finish,
    fm_tone,
    log_uniform,
    oscillator,
    resonance,
    shape_spectrum,
)


def sine(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """One to four pure tones anywhere in hearing."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples)
    for _ in range(rng.integers(1, 5)):
        track = random_pitch(rng, log_uniform(rng, 35, 9000), samples, sample_rate)
        out += rng.uniform(0.1, 1) * np.sin(2 * np.pi * np.cumsum(track / sample_rate))
    return finish(out * random_envelope(rng, samples, sample_rate), sample_rate)


def harmonic(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Additive: a note or chord whose spectrum moves from one random envelope to another; unison."""
    samples = round(seconds * sample_rate)
    fade = np.interp(np.arange(samples) / samples, [0, rng.uniform(0.05, 1)], [0, 1])
    out = np.zeros(samples)
    notes = random_notes_hz(rng)
    first, second = random_series(rng, notes[0]), random_series(rng, notes[0])
    unison = int(rng.choice([1, 1, 2, 3]))
    for hz in notes:
        track = random_pitch(rng, hz, samples, sample_rate)
        for _ in range(unison):
            detuned = track * 2 ** (rng.normal(0, 0.12) * (unison > 1) / 12)
            start = rng.random()
            out += (1 - fade) * oscillator(detuned, first, sample_rate, start)
            out += fade * oscillator(detuned, second, sample_rate, start)
    return finish(out * random_envelope(rng, samples, sample_rate), sample_rate)


def fm(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Frequency modulation: simple and odd ratios, an index that falls, rises or wanders."""
    samples = round(seconds * sample_rate)
    position = np.arange(samples) / samples
    out = np.zeros(samples)
    for hz in random_notes_hz(rng, 40, 1200):
        ratio = rng.choice([0.5, 1, 1, 2, 3, 4, 1.414, 3.5, 7, 0.13]) if rng.random() < 0.7 else rng.uniform(0.1, 9)
        room = (0.48 * sample_rate - hz) / (hz * ratio) - 2  # Carson's rule
        most = min(log_uniform(rng, 0.3, 14), max(room, 0.0))
        index = most * (np.exp(-position * rng.uniform(0, 8)) if rng.random() < 0.6
                        else random_curve(rng, 0.05, 1)(position))
        out += fm_tone(hz, hz * ratio, index, sample_rate)
    return finish(out * random_envelope(rng, samples, sample_rate), sample_rate)


def subtractive(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Saw, square, triangle, pulse through a sweeping resonant filter of two or four poles."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples, np.float32)
    wave = random_waveform(rng)
    unison = int(rng.choice([1, 2, 5]))
    for hz in random_notes_hz(rng, 33, 900):
        track = random_pitch(rng, hz, samples, sample_rate)
        for _ in range(unison):
            out += oscillator(track * 2 ** (rng.normal(0, 0.1) * (unison > 1) / 12), wave, sample_rate, rng.random())
    cutoff, q, order = random_curve(rng, 120, 16000), rng.uniform(0.6, 9), rng.choice([1, 2])
    out = shape_spectrum(out, lambda f, p: resonance(f, cutoff(p), q) ** order, sample_rate)
    return finish(out * random_envelope(rng, samples, sample_rate), sample_rate)


def sweep(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Glides over octaves: sirens, lasers, risers; a pure tone or a full wave."""
    samples = round(seconds * sample_rate)
    position = np.arange(samples) / samples
    track = np.maximum(random_curve(rng, 35, 7000)(position ** rng.uniform(0.4, 2)), 30.0)
    if rng.random() < 0.3:
        track = track * 2 ** (rng.uniform(0.1, 1.5) * np.sin(2 * np.pi * log_uniform(rng, 1, 30) * position * seconds))
    series = np.ones(1) if rng.random() < 0.4 else random_waveform(rng)
    return finish(oscillator(track, series, sample_rate) * random_envelope(rng, samples, sample_rate), sample_rate)


def drone(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Low beating layers under slow filters, with a wash of noise."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples, np.float32)
    root = log_uniform(rng, 33, 150)
    for _ in range(rng.integers(2, 7)):
        hz = root * float(rng.choice([1, 1, 1.5, 2, 3, 4])) * 2 ** (rng.normal(0, 0.1) / 12)
        series = random_waveform(rng) if rng.random() < 0.6 else random_series(rng, hz)
        out += oscillator(np.full(samples, hz), series / np.abs(series).max(), sample_rate, rng.random())
    out += 10 ** rng.uniform(-3, -0.5) * coloured_noise(rng, samples, rng.uniform(0, 2))
    cutoff, q, notch = random_curve(rng, 100, 9000, 4), rng.uniform(0.6, 6), random_curve(rng, 150, 6000, 4)
    depth = rng.uniform(0, 1)
    return finish(shape_spectrum(out, lambda f, p: resonance(f, cutoff(p), q) * (1 - depth * band(f, notch(p), 1.5)),
                                 sample_rate), sample_rate)


def bowed(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Bowed and blown: a saw with vibrato through the fixed resonances of a body, with noise at its edge."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples, np.float32)
    series = np.arange(1, 600) ** -rng.uniform(0.8, 1.6)
    for hz in random_notes_hz(rng, 45, 1500):
        out += oscillator(random_pitch(rng, hz, samples, sample_rate), series, sample_rate, rng.random())
    out += coloured_noise(rng, samples, rng.uniform(0, 1)) * (10 ** rng.uniform(-3, -0.8) * np.abs(out).max())
    peaks = [(np.float32(log_uniform(rng, 150, 7000)), log_uniform(rng, 1, 15)) for _ in range(12)]
    top = log_uniform(rng, 2000, 16000)

    def body(hz: Floats, position: Floats) -> Floats:
        modes = np.sum([band(hz, np.full((1, 1), c, np.float32), q) for c, q in peaks], axis=0)
        return np.asarray((0.05 + modes) / (1 + (hz / top) ** 3) + 0 * position)

    out = shape_spectrum(out, body, sample_rate)
    return finish(out * random_envelope(rng, samples, sample_rate), sample_rate)


def hum(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Mains, motors, fans and tape: a comb that hardly moves, over hiss."""
    samples = round(seconds * sample_rate)
    hz = float(rng.choice([50, 60, 100, 120])) if rng.random() < 0.5 else log_uniform(rng, 35, 400)
    series = rng.exponential(1, 400) * np.arange(1, 401.0) ** -rng.uniform(0.5, 2.5)
    drift = 1 + 0.003 * np.sin(2 * np.pi * rng.uniform(0.1, 2) * np.arange(samples) / sample_rate)
    out = oscillator(hz * drift, series, sample_rate)
    hiss = coloured_noise(rng, samples, rng.uniform(-1, 2)) * (10 ** rng.uniform(-3, 0.5) * np.std(out))
    return finish(out + hiss, sample_rate)
