"""Training tones made by rule: no recording, so no licence, and any number of them.

Every voice in ``VOICES`` makes one event: ``voice(rng, seconds, sample_rate) -> float32 [samples]``, peak 1, free of
DC, the same for the same generator. The aim is breadth of spectral shape rather than likeness to any instrument. What
could alias is built band-limited (tones.py), FM is held inside Carson's bandwidth.
"""

from collections.abc import Callable

import numpy as np
import scipy.signal

from lts_batch.tones import (
    Floats,
    Samples,
    band,
    coloured_noise,
    finish,
    fm_tone,
    log_uniform,
    oscillator,
    partials,
    resonance,
    shape_spectrum,
    string,
)

Voice = Callable[[np.random.Generator, float, int], Samples]

# ---------------------------------------------------------------- choices that many voices make


def _curve(rng: np.random.Generator, low: float, high: float, points: int = 0) -> Callable[[Floats], Floats]:
    """A random path over positions 0 to 1 between ``low`` and ``high``, even on a logarithmic scale."""
    points = points or int(rng.integers(2, 6))
    places = np.sort(np.concatenate(([0.0, 1.0], rng.random(points - 2))))
    values = np.log(low) + (np.log(high) - np.log(low)) * rng.random(points)
    return lambda position: np.asarray(np.exp(np.interp(position, places, values)))


CHORDS = ((0,), (0, 12), (0, 7), (0, 5), (0, 4, 7), (0, 3, 7), (0, 4, 7, 11), (0, 3, 7, 10), (0, 5, 7), (0, 2, 7),
          (0, 3, 6), (0, 4, 8), (0, 7, 12, 16), (0, 1, 6), (0, 1, 2, 3))


def _notes_hz(rng: np.random.Generator, low_hz: float = 40, high_hz: float = 1500) -> list[float]:
    root = log_uniform(rng, low_hz, high_hz)
    chord = CHORDS[0] if rng.random() < 0.6 else CHORDS[rng.integers(len(CHORDS))]
    return [root * 2 ** (step / 12) for step in chord]


def _pitch(rng: np.random.Generator, hz: float, samples: int, sample_rate: int) -> Floats:
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


def _envelope(rng: np.random.Generator, samples: int, sample_rate: int) -> Floats:
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


def _series(rng: np.random.Generator, fundamental_hz: float, count: int = 700) -> Floats:
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


def _waveform(rng: np.random.Generator, count: int = 700) -> Floats:
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


def _vowels(rng: np.random.Generator) -> Callable[[Floats, Floats], Floats]:
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


# ---------------------------------------------------------------- voices


