"""The gradients that phase is integrated along: of a sine its frequency, of a click its distance."""

import math

import numpy as np
import pytest
import sounds
import torch
from phaseless import BANDS, RATE, STFT, bank_for, wrapped

from lts_batch.resynthesis import pghi


def test_the_stft_gradient_of_a_sine_is_its_frequency() -> None:
    magnitudes = STFT.forward(torch.from_numpy(sounds.tone(1.0, 1234.5))).abs()
    runs, turns = pghi._stft_gradient(pghi._relative(magnitudes), STFT)
    near, inner = np.abs(STFT.centres_hz - 1234.5) < 45, slice(20, 150)
    hop_seconds = STFT.hop_samples / RATE
    assert float(wrapped(runs[0, near, inner] - 2 * math.pi * 1234.5 * hop_seconds).abs().max()) < 0.04  # 1 Hz
    assert float(turns[0, near, inner].abs().max()) < 2e-4 * 2 * math.pi  # seconds


def test_the_stft_gradient_of_a_click_is_its_distance() -> None:
    audio = torch.zeros(1, RATE)
    audio[0, 80 * 256 + 100] = 1.0
    _, turns = pghi._stft_gradient(pghi._relative(STFT.forward(audio).abs()), STFT)
    for frame in (78, 79, 80, 81, 82):
        ago_seconds = ((frame - 80) * 256 - 100) / RATE
        assert torch.allclose(turns[0, 5:-5, frame], torch.tensor(2 * math.pi * ago_seconds), atol=2e-5)


@pytest.mark.parametrize("hz", [60.0, 440.3, 1501.0, 6003.0, 15_021.0])
def test_the_frame_gradient_of_a_sine_is_its_frequency(hz: float) -> None:
    bank = bank_for(RATE)
    magnitudes = bank.forward(torch.from_numpy(sounds.tone(1.0, hz)))[:, :bank.model_rows].abs()
    runs, _ = pghi._frame_gradient(pghi._relative(magnitudes), BANDS)
    near = np.abs(BANDS.centres_hz - hz) < 0.8 * BANDS.half_widths_hz
    apart = wrapped(runs[0, near, 80:250] - 2 * math.pi * hz / float(BANDS.frame_rate)).abs()
    assert int(near.sum()) >= 1
    assert float(apart.max()) < 0.03  # of a turn per frame a two-hundredth: 2 Hz


@pytest.mark.parametrize("low_hz", [200.0, 1000.0, 4000.0, 12_000.0])
def test_the_frame_gradient_of_a_click_is_its_distance(low_hz: float) -> None:
    bank, place = bank_for(RATE), 30_000
    audio = torch.zeros(1, RATE)
    audio[0, place] = 1.0
    magnitudes = bank.forward(audio)[:, :bank.model_rows].abs()
    _, turns = pghi._frame_gradient(pghi._relative(magnitudes), BANDS)
    row = int(np.searchsorted(BANDS.centres_hz, low_hz))
    ago_seconds = np.arange(bank.frames) / float(BANDS.frame_rate) - place / RATE
    heard = np.abs(ago_seconds) < 0.5 / BANDS.half_widths_hz[row]
    found = turns[0, row, heard].numpy() / (2 * np.pi)
    assert heard.sum() >= 2
    assert np.abs(found - ago_seconds[heard]).max() < 0.25 / BANDS.half_widths_hz[row]  # of windows 2 / h long
