"""Measures of sounds against closed forms: what is done to a sound is known, so is the number."""

import math

import numpy as np
import pytest
from measuring import SAMPLE_RATE, noise
from numpy.typing import NDArray

from lts_batch.metrics import measures

AUDIO_MEASURES = {
    "mr_stft_sc": measures.mr_stft_sc_db,
    "lsd": measures.lsd_db,
    "log_mel": lambda a, b: measures.log_mel_distance_db(a, b, SAMPLE_RATE),
    "residual": measures.residual_db,
}
SAME = {"mr_stft_sc": measures.LEAST_DB, "lsd": 0.0, "log_mel": 0.0, "residual": measures.LEAST_DB}


@pytest.mark.parametrize("name", AUDIO_MEASURES)
@pytest.mark.parametrize("clip", [noise(20000, 2), noise(1), noise(100), noise(2048), np.zeros((1, 5000)),
                                  np.zeros((1, 0))], ids=lambda clip: f"{clip.shape}")
def test_a_clip_against_itself(name: str, clip: NDArray[np.float64]) -> None:
    assert AUDIO_MEASURES[name](clip, clip) == SAME[name]


@pytest.mark.parametrize("name", AUDIO_MEASURES)
def test_the_shorter_clip_counts_as_padded_with_zeros(name: str) -> None:
    short, long = noise(9000), noise(20000, seed=1)
    padded = np.pad(short, ((0, 0), (0, 11000)))
    assert AUDIO_MEASURES[name](short, long) == AUDIO_MEASURES[name](padded, long)
    assert AUDIO_MEASURES[name](long, short) == AUDIO_MEASURES[name](long, padded)


@pytest.mark.parametrize("name", AUDIO_MEASURES)
def test_both_clips_louder_by_the_same_gain_changes_nothing(name: str) -> None:
    a, b = noise(20000), noise(20000, seed=1)
    assert AUDIO_MEASURES[name](8 * a, 8 * b) == pytest.approx(AUDIO_MEASURES[name](a, b), abs=1e-9)


@pytest.mark.parametrize("name", AUDIO_MEASURES)
def test_more_noise_is_further_away(name: str) -> None:
    clip = noise(20000)
    found = [AUDIO_MEASURES[name](clip, clip + gain * noise(20000, seed=1)) for gain in (0.01, 0.1, 1.0)]
    assert found == sorted(found) and found[0] < found[2]


@pytest.mark.parametrize("name", AUDIO_MEASURES)
def test_channels_must_agree(name: str) -> None:
    with pytest.raises(ValueError, match="same number of channels"):
        AUDIO_MEASURES[name](noise(100, 1), noise(100, 2))


def test_half_the_amplitude() -> None:
    clip = noise(30000, 2)
    assert measures.mr_stft_sc_db(clip, clip / 2) == pytest.approx(-6.0206, abs=1e-4)
    assert measures.residual_db(clip, clip / 2) == pytest.approx(-6.0206, abs=1e-4)
    # white noise stays far above the floors, so each bin and each band falls by the same 6 dB
    assert measures.lsd_db(clip, clip / 2) == pytest.approx(6.0206, abs=1e-3)
    assert measures.log_mel_distance_db(clip, clip / 2, SAMPLE_RATE) == pytest.approx(6.0206, abs=1e-4)


def test_lsd_stops_at_the_floor_80_db_under_the_peak() -> None:
    # one sample has a flat spectrum: at the peak in the frame at 0, at half of it in the frame 512 samples on
    click = np.ones((1, 1))
    expected = (80 + 80 + 20 * math.log10(0.5)) / 2
    assert measures.lsd_db(click, 0 * click) == pytest.approx(expected, abs=1e-9)
    assert measures.lsd_db(click, 1e-9 * click) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", AUDIO_MEASURES)
def test_silence_as_the_reference_gives_a_finite_number(name: str) -> None:
    found = AUDIO_MEASURES[name](np.zeros((1, 20000)), noise(20000))
    assert math.isfinite(found) and found > 10


def test_spectral_convergence_does_not_see_phase_but_the_residual_does() -> None:
    clip = noise(20000)
    assert measures.mr_stft_sc_db(clip, -clip) == measures.LEAST_DB
    assert measures.residual_db(clip, -clip) == pytest.approx(6.0206, abs=1e-4)


def test_residual_of_added_noise_is_its_energy_ratio() -> None:
    clip, added = noise(40000), noise(40000, seed=1)
    expected = 10 * math.log10(np.sum(added**2) / np.sum(clip**2)) - 60
    assert measures.residual_db(clip, clip + 1e-3 * added) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000, 192000])
def test_log_mel_distance_is_the_same_both_ways_at_every_rate(rate: int) -> None:
    a, b = noise(20000), 30 * noise(17000, seed=1)
    found = measures.log_mel_distance_db(a, b, rate)
    assert found == measures.log_mel_distance_db(b, a, rate)
    assert found == pytest.approx(20 * math.log10(30), rel=0.3)


def test_log_mel_distance_obeys_the_triangle_inequality() -> None:
    # noise lies above the floor in every band, so that no floor of another pair comes between
    a, b, c = (noise(20000, seed=seed) for seed in range(3))
    ab, bc, ac = (measures.log_mel_distance_db(p, q, SAMPLE_RATE) for p, q in ((a, b), (b, c), (a, c)))
    assert ac <= ab + bc
