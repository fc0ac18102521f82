"""Clips of any length to cut in slices, and what the filterbank says of a slice."""

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from lts_batch.files.sources import Excerpt, read_around
from lts_batch.frame.filterbank import Bands
from lts_batch.frame.slices import WHOLE_SECONDS, Slices

BANDS = Bands()
RATES = [8000, 11025, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000, 47999, 48048]
HOUR_SECONDS = 3600


@st.composite
def clips(draw: st.DrawFn, *, most_seconds: float = 90.0, every: int | None = None) -> Slices:
    """Clips of a few samples, around the length at which cutting starts, and up to ``most_seconds``."""
    sample_rate = draw(st.sampled_from(RATES))
    limit = int(WHOLE_SECONDS * sample_rate)
    samples = draw(st.one_of(st.integers(1, limit), st.integers(limit - 100, limit + 100),
                             st.integers(limit, int(most_seconds * sample_rate))))
    return Slices(samples, sample_rate, BANDS, every or draw(st.sampled_from([1, 3])), draw(st.booleans()))


def block_of(slices: Slices, audio: Tensor, number: int) -> Tensor:
    """What the transform of a slice is given; a loop goes round."""
    source = Excerpt(audio.numpy(), slices.sample_rate, 0, audio.shape[1])
    start, period = slices.audio_start(number), slices.samples if slices.round else None
    samples = read_around(source, start, slices.transform[0], period=period)
    return torch.from_numpy(np.roll(samples, start, axis=1) if slices.whole else samples)


def analysed(slices: Slices, audio: Tensor, number: int) -> Tensor:
    """The frames of a slice in rising order."""
    return slices.risen(slices.bank().forward(block_of(slices, audio, number), slices.every))
