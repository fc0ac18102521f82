"""Voices that are hit or plucked: bells, strings, drums, cymbals."""

import numpy as np

from lts_batch.material.synthesis.choices import random_notes_hz
from lts_batch.material.tones import (
    Floats,
    Samples,
    band,
    coloured_noise,
    finish,
    log_uniform,
    partials,
    shape_spectrum,
    string,
)


def bell(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Struck bars, plates, bells and glass: inharmonic partials that die at their own rates."""
    samples = round(seconds * sample_rate)
    count = int(rng.integers(4, 60))
    k = np.arange(1, count + 1)
    family = rng.integers(5)
    if family == 0:
        ratios = ((k + 0.5) / 1.5) ** 2  # free bar
    elif family == 1:
        ratios = k * np.sqrt(1 + log_uniform(rng, 1e-4, 0.1) * k**2)  # stiff string
    elif family == 2:
        ratios = np.sort(np.append([0.5, 1, 1.2, 1.5, 2, 2.5, 3, 4], rng.uniform(2, 16, count)))  # church bell
    elif family == 3:
        ratios = np.sort(rng.uniform(1, rng.uniform(3, 30), count))
    else:
        ratios = k ** rng.uniform(0.6, 1.7)
    hz = log_uniform(rng, 60, 3500) * ratios
    hz = np.concatenate((hz, hz * (1 + rng.normal(0, 0.002, len(hz)))))  # beating pairs
    decay = log_uniform(rng, 0.1, 8) * (hz / hz[0]) ** -rng.uniform(0, 1.3)
    amplitude = (hz / hz[0]) ** -rng.uniform(-0.2, 1.5) * rng.exponential(1, len(hz))
    out = partials(hz, decay, amplitude, rng.uniform(0, 2 * np.pi, len(hz)), samples=samples,
                   sample_rate=sample_rate)
    return finish(out + _strike(rng, samples, sample_rate), sample_rate)


def _strike(rng: np.random.Generator, samples: int, sample_rate: int) -> Floats:
    """The noise of the beater."""
    time = np.arange(samples) / sample_rate
    burst = coloured_noise(rng, samples, rng.uniform(-1, 2)) * np.exp(-time / log_uniform(rng, 0.001, 0.03))
    return burst * rng.uniform(0, 0.5) * (rng.random() < 0.6)


def pluck(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Plucked and hammered strings, strummed in chords, some stiff; picked somewhere along the string."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples, np.float32)
    decay, damping = log_uniform(rng, 0.3, 10), log_uniform(rng, 0.02, 1)
    stiffness = log_uniform(rng, 1e-5, 3e-3) if rng.random() < 0.5 else 0.0
    spread, bright, pick = rng.uniform(0, 0.06), rng.uniform(0, 2.5), rng.uniform(0.05, 0.5)
    for number, hz in enumerate(random_notes_hz(rng, 38, 1400)):
        start = min(int(number * spread * sample_rate), samples // 2)
        period = max(2, round(sample_rate / hz))
        burst = coloured_noise(rng, period, bright) * np.hanning(period + 2)[1:-1]
        excitation = np.zeros(samples - start, np.float32)
        for place, sign in ((0, 1), (max(1, round(pick * period)), -1)):
            piece = burst[:max(0, len(excitation) - place)]
            excitation[place:place + len(piece)] += sign * piece
        out[start:] += string(excitation, hz, decay_seconds=decay, damping=damping, stiffness=stiffness,
                              sample_rate=sample_rate)
    return finish(out, sample_rate)


def kick(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Bass drum: a sine that falls to its pitch, a click, sometimes driven."""
    samples = round(seconds * sample_rate)
    time = np.arange(samples) / sample_rate
    low, fall = log_uniform(rng, 36, 90), log_uniform(rng, 0.008, 0.08)
    track = low * (1 + rng.uniform(0.5, 9) * np.exp(-time / fall))
    body = np.sin(2 * np.pi * np.cumsum(track / sample_rate)) * np.exp(-time / log_uniform(rng, 0.06, 0.5))
    if rng.random() < 0.5:
        body = np.tanh(body * rng.uniform(1, 8))
    return finish(body + 0.5 * _strike(rng, samples, sample_rate), sample_rate)


def snare(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Snare drum, rim shot, clap: membrane modes and a band of noise."""
    samples = round(seconds * sample_rate)
    time = np.arange(samples) / sample_rate
    low = log_uniform(rng, 110, 420)
    hz = low * np.array([1, 1.59, 2.14, 2.3, 2.65, 2.92])  # an ideal round membrane
    tone = partials(hz, log_uniform(rng, 0.08, 0.5) * hz[0] / hz, rng.exponential(1, 6), rng.uniform(0, 6, 6),
                    samples=samples, sample_rate=sample_rate)
    noise = coloured_noise(rng, samples, rng.uniform(-0.5, 1.0)) * np.exp(-time / log_uniform(rng, 0.03, 0.3))
    if rng.random() < 0.25:  # hands do not meet at one time
        noise *= 1 + 3 * sum(np.exp(-np.abs(time - shift) / 0.004) for shift in rng.uniform(0, 0.04, 3))
    centre, q = log_uniform(rng, 1200, 9000), rng.uniform(0.2, 1.5)
    noise = shape_spectrum(noise, lambda f, p: band(f, np.full_like(p, centre), q), sample_rate, 512)
    return finish(tone * rng.uniform(0.0, 0.6) + noise * rng.uniform(0.1, 1.0), sample_rate)


def tom(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Toms, congas, tabla: membrane modes, harmonic or not, with a bend."""
    samples = round(seconds * sample_rate)
    time = np.arange(samples) / sample_rate
    ratios = np.array([1, 1.59, 2.14, 2.3, 2.65, 2.92]) if rng.random() < 0.5 else np.arange(1, 7.0)
    track = log_uniform(rng, 60, 500) * (1 + rng.uniform(-0.2, 0.9) * np.exp(-time / log_uniform(rng, 0.02, 0.3)))
    turns = 2 * np.pi * np.cumsum(track / sample_rate)
    decay = log_uniform(rng, 0.08, 0.8)
    out = sum(a * np.sin(r * turns) * np.exp(-time * r / decay)
              for r, a in zip(ratios, rng.exponential(1, 6) / ratios, strict=True))
    return finish(out + _strike(rng, samples, sample_rate), sample_rate)


def cymbal(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Hi-hats, cymbals, gongs, sheets of metal: hundreds of partials and high noise."""
    samples = round(seconds * sample_rate)
    time = np.arange(samples) / sample_rate
    count = int(log_uniform(rng, 40, 500))
    low = log_uniform(rng, 100, 4000)
    hz = low * (0.49 * sample_rate / low) ** rng.random(count)
    decay = log_uniform(rng, 0.05, 5)
    out = partials(hz, decay * (hz / low) ** -rng.uniform(0, 0.8), rng.exponential(1, count) * (hz / 5000)
                   ** rng.uniform(-1, 0.7), rng.uniform(0, 6, count), samples=samples, sample_rate=sample_rate)
    noise = coloured_noise(rng, samples, rng.uniform(-2, 0)) * np.exp(-time * 6.9 / decay)
    out = out / (np.abs(out).max() + 1e-9) + rng.uniform(0, 0.5) * noise
    return finish(out * np.minimum(time / log_uniform(rng, 0.0005, 0.05), 1), sample_rate)
