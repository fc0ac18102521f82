"""The filterbank against physics: tones, impulses and noise, whose coefficients are known before they are computed."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lts_batch.errors import SettingsError
from lts_batch.frame.filterbank import COARSEST, Bands, Filterbank, Grid, filterbank

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


# ---------------------------------------------------------------- the layout


def test_bands_are_logarithmic_then_linear() -> None:
    centres, hop_hz = BANDS.centres_hz, float(BANDS.frame_rate)
    ratio = 2 ** (1 / 48)
    logarithmic = centres * (ratio - 1) < hop_hz / 2
    assert np.allclose(centres[1:][logarithmic[:-1]] / centres[:-1][logarithmic[:-1]], ratio)
    assert np.allclose(np.diff(centres)[~logarithmic[:-1]], hop_hz / 2)
    assert np.allclose(np.diff(centres), BANDS.spacings_hz[:-1])
    assert centres[-1] + BANDS.half_widths_hz[-1] <= BANDS.highest_hz < centres[-1] + 2 * BANDS.half_widths_hz[-1]
    assert (2 * BANDS.half_widths_hz <= hop_hz + 1e-9).all(), "not painless: a window is wider than the frame rate"
    assert len(BANDS) == len(centres) == 467


def test_a_layout_survives_json() -> None:
    for bands in (BANDS, Bands(55.0, 24, 16000.0, 7.5, Fraction(250))):
        again = Bands.from_dict(json.loads(json.dumps(bands.as_dict())))
        assert again == bands
        assert np.array_equal(again.centres_hz, bands.centres_hz)


@pytest.mark.parametrize("change", [
    {"count": 466}, {"lowest_hz": 0.0}, {"lowest_hz": -1.0}, {"lowest_hz": math.nan}, {"highest_hz": 10.0},
    {"highest_hz": math.inf}, {"bands_per_octave": 0}, {"gamma_hz": -1.0}, {"gamma_hz": math.nan},
    {"frame_rate": "0"}, {"frame_rate": "1/0"}, {"frame_rate": "-5"}, {"frame_rate": "fast"}, {"lowest_hz": "low"},
    {"gamma_hz": None}, {"frame_rate": [1]},
])
def test_values_that_are_no_layout_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Bands.from_dict(BANDS.as_dict() | change)


def test_a_layout_with_a_missing_value_is_refused() -> None:
    values = BANDS.as_dict()
    del values["gamma_hz"]
    with pytest.raises(KeyError, match="gamma_hz"):
        Bands.from_dict(values)


@given(st.integers(1000, 768000), st.integers(1, 10**7))
@settings(deadline=None)
def test_the_two_clocks_never_drift(sample_rate: int, samples: int) -> None:
    length, frames = Grid(sample_rate, BANDS.frame_rate).covering(samples)
    assert length * BANDS.frame_rate == frames * sample_rate
    assert length >= samples + 0.25 * sample_rate
    assert length >= 2 * sample_rate
    assert frames % COARSEST == 0, "thinned out, a transform has a whole number of frames"


@given(st.integers(1000, 768000), st.integers(1, 5000))
@settings(deadline=None)
def test_smooth_units_are_the_next_that_factor_well(sample_rate: int, least: int) -> None:
    grid = Grid(sample_rate, BANDS.frame_rate)
    units = grid.smooth_units(least)

    def fits(number: int) -> bool:
        frames = number * grid.unit[1]
        for factor in (2, 3, 5, 7):
            while number % factor == 0:
                number //= factor
        return number == 1 and frames % COARSEST == 0

    assert units >= least
    assert fits(units)
    assert not any(map(fits, range(least, units)))


def test_the_unit_of_the_grid() -> None:
    assert Grid(44100, BANDS.frame_rate).unit == (128, 1)
    assert Grid(48000, BANDS.frame_rate).unit == (20480, 147)


# ---------------------------------------------------------------- round trip


@pytest.mark.parametrize("sample_rate", RATES + ODD_RATES)
@pytest.mark.parametrize("kind", ["noise", "tone", "click", "first sample", "last sample"])
def test_round_trip(sample_rate: int, kind: str) -> None:
    samples = sample_rate + 1
    audio = {
        "noise": noise(samples), "tone": tone(sample_rate, samples, 0.1 * sample_rate), "click": click(samples, 333),
        "first sample": click(samples, 0), "last sample": click(samples, samples - 1),
    }[kind]
    bank = bank_for(sample_rate, samples)
    assert error_db(bank.inverse(bank.forward(audio))[:, :samples], audio) < -120


def test_round_trip_where_the_smallest_grid_is_32_seconds_long() -> None:
    bank, audio = bank_for(44056, 1000), noise(44056)
    assert bank.samples == 32 * 44056
    assert error_db(bank.inverse(bank.forward(audio))[:, :44056], audio) < -120


@pytest.mark.parametrize("channels", range(1, 9))
def test_round_trip_of_channels(channels: int) -> None:
    audio = noise(22050, channels)
    audio[-1] *= 1e-3  # a loud neighbour must not leave its rounding errors here
    bank = bank_for(22050, 22050)
    rebuilt = bank.inverse(bank.forward(audio))[:, :22050]
    assert rebuilt.shape == audio.shape
    for channel in range(channels):
        assert error_db(rebuilt[channel], audio[channel]) < -120
        alone = bank.forward(audio[channel:channel + 1])
        assert error_db(bank.forward(audio)[channel:channel + 1], alone) < -120


@given(st.integers(1, 5000), st.sampled_from([22050, 44100, 48000]))
@settings(deadline=None, max_examples=25)
def test_round_trip_of_any_length(samples: int, sample_rate: int) -> None:
    audio = noise(samples, seed=samples)
    bank = bank_for(sample_rate, samples)
    rebuilt = bank.inverse(bank.forward(audio))
    assert error_db(rebuilt[:, :samples], audio) < -120
    assert rebuilt[:, samples:].abs().max() < 1e-6 * audio.abs().max()


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("samples", [1, 2, 3, 250_007])
def test_round_trip_from_one_sample_on(sample_rate: int, samples: int) -> None:
    audio = noise(samples, 2, seed=samples)
    bank = bank_for(sample_rate, samples)
    assert error_db(bank.inverse(bank.forward(audio))[:, :samples], audio) < -120


def test_direct_current_and_nyquist_survive() -> None:
    sample_rate, samples = 44100, 44100
    bank = bank_for(sample_rate, samples)
    alternating = torch.ones(1, bank.samples)
    alternating[:, 1::2] = -1.0
    for audio in (torch.full((1, bank.samples), 0.5), 0.5 * alternating, 0.5 + 0.25 * alternating):
        assert error_db(bank.inverse(bank.forward(audio)), audio) < -120
        assert energy(bank.forward(audio)[:, :bank.model_rows]) < 1e-9 * energy(bank.forward(audio)), "model bands hold it"


def test_a_transform_of_odd_length() -> None:
    """Without a bin at Nyquist the mirror image lies differently."""
    bands = Bands(frame_rate=Fraction(441))
    bank = Filterbank(bands, 44100, 44100 + 100, 442)
    odd = Filterbank(bands, 11025, 11025, 441)
    assert odd.samples % 2 == 1
    for one in (bank, odd):
        audio = noise(one.samples)
        assert error_db(one.inverse(one.forward(audio)), audio) < -120


# ---------------------------------------------------------------- thinned out


@pytest.mark.parametrize("sample_rate", RATES + ODD_RATES)
def test_thinned_columns_are_columns_of_the_whole(sample_rate: int) -> None:
    bank, audio = bank_for(sample_rate, sample_rate), noise(sample_rate, 2)
    full = bank.forward(audio)
    for every in (COARSEST, 1, *(n for n in (2, 5, 6, 7, 21) if bank.frames % n == 0)):
        thin = bank.forward(audio, every)
        assert thin.shape == (2, bank.rows, bank.frames // every)
        assert error_db(thin, full[..., ::every]) < -125


def test_one_column_alone_is_left_of_the_coarsest() -> None:
    bank, audio = bank_for(22050, 22050), noise(22050)
    assert error_db(bank.forward(audio, bank.frames), bank.forward(audio)[..., :1]) < -110


def test_thinned_clicks_stay_where_they_are() -> None:
    bank = bank_for(44100, 44100)
    for frame in (3, 99, 300):
        thin = bank.forward(click(44100, frame * 128), COARSEST)
        assert int(energy(thin[0], 0).argmax()) == frame // COARSEST


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


# ---------------------------------------------------------------- algebra


def test_linearity() -> None:
    bank = bank_for(44100, 44100)
    one, two = noise(44100, 2, seed=1), noise(44100, 2, seed=2)
    both = bank.forward(0.7 * one - 1.9 * two)
    assert error_db(both, 0.7 * bank.forward(one) - 1.9 * bank.forward(two)) < -120


@pytest.mark.parametrize("sample_rate", RATES + ODD_RATES)
def test_parseval(sample_rate: int) -> None:
    """A tight frame: with the factor 2/L of the transform, energies are 2 M / L times those of the audio."""
    bank = bank_for(sample_rate, sample_rate)
    for audio in (noise(sample_rate), click(sample_rate, 10), tone(sample_rate, sample_rate, sample_rate / 5)):
        expected = energy(audio) * 2 * bank.frames / bank.samples
        assert float(energy(bank.forward(audio)) / expected) == pytest.approx(1, abs=1e-5)


def test_inner_products_survive_too() -> None:
    bank = bank_for(44100, 44100)
    one, two = noise(44100, seed=1), noise(44100, seed=2)
    inner = (bank.forward(one).to(torch.complex128) * bank.forward(two).conj()).sum().real
    expected = (one.double() * two).sum() * 2 * bank.frames / bank.samples
    assert abs(inner - expected) < 1e-5 * torch.linalg.vector_norm(one) * torch.linalg.vector_norm(two)


def test_a_later_sound_gives_later_frames() -> None:
    bank = bank_for(44100, 44100)
    audio = torch.nn.functional.pad(noise(30000), (2000, bank.samples - 32000))
    for hops in (1, 37):
        later = bank.forward(audio.roll(128 * hops, dims=1))
        assert error_db(later, bank.forward(audio).roll(hops, dims=-1)) < -120


def test_what_no_sound_has_is_projected_away() -> None:
    """forward(inverse(c)) is the nearest consistent c: idempotent, and orthogonal to what it removes."""
    bank = bank_for(44100, 44100)
    generator = torch.Generator().manual_seed(3)
    anything = torch.randn(1, bank.rows, bank.frames, dtype=torch.complex64, generator=generator)
    once = bank.forward(bank.inverse(anything))
    assert error_db(bank.forward(bank.inverse(once)), once) < -110
    assert energy(once) < 0.9 * energy(anything)
    removed = anything - once
    assert float(energy(once) + energy(removed)) == pytest.approx(float(energy(anything)), rel=1e-5)


def test_shorter_audio_is_padded() -> None:
    bank = bank_for(44100, 44100)
    audio = noise(1000)
    assert torch.equal(bank.forward(audio), bank.forward(torch.nn.functional.pad(audio, (0, bank.samples - 1000))))


def test_the_same_call_gives_the_same_bits() -> None:
    bank, audio = bank_for(44100, 44100), noise(44100, 2)
    fresh = Filterbank(BANDS, 44100, bank.samples, bank.frames)
    assert torch.equal(bank.forward(audio), fresh.forward(audio))
    assert torch.equal(bank.inverse(bank.forward(audio)), fresh.inverse(fresh.forward(audio)))


# ---------------------------------------------------------------- shapes that do not fit


def test_lengths_that_drift_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"100000 samples at 48000 Hz are not 718 frames"):
        Filterbank(BANDS, 48000, 100000, 718)


def test_audio_that_does_not_fit_is_refused() -> None:
    bank = bank_for(44100, 44100)
    for audio in (torch.zeros(100), torch.zeros(1, bank.samples + 1), torch.zeros(1, 2, 100)):
        with pytest.raises(SettingsError, match="does not fit"):
            bank.forward(audio)


def test_coefficients_that_do_not_fit_are_refused() -> None:
    bank = bank_for(44100, 44100)
    for shape in ((1, bank.rows - 1, bank.frames), (1, bank.rows, bank.frames + 1), (bank.rows, bank.frames)):
        with pytest.raises(SettingsError, match="do not fit"):
            bank.inverse(torch.zeros(shape, dtype=torch.complex64))
