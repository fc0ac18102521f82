"""Sounds whose phase is thrown away and made up again from their magnitudes."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.frame.filterbank import Bands, Filterbank, Grid, filterbank
from lts_batch.frame.stft import Stft, stft
from lts_batch.resynthesis import pghi

BANDS = Bands()
RATE = 44100
STFT = stft(RATE)


def bank_for(samples: int, rate: int = RATE) -> Filterbank:
    return filterbank(BANDS, rate, *Grid(rate, BANDS.frame_rate).covering(samples))


def by_stft(audio: NDArray[np.float32], transform: Stft = STFT) -> NDArray[np.float32]:
    magnitudes = transform.forward(torch.from_numpy(audio)).abs()
    return transform.inverse(pghi.on_stft(magnitudes, transform, seed=0), audio.shape[1]).numpy()


def by_frame(audio: NDArray[np.float32], rate: int = RATE) -> NDArray[np.float32]:
    """From the bands alone: the residual rows stay silent."""
    bank = bank_for(audio.shape[1], rate)
    coefficients = torch.zeros(audio.shape[0], bank.rows, bank.frames, dtype=torch.complex64)
    magnitudes = bank.forward(torch.from_numpy(audio))[:, :bank.model_rows].abs()
    coefficients[:, :bank.model_rows] = pghi.on_frame(magnitudes, BANDS, seed=0)
    return bank.inverse(coefficients)[:, :audio.shape[1]].numpy()


def wrapped(angle: Tensor) -> Tensor:
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