def sine(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """One to four pure tones anywhere in hearing."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples)
    for _ in range(rng.integers(1, 5)):
        track = _pitch(rng, log_uniform(rng, 35, 9000), samples, sample_rate)
        out += rng.uniform(0.1, 1) * np.sin(2 * np.pi * np.cumsum(track / sample_rate))
    return finish(out * _envelope(rng, samples, sample_rate), sample_rate)


def harmonic(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Additive: a note or chord whose spectrum moves from one random envelope to another; unison."""
    samples = round(seconds * sample_rate)
    fade = np.interp(np.arange(samples) / samples, [0, rng.uniform(0.05, 1)], [0, 1])
    out = np.zeros(samples)
    notes = _notes_hz(rng)
    first, second = _series(rng, notes[0]), _series(rng, notes[0])
    unison = int(rng.choice([1, 1, 2, 3]))
    for hz in notes:
        track = _pitch(rng, hz, samples, sample_rate)
        for _ in range(unison):
            detuned = track * 2 ** (rng.normal(0, 0.12) * (unison > 1) / 12)
            start = rng.random()
            out += (1 - fade) * oscillator(detuned, first, sample_rate, start)
            out += fade * oscillator(detuned, second, sample_rate, start)
    return finish(out * _envelope(rng, samples, sample_rate), sample_rate)


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


def fm(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Frequency modulation: simple and odd ratios, an index that falls, rises or wanders."""
    samples = round(seconds * sample_rate)
    position = np.arange(samples) / samples
    out = np.zeros(samples)
    for hz in _notes_hz(rng, 40, 1200):
        ratio = rng.choice([0.5, 1, 1, 2, 3, 4, 1.414, 3.5, 7, 0.13]) if rng.random() < 0.7 else rng.uniform(0.1, 9)
        room = (0.48 * sample_rate - hz) / (hz * ratio) - 2  # Carson's rule
        most = min(log_uniform(rng, 0.3, 14), max(room, 0.0))
        index = most * (np.exp(-position * rng.uniform(0, 8)) if rng.random() < 0.6
                        else _curve(rng, 0.05, 1)(position))
        out += fm_tone(hz, hz * ratio, index, sample_rate)
    return finish(out * _envelope(rng, samples, sample_rate), sample_rate)


def subtractive(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Saw, square, triangle, pulse through a sweeping resonant filter of two or four poles."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples, np.float32)
    wave = _waveform(rng)
    unison = int(rng.choice([1, 2, 5]))
    for hz in _notes_hz(rng, 33, 900):
        track = _pitch(rng, hz, samples, sample_rate)
        for _ in range(unison):
            out += oscillator(track * 2 ** (rng.normal(0, 0.1) * (unison > 1) / 12), wave, sample_rate, rng.random())
    cutoff, q, order = _curve(rng, 120, 16000), rng.uniform(0.6, 9), rng.choice([1, 2])
    out = shape_spectrum(out, lambda f, p: resonance(f, cutoff(p), q) ** order, sample_rate)
    return finish(out * _envelope(rng, samples, sample_rate), sample_rate)


def pluck(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Plucked and hammered strings, strummed in chords, some stiff; picked somewhere along the string."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples, np.float32)
    decay, damping = log_uniform(rng, 0.3, 10), log_uniform(rng, 0.02, 1)
    stiffness = log_uniform(rng, 1e-5, 3e-3) if rng.random() < 0.5 else 0.0
    spread, bright, pick = rng.uniform(0, 0.06), rng.uniform(0, 2.5), rng.uniform(0.05, 0.5)
    for number, hz in enumerate(_notes_hz(rng, 38, 1400)):
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


def noise(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Noise of any colour, steady, swelling or in bursts; whole, banded or swept (swoosh)."""
    samples = round(seconds * sample_rate)
    out = coloured_noise(rng, samples, rng.uniform(-1.5, 2.5))
    kind = rng.integers(4)
    centre, q = _curve(rng, 60, 16000), log_uniform(rng, 0.3, 20)
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
    return finish(out * _envelope(rng, samples, sample_rate), sample_rate)


def wind(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Wind, breath, sea, blown bottles: noise with a few narrow resonances that wander, over a wash."""
    samples = round(seconds * sample_rate)
    out = coloured_noise(rng, samples, rng.uniform(0, 2))
    peaks = [(_curve(rng, 100, 9000, 5), log_uniform(rng, 2, 60), rng.uniform(0.2, 1))
             for _ in range(rng.integers(1, 5))]
    floor = 10 ** rng.uniform(-3, -0.5)

    def whistle(hz: Floats, position: Floats) -> Floats:
        return np.asarray(floor + np.sum([a * band(hz, c(position), q) for c, q, a in peaks], axis=0))

    out = shape_spectrum(out, whistle, sample_rate)
    swell = _curve(rng, 0.05, 1, 6)(np.arange(samples) / samples)
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


def vowel(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Sung and spoken vowels, one voice or a choir: a glottal wave with vibrato and jitter through formants."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples, np.float32)
    k = np.arange(1, 500)
    series = k ** -rng.uniform(1.0, 2.2)
    singers = int(rng.choice([1, 1, 2, 3]))
    time = np.arange(samples) / sample_rate
    for hz in _notes_hz(rng, 75, 700):
        for _ in range(singers):
            tenths = np.arange(0, time[-1] + 0.2, 0.1)
            wander = np.interp(time, tenths, rng.normal(0, 0.15, len(tenths)))
            vibrato = rng.uniform(0, 0.6) * np.sin(2 * np.pi * rng.uniform(4, 7) * time + rng.uniform(0, 6))
            out += oscillator(hz * 2 ** ((wander + vibrato) / 12), series, sample_rate, rng.random())
    breath = coloured_noise(rng, samples, 0.5) * (10 ** rng.uniform(-3, -1) * np.abs(out).max())
    out = shape_spectrum(out + breath, _vowels(rng), sample_rate, 1024)
    return finish(out * _envelope(rng, samples, sample_rate), sample_rate)


def whisper(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Noise through moving formants, in syllables or held."""
    samples = round(seconds * sample_rate)
    out = shape_spectrum(coloured_noise(rng, samples, rng.uniform(-0.5, 1)), _vowels(rng), sample_rate, 1024)
    if rng.random() < 0.5:
        out *= np.sin(np.pi * rng.uniform(2, 7) * np.arange(samples) / sample_rate) ** 2 + 0.02
    return finish(out * _envelope(rng, samples, sample_rate), sample_rate)


def sweep(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Glides over octaves: sirens, lasers, risers; a pure tone or a full wave."""
    samples = round(seconds * sample_rate)
    position = np.arange(samples) / samples
    track = np.maximum(_curve(rng, 35, 7000)(position ** rng.uniform(0.4, 2)), 30.0)
    if rng.random() < 0.3:
        track = track * 2 ** (rng.uniform(0.1, 1.5) * np.sin(2 * np.pi * log_uniform(rng, 1, 30) * position * seconds))
    series = np.ones(1) if rng.random() < 0.4 else _waveform(rng)
    return finish(oscillator(track, series, sample_rate) * _envelope(rng, samples, sample_rate), sample_rate)


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


def drone(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Low beating layers under slow filters, with a wash of noise."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples, np.float32)
    root = log_uniform(rng, 33, 150)
    for _ in range(rng.integers(2, 7)):
        hz = root * float(rng.choice([1, 1, 1.5, 2, 3, 4])) * 2 ** (rng.normal(0, 0.1) / 12)
        series = _waveform(rng) if rng.random() < 0.6 else _series(rng, hz)
        out += oscillator(np.full(samples, hz), series / np.abs(series).max(), sample_rate, rng.random())
    out += 10 ** rng.uniform(-3, -0.5) * coloured_noise(rng, samples, rng.uniform(0, 2))
    cutoff, q, notch = _curve(rng, 100, 9000, 4), rng.uniform(0.6, 6), _curve(rng, 150, 6000, 4)
    depth = rng.uniform(0, 1)
    return finish(shape_spectrum(out, lambda f, p: resonance(f, cutoff(p), q) * (1 - depth * band(f, notch(p), 1.5)),
                                 sample_rate), sample_rate)


def bowed(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Bowed and blown: a saw with vibrato through the fixed resonances of a body, with noise at its edge."""
    samples = round(seconds * sample_rate)
    out = np.zeros(samples, np.float32)
    series = np.arange(1, 600) ** -rng.uniform(0.8, 1.6)
    for hz in _notes_hz(rng, 45, 1500):
        out += oscillator(_pitch(rng, hz, samples, sample_rate), series, sample_rate, rng.random())
    out += coloured_noise(rng, samples, rng.uniform(0, 1)) * (10 ** rng.uniform(-3, -0.8) * np.abs(out).max())
    peaks = [(np.float32(log_uniform(rng, 150, 7000)), log_uniform(rng, 1, 15)) for _ in range(12)]
    top = log_uniform(rng, 2000, 16000)

    def body(hz: Floats, position: Floats) -> Floats:
        modes = np.sum([band(hz, np.full((1, 1), c, np.float32), q) for c, q in peaks], axis=0)
        return np.asarray((0.05 + modes) / (1 + (hz / top) ** 3) + 0 * position)

    out = shape_spectrum(out, body, sample_rate)
    return finish(out * _envelope(rng, samples, sample_rate), sample_rate)


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
    out = shape_spectrum(out.astype(np.float32), _vowels(rng), sample_rate, 1024)
    gate = np.clip(np.sin(np.pi * inside) * rng.uniform(1, 5), 0, 1) * (inside < rng.uniform(0.5, 1.0))
    return finish(out * scipy.signal.lfilter([0.02], [1, -0.98], gate), sample_rate)


def robot(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Machines and glitches: stepped tones, noise and silence, ring-modulated, in a stepped filter."""
    samples = round(seconds * sample_rate)
    steps = max(1, int(seconds * log_uniform(rng, 4, 30)))
    step = np.minimum(np.arange(samples) * steps // samples, steps - 1)
    hz = log_uniform(rng, 40, 400) * 2 ** (rng.integers(0, 30, steps) / 12)
    out = oscillator(hz[step], _waveform(rng), sample_rate)
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


def hum(rng: np.random.Generator, seconds: float, sample_rate: int) -> Samples:
    """Mains, motors, fans and tape: a comb that hardly moves, over hiss."""
    samples = round(seconds * sample_rate)
    hz = float(rng.choice([50, 60, 100, 120])) if rng.random() < 0.5 else log_uniform(rng, 35, 400)
    series = rng.exponential(1, 400) * np.arange(1, 401.0) ** -rng.uniform(0.5, 2.5)
    drift = 1 + 0.003 * np.sin(2 * np.pi * rng.uniform(0.1, 2) * np.arange(samples) / sample_rate)
    out = oscillator(hz * drift, series, sample_rate)
    hiss = coloured_noise(rng, samples, rng.uniform(-1, 2)) * (10 ** rng.uniform(-3, 0.5) * np.std(out))
    return finish(out + hiss, sample_rate)


VOICES: dict[str, Voice] = {
    "sine": sine, "harmonic": harmonic, "bell": bell, "fm": fm, "subtractive": subtractive, "pluck": pluck,
    "kick": kick, "snare": snare, "tom": tom, "cymbal": cymbal, "noise": noise, "wind": wind,
    "crackle": crackle, "vowel": vowel, "whisper": whisper, "sweep": sweep, "grains": grains, "drone": drone,
    "bowed": bowed, "call": call, "robot": robot, "hum": hum,
}
