"""Sounds made by arithmetic, the same on every machine: for lengths, attacks and seams that no recording has."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Audio = NDArray[np.float32]

NOTE_SECONDS, RING_SECONDS = 0.5, 1.0


def notes(seconds: float, sample_rate: int, channels: int, seed: int) -> Iterator[Audio]:
    """Music of a kind, in blocks ``[channels, samples]``: every half second a plucked note and a breath of noise, panned."""
    random = np.random.default_rng(seed)
    step, ring = round(NOTE_SECONDS * sample_rate), round(RING_SECONDS * sample_rate)
    time = np.arange(ring) / sample_rate
    ahead = np.zeros((channels, ring + step))
    left = round(seconds * sample_rate)
    while left > 0:
        hertz, falls = 2.0 ** random.uniform(6.3, 9.3), random.uniform(4.0, 12.0)
        harmonics = np.arange(1, max(2, int(0.4 * sample_rate / hertz)))[:12]
        tone = sum(np.sin(2 * np.pi * hertz * n * time + random.uniform(0, 2 * np.pi)) * np.exp(-falls * np.sqrt(n) * time) / n
                   for n in harmonics)
        breath = random.standard_normal(ring) * np.exp(-random.uniform(8.0, 60.0) * time)
        gains = random.uniform(0.3, 1.0, (channels, 1))
        ahead[:, :ring] += gains * (0.12 * tone + 0.04 * breath)
        count = min(step, left)
        yield ahead[:, :count].astype(np.float32)
        ahead = np.pad(ahead[:, step:], ((0, 0), (0, step)))
        left -= count


def write_notes(path: Path, seconds: float, sample_rate: int, channels: int, seed: int) -> None:
    """``notes`` as a 24-bit WAV file."""
    with soundfile.SoundFile(path, "w", sample_rate, channels, "PCM_24") as file:
        for block in notes(seconds, sample_rate, channels, seed):
            file.write(block.T)


def clicks(at_samples: Sequence[int], samples: int, sample_rate: int, hertz: float | None, seed: int = 0) -> Audio:
    """A click track ``[samples]``: bursts that begin at their loudest and die away in some milliseconds, silence between.

    Args:
        hertz: pitch of the bursts; None for noise.
    """
    time = np.arange(round(0.03 * sample_rate)) / sample_rate
    random = np.random.default_rng(seed)
    out = np.zeros(samples)
    for start in at_samples:
        burst = random.standard_normal(len(time)) if hertz is None else np.cos(2 * np.pi * hertz * time)
        piece = 0.5 * burst * np.exp(-time / 0.003)
        out[start:start + len(piece)] += piece[:max(0, samples - start)]
    return out.astype(np.float32)


def loop(samples: int, sample_rate: int, hertz: float, seed: int) -> Audio:
    """A seamless loop ``[samples]``: harmonics with whole numbers of periods, swelling once a round, and circular noise."""
    random = np.random.default_rng(seed)
    turn = np.arange(samples) / samples
    cycles = round(hertz * samples / sample_rate)
    tone = sum(np.sin(2 * np.pi * (cycles * n * turn + random.uniform())) / n for n in range(1, 12))
    swell = 1.0 - 0.6 * np.cos(2 * np.pi * (turn - random.uniform()))
    spectrum = np.fft.rfft(random.standard_normal(samples))
    colour = 1.0 / (1.0 + (np.fft.rfftfreq(samples, 1 / sample_rate) / 2000.0) ** 2)
    return (0.08 * tone * swell + 0.03 * np.fft.irfft(spectrum * colour, samples)).astype(np.float32)
