"""What a moment of sound is like in numbers: known answers on signals that are made to have them."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from lts_batch.frame.filterbank import Bands
from lts_batch.metrics import descriptors, judge, measures, mel_bands, spectra
from lts_batch.metrics.descriptors import described

CENTRES = Bands().centres_hz
OCTAVES = np.log2(CENTRES)
X = tuple(n / 10 for n in range(11))
BEYOND = (-0.2, *X, 1.2)
LEVELS = np.array([1.0, 0.1, 0.01])[:, None]  # of three frames


def lobe(octave: float, width: float = 0.3) -> NDArray[np.float64]:
    """A broad partial: magnitudes of the bands around a place on log frequency ``[bands]``."""
    return np.exp(-((OCTAVES - octave) ** 2) / (2 * width**2))


def moved(x: tuple[float, ...] = X) -> NDArray[np.float64]:
    """A partial that moves two octaves up on log frequency ``[steps, 3, bands]``, in frames of three levels."""
    return np.stack([LEVELS * lobe(8.0 + 2.0 * amount) for amount in x])


def crossfaded(law: float, x: tuple[float, ...] = X) -> NDArray[np.float64]:
    """A partial that fades into another: amplitudes x to the power of ``law``."""
    return np.stack([LEVELS * ((1.0 - a) ** law * lobe(8.0, 0.02) + a**law * lobe(10.0, 0.02)) for a in x])


# ---------------------------------------------------------------- one frame


def test_a_lobe_is_where_it_is_and_as_wide_as_it_is() -> None:
    centres = 2.0 ** np.linspace(5.0, 14.0, 2000)  # even on log frequency
    power = np.exp(-((np.log2(centres) - 9.0) ** 2) / (2 * 0.25**2))
    centroid, spread, _, roll_off = described(np.sqrt(power)[None], centres)[:, 0]
    assert centroid == pytest.approx(9.0, abs=1e-6) and spread == pytest.approx(0.25, rel=1e-4)
    assert roll_off == pytest.approx(9.0 + 1.0364 * 0.25, abs=0.01)  # 85 % of a normal distribution


def test_flatness_of_the_flattest_and_of_a_single_band() -> None:
    flat, single = described(np.stack((np.ones(100), np.eye(100)[50])), np.geomspace(100.0, 1000.0, 100))[2]
    assert flat == pytest.approx(0.0, abs=1e-9)
    assert single == pytest.approx(10 * (-8 * 0.99 - math.log10(0.01)), abs=1e-3)


def test_roll_off_lies_between_bands() -> None:
    centres = 2.0 ** np.arange(1.0, 11.0)
    assert described(np.ones((1, 10)), centres)[3, 0] == pytest.approx(8.5)  # 8 bands and half of the ninth are 85 %
    assert described(np.eye(10)[4][None], centres)[3, 0] == pytest.approx(4.85)
    assert described(np.eye(10)[0][None], centres)[3, 0] == pytest.approx(1.0)  # nothing lies below the first


def test_level_says_nothing_and_silence_has_no_answer() -> None:
    frames = np.abs(np.random.default_rng(0).standard_normal((4, len(CENTRES))))
    np.testing.assert_allclose(described(frames, CENTRES), described(1e-4 * frames, CENTRES), rtol=1e-9)
    assert np.isnan(described(np.zeros((2, len(CENTRES))), CENTRES)).all()


# ---------------------------------------------------------------- along a path


def test_a_partial_that_moves_on_log_frequency_is_half_way_half_way() -> None:
    for row in described(moved(), CENTRES)[[0, 3]]:
        assert descriptors.r_squared(row, X) > 0.999


def test_a_crossfade_is_half_way_only_where_powers_are() -> None:
    straight, bent = (described(crossfaded(law), CENTRES)[0] for law in (0.5, 1.0))
    assert descriptors.r_squared(straight, X) == pytest.approx(1.0, abs=1e-3)
    x = np.array(X)
    of_powers = x**2 / (x**2 + (1 - x) ** 2)  # between 8 and 10 octaves, in units of the way
    known = 1.0 - np.sum((of_powers - x) ** 2) / np.sum((x - 0.5) ** 2)
    assert descriptors.r_squared(bent, X) == pytest.approx(known, abs=1e-3)


def test_r_squared_has_a_floor_and_no_answer_where_nothing_moves() -> None:
    wild = np.array([[0.0], [50.0], [1.0]])
    assert descriptors.r_squared(wild, [0.0, 0.5, 1.0]) == descriptors.LEAST_R2
    assert math.isnan(descriptors.r_squared(np.array([[1.0], [5.0], [1.0]]), [0.0, 0.5, 1.0]))
    with pytest.raises(ValueError, match="x must hold 0 and 1"):
        descriptors.r_squared(wild, [0.1, 0.5, 1.0])


def test_what_lies_beyond_does_not_count_between() -> None:
    values = np.array([[99.0], [0.0], [1.0], [2.0], [-99.0]])
    assert descriptors.r_squared(values, [-0.2, 0.0, 0.5, 1.0, 1.2]) == 1.0
    assert descriptors.deviation(values[:, 0], [-0.2, 0.0, 0.5, 1.0, 1.2]) == 0.0


@pytest.mark.parametrize("seconds", [0.01, 0.1, 1.0])
def test_log_attack_time_of_a_ramp(seconds: float) -> None:
    rate = 1000.0
    times = np.arange(-500, 3000) / rate
    envelope = np.clip(times / seconds, 0.0, 1.0) * np.exp(-np.maximum(times - seconds, 0.0))
    assert descriptors.log_attack_time(3.0 * envelope, rate) == pytest.approx(math.log10(0.7 * seconds), abs=0.01)


def test_log_attack_time_of_a_step_and_of_silence() -> None:
    assert descriptors.log_attack_time(np.r_[np.zeros(10), np.ones(10)], 44100.0) == -3.0
    assert descriptors.log_attack_time(np.ones(10), 100.0) == -3.0  # it begins at its height
    assert math.isnan(descriptors.log_attack_time(np.zeros(10), 100.0))


def test_direction_goes_on_aside_or_back() -> None:
    way = np.random.default_rng(0).standard_normal((5, 8))
    start = np.ones((5, 8))
    assert descriptors.direction(start, start + way, start + 1.2 * way) == pytest.approx(1.0)
    assert descriptors.direction(start, start + way, start + 0.8 * way) == pytest.approx(-1.0)
    aside = way - way  # no way at all
    assert math.isnan(descriptors.direction(start, start + way, start + way + aside))


def test_correspondence_of_the_mean_of_an_end_and_of_a_gain() -> None:
    one, two = np.random.default_rng(0).standard_normal((2, 6, 128))
    assert descriptors.correspondence((one + two) / 2, one, two) == pytest.approx(0.0, abs=1e-12)
    assert descriptors.correspondence(one, one, two) == pytest.approx(0.5)
    quieter = one - 10.0
    assert descriptors.correspondence(quieter, one, two) == pytest.approx(0.5)  # loudness says nothing


# ---------------------------------------------------------------- all figures of a way


def figures(magnitudes: NDArray[np.float64], x: tuple[float, ...] = BEYOND) -> dict[str, float]:
    zero, one = x.index(0.0), x.index(1.0)
    return judge.figures(judge.of_magnitudes(magnitudes, (magnitudes[zero], magnitudes[one]), x, CENTRES, 44100, 114.8))


def test_the_figures_have_the_names_that_the_tables_know() -> None:
    assert set(figures(moved(BEYOND))) == set(judge.FIGURES)


def test_straight_lines_of_decibels_are_even_monotone_and_go_on() -> None:
    tilt = np.linspace(-10.0, 0.0, len(CENTRES))
    found = figures(np.stack([LEVELS * 10.0 ** (a * tilt / 20.0) for a in BEYOND]))
    assert found["step_cv"] < 0.02 and found["step_max_to_mean"] < 1.05
    assert found["path_length"] == pytest.approx(1.0, abs=0.01)
    assert found["monotony"] == pytest.approx(1.0)
    assert found["direction"] > 0.9 and found["correspondence"] < 0.02
    assert found["end_sc_db"] == measures.LEAST_DB and found["end_log_mel_db"] == 0.0


def test_a_path_that_turns_round_beyond_its_end_is_seen() -> None:
    back = moved((0.2, *X, 0.8))
    assert figures(back)["direction"] < -0.9 < 0.9 < figures(moved(BEYOND))["direction"]


def test_a_crossfade_is_less_even_than_a_partial_that_moves() -> None:
    assert figures(moved(BEYOND))["step_cv"] < 0.35 < figures(crossfaded(1.0), X)["step_cv"]


def test_frames_in_which_a_clip_is_silent_are_not_judged() -> None:
    path = moved()
    path[:, 2] = crossfaded(3.0)[:, 2]
    one = path[0].copy()
    one[2] = 0.0
    way = judge.of_magnitudes(path, (one, path[-1]), X, CENTRES, 44100, 114.8)
    assert way.heard.tolist() == [True, True, False]
    assert judge.figures(way)["r2_centroid"] > 0.999


def test_frames_in_which_a_step_is_silent_are_left_out() -> None:
    path = moved()
    path[5, 1] = 0.0  # as a decoder may make them
    way = judge.of_magnitudes(path, (path[0], path[-1]), X, CENTRES, 44100, 114.8)
    assert way.heard.tolist() == [True, False, True]
    found, whole = judge.figures(way), figures(moved(), X)
    assert found["r2_centroid"] > 0.999
    assert found["step_cv"] > whole["step_cv"] + 0.1 and found["path_length"] > whole["path_length"] + 0.1  # it is heard


def test_between_a_clip_and_itself_there_is_nothing_to_say() -> None:
    found = figures(np.stack([LEVELS * lobe(9.0)] * len(BEYOND)))
    assert {name for name, value in found.items() if math.isnan(value)} == {
        "r2_centroid", "r2_spread", "r2_flatness", "r2_rolloff", "correspondence", "direction"}
    assert found["step_cv"] == 0.0


def test_ends_that_are_not_the_clips_are_told() -> None:
    path = np.ones((len(X), 3, len(CENTRES)))
    way = judge.of_magnitudes(path, (path[0], path[-1] * 0.5), X, CENTRES, 44100, 114.8)
    assert way.end_sc_db == pytest.approx(0.0, abs=1e-6)  # the worse of both: twice the clip
    assert way.end_log_mel_db == pytest.approx(20 * math.log10(2), abs=0.3)


def test_audio_and_magnitudes_agree_on_a_glide() -> None:
    """A sine at each step, two octaves apart at the ends: the STFT hears the same path as the bands see."""
    time = np.arange(22050) / 44100
    stems = [np.sin(2 * np.pi * 2.0 ** (8.0 + 2.0 * amount) * time) for amount in X]
    found = judge.figures(judge.of_audio(stems, (stems[0], stems[-1]), X, 44100))
    assert found["r2_centroid"] > 0.99 and found["end_sc_db"] == measures.LEAST_DB
    seen = judge.of_audio(stems, (stems[0], stems[-1]), X, 44100).described[0, :, 20]
    np.testing.assert_allclose(seen, 8.0 + 2.0 * np.array(X), atol=0.05)


def test_mel_bands_of_louder_magnitudes_are_louder() -> None:
    weights = mel_bands.weights(CENTRES, 44100)
    one = mel_bands.log_mel(lobe(9.0)[None], weights)
    np.testing.assert_allclose(mel_bands.log_mel(10 * lobe(9.0)[None], weights) - one, 20.0, atol=1e-9)
    assert weights.shape == (len(spectra.mel_filters(44100)), len(CENTRES)) and (weights >= 0.0).all()
