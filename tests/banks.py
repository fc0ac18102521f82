"""Filterbanks for clips of any rate and length, sounds to put through them, and how far two results lie apart."""

import math

import torch
from torch import Tensor

from lts_batch.frame.filterbank import Bands, Filterbank, Grid, filterbank

BANDS = Bands()
RATES = [22050, 44100, 48000, 96000, 192000]
ODD_RATES = [1000, 8000, 11025, 47999, 48048]


def bank_for(sample_rate: int, samples: int) -> Filterbank:
    return filterbank(BANDS, sample_rate, *Grid(sample_rate, BANDS.frame_rate).covering(samples))


def noise(samples: int, channels: int = 1, seed: int = 1) -> Tensor:
    return torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed)) * 0.1


def seconds(sample_rate: int, samples: int) -> Tensor:
    return torch.arange(samples, dtype=torch.float64) / sample_rate


def tone(sample_rate: int, samples: int, hz: float, amplitude: float = 0.5) -> Tensor:
    return (amplitude * torch.sin(2 * math.pi * hz * seconds(sample_rate, samples) + 0.3))[None].float()


def click(samples: int, place: int) -> Tensor:
    audio = torch.zeros(1, samples)
    audio[0, place] = 1.0
    return audio


def error_db(value: Tensor, true: Tensor) -> float:
    """Energy of the difference over energy of the truth."""
    wide = torch.complex128 if true.is_complex() else torch.float64
    difference = torch.linalg.vector_norm(value.to(wide) - true.to(wide))
    return float(20 * torch.log10(difference / torch.linalg.vector_norm(true.to(wide)) + 1e-20))


def energy(values: Tensor, dim: int | None = None) -> Tensor:
    squares = values.abs().double().square()
    return squares.sum() if dim is None else squares.sum(dim)
