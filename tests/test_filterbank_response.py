"""What tones and impulses leave in the bands, against physics: it is known before it is computed."""

import math

import numpy as np
import pytest
import torch
from banks import BANDS, RATES, bank_for, click, energy, error_db, seconds, tone
from torch import Tensor

# ---------------------------------------------------------------- tones


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("band", [0, 60, 150, 240, 330, 400])
def test_a_tone_lands_in_its_band_with_its_amplitude(sample_rate: int, band: int) -> None:
    bank = bank_for(sample_rate, 2 * sample_rate)
    band = min(band, bank.model_rows - 1)
    amplitude = 0.37
    hz = BANDS.centres_hz[band]
    middle = bank.forward(tone(sample_rate, 2 * sample_rate, hz, amplitude))[0, :, bank.frames // 3:bank.frames // 2].abs()
    found = BANDS.centres_hz[middle[:bank.model_rows].argmax(0)]
    # low windows are far wider than their spacing, and each is a little higher than the one before
    assert (np.abs(found - hz) <= max(BANDS.spacings_hz[band] / 2, 0.08 * BANDS.half_widths_hz[band])).all()
    norm = torch.linalg.vector_norm(middle, dim=0)
    if hz > 54.0:  # below, the row over DC takes part; it is real, so the norm trembles at twice the tone's frequency
        assert torch.allclose(norm, torch.full_like(norm, amplitude), rtol=1e-3)
    assert float(norm.square().mean().sqrt()) == pytest.approx(amplitude, rel=0.01)


@pytest.mark.parametrize("sample_rate", [*RATES, 1000, 8000])
def test_row_hz_is_the_middle_of_each_row(sample_rate: int) -> None:
    """Of residual rows too. An impulse holds all frequencies alike; what a row lets through of it is its window."""
    bank = bank_for(sample_rate, sample_rate)
    assert bank.row_hz.shape == (bank.rows,)
    assert np.array_equal(bank.row_hz[:bank.model_rows], BANDS.centres_hz[:bank.model_rows])
    power = torch.fft.fft(bank.forward(click(sample_rate, 0))[0]).abs().square().numpy()  # [rows, slots]
    span_hz = float(BANDS.frame_rate)  # slots stand for frequencies modulo the frame rate
    apart = (np.arange(bank.frames) * span_hz / bank.frames - bank.row_hz[:, None] + span_hz / 2) % span_hz - span_hz / 2
    halves = np.full(bank.rows, span_hz / 2)
    halves[:bank.model_rows] = BANDS.half_widths_hz[:bank.model_rows]
    assert (np.abs((power * apart).sum(1) / power.sum(1)) < 0.1 * halves).all()


@pytest.mark.parametrize("sample_rate", [48000, 96000])
def test_a_tone_above_all_bands_lands_in_the_row_of_its_height(sample_rate: int) -> None:
    bank = bank_for(sample_rate, sample_rate)
    for hz in (22_700.0, 23_400.0, *(() if sample_rate == 48000 else (31_000.0, 45_000.0))):
        frame = bank.forward(tone(sample_rate, sample_rate, hz))[0, :, bank.frames // 4].abs()
        row = int(frame.argmax())
        assert row >= bank.model_rows
        assert abs(bank.row_hz[row] - hz) <= float(BANDS.frame_rate) / 4


def test_a_tone_between_two_centres_lands_in_the_nearest() -> None:
    bank = bank_for(44100, 88200)
    for band, share in ((100, 0.3), (200, 0.7), (300, 0.4), (450, 0.6)):
        low, high = BANDS.centres_hz[band:band + 2]
        frame = bank.forward(tone(44100, 88200, low + share * (high - low)))[0, :bank.model_rows, 300].abs()
        assert int(frame.argmax()) == band + round(share)


def test_a_tone_reaches_no_farther_than_its_windows() -> None:
    bank = bank_for(44100, 88200)
    steady = tone(44100, bank.samples, round(1000 * bank.samples / 44100) * 44100 / bank.samples)  # whole periods
    frames = bank.forward(steady)[0, :bank.model_rows].abs()
    hz = round(1000 * bank.samples / 44100) * 44100 / bank.samples
    apart = np.abs(BANDS.centres_hz - hz) >= BANDS.half_widths_hz
    assert frames[torch.from_numpy(apart)].max() < 1e-5 * frames.max()


def test_the_response_to_a_tone_is_known_beforehand() -> None:
    bank = bank_for(44100, 2 * 44100)
    for hz in (90.0, 441.7, 1234.5, 9876.0):
        frame = bank.forward(tone(44100, 2 * 44100, hz, 1.0))[0, :bank.model_rows, 350].abs()
        expected = torch.from_numpy(BANDS.response(np.array([hz]))[0]).float()
        assert error_db(frame, expected) < -50


def packet(sample_rate: int, hz: float, place_seconds: float, width_seconds: float, samples: int) -> Tensor:
    """A Gaussian tone burst: band limited, so that every sample rate holds the same sound."""
    time = seconds(sample_rate, samples) - place_seconds
    return (torch.exp(-0.5 * (time / width_seconds) ** 2) * torch.cos(2 * math.pi * hz * time))[None]


@pytest.mark.parametrize("sample_rate", [48000, 96000, 192000])
def test_every_sample_rate_gives_the_same_frames(sample_rate: int) -> None:
    def analysed(rate: int) -> Tensor:
        audio = sum((packet(rate, hz, 1.0, 0.1, 2 * rate) for hz in (100.0, 440.0, 1e3, 5e3, 1.2e4, 1.8e4)), torch.zeros(1))
        bank = bank_for(rate, 2 * rate)
        assert bank.model_rows == len(BANDS)
        return bank.forward(audio.float())[0, :bank.model_rows, :700].abs()

    assert error_db(analysed(sample_rate), analysed(44100)) < -100


@pytest.mark.parametrize("sample_rate", [44100, 48000, 47999])
def test_frames_keep_time_over_20_seconds(sample_rate: int) -> None:
    places = np.arange(19) + 0.763
    audio = sum((packet(sample_rate, 1000.0, place, 0.002, 20 * sample_rate) for place in places), torch.zeros(1))
    bank = bank_for(sample_rate, 20 * sample_rate)
    loudness = energy(bank.forward(audio.float())[0], 0).numpy()
    clock = np.arange(bank.frames) / float(BANDS.frame_rate)
    for place in places:
        near = np.abs(clock - place) < 0.3
        found = (loudness[near] * clock[near]).sum() / loudness[near].sum()
        assert abs(found - place) < 1e-6


# ---------------------------------------------------------------- impulses


@pytest.mark.parametrize("sample_rate", RATES)
def test_an_impulse_is_flat_over_frequency(sample_rate: int) -> None:
    bank = bank_for(sample_rate, sample_rate)
    coefficients = bank.forward(click(sample_rate, sample_rate // 2))[0, :bank.model_rows]
    density = 10 * np.log10(energy(coefficients, 1).numpy() / BANDS.spacings_hz[:bank.model_rows])
    density -= np.median(density)
    assert np.abs(density[5:-3]).max() < 1.0
    assert np.abs(density).max() < 1.5, "the outermost bands"


@pytest.mark.parametrize("sample_rate", [8000, 44100, 96000])
def test_a_row_hears_an_impulse_as_far_as_it_reaches(sample_rate: int) -> None:
    bank = bank_for(sample_rate, 3 * sample_rate)
    place = bank.frames // 2
    shares = energy(bank.forward(click(bank.samples, round(place * bank.samples / bank.frames)))[0, :, :, None], 2).numpy()
    shares /= shares.sum(1, keepdims=True)
    away = np.abs(np.arange(bank.frames) - place)
    assert bank.reach.shape == (bank.rows,)
    assert (bank.reach >= 1).all()
    assert ((shares * (away > bank.reach[:, None])).sum(1) < 0.005).all()
    third = (shares * (away <= bank.reach[:, None] // 3)).sum(1)[:bank.model_rows]
    assert (third[bank.reach[:bank.model_rows] > 6] < 0.95).all(), "needlessly far"


def test_an_impulse_stays_short() -> None:
    rate = 44100
    bank = bank_for(rate, 3 * rate)
    place = 3 * rate // 2
    loudness = energy(bank.forward(click(3 * rate, place))[0], 0)
    away = (torch.arange(bank.frames) / float(BANDS.frame_rate) - place / rate).abs()
    for distance_seconds, bound_db in ((0.02, -25), (0.05, -50), (0.1, -65)):
        assert 10 * math.log10(loudness[away > distance_seconds].sum() / loudness.sum()) < bound_db


def test_coefficients_lie_symmetrically_around_an_impulse() -> None:
    """No delay, no lean: a frame tells of the moment it stands at."""
    bank = bank_for(44100, 88200)
    place = 300
    loudness = energy(bank.forward(click(88200, place * 128))[0], 0)
    before, after = loudness[:place].flip(0), loudness[place + 1:2 * place + 1]
    assert error_db(before, after) < -100
