"""Levels on the way between clips, and what brings a frame to the level it shall have."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sounds import harmonic
from torch import Tensor
from weights import BEYOND, COUNTS, FRAMES, SEEDS, alone, anywhere, between, db, loud, seeded

from lts_batch import load_model
from lts_batch.engine import interpolate, levels
from lts_batch.evaluation.framepath import FramePaths

BANDS = 9
RATE = 44100
PEAKS = (1.0, 0.5, 0.02, 3.0)


@given(SEEDS, COUNTS, st.data())
@settings(deadline=None, max_examples=60)
def test_the_ends_of_the_level_path_are_the_clips(seed: int, count: int, data: st.DataObject) -> None:
    clips = [loud(seed + n, 2, FRAMES) for n in range(count)]
    place = data.draw(st.integers(0, count - 1))
    path = levels.between(clips, alone(place, count), PEAKS[:count])
    assert torch.allclose(path, clips[place], rtol=5e-6, atol=1e-30)
    assert bool((path[clips[place] == 0] == 0).all())


@given(SEEDS, COUNTS)
@settings(deadline=None, max_examples=60)
def test_between_levels_above_the_floor_decibels_are_linear(seed: int, count: int) -> None:
    clips = [10.0 ** (-2 * torch.rand(2, FRAMES, generator=seeded(seed + n))) for n in range(count)]
    w = anywhere(seed, count)
    path = db(levels.between(clips, w, [1.0] * count))
    assert torch.allclose(path, (w[:, None] * db(torch.stack(clips))).sum(0), atol=1e-3)


def test_beyond_two_levels_decibels_go_on() -> None:
    one, two = torch.full((1, 5), 0.5), torch.full((1, 5), 0.4)
    x = np.linspace(-1, 2, 5)
    w = torch.from_numpy(interpolate.two_weights(x).astype(np.float32))
    path = db(levels.between([one, two], w, [1.0, 1.0]))[0]
    assert torch.allclose(path, db(one)[0] + w[1] * (db(two) - db(one))[0], atol=1e-3)


@given(SEEDS, COUNTS, st.floats(0.0, 4.0))
@settings(deadline=None, max_examples=60)
def test_the_order_of_the_clips_does_not_matter_to_levels(seed: int, count: int, spread: float) -> None:
    clips = [loud(seed + n, 2, FRAMES) for n in range(count)]
    w = anywhere(seed, count, spread)
    found = levels.between(clips, w, PEAKS[:count])
    mirrored = levels.between(clips[::-1], w.flip(0), PEAKS[:count][::-1])
    assert torch.allclose(found, mirrored, rtol=1e-4, atol=1e-30)


@given(SEEDS, COUNTS, st.floats(0.1, 4.0))
@settings(deadline=None, max_examples=60)
def test_beyond_the_ends_levels_pass_the_loudest_by_6_db_at_most(seed: int, count: int, spread: float) -> None:
    clips = [loud(seed + n, 2, FRAMES) for n in range(count)]
    w = anywhere(seed, count, spread)
    path = levels.between(clips, w, PEAKS[:count])
    most = torch.stack(clips).amax(0) * 10 ** (levels.HEADROOM_DB / 20)
    assert bool((path <= most * 1.0001)[:, interpolate.outside(w)].all())


@given(SEEDS)
@settings(deadline=None, max_examples=60)
def test_levels_move_one_way_between_the_clips(seed: int) -> None:
    first, second = loud(seed, 1, FRAMES), loud(seed + 1, 1, FRAMES)
    steps = torch.stack([levels.between([first, second], between(x), (1.0, 1.0)) for x in np.linspace(0, 1, 21)])
    rises = steps.diff(dim=0)
    tolerance = 1e-5 * steps.max(0).values
    up, down = (rises >= -tolerance).all(0), (rises <= tolerance).all(0)
    # where both lie below the floor, or one rises from below it, the law may bend, never by more than the louder one
    above = (torch.minimum(first, second) > 1e-3) | (torch.minimum(first, second) == 0)
    assert bool((up | down)[above & (torch.maximum(first, second) > 1e-3)].all())
    assert bool((steps <= torch.maximum(first, second) * (1 + 1e-4) + 1e-30).all())


@given(SEEDS, BEYOND)
@settings(deadline=None, max_examples=60)
def test_a_small_step_in_x_is_a_small_step_in_level(seed: int, x: float) -> None:
    """Also across both ends, and for what lies below the floor."""
    clips, step = [loud(seed, 2, FRAMES), loud(seed + 1, 2, FRAMES)], 1e-4
    here, there = (levels.between(clips, between(at), (1.0, 0.5)) for at in (x, x + step))
    loudest = torch.stack([*clips, here]).amax(0)
    # 60 dB and the peaks' 6 apart: at most 66 dB from x = 0 to 1, and the plain gain moves by the louder of the two
    assert bool(((there - here).abs() <= step * 10 * loudest * 10 ** (6 / 20) + 2e-6 * loudest).all())


@pytest.mark.parametrize("level", [0.1, 1e-3, 5e-4, 1e-4, 1e-6, 0.0])
def test_between_and_beyond_two_equal_levels_there_is_one(level: float) -> None:
    clip = torch.full((1, 3), level)
    for x in (-1.0, -1e-6, 0.0, 0.4, 1.0, 1.0 + 1e-6, 2.0):
        assert torch.allclose(levels.between([clip, clip], between(x, 3), (1.0, 1.0)), clip, rtol=1e-4)


def test_a_path_into_silence_passes_every_loudness() -> None:
    w = torch.stack((torch.linspace(1, 0, 101), torch.linspace(0, 1, 101)))
    path = levels.between([torch.full((1, 101), 0.8), torch.zeros(1, 101)], w, (1.0, 1.0))[0]
    assert float(path[0]) == pytest.approx(0.8)
    assert float(path[-1]) == 0
    assert bool((path.diff() < 0).all())
    assert float(db(path[:-1]).diff().abs().max()) < 7, "no jump but the last"


@given(SEEDS, COUNTS, st.floats(0.0, 4.0))
@settings(deadline=None, max_examples=60)
def test_silence_between_silence_is_silent(seed: int, count: int, spread: float) -> None:
    silent = [torch.zeros(1, FRAMES)] * count
    assert not bool(levels.between(silent, anywhere(seed, count, spread), PEAKS[:count]).any())


@given(SEEDS, COUNTS, st.floats(0.0, 6.0))
@settings(deadline=None, max_examples=60)
def test_levels_are_finite_everywhere(seed: int, count: int, spread: float) -> None:
    clips = [loud(seed + n, 2, FRAMES) for n in range(count)]
    path = levels.between(clips, anywhere(seed, count, spread), (1.0, 1e-4, 30.0, 1e-2)[:count])
    assert bool(torch.isfinite(path).all())
    assert bool((path >= 0).all())


# ---------------------------------------------------------------- corrections


def norms(magnitudes: Tensor) -> Tensor:
    """Loudness by any weighting of bands."""
    weighting = torch.linspace(0.5, 1.5, magnitudes.shape[1])
    return (magnitudes * weighting[None, :, None]).square().sum(1).sqrt()


def raised(magnitudes: Tensor, target: Tensor, floor: float) -> Tensor:
    return magnitudes * levels.gains(norms(magnitudes), target, floor)[:, None]


@given(SEEDS, st.floats(-levels.CORRECTION_DB, levels.CORRECTION_DB))
@settings(deadline=None, max_examples=60)
def test_loudness_within_reach_reaches_its_target(seed: int, gain_db: float) -> None:
    magnitudes = loud(seed, 2, BANDS, FRAMES) + 1e-3
    target = norms(magnitudes) * 10 ** (gain_db / 20)
    found = raised(magnitudes, target, 1e-8)
    assert torch.allclose(norms(found), target, rtol=1e-4)


@given(SEEDS, st.floats(levels.CORRECTION_DB, 300.0), st.sampled_from([-1.0, 1.0]))
@settings(deadline=None, max_examples=60)
def test_what_is_farther_off_is_moved_by_the_most_there_is(seed: int, far_db: float, sign: float) -> None:
    magnitudes = loud(seed, 2, BANDS, FRAMES) + 1e-3
    target = norms(magnitudes) * 10 ** (sign * min(far_db, 200.0) / 20)
    found = raised(magnitudes, target, 1e-12)
    assert torch.allclose(found, magnitudes * 10 ** (sign * levels.CORRECTION_DB / 20), rtol=1e-4)


@given(SEEDS, st.floats(0.0, 2.0))
@settings(deadline=None, max_examples=60)
def test_a_correction_keeps_the_shape_and_never_passes_the_most_there_is(seed: int, wanted: float) -> None:
    magnitudes, target = loud(seed, 2, BANDS, FRAMES), wanted * loud(seed + 1, 2, FRAMES)
    found = raised(magnitudes, target, 1e-6)
    assert bool(torch.isfinite(found).all())
    gain = found.sum(1) / magnitudes.sum(1).clamp_min(1e-30)
    assert torch.allclose(found, magnitudes * gain[:, None], rtol=1e-4)
    sounding = magnitudes.sum(1) > 0
    assert bool((db(gain[sounding]).abs() <= levels.CORRECTION_DB + 1e-3).all())


def test_below_the_floor_loudness_does_not_count() -> None:
    quiet = torch.full((1, BANDS, 3), 1e-9)
    found = raised(quiet, torch.tensor([[0.0, 1e-8, 3e-8]]), 1e-5)
    assert torch.allclose(found, quiet, rtol=1e-2)
    silent = torch.zeros(1, BANDS, 2)
    assert not bool(raised(silent, torch.tensor([[0.0, 1.0]]), 1e-5).any())


# ---------------------------------------------------------------- what is raised


def test_what_stands_out_is_raised_and_what_lies_far_below_is_not() -> None:
    over_db = torch.tensor([20.0, 0.0, -7.5, -30.0, -200.0])
    assert levels.standing_out(torch.full((5,), 6.0), over_db, 30.0).tolist() == pytest.approx([6.0, 6.0, 4.5, 0.0, 0.0])
    assert levels.standing_out(torch.full((5,), -6.0), over_db, 30.0).tolist() == [-6.0] * 5, "what is turned down all is"


def test_noise_between_partials_does_not_come_up_with_them() -> None:
    """Two tones whose partials do not meet, with a little noise: half-way each partial has faded, and raised as a whole the
    noise would be louder than it is in either clip, by as much."""
    rng, rate, pitches = np.random.default_rng(4), 44100, (220.0, 311.1)
    clips = [harmonic(1.5, hertz)[0] + 3e-4 * rng.standard_normal(round(1.5 * rate)).astype(np.float32) for hertz in pitches]
    paths = FramePaths(load_model(), clips, rate, x=(0.0, 0.5, 1.0))
    hertz = paths.centres_hz
    off = np.minimum(*(np.abs((hertz + tone / 2) % tone - tone / 2) / hertz for tone in pitches))
    between_partials = (off > 0.04) & (hertz > 240) & (hertz < 3000)

    def noise_db(magnitudes: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(np.median(20 * np.log10(magnitudes[:, 60:-60, between_partials] + 1e-9), axis=(1, 2)))

    first, raised_whole, second = noise_db(paths.log_lerp())
    raised_where_it_stands_out = noise_db(paths.moved())[1]
    assert raised_whole > max(first, second) + 10.0
    assert raised_where_it_stands_out < raised_whole - 8.0
