"""Measures of rows of stems: how far they lie apart over their durations, and how evenly."""

import math

import numpy as np
import pytest
from measuring import SAMPLE_RATE, noise
from numpy.typing import NDArray

from lts_batch.metrics import measures, rows, spectra


def fading(seconds: float) -> NDArray[np.float64]:
    """A sound that does the same at each share of its duration: a tone that dies away, a louder one from the middle on."""
    share = np.arange(round(seconds * SAMPLE_RATE)) / (seconds * SAMPLE_RATE)
    time = share * seconds
    return (np.sin(2 * np.pi * 500 * time) * np.exp(-5 * share) + 2 * (share > 0.5) * np.sin(2 * np.pi * 3000 * time))[None]


@pytest.mark.parametrize("samples", [0, 1, 300, 2048, 20000, 44101])
def test_frames_of_stems_of_one_length_lie_as_far_apart_as_the_stems(samples: int) -> None:
    a, b = noise(samples, 2), 20 * noise(samples, 2, seed=1)
    b[:, samples // 2:] *= 1e-3
    frames = [measures.log_mel_frames(clip, SAMPLE_RATE) for clip in (a, b)]
    assert measures.frames_distance_db(*frames) == pytest.approx(measures.log_mel_distance_db(a, b, SAMPLE_RATE), rel=1e-5)
    assert measures.frames_distance_db(frames[0], frames[0]) == 0


def test_stems_of_different_lengths_are_laid_over_each_other() -> None:
    long, short = fading(3.0), fading(2.0)
    frames = [measures.log_mel_frames(clip, SAMPLE_RATE, long.shape[1]) for clip in (long, short)]
    assert frames[0].shape == frames[1].shape == (1, 1 + math.ceil(3.0 * SAMPLE_RATE / 512), spectra.MEL_BANDS)
    laid, padded = measures.frames_distance_db(*frames), measures.log_mel_distance_db(long, short, SAMPLE_RATE)
    assert laid < padded / 5  # what is left: the beginnings of tones take the same time in both


def test_a_reference_longer_than_all_stems_changes_little() -> None:
    a, b = fading(1.0), fading(1.0) + noise(SAMPLE_RATE)
    near, far = (measures.frames_distance_db(*(measures.log_mel_frames(clip, SAMPLE_RATE, reference) for clip in (a, b)))
                 for reference in (SAMPLE_RATE, 3 * SAMPLE_RATE))
    assert near == pytest.approx(far, rel=0.05)


def test_of_long_stems_frames_are_left_out() -> None:
    a, b = fading(4.0), fading(4.0) + noise(4 * SAMPLE_RATE)
    every = [measures.log_mel_frames(clip, SAMPLE_RATE) for clip in (a, b)]
    some = [measures.log_mel_frames(clip, SAMPLE_RATE, most_frames=101) for clip in (a, b)]
    assert every[0].shape[1] > 300 and some[0].shape[1] == 101
    assert measures.frames_distance_db(*some) == pytest.approx(measures.frames_distance_db(*every), rel=0.05)
    same = measures.log_mel_frames(a, SAMPLE_RATE, most_frames=every[0].shape[1])
    np.testing.assert_array_equal(same, every[0])


def test_frames_of_silence() -> None:
    silence, sound = np.zeros((1, 5000)), noise(5000)
    quiet, loud = (measures.log_mel_frames(clip, SAMPLE_RATE) for clip in (silence, sound))
    assert measures.frames_distance_db(quiet, quiet) == 0
    assert measures.frames_distance_db(quiet, loud) == pytest.approx(
        measures.log_mel_distance_db(silence, sound, SAMPLE_RATE), rel=1e-5)


def test_frames_of_different_references_are_not_compared() -> None:
    a, b = (measures.log_mel_frames(noise(5000), SAMPLE_RATE, reference) for reference in (5000, 9000))
    with pytest.raises(ValueError, match="one reference and one sample rate"):
        measures.frames_distance_db(a, b)
    with pytest.raises(ValueError, match="its reference 1 sample or longer"):
        measures.log_mel_frames(noise(5000), SAMPLE_RATE, 0)


def test_distances_between_all_stems() -> None:
    stems = [noise(9000), 2 * noise(9000, seed=1), noise(7000, seed=2)]
    found = rows.step_distances_db(stems, SAMPLE_RATE)
    assert found.shape == (3, 3) and not found.diagonal().any()
    np.testing.assert_array_equal(found, found.T)
    assert found[0, 1] == pytest.approx(measures.log_mel_distance_db(stems[0], stems[1], SAMPLE_RATE), rel=1e-5)
    assert found[0, 2] > 1
    assert rows.step_distances_db(stems[:1], SAMPLE_RATE).shape == (1, 1)


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0], [0.0, 2.0, 2.0, 1.0, 5.0], [1.0, 1.0, 0.5]])
def test_monotony_is_spearmans_correlation(values: list[float]) -> None:
    from scipy.stats import spearmanr

    assert rows.monotony(values) == pytest.approx(spearmanr(range(len(values)), values).statistic)


def test_monotony_of_what_does_not_move() -> None:
    assert rows.monotony([2.0, 2.0, 2.0]) == rows.monotony([1.0]) == 0.0


def test_evenness_of_known_steps() -> None:
    cv, worst = rows.evenness([1.0, 1.0, 4.0])
    assert cv == pytest.approx(math.sqrt(2) / 2) and worst == pytest.approx(2)
    assert rows.evenness([0.0, 0.0]) == (0.0, 1.0)


def test_evenness_does_not_see_scale() -> None:
    steps = [0.3, 1.2, 0.7, 2.2]
    assert rows.evenness([7 * step for step in steps]) == pytest.approx(rows.evenness(steps))


def test_path_length() -> None:
    assert rows.path_length([1.0, 2.0], 3.0) == pytest.approx(1)
    assert rows.path_length([3.0, 3.0], 3.0) == pytest.approx(2)
    assert rows.path_length([1.0], 0.0) == math.inf
    assert rows.path_length([0.0], 0.0) == 1.0


@pytest.mark.parametrize("wrong", [[], [-1.0], [math.nan]])
def test_distances_that_mean_nothing(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="one or more numbers >= 0"):
        rows.evenness(wrong)
    with pytest.raises(ValueError, match="one or more numbers >= 0"):
        rows.path_length(wrong, 1.0)
