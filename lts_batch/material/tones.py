"""What the training tones are built of: oscillators, modes, strings, noise, and filters that move.

Nothing here aliases: wavetables are cut at Nyquist, modes above it left out, filters work by magnitude alone.
Signals are float32 [samples].
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Floats = NDArray[np.floating]

TABLE_SIZE = 1 << 15  # linear reading of 700 harmonics then stays 40 dB below the weakest of them
SHAPE_WINDOW = 2048


def oscillator(frequency_hz: Floats, amplitudes: Floats, sample_rate: int, phase: float = 0.0) -> Samples:
    """A harmonic tone of moving pitch, without partials above Nyquist.

    Args:
        frequency_hz: fundamental at each sample, [samples].
        amplitudes: of harmonics 1, 2, 3 ..., [harmonics].
        phase: where in the period to start, 0 to 1.
    """
    turns = np.cumsum(frequency_hz / sample_rate) + phase
    place = (turns % 1.0) * TABLE_SIZE
    index = place.astype(np.int32)
    part = (place - index).astype(np.float32)
    index %= TABLE_SIZE
    highest = float(frequency_hz.max())
    if highest < 1.06 * float(frequency_hz.min()):
        table = _wavetable(amplitudes, int(0.5 * sample_rate / highest))
        return table[index] + part * (table[index + 1] - table[index])
    # one table for each semitone of a glide: harmonics leave one by one as the pitch rises
    semitone = np.ceil(12 * np.log2(frequency_hz)).astype(np.int32)
    out = np.zeros(len(place), np.float32)
    for step in range(int(semitone.min()), int(semitone.max()) + 1):
        here = np.flatnonzero(semitone == step)
        if here.size:
            table = _wavetable(amplitudes, int(0.5 * sample_rate / 2 ** (step / 12)))
            i = index[here]
            out[here] = table[i] + part[here] * (table[i + 1] - table[i])
    return out


def _wavetable(amplitudes: Floats, harmonics: int) -> Samples:
    count = min(len(amplitudes), harmonics, TABLE_SIZE // 2 - 1)
    spectrum = np.zeros(TABLE_SIZE // 2 + 1, np.complex64)
    spectrum[1:count + 1] = -0.5j * TABLE_SIZE * amplitudes[:count]
    table = scipy.fft.irfft(spectrum)
    return np.append(table, table[0]).astype(np.float32)


def partials(frequencies_hz: Floats, decays_seconds: Floats, amplitudes: Floats, phases: Floats, *, samples: int,
             sample_rate: int) -> Samples:
    """Decaying sinusoids of fixed pitch (modal synthesis); those at Nyquist and above are left out.

    exp(s (a + b)) = exp(s a) exp(s b): with time cut in coarse and fine steps the whole sum is one matrix product.

    Args:
        decays_seconds: time to fall by 60 dB, [partials].
    """
    keep = frequencies_hz < 0.499 * sample_rate
    rate = (2j * np.pi * frequencies_hz[keep] - math.log(1000) / decays_seconds[keep]) / sample_rate
    start = amplitudes[keep] * np.exp(1j * phases[keep])
    fine = max(1, math.isqrt(samples))
    coarse = -(-samples // fine)
    left = np.exp(np.outer(np.arange(coarse) * fine, rate)) * start
    right = np.exp(np.outer(rate, np.arange(fine)))
    product = (left.astype(np.complex64) @ right.astype(np.complex64)).imag
    return np.ascontiguousarray(product.reshape(-1)[:samples])


def fm_tone(carrier_hz: float, modulator_hz: float, index: Floats, sample_rate: int) -> Samples:
    """Two-operator FM (Chowning 1973): partials at carrier_hz +- k modulator_hz of amplitude J_k(index).

    Args:
        index: modulation index at each sample, [samples].
    """
    time = np.arange(len(index)) / sample_rate
    return np.sin(2 * np.pi * carrier_hz * time + index * np.sin(2 * np.pi * modulator_hz * time)).astype(np.float32)


def string(excitation: Samples, frequency_hz: float, *, decay_seconds: float, damping: float, stiffness: float,
           sample_rate: int) -> Samples:
    """A plucked string: the loop of Karplus and Strong (1983), solved in the frequency domain.

    Y = X / (1 - g(w) z^-D(w)) on the circle |z| = r > 1, so that what a finite transform wraps around is 80 dB down.
    The delay may then be any real number (no interpolation filter, exact pitch) and depend on frequency: stiff strings.

    Args:
        decay_seconds: time in which the lowest partial falls by 60 dB.
        damping: 0 keeps all partials alike, 1 lets high ones die much sooner.
        stiffness: B of f_k = k f sqrt(1 + B k^2); 0 is a harmonic string.
    """
    samples = len(excitation)
    size = scipy.fft.next_fast_len(2 * samples, real=True)
    radius = 10 ** (4 / size)
    fade = radius ** -np.arange(samples)
    spectrum = scipy.fft.rfft(excitation * fade, size)
    bins_hz = np.arange(size // 2 + 1) * sample_rate / size
    # partial k lies where the loop's phase has turned k times, so phase = 2 pi k(f), the inverse of f_k
    with np.errstate(invalid="ignore"):
        order = bins_hz / frequency_hz
        if stiffness > 0:
            order = np.sqrt((np.sqrt(1 + 4 * stiffness * order**2) - 1) / (2 * stiffness))
    period = sample_rate / frequency_hz
    loss = math.log(1000) / (decay_seconds * frequency_hz) * (1 + damping * (bins_hz / 1000.0) ** 1.3 * 8)
    loop = np.exp(-loss - 2j * np.pi * order) * radius ** -period
    out = scipy.fft.irfft(spectrum / (1 - loop), size)[:samples] / fade
    return np.asarray(out, np.float32)


def shape_spectrum(signal: Floats, gain: Callable[[Floats, Floats], Floats], sample_rate: int,
                   window: int = SHAPE_WINDOW) -> Samples:
    """A filter whose magnitude moves with time.

    Args:
        gain: (frequencies in Hz [bins, 1], position in the signal from 0 to 1 [1, frames]) -> gain [bins, frames].
    """
    hop = window // 4
    size = len(signal)
    frames = size // hop + 5
    padded = np.zeros((frames + 3) * hop, np.float32)
    padded[3 * hop:3 * hop + size] = signal
    hann = _hann(window)
    cut = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:frames]
    spectrum = scipy.fft.rfft(cut * hann, axis=1)
    bins_hz = np.maximum(np.arange(window // 2 + 1, dtype=np.float32) * (sample_rate / window), 1.0)
    position = np.clip(np.arange(frames, dtype=np.float32) * hop / max(size, 1), 0, 1)
    spectrum *= gain(bins_hz[:, None], position[None, :]).T.astype(np.float32)
    blocks = (scipy.fft.irfft(spectrum, axis=1)[:, :window] * hann).reshape(frames, 4, hop)
    out = np.zeros((frames + 3, hop), np.float32)
    for part in range(4):
        out[part:part + frames] += blocks[:, part]
    # hann squared at a quarter hop sums to 1.5
    return np.asarray(out.reshape(-1)[3 * hop:3 * hop + size] / np.float32(1.5))


@lru_cache
def _hann(size: int) -> Samples:
    return np.asarray(scipy.signal.get_window("hann", size), np.float32)


def coloured_noise(rng: np.random.Generator, samples: int, slope: float) -> Samples:
    """Gaussian noise whose power falls as f ** -slope: 0 white, 1 pink, 2 brown; -1 and -2 rise."""
    size = scipy.fft.next_fast_len(max(samples, 16), real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(size, np.float32))
    weight = np.maximum(np.arange(len(spectrum)), 1 + size // 2000).astype(np.float32) ** (-slope / 2)
    weight[0] = 0
    noise = scipy.fft.irfft(spectrum * weight, size)[:samples]
    return np.asarray(noise / (np.std(noise) + 1e-12), np.float32)


def resonance(frequency_hz: Floats, centre_hz: Floats, q: Floats | float) -> Floats:
    """Magnitude of a two-pole low-pass with its peak of about q at ``centre_hz``."""
    ratio = frequency_hz / centre_hz
    return np.asarray(1 / np.sqrt((1 - ratio**2) ** 2 + (ratio / q) ** 2))


def band(frequency_hz: Floats, centre_hz: Floats, q: Floats | float) -> Floats:
    """Magnitude of a two-pole band-pass of gain 1 at ``centre_hz``."""
    ratio = frequency_hz / centre_hz
    return np.asarray(1 / np.sqrt(1 + (q * (ratio - 1 / ratio)) ** 2))


def finish(signal: Floats, sample_rate: int) -> Samples:
    """Take away DC and rumble under 20 Hz, fade the edges by 1 and 5 ms, bring the peak to 1."""
    edge = np.ones(len(signal), np.float32)
    head, tail = (min(len(signal) // 4, int(s * sample_rate)) for s in (0.001, 0.005))
    if head and tail:
        edge[:head] = np.linspace(0, 1, head)
        edge[-tail:] = np.linspace(1, 0, tail)
    high = scipy.signal.butter(2, 20, "highpass", fs=sample_rate, output="sos")
    out = scipy.signal.sosfilt(high, signal) * edge
    out -= edge * (out.mean() / edge.mean())
    return np.asarray(out / (np.abs(out).max() + 1e-9), np.float32)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A random number between ``low`` and ``high``, even on a logarithmic scale."""
    return float(low * (high / low) ** rng.random())
