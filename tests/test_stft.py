"""The STFT: exact both ways at any length and rate, and phase that says where in time and frequency a sound lies."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from lts_batch.errors import SettingsError
from lts_batch.frame import stft
from lts_batch.frame.stft import Stft

RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000)


def noise(channels: int, samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))


def tone(samples: int, hz: float, rate: int) -> Tensor:
    time = torch.arange(samples, dtype=torch.float64) / rate
    return torch.cos(2 * math.pi * hz * time + 0.4)[None].float()


def error_db(found: Tensor, true: Tensor) -> float:
    return float(20 * torch.log10(torch.linalg.vector_norm(found - true) / torch.linalg.vector_norm(true)))


def wrapped(angle: Tensor) -> Tensor:
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


# ---------------------------------------------------------------- there and back


@given(st.integers(1, 30_000), st.sampled_from(RATES), st.sampled_from([2, 4, 8, 16]), st.sampled_from(stft.WINDOWS),
       st.integers(1, 3))
@example(1, 44100, 8, "gauss", 1)
@example(256, 44100, 8, "gauss", 2)
@example(257, 192000, 4, "hann", 1)
def test_the_inverse_is_exact_at_any_length(samples: int, rate: int, overlap: int, window: str, channels: int) -> None:
    transform = stft.stft(rate, overlap, window)
    audio = noise(channels, samples)
    coefficients = transform.forward(audio)
    assert coefficients.shape == (channels, transform.bins, transform.frames(samples))
    assert coefficients.dtype == torch.complex64
    assert error_db(transform.inverse(coefficients, samples), audio) < -120


def test_the_inverse_fills_all_frames_unless_told_a_length() -> None:
    transform, audio = stft.stft(44100), noise(1, 5000)
    found = transform.inverse(transform.forward(audio))
    assert found.shape == (1, 20 * 256)  # the next multiple of the hop
    assert error_db(found[:, :5000], audio) < -120
    assert transform.forward(found).shape == transform.forward(audio).shape  # so that it can be gone round and round


def test_going_round_twice_is_going_round_once() -> None:
    transform = stft.stft(44100)
    made_up = torch.randn(2, transform.bins, 40, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    once = transform.forward(transform.inverse(made_up))
    assert error_db(transform.forward(transform.inverse(once)).abs(), once.abs()) < -120
    assert error_db(once.abs(), made_up.abs()) > -10  # what no audio has was thrown away


def test_the_inverse_is_the_nearest_audio(rng: np.random.Generator) -> None:
    """Least squares: in any direction the distance to the given coefficients grows."""
    transform = Stft(8000, 64, 16)
    made_up = torch.from_numpy(rng.standard_normal((1, 33, 9)) + 1j * rng.standard_normal((1, 33, 9))).to(torch.complex64)
    made_up[:, (0, -1)] = made_up[:, (0, -1)].real.to(torch.complex64)
    both = torch.full((1, 33, 1), 2.0)  # bins between DC and Nyquist stand for their mirror image too
    both[:, (0, -1)] = 1.0

    def apart(audio: Tensor) -> float:
        return float(((transform.forward(audio) - made_up).abs().square() * both).sum())

    best = transform.inverse(made_up)
    for seed in range(5):
        assert apart(best + noise(1, best.shape[1], seed)) > apart(best)


def test_blocks_of_frames_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    transform, audio = stft.stft(44100), noise(2, 60_000)
    whole = transform.forward(audio)
    back = transform.inverse(whole, 60_000)
    monkeypatch.setattr(stft, "_BLOCK_SAMPLES", 7 * 2 * 2048)
    assert error_db(transform.forward(audio).abs(), whole.abs()) < -140
    assert error_db(transform.inverse(whole, 60_000), back) < -130


def test_channels_know_nothing_of_each_other() -> None:
    transform, audio = stft.stft(22050), noise(3, 9000)
    together = transform.forward(audio)
    for channel in range(3):
        assert error_db(transform.forward(audio[channel:channel + 1]).abs(), together[channel:channel + 1].abs()) < -140


@pytest.mark.parametrize("scale", [0.0, 1e-44, 1e-38, 1e30])
def test_silence_and_extremes_stay_finite(scale: float) -> None:
    transform, audio = stft.stft(44100), noise(1, 3000) * scale
    coefficients = transform.forward(audio)
    found = transform.inverse(coefficients, 3000)
    assert bool(torch.isfinite(torch.view_as_real(coefficients)).all() and torch.isfinite(found).all())
    if scale in (0.0, 1e30):
        assert torch.allclose(found, audio, atol=1e-5 * scale)


# ---------------------------------------------------------------- what coefficients say


@pytest.mark.parametrize("window", stft.WINDOWS)
@pytest.mark.parametrize(("rate", "hz"), [(44100, 440.0), (48000, 3001.7), (22050, 97.0), (96000, 20_000.0)])
def test_the_phase_of_a_sine_goes_on_by_its_frequency(window: str, rate: int, hz: float) -> None:
    transform = stft.stft(rate, 8, window)
    found = transform.forward(tone(rate, hz, rate))[0]
    heard = np.abs(transform.centres_hz - hz) < 1.4 * rate / transform.window_samples
    inner = found[torch.from_numpy(heard), 10:-10]
    step = wrapped((inner[:, 1:] * inner[:, :-1].conj()).angle() - 2 * math.pi * hz * transform.hop_samples / rate)
    assert float(step.abs().max()) < 2e-3
    # and at the window's centre it is the sine's own
    true = 2 * math.pi * hz * 20 * transform.hop_samples / rate + 0.4
    assert float(wrapped(found[torch.from_numpy(heard), 20].angle() - true).abs().max()) < 2e-3


@pytest.mark.parametrize("window", stft.WINDOWS)
def test_a_sine_is_as_high_as_half_the_sum_of_the_window(window: str) -> None:
    transform = stft.stft(44100, 8, window)
    hz = 100 * 44100 / 2048
    found = transform.forward(tone(44100, hz, 44100))[0, :, 50]
    assert int(found.abs().argmax()) == 100
    assert float(found[100].abs()) == pytest.approx(0.5 * float(transform._window.sum()), rel=1e-3)


def test_a_click_turns_over_frequency_by_its_distance() -> None:
    transform = stft.stft(44100)
    audio = torch.zeros(1, 8192)
    audio[0, 10 * 256] = 1.0
    found = transform.forward(audio)[0]
    assert torch.allclose(found[:, 10], torch.ones(transform.bins, dtype=torch.complex64), atol=1e-5)  # at the centre
    for frame in (8, 9, 11, 12):  # (10 - frame) hops after the frame's centre
        turn = wrapped((found[1:, frame] * found[:-1, frame].conj()).angle() + 2 * math.pi * (10 - frame) * 256 / 2048)
        assert float(turn.abs().max()) < 1e-3


def test_the_gaussian_is_a_gaussian_and_sampled_alike_both_ways() -> None:
    for overlap in (4, 8, 16):
        transform = stft.stft(44100, overlap)
        place = torch.arange(2048) - 1024
        assert torch.allclose(transform._window, torch.exp(-0.5 * (place / transform.spread_samples) ** 2), atol=1e-6)
        bin_radians = 2 * math.pi / transform.window_samples
        assert transform.hop_samples / transform.spread_samples == pytest.approx(bin_radians * transform.spread_samples)


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("overlap", [4, 8])
def test_windows_last_46_ms_at_every_rate(rate: int, overlap: int) -> None:
    transform = stft.stft(rate, overlap)
    assert transform.window_samples / rate == pytest.approx(2048 / 44100, rel=0.04)
    assert transform.hop_samples * overlap == transform.window_samples
    rest = transform.window_samples
    for prime in (2, 3, 5, 7):
        while rest % prime == 0:
            rest //= prime
    assert rest == 1  # fast
    assert transform.centres_hz[-1] == pytest.approx(rate / 2)
    assert len(transform.centres_hz) == transform.bins


def test_44100_has_the_sizes_that_everybody_knows() -> None:
    assert (stft.stft(44100, 4).window_samples, stft.stft(44100, 4).hop_samples) == (2048, 512)
    assert (stft.stft(44100, 8).window_samples, stft.stft(44100, 8).hop_samples) == (2048, 256)


@pytest.mark.parametrize(("window_samples", "hop_samples"), [(2048, 0), (2048, 500), (2048, 2048), (15, 5), (16, -4)])
def test_sizes_that_do_not_fit_are_named(window_samples: int, hop_samples: int) -> None:
    with pytest.raises(SettingsError, match=f"{window_samples} samples does not fit a hop of {hop_samples}"):
        Stft(44100, window_samples, hop_samples)


def test_shapes_and_windows_that_do_not_fit_are_named() -> None:
    transform = stft.stft(44100)
    with pytest.raises(SettingsError, match="hamming"):
        Stft(44100, 2048, 512, "hamming")
    for audio in (torch.zeros(5), torch.zeros(1, 0)):
        with pytest.raises(SettingsError, match="channels"):
            transform.forward(audio)
    with pytest.raises(SettingsError, match="1000 samples"):
        transform.inverse(torch.zeros(1, transform.bins, 3, dtype=torch.complex64), 1000)
    with pytest.raises(SettingsError, match="1025"):
        transform.inverse(torch.zeros(1, 7, 3, dtype=torch.complex64))
