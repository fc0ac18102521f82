"""librosa's constant-Q transform at the original's settings: tones land where they must, rebuilds keep their pitch."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lts_batch.original import classic

RATE = classic.SAMPLE_RATE_HZ


def tone(frequency_hz: float, seconds: float = 1.0) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def strongest_hz(audio: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 8 * len(audio)))
    return float(np.argmax(spectrum) * RATE / (8 * len(audio)))


def test_the_settings_are_the_originals() -> None:
    import librosa

    assert (RATE, classic.HOP_SAMPLES, classic.BANDS) == (44100, 128, 384)
    assert pytest.approx(librosa.note_to_hz("C1"), rel=1e-12) == classic.LOWEST_HZ
    np.testing.assert_allclose(classic.band_frequencies_hz(),
                               librosa.cqt_frequencies(384, fmin=librosa.note_to_hz("C1"), bins_per_octave=48))


@pytest.mark.parametrize("frequency_hz", [65.41, 440.0, 1234.5, 8000.0])
def test_a_tone_lands_in_its_band(frequency_hz: float) -> None:
    middle = classic.frames(tone(frequency_hz))[100:-100].mean(axis=0)
    wanted = 48 * np.log2(frequency_hz / classic.LOWEST_HZ)
    assert abs(int(np.argmax(middle)) - wanted) <= 1


def test_magnitude_is_linear_in_amplitude() -> None:
    found = classic.frames(tone(440.0, 0.5))
    np.testing.assert_allclose(classic.frames(tone(440.0, 0.5) / 4), found / 4, rtol=1e-3, atol=1e-5 * found.max())


def test_frames_are_the_magnitudes_of_the_coefficients() -> None:
    audio = tone(300.0, 0.2)
    found = classic.coefficients(audio)
    assert found.dtype == np.complex64 and found.shape == (384, 1 + len(audio) // 128)
    np.testing.assert_array_equal(classic.frames(audio), np.abs(found).T)


@pytest.mark.parametrize("samples", [1, 127, 128, 129, 4001, 22050])
def test_frame_count_and_length(samples: int) -> None:
    audio = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    found = classic.frames(audio)
    assert found.dtype == np.float32 and found.shape == (1 + samples // 128, 384) and np.isfinite(found).all()
    rebuilt = classic.rebuild(found, samples)
    assert rebuilt.dtype == np.float32 and rebuilt.shape == (samples,) and np.isfinite(rebuilt).all()


@pytest.mark.parametrize("iterations", [1, 8])
def test_a_rebuilt_tone_keeps_its_frequency(iterations: int) -> None:
    audio = tone(440.0)
    rebuilt = classic.rebuild(classic.frames(audio), len(audio), iterations, seed=1)
    assert strongest_hz(rebuilt) == pytest.approx(440.0, abs=3)


def test_the_nearest_waveform_is_nearer_than_the_inverse_and_never_drifts_off() -> None:
    audio = tone(220.0, 0.2) * np.exp(-8 * np.arange(8820) / RATE).astype(np.float32)
    wanted = classic.coefficients(audio)

    def wrong_db(found: NDArray[np.float32]) -> tuple[float, float]:
        pairs = ((found, audio), (classic.coefficients(found), wanted))
        return tuple(float(20 * np.log10(np.linalg.norm(a - b) / np.linalg.norm(b))) for a, b in pairs)

    plain, *steps = (wrong_db(classic.waveform(wanted, 8820)), *(wrong_db(classic.nearest(wanted, 8820, steps=n))
                                                                 for n in (1, 2, 3)))
    assert steps[2][0] < plain[0] - 10.0
    assert steps[0][1] > steps[1][1] > steps[2][1]
    assert not classic.nearest(np.zeros((384, 40), np.complex64), 5000).any()


def test_silence_stays_silence() -> None:
    silent = np.zeros(5000, np.float32)
    assert not classic.frames(silent).any()
    assert not classic.rebuild(classic.frames(silent), 5000).any()


def test_the_seed_decides_the_phase() -> None:
    audio = tone(200.0, 0.1)
    magnitude = classic.frames(audio)
    first, again, other = (classic.rebuild(magnitude, len(audio), seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"mono \[samples\]"):
        classic.frames(np.zeros((2, 100), np.float32))
    with pytest.raises(ValueError, match=r"at least one sample"):
        classic.frames(np.zeros(0, np.float32))
    with pytest.raises(ValueError, match=r"\(8, 384\) for 1000 samples, found \(9, 384\)"):
        classic.rebuild(np.zeros((9, 384), np.float32), 1000)
    with pytest.raises(ValueError, match="iterations = 0"):
        classic.rebuild(np.zeros((8, 384), np.float32), 1000, 0)
