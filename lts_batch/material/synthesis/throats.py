"""Voices of throats and machines that talk: vowels, whispers, calls, robots."""

import numpy as np
import scipy.signal

from lts_batch.material.synthesis.choices import random_envelope, random_notes_hz, random_vowels, random_waveform
from lts_batch.material.tones import Floats, Samples, coloured_noise, finish, log_uniform, oscillator, resonance, shape_spectrum


def vowel(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Sung and spoken vowels, one voice or a choir: a glottal wave with vibrato and jitter through formants."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples, np.float32)
    k = np.arange(1, 500)
    series = k ** -rng.uniform(1.0, 2.2)
    singers = int(rng.choice([1, 1, 2, 3]))
    time = np.arange(samples) / sample_rate
    for hz in random_notes_hz(rng, 75, 700):
        for _ in range(singers):
            tenths = np.arange(0, time[-1] + 0.2, 0.1)
            wander = np.interp(time, tenths, rng.normal(0, 0.15, len(tenths)))
            vibrato = rng.uniform(0, 0.6) * np.sin(2 * np.pi * rng.uniform(4, 7) * time + rng.uniform(0, 6))
            out += oscillator(hz * 2 ** ((wander + vibrato) / 12), series, sample_rate, rng.random())
    breath = coloured_noise(rng, samples, 0.5) * (10 ** rng.uniform(-3, -1) * np.abs(out).max())
    out = shape_spectrum(out + breath, random_vowels(rng), sample_rate, 1024)
    return finish(out * random_envelope(rng, samples, sample_rate), sample_rate)


def whisper(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Noise through moving formants, in syllables or held."""
    samples = round(seconds * sample_rate)
    out = shape_spectrum(coloured_noise(rng, samples, rng.uniform(-0.5, 1)), random_vowels(rng), sample_rate, 1024)
    if rng.random() < 0.5:
        out *= np.sin(np.pi * rng.uniform(2, 7) * np.arange(samples) / sample_rate) ** 2 + 0.02
    return finish(out * random_envelope(rng, samples, sample_rate), sample_rate)


def call(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Cries of birds and beasts: short bent tones, rough, through a throat."""
    samples = round(seconds * sample_rate)
    position = np.arange(samples) / samples
    count = rng.integers(1, 2 + int(3 * seconds))
    inside = position * count % 1
    peak = log_uniform(rng, 180, 4000)
    bend, where = rng.uniform(-1.5, 1.5), rng.uniform(0.1, 0.9)
    track = peak * 2 ** (-np.abs(inside - where) * bend)
    series = np.arange(1, 300) ** -rng.uniform(0.3, 2.5)
    out: Floats
    rough = 1 + rng.uniform(0, 1) * np.sin(2 * np.pi * rng.uniform(20, 110) * position * seconds)
    out = oscillator(track, series, sample_rate) * rough
    out = out + coloured_noise(rng, samples, 0.5) * (10 ** rng.uniform(-2.5, 0) * np.abs(out).max())
    out = shape_spectrum(out.astype(np.float32), random_vowels(rng), sample_rate, 1024)
    gate = np.clip(np.sin(np.pi * inside) * rng.uniform(1, 5), 0, 1) * (inside < rng.uniform(0.5, 1.0))
    return finish(out * scipy.signal.lfilter([0.02], [1, -0.98], gate), sample_rate)


def robot(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Machines and glitches: stepped tones, noise and silence, ring-modulated, in a stepped filter."""
    samples = round(seconds * sample_rate)
    steps = max(1, int(seconds * log_uniform(rng, 4, 30)))
    step = np.minimum(np.arange(samples) * steps // samples, steps - 1)
    hz = log_uniform(rng, 40, 400) * 2 ** (rng.integers(0, 30, steps) / 12)
    out = oscillator(hz[step], random_waveform(rng), sample_rate)
    out = np.where((rng.random(steps) < 0.2)[step], rng.standard_normal(samples), out)
    if rng.random() < 0.5:
        out = out * np.sin(2 * np.pi * log_uniform(rng, 30, 2500) * np.arange(samples) / sample_rate)
    centres = 200 * 40 ** rng.random(steps)
    q = rng.uniform(0.5, 8)
    out = shape_spectrum(out, lambda f, p: resonance(f, centres[np.minimum((p * steps).astype(int), steps - 1)], q),
                         sample_rate, 512)
    loud = rng.random(steps) ** 0.5 * (rng.random(steps) < 0.85)
    loud[0] = 1.0
    return finish(out * loud[step], sample_rate)
