"""The path between two clips: exact at both ends, in between nowhere else, beyond them bounded."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lts_batch import interpolate

FRAMES, BANDS = 12, 9
SEEDS = st.integers(0, 10**6)
BEYOND = st.floats(-1.0, 2.0)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def constant(x: float, frames: int = FRAMES) -> Tensor:
    return torch.full((frames,), x)


def loud(seed: int, *shape: int) -> Tensor:
    """Amplitudes over 140 dB, some of them zero."""
    generator = seeded(seed)
    values = 10.0 ** (-7.0 * torch.rand(shape, generator=generator))
    return values * (torch.rand(shape, generator=generator) > 0.2)


# ---------------------------------------------------------------- amounts


def test_a_curve_is_straight_between_breakpoints_and_held_outside() -> None:
    curve = [(1.0, 0.2), (2.0, 1.0), (4.0, -0.5)]
    times = np.array([0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 60.0])
    found = interpolate.curve_amounts(curve, "seconds", times, 100.0)
    assert np.allclose(found, [0.2, 0.2, 0.6, 1.0, 0.25, -0.5, -0.5])


@given(st.floats(0.1, 1000.0), SEEDS)
def test_fractions_are_seconds_of_the_duration(duration: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    places, amounts = np.sort(rng.uniform(0, 1, 4)), rng.uniform(-1, 2, 4)
    times = rng.uniform(0, duration, 20)
    one = interpolate.curve_amounts(list(zip(places, amounts, strict=True)), "fraction", times, duration)
    other = interpolate.curve_amounts(list(zip(places * duration, amounts, strict=True)), "seconds", times, duration)
    assert np.allclose(one, other)
    assert (one >= amounts.min() - 1e-12).all()
    assert (one <= amounts.max() + 1e-12).all()


@given(st.floats(-3, 3))
def test_weights_sum_to_one(x: float) -> None:
    for one, two in (interpolate.weights(constant(x)), interpolate.clamped_weights(constant(x))):
        assert torch.allclose(one + two, torch.ones(FRAMES), atol=1e-6)
    one, two = interpolate.clamped_weights(constant(x))
    assert 0 <= float(one.min()) <= float(one.max()) <= 1
    assert 0 <= float(two.min()) <= float(two.max()) <= 1


# ---------------------------------------------------------------- latents


@given(SEEDS)
def test_the_ends_of_the_latent_path_are_the_clips_to_the_bit(seed: int) -> None:
    first, second = torch.randn(2, 2, FRAMES, 4, generator=seeded(seed)) * 5
    assert torch.equal(interpolate.latents(first, second, constant(0.0)), first)
    assert torch.equal(interpolate.latents(first, second, constant(1.0)), second)


@given(SEEDS, BEYOND)
def test_the_latent_path_is_straight(seed: int, x: float) -> None:
    first, second = torch.randn(2, 2, FRAMES, 4, generator=seeded(seed))
    path = interpolate.latents(first, second, constant(x))
    assert torch.allclose(path, first + x * (second - first), atol=1e-5)


def test_each_frame_has_its_own_amount() -> None:
    first, second = torch.zeros(1, FRAMES, 3), torch.ones(1, FRAMES, 3)
    x = torch.linspace(-1, 2, FRAMES)
    assert torch.allclose(interpolate.latents(first, second, x)[0, :, 1], x)


# ---------------------------------------------------------------- levels


def db(level: Tensor) -> Tensor:
    return 20 * level.log10()


@given(SEEDS)
def test_the_ends_of_the_level_path_are_the_clips(seed: int) -> None:
    first, second = loud(seed, 2, FRAMES), loud(seed + 1, 2, FRAMES)
    for x, true in ((0.0, first), (1.0, second)):
        path = interpolate.levels(first, second, constant(x), (1.0, 0.5))
        assert torch.allclose(path, true, rtol=5e-6, atol=1e-30)
        assert bool((path[true == 0] == 0).all())


def test_between_levels_above_the_floor_decibels_are_linear() -> None:
    first, second = torch.full((1, 5), 0.5), torch.full((1, 5), 0.2)
    x = torch.linspace(-0.5, 1.5, 5)
    path = db(interpolate.levels(first, second, x, (1.0, 1.0)))[0]
    expected = db(first)[0] + x * (db(second) - db(first))[0]
    assert torch.allclose(path, expected, atol=1e-3)


def test_beyond_the_ends_silence_of_one_clip_does_not_make_the_other_loud() -> None:
    sounding, silent = torch.full((1, 3), 0.1), torch.zeros(1, 3)
    x = torch.tensor([-0.1, -0.5, -1.0])
    assert float((db(interpolate.levels(sounding, silent, x, (1.0, 1.0))) - db(sounding)).max()) < 6.01
    assert float((db(interpolate.levels(silent, sounding, 1.0 - x, (1.0, 1.0))) - db(sounding)).max()) < 6.01


@given(SEEDS)
def test_levels_move_one_way_between_the_clips(seed: int) -> None:
    first, second = loud(seed, 1, FRAMES), loud(seed + 1, 1, FRAMES)
    steps = torch.stack([interpolate.levels(first, second, constant(x), (1.0, 1.0)) for x in np.linspace(0, 1, 21)])
    rises = steps.diff(dim=0)
    tolerance = 1e-5 * steps.max(0).values
    up, down = (rises >= -tolerance).all(0), (rises <= tolerance).all(0)
    # where both lie below the floor, or one rises from below it, the law may bend, never by more than the louder one
    above = (torch.minimum(first, second) > 1e-3) | (torch.minimum(first, second) == 0)
    assert bool((up | down)[above & (torch.maximum(first, second) > 1e-3)].all())
    assert bool((steps <= torch.maximum(first, second) * (1 + 1e-4) + 1e-30).all())


def test_a_path_into_silence_passes_every_loudness() -> None:
    x = torch.linspace(0, 1, 101)
    path = interpolate.levels(torch.full((1, 101), 0.8), torch.zeros(1, 101), x, (1.0, 1.0))[0]
    assert float(path[0]) == pytest.approx(0.8)
    assert float(path[-1]) == 0
    assert bool((path.diff() < 0).all())
    assert float(db(path[:-1]).diff().abs().max()) < 7, "no jump but the last"


def test_silence_between_silence_is_silent() -> None:
    for x in (-1.0, 0.0, 0.3, 1.0, 2.0):
        assert not interpolate.levels(torch.zeros(1, 3), torch.zeros(1, 3), constant(x, 3), (1.0, 1.0)).any()


@given(SEEDS, st.floats(-3.0, 3.0))
def test_levels_are_finite_for_every_x(seed: int, x: float) -> None:
    path = interpolate.levels(loud(seed, 2, FRAMES), loud(seed + 1, 2, FRAMES), constant(x), (1.0, 1e-4))
    assert bool(torch.isfinite(path).all())
    assert bool((path >= 0).all())


# ---------------------------------------------------------------- magnitudes


def parts(seed: int, floors: tuple[float, float]) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """True and decoded magnitudes of two clips, and the brackets log(t + e) - log(d + e)."""
    true = loud(seed, 1, BANDS, FRAMES), loud(seed + 1, 1, BANDS, FRAMES)
    decoded = loud(seed + 2, 1, BANDS, FRAMES), loud(seed + 3, 1, BANDS, FRAMES)
    one, two = (((t + e) / (d + e)).log() for t, d, e in zip(true, decoded, floors, strict=True))
    return true, decoded, (one, two)


FLOORS = (1e-5, 3e-6)


@given(SEEDS)
def test_with_full_detail_the_ends_are_the_clips(seed: int) -> None:
    true, decoded, lost = parts(seed, FLOORS)
    for end in (0, 1):
        found = interpolate.magnitudes(decoded[end], lost, constant(float(end)), 1.0, FLOORS)
        # what lies under the floor is rebuilt to the floor's own precision
        assert torch.allclose(found, true[end], rtol=1e-5, atol=1e-6 * FLOORS[end] * 10)


@given(SEEDS, BEYOND)
def test_without_detail_it_is_what_the_model_decodes(seed: int, x: float) -> None:
    _, decoded, lost = parts(seed, FLOORS)
    assert torch.equal(interpolate.magnitudes(decoded[0], lost, constant(x), 0.0, FLOORS), decoded[0])


def test_the_law_of_detail() -> None:
    true, decoded, lost = parts(7, FLOORS)
    x, detail = 0.3, 0.6
    between = 0.5 * (decoded[0] + decoded[1])
    e = math.exp((1 - x) * math.log(FLOORS[0]) + x * math.log(FLOORS[1]))
    exponent = sum(w * ((t + f).log() - (d + f).log())
                   for w, t, d, f in zip((1 - x, x), true, decoded, FLOORS, strict=True))
    expected = ((between + e) * torch.exp(detail * exponent) - e).clamp_min(0)
    assert torch.allclose(interpolate.magnitudes(between, lost, constant(x), detail, FLOORS), expected, rtol=1e-4, atol=1e-9)


@given(SEEDS, st.floats(-3.0, 3.0), st.floats(0.0, 1.0))
def test_magnitudes_are_never_negative_or_undefined(seed: int, x: float, detail: float) -> None:
    true, decoded, lost = parts(seed, FLOORS)
    found = interpolate.bounded(interpolate.magnitudes(decoded[0], lost, constant(x), detail, FLOORS), true, constant(x))
    assert not bool(torch.isnan(found).any())
    assert bool((found >= 0).all())


@given(SEEDS, BEYOND)
def test_beyond_the_ends_12_db_is_all_there_is(seed: int, x: float) -> None:
    true, decoded, lost = parts(seed, FLOORS)
    raw = interpolate.magnitudes(decoded[0], lost, constant(x), 1.0, FLOORS)
    found = interpolate.bounded(raw, true, constant(x))
    if 0.0 <= constant(x)[0] <= 1.0:
        assert torch.equal(found, raw), "between the ends nothing is bounded"
    else:
        assert bool((found <= torch.maximum(*true) * 10 ** (12 / 20) * (1 + 1e-6)).all())
        assert bool((found[(true[0] == 0) & (true[1] == 0)] == 0).all()), "a band that neither clip has stays empty"
        assert bool((found <= raw).all())


@given(SEEDS, st.floats(0.0, 1.0))
def test_detail_does_not_blow_up_what_both_clips_lack(seed: int, x: float) -> None:
    """Bands empty in both clips: what the model invents there is taken away, not multiplied."""
    decoded = loud(seed, 1, BANDS, FRAMES), loud(seed + 1, 1, BANDS, FRAMES)
    one, two = ((f / (d + f)).log() for d, f in zip(decoded, FLOORS, strict=True))
    between = torch.exp((1 - x) * (decoded[0] + 1e-12).log() + x * (decoded[1] + 1e-12).log())
    found = interpolate.magnitudes(between, (one, two), constant(x), 1.0, FLOORS)
    assert bool((found <= between + 1e-9).all())


def test_detail_of_silence_is_nothing() -> None:
    silent = torch.zeros(1, BANDS, FRAMES)
    for x in (-1.0, 0.0, 0.5, 1.0, 2.0):
        assert not interpolate.magnitudes(silent, (silent, silent), constant(x), 1.0, FLOORS).any()
