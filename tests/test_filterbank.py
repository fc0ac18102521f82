"""The filterbank is a tight frame: sounds come back, energies and inner products stay, and what does not fit is refused."""

from fractions import Fraction

import pytest
import torch
from banks import BANDS, ODD_RATES, RATES, bank_for, click, energy, error_db, noise, tone
from hypothesis import given, settings
from hypothesis import strategies as st

from lts_batch.errors import SettingsError
from lts_batch.frame.filterbank import COARSEST, Bands, Filterbank

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
