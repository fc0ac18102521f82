"""Measures against closed forms: what is done to a sound is known, so is the number."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from lts_batch.metrics import measures, rows, spectra

SAMPLE_RATE = 44100
AUDIO_MEASURES = {
    "mr_stft_sc": measures.mr_stft_sc_db,
    "lsd": measures.lsd_db,
    "log_mel": lambda a, b: measures.log_mel_distance_db(a, b, SAMPLE_RATE),
    "residual": measures.residual_db,
}
SAME = {"mr_stft_sc": measures.LEAST_DB, "lsd": 0.0, "log_mel": 0.0, "residual": measures.LEAST_DB}


def noise(samples: int, channels: int = 1, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((channels, samples)) * 0.1


def frames(count: int = 50, bands: int = 40, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0.5, 1.5, (count, bands))


# ---------------------------------------------------------------- frames


def test_shape_lsd_does_not_see_level() -> None:
    m = frames()
    gains = np.linspace(0.1, 10, len(m))[:, None]
    assert measures.shape_lsd_db(m, gains * m) == pytest.approx(0, abs=1e-9)


def test_shape_lsd_of_one_changed_band() -> None:
    # u is flat over 100 bands, v has one band of another height: both shapes are known in closed form
    bands, gain = 100, 4.0
    m = np.ones((10, bands))
    other = m.copy()
    other[:, 7] = gain
    u, norm = 1 / math.sqrt(bands), math.sqrt(bands - 1 + gain**2)
    changed = 20 * math.log10((u + 1e-3) / (gain / norm + 1e-3))
    rest = 20 * math.log10((u + 1e-3) / (1 / norm + 1e-3))
    expected = math.sqrt((changed**2 + (bands - 1) * rest**2) / bands)
    assert measures.shape_lsd_db(m, other) == pytest.approx(expected, rel=1e-12)


def test_shape_lsd_leaves_out_quiet_frames() -> None:
    m, other = frames(), frames()
    m[20:] *= 10 ** (-61 / 20) * np.linalg.norm(m, axis=1).min() / np.linalg.norm(m, axis=1).max()
    other[20:] = frames(seed=1)[20:]
    assert measures.shape_lsd_db(m, other) == pytest.approx(0, abs=1e-9)
    m[20:] *= 10 ** (30 / 20)
    assert measures.shape_lsd_db(m, other) > 1


def test_shape_lsd_of_silence() -> None:
    m = frames()
    assert math.isnan(measures.shape_lsd_db(np.zeros_like(m), m))
    assert 20 < measures.shape_lsd_db(m, np.zeros_like(m)) < 60


@pytest.mark.parametrize("gain", [0.5, 0.9, 1.5, 2.0])
def test_spectral_convergence_of_a_gain(gain: float) -> None:
    m = frames()
    assert measures.spectral_convergence_db(m, gain * m) == pytest.approx(20 * math.log10(abs(1 - gain)), abs=1e-9)


def test_spectral_convergence_of_the_same_and_of_silence() -> None:
    m = frames()
    assert measures.spectral_convergence_db(m, m) == measures.LEAST_DB
    assert measures.spectral_convergence_db(0 * m, 0 * m) == measures.LEAST_DB
    assert measures.spectral_convergence_db(0 * m, m) == measures.MOST_DB
    assert measures.spectral_convergence_db(m, 0 * m) == pytest.approx(0)


@pytest.mark.parametrize("measure", [measures.shape_lsd_db, measures.spectral_convergence_db])
def test_frames_must_belong_to_each_other(measure) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"\(50, 40\) and \(49, 40\)"):
        measure(frames(), frames()[1:])


# ---------------------------------------------------------------- audio


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


# ---------------------------------------------------------------- rows of stems


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
