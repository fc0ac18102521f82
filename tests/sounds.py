"""Sounds that tests make, and how far two of them lie apart."""

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]


def pluck(seconds: float, hz: float, rate: int = 44100, channels: int = 1, seed: int = 0, gain: float = 0.2) -> Audio:
    """A plucked note with a little noise, different in each channel."""
    rng = np.random.default_rng([seed, int(hz)])
    time = np.arange(round(seconds * rate)) / rate
    rows = []
    for _ in range(channels):
        partials = sum(np.sin(2 * np.pi * hz * k * time + rng.uniform(0, 6)) / k * np.exp(-time * (1 + k))
                       for k in range(1, 9) if hz * k < rate / 2)
        rows.append(gain * (partials + 0.01 * rng.standard_normal(len(time))))
    return np.array(rows, dtype=np.float32)


def tone(seconds: float, hz: float, gain: float = 0.3, rate: int = 44100) -> Audio:
    """A sine."""
    return (gain * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)[None]


def harmonic(seconds: float, hz: float, rate: int = 44100, partials: int = 12, gain: float = 0.2, tilt: float = 1.0) -> Audio:
    """A steady harmonic tone."""
    time = np.arange(round(seconds * rate)) / rate
    found = sum(np.sin(2 * np.pi * hz * k * time + k * k) / k**tilt for k in range(1, partials + 1) if hz * k < rate / 2.2)
    return (gain * np.asarray(found)).astype(np.float32)[None]


def drum(seconds: float, at: float, hz: float, rate: int = 44100, gain: float = 0.5, seed: int = 0,
         noise: float = 0.3) -> Audio:
    """A struck skin: silence, then a falling tone with noise that dies away, from second ``at`` on."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate - at
    struck = np.maximum(time, 0.0)
    body = np.sin(2 * np.pi * (hz * struck + 0.03 * hz * (1 - np.exp(-struck * 30))) + 1.0) * np.exp(-struck * 12)
    hiss = noise * rng.standard_normal(len(time)) * np.exp(-struck * 40)
    return (gain * np.where(time >= 0, body + hiss, 0.0)).astype(np.float32)[None]


def round_noise(seconds: float, seed: int, low: float = 100.0, high: float = 6000.0, rate: int = 44100) -> Audio:
    """Noise that goes round without a seam: made on a circle."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * rate)
    hz = np.fft.rfftfreq(samples, 1 / rate)
    inside = (hz > low) & (hz < high)
    spectrum = np.where(inside, np.exp(2j * np.pi * rng.random(len(hz))) / np.sqrt(np.maximum(hz, 1.0)), 0.0)
    wave = np.fft.irfft(spectrum, samples)
    return (0.2 * wave / np.abs(wave).max()).astype(np.float32)[None]


def null_db(stem: Audio, true: Audio) -> float:
    """Energy of the residual over energy of the truth."""
    assert stem.shape == true.shape
    apart, size = (np.linalg.norm(values.astype(np.float64)) for values in (stem - true, true))
    return float(20 * np.log10(apart / size + 1e-20))


def rms_db(audio: Audio) -> float:
    """Root mean square over all channels."""
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2) + 1e-30))


def bits(stems: list[Audio]) -> list[bytes]:
    """For comparing to the last bit."""
    return [stem.tobytes() for stem in stems]
