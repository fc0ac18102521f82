"""Clips read at any time and pitch by the phase vocoder on the filterbank, and what is found in the sound that comes out."""

import numpy as np
import torch
from numpy.typing import NDArray
from sounds import Audio
from torch import Tensor

from lts_batch.frame.filterbank import Bands
from lts_batch.frame.slices import Slices
from lts_batch.resynthesis import vocoder

RATE = 44100
HOP = 128


def slices(samples: int) -> Slices:
    return Slices(samples, RATE, Bands())


def columns(audio: Audio, frames: NDArray[np.int64]) -> Tensor:
    """Coefficients of a clip at frames that may lie outside of it."""
    clip = slices(audio.shape[1])
    known = clip.risen(clip.bank().forward(torch.from_numpy(audio)))
    places = frames + clip.lead_frames
    there = (places >= 0) & (places < known.shape[-1])
    return known[..., torch.from_numpy(np.where(there, places, 0))] * torch.from_numpy(there.astype(np.float32))


def read(audio: Audio, positions: NDArray[np.float64], *, octaves: float | None = None, locked: tuple[int, ...] = (),
         state: vocoder.State = None, following: int = 0) -> tuple[Tensor, vocoder.State]:
    """A clip at fractional frames of its own."""
    below = np.floor(positions).astype(np.int64)
    bank = slices(audio.shape[1]).bank()
    return vocoder.propagate(
        columns(audio, below), columns(audio, below + 1), positions, bank.row_hz, float(Bands().frame_rate), reach=bank.reach,
        octaves=None if octaves is None else np.full(len(positions), octaves), locked=np.array(locked, dtype=np.int64),
        state=state, following=following)


def sound(coefficients: Tensor, samples: int) -> Audio:
    """The waveform of all frames of a stem."""
    stem = slices(samples)
    return stem.bank().inverse(stem.laid(coefficients)).numpy()[:, :samples]


def stretched(audio: Audio, samples: int, *, attack_seconds: float | None = None, octaves: float | None = None) -> Audio:
    """A clip laid over a stem of so many samples, with its phase taken up at an attack."""
    rate = audio.shape[1] / samples
    frames = slices(samples).frames(0)
    locked = () if attack_seconds is None else (int(np.searchsorted(frames * rate, attack_seconds * RATE / HOP)),)
    return sound(read(audio, frames * rate, octaves=octaves, locked=locked)[0], samples)


def spectrum(wave: Audio, size: int = 1 << 18) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies, and power of the middle half of the first channel."""
    quarter = wave.shape[1] // 4
    middle = wave[0, quarter:-quarter].astype(np.float64)
    return np.fft.rfftfreq(size, 1 / RATE), np.abs(np.fft.rfft(middle * np.blackman(len(middle)), size)) ** 2


def loudest_hz(wave: Audio, near_hz: float) -> float:
    """The peak within a semitone, a parabola through the log power around it."""
    hertz, power = spectrum(wave)
    inside = np.flatnonzero(np.abs(np.log2(np.maximum(hertz, 1.0) / near_hz)) < 1 / 12)
    top = int(inside[power[inside].argmax()])
    left, middle, right = np.log(power[top - 1:top + 2])
    return float(hertz[top] + 0.5 * (left - right) / (left - 2 * middle + right) * hertz[1])


def cents(hz: float, wanted_hz: float) -> float:
    return float(1200 * np.log2(hz / wanted_hz))


def middle(wave: Audio) -> Audio:
    return wave[:, wave.shape[1] // 4:-wave.shape[1] // 4]
