"""What happens to a sound between its source and the tape: distortion, rooms, filters, speed, bandwidth, noise.

Used to widen the training corpus. Each effect is ``effect(rng, sound, sample_rate) -> sound`` with sound float32
[samples] of peak near 1; lengths stay.
"""

from collections.abc import Callable

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from lts_batch.material.tones import Samples, coloured_noise, log_uniform

Effect = Callable[[np.random.Generator, Samples, int], Samples]


def _plugin(sound: Samples, sample_rate: int, name: str, **values: float) -> Samples:
    import pedalboard

    plugin = getattr(pedalboard, name)(**values)
    out: Samples = np.asarray(plugin.process(sound[None], sample_rate, reset=True), np.float32)[0]
    return out


def drive(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """An amplifier too loud: soft, hard, asymmetric or folding, then a loudspeaker's top."""
    gain = log_uniform(rng, 1.5, 60)
    out: NDArray[np.floating]
    kind = rng.integers(4)
    if kind == 0:
        out = np.tanh(sound * gain)
    elif kind == 1:
        out = np.clip(sound * gain, -1, 1)
    elif kind == 2:
        out = np.tanh(sound * gain + 0.6) - np.tanh(np.float32(0.6))
    else:
        out = np.sin(sound * min(gain, 12))
    if rng.random() < 0.6:
        out = _plugin(np.asarray(out, np.float32), sample_rate, "LowpassFilter",
                      cutoff_frequency_hz=log_uniform(rng, 2500, 12000))
    return np.asarray(out, np.float32)


def room(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """A room or a hall."""
    wet = rng.uniform(0.1, 0.8)
    return _plugin(sound, sample_rate, "Reverb", room_size=rng.uniform(0.1, 0.98), damping=rng.random(), wet_level=wet,
                   dry_level=1 - wet, width=0.0)


def chorus(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """Chorus or flanger."""
    return _plugin(sound, sample_rate, "Chorus", rate_hz=log_uniform(rng, 0.1, 6), depth=rng.uniform(0.05, 0.6),
                   centre_delay_ms=rng.uniform(1, 20), feedback=rng.uniform(0, 0.7), mix=0.5)


def phaser(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """Moving notches."""
    return _plugin(sound, sample_rate, "Phaser", rate_hz=log_uniform(rng, 0.1, 5), depth=rng.uniform(0.2, 0.9),
                   centre_frequency_hz=log_uniform(rng, 300, 4000), feedback=rng.uniform(0, 0.7), mix=0.5)


def squeeze(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """Heavy compression: tails and rooms come up."""
    out = _plugin(sound, sample_rate, "Compressor", threshold_db=rng.uniform(-45, -15), ratio=rng.uniform(3, 20),
                  attack_ms=log_uniform(rng, 0.1, 30), release_ms=log_uniform(rng, 20, 400))
    return _normal(out)


def crush(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """Few bits, few samples: the sound of old samplers, images and all."""
    out: NDArray[np.floating] = sound
    if rng.random() < 0.6:
        steps = 2.0 ** rng.integers(4, 11)
        out = np.round(out * steps) / steps
    if rng.random() < 0.6:
        hold = int(rng.integers(2, 9))
        out = np.repeat(out[::hold], hold)[:len(sound)]
    return out.astype(np.float32)


def ring(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """Ring modulation, slow (tremolo) or fast (metal)."""
    hz = log_uniform(rng, 2, 3000)
    tone = np.sin(2 * np.pi * hz * np.arange(len(sound)) / sample_rate)
    mix = rng.uniform(0.3, 1.0)
    return (sound * (1 - mix + mix * tone)).astype(np.float32)


def speed(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """Tape played faster or slower (pitch, formants and bandwidth move together); looped where it gets short."""
    import soxr

    ratio = 2 ** rng.uniform(-1.3, 1.0)
    out = soxr.resample(sound, sample_rate * ratio, sample_rate)
    return np.asarray(np.resize(out, len(sound)), np.float32)


def backwards(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """The tape turned round."""
    return np.ascontiguousarray(sound[::-1])


def echo(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """Repeats, or a comb where the delay is short."""
    return _plugin(sound, sample_rate, "Delay", delay_seconds=log_uniform(rng, 0.001, 0.4),
                   feedback=rng.uniform(0.2, 0.85), mix=rng.uniform(0.2, 0.6))


def chop(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """A gate in time, or a short piece repeated."""
    size = max(64, int(log_uniform(rng, 0.02, 0.3) * sample_rate))
    if rng.random() < 0.5:
        edge = np.clip(np.minimum(np.arange(size), size // 2 - np.arange(size)) / 64, 0, 1)
        return (sound * np.resize(edge, len(sound))).astype(np.float32)
    out = sound.copy()
    for _ in range(int(rng.integers(1, 6))):
        start = int(rng.integers(0, max(1, len(sound) - size)))
        count = int(rng.integers(2, 9))
        piece = np.resize(sound[start:start + size] * _edges(min(size, len(sound) - start)), count * size)
        piece = piece[:len(out) - start]
        out[start:start + len(piece)] = piece
    return out


def equalise(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """A random smooth frequency response of up to 18 dB: rooms, boxes, microphones, mixing desks."""
    size = scipy.fft.next_fast_len(len(sound) + 4096, real=True)
    bins_hz = np.maximum(np.arange(size // 2 + 1) * sample_rate / size, 10.0)
    points = np.log2(np.geomspace(20, 22000, int(rng.integers(4, 24))))
    gain_db = np.interp(np.log2(bins_hz), points, rng.uniform(-18, 18, len(points)) * rng.uniform(0.3, 1))
    out = scipy.fft.irfft(scipy.fft.rfft(sound, size) * 10 ** (gain_db / 20), size)[:len(sound)]
    return np.asarray(out, np.float32)


EFFECTS: dict[str, tuple[Effect, float]] = {  # and how often, as weights
    "drive": (drive, 2.5), "room": (room, 3.0), "chorus": (chorus, 1.0), "phaser": (phaser, 0.7),
    "squeeze": (squeeze, 1.0), "crush": (crush, 0.7), "ring": (ring, 0.6), "speed": (speed, 2.0),
    "backwards": (backwards, 0.4), "echo": (echo, 1.0), "chop": (chop, 0.5), "equalise": (equalise, 2.0),
}


def random_chain(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """One to three different effects, each brought back to peak 1."""
    weights = np.array([weight for _, weight in EFFECTS.values()])
    count = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    for name in rng.choice(list(EFFECTS), count, replace=False, p=weights / weights.sum()):
        sound = _normal(EFFECTS[str(name)][0](rng, sound, sample_rate))
    return sound


def band_limit(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """Nothing above (lossy files, low sample rates, telephones) or nothing below some frequency, by a steep edge."""
    size = scipy.fft.next_fast_len(len(sound) + 4096, real=True)
    bins_hz = np.arange(size // 2 + 1) * sample_rate / size
    gain = np.ones(len(bins_hz))
    kind = rng.random()
    if kind < 0.75:
        top = float(rng.choice([3400, 5500, 8000, 10000, 11025, 12000, 14000, 15000, 16000, 16000, 18000, 19500]))
        gain *= np.clip((top * 1.03 - bins_hz) / (top * rng.uniform(0.01, 0.2)), 0, 1)
    else:
        slope = rng.uniform(1, 4)
        gain /= 1 + (bins_hz / log_uniform(rng, 400, 12000)) ** (2 * slope)
    if rng.random() < 0.3:
        low = log_uniform(rng, 40, 900)
        gain *= np.clip(bins_hz / low, 0, 1) ** 3
    return np.asarray(scipy.fft.irfft(scipy.fft.rfft(sound, size) * gain, size)[:len(sound)], np.float32)


def noise_floor(rng: np.random.Generator, sound: Samples, sample_rate: int) -> Samples:
    """Hiss of some colour, 35 to 75 dB below the peak."""
    gain = np.float32(10 ** (-rng.uniform(35, 75) / 20))
    return sound + gain * coloured_noise(rng, len(sound), rng.uniform(-0.5, 1.8))


def _edges(size: int) -> NDArray[np.float64]:
    return np.clip(np.minimum(np.arange(size), size - 1 - np.arange(size)) / 64, 0, 1)


def _normal(sound: Samples) -> Samples:
    peak = float(np.abs(sound).max(initial=0.0))
    return sound if peak < 1e-6 else (sound / np.float32(peak)).astype(np.float32)
