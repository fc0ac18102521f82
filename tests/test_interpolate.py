"""The path between clips: exact at the ends, in between nowhere else, beyond them bounded; for two clips and for more."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from weights import FRAMES, alone, anywhere, between, loud, seeded

from lts_batch.engine import interpolate

BANDS = 9
SEEDS = st.integers(0, 10**6)
BEYOND = st.floats(-1.0, 2.0)
FAR_BEYOND = st.floats(-3.0, 3.0)
COUNTS = st.integers(2, 4)


# ---------------------------------------------------------------- amounts


def amounts(curve: Sequence[tuple[float, float]], times: NDArray[np.float64] | list[float], shape: str = "smooth",
            unit: str = "seconds", duration: float = 100.0) -> NDArray[np.float64]:
    return interpolate.curve_amounts(curve, unit, shape, np.array(times, dtype=np.float64), duration)


@st.composite
def curves(draw: st.DrawFn, least: int = 1) -> list[tuple[float, float]]:
    """Breakpoints at least 50 ms apart."""
    gaps = draw(st.lists(st.floats(0.05, 5.0), min_size=least, max_size=7))
    return [(float(time), draw(st.integers(-1000, 2000)) / 1000) for time in np.cumsum(gaps)]


def test_a_curve_is_straight_between_breakpoints_and_held_outside() -> None:
    curve = [(1.0, 0.2), (2.0, 1.0), (4.0, -0.5)]
    found = amounts(curve, [0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 60.0], "linear")
    assert np.allclose(found, [0.2, 0.2, 0.6, 1.0, 0.25, -0.5, -0.5])


@given(curves(), st.floats(0.1, 1000.0), st.sampled_from(["linear", "smooth"]))
@settings(deadline=None, max_examples=60)
def test_fractions_are_seconds_of_the_duration(curve: list[tuple[float, float]], duration: float, shape: str) -> None:
    end = curve[-1][0]
    fractions = [(time / end, x) for time, x in curve]
    times = np.linspace(0.0, duration, 41)
    one = amounts(fractions, times, shape, "fraction", duration)
    # a smooth curve has the same shape however long it takes
    other = amounts([(time * duration / end, x) for time, x in curve], times, shape)
    assert np.allclose(one, other, atol=1e-9)


@given(curves(), st.sampled_from(["linear", "smooth"]))
@settings(deadline=None, max_examples=60)
def test_a_curve_goes_through_its_breakpoints_and_is_held_outside(curve: list[tuple[float, float]], shape: str) -> None:
    times, wanted = np.array(curve).T
    assert np.allclose(amounts(curve, times, shape), wanted, rtol=0, atol=1e-12)
    outside = amounts(curve, [-1.0, 0.0, times[-1], np.nextafter(times[-1], 99), times[-1] + 0.3, times[-1] + 1e6], shape)
    # exactly: a curve that rests on an end is that clip, and nothing of the other
    assert outside.tolist() == [wanted[0]] * 2 + [wanted[-1]] * 4


@given(curves(least=2), st.sampled_from(["linear", "smooth"]))
@settings(deadline=None, max_examples=60)
def test_a_curve_never_overshoots(curve: list[tuple[float, float]], shape: str) -> None:
    lowest, highest = min(x for _, x in curve), max(x for _, x in curve)
    for (start, one), (stop, other) in pairwise(curve):
        # by rounding it would, right before a breakpoint
        found = amounts(curve, [*np.linspace(start, stop, 50)[:-1], float(np.nextafter(stop, start)), stop], shape)
        rises = np.diff(found) * np.sign(other - one)
        assert (rises >= -1e-12).all(), "back and forth between two breakpoints"
        assert (found >= max(min(one, other) - 1e-12, lowest)).all()
        assert (found <= min(max(one, other) + 1e-12, highest)).all()


@given(curves(least=2))
@settings(deadline=None, max_examples=60)
def test_a_smooth_curve_has_no_corner(curve: list[tuple[float, float]]) -> None:
    step = 1e-5
    times, wanted = np.array(curve).T
    left = (amounts(curve, times) - amounts(curve, times - step)) / step
    right = (amounts(curve, times + step) - amounts(curve, times)) / step
    # the most that a cubic piece can bend within one step
    bend = step * 12 * np.abs(np.diff(wanted)).max() / np.diff(times).min() ** 2
    assert (np.abs(right - left) <= bend + 1e-6).all()
    assert np.abs(left[0]) <= 1e-6
    assert np.abs(right[-1]) <= 1e-6


def test_two_breakpoints_are_joined_by_the_plainest_s() -> None:
    place = np.linspace(0, 1, 11)
    found = amounts([(2.0, 0.2), (4.0, 1.2)], 2.0 + 2.0 * place)
    assert np.allclose(found, 0.2 + place**2 * (3 - 2 * place))


@given(st.floats(-3.0, 3.0), st.integers(1, 4), st.sampled_from(["linear", "smooth"]))
@settings(deadline=None, max_examples=60)
def test_a_curve_that_does_not_move_is_its_one_amount(x: float, count: int, shape: str) -> None:
    curve = [(0.1 * n, x) for n in range(count)]
    assert (amounts(curve, np.linspace(-1, 1, 30), shape) == x).all()


@pytest.mark.parametrize("shape", ["linear", "smooth"])
def test_breakpoints_as_close_as_numbers_can_be(shape: str) -> None:
    curve = [(0.1, 0.0), (float(np.nextafter(0.1, 1.0)), 1.0), (0.9, 0.5)]
    found = amounts(curve, [0.0, 0.1, 0.3], shape, "fraction", 0.3)
    assert found[0] == 0.0
    assert found[2] == 0.5
    assert np.isfinite(found).all()


# ---------------------------------------------------------------- weights and shares


@given(FAR_BEYOND)
@settings(deadline=None, max_examples=60)
def test_two_weights_sum_to_one(x: float) -> None:
    w = interpolate.two_weights(np.array([x]))
    assert w.shape == (2, 1)
    assert w.sum() == pytest.approx(1.0)
    assert w[1, 0] == x


@given(SEEDS, COUNTS, st.floats(0.0, 6.0))
@settings(deadline=None, max_examples=60)
def test_shares_stay_inside_and_sum_to_one(seed: int, count: int, spread: float) -> None:
    w = anywhere(seed, count, spread)
    found = interpolate.shares(w)
    assert bool(((found >= 0) & (found <= 1)).all())
    assert torch.allclose(found.sum(0), torch.ones(FRAMES), atol=1e-6)
    assert not bool(found[w <= 0].any())
    inside = ~interpolate.outside(w)
    assert torch.allclose(found[:, inside], w[:, inside], atol=1e-6)
    assert torch.equal(interpolate.outside(w), w.amin(0) < 0)


@given(COUNTS, st.data())
@settings(deadline=None, max_examples=60)
def test_all_the_weight_is_all_the_share(count: int, data: st.DataObject) -> None:
    w = alone(data.draw(st.integers(0, count - 1)), count)
    assert torch.equal(interpolate.shares(w), w)
    assert not bool(interpolate.outside(w).any())


# ---------------------------------------------------------------- latents


def codes(seed: int, count: int, scale: float = 5.0) -> list[Tensor]:
    return list(torch.randn(count, 2, FRAMES, 4, generator=seeded(seed)) * scale)


def latent_pairs() -> dict[str, list[Tensor]]:
    """Pairs that have an angle between them, and pairs that have none."""
    one, two = codes(1, 2)
    nearly = one + 1e-6 * two
    return {
        "any": [one, two], "equal": [one, one.clone()], "nearly parallel": [one, nearly], "parallel": [one, 3.0 * one],
        "opposite": [one, -one], "nearly opposite": [one, -nearly], "one is zero": [one, torch.zeros_like(one)],
        "both are zero": [torch.zeros_like(one), torch.zeros_like(one)], "tiny": [1e-20 * one, 1e-20 * two],
    }


PAIRS = latent_pairs()


@given(SEEDS, COUNTS)
@settings(deadline=None, max_examples=60)
def test_the_ends_of_the_straight_path_are_the_clips_to_the_bit(seed: int, count: int) -> None:
    clips = codes(seed, count)
    for place, clip in enumerate(clips):
        assert torch.equal(interpolate.latents(clips, alone(place, count), "linear"), clip)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_the_ends_of_both_paths_are_the_clips_to_the_bit(pair: str, path: str) -> None:
    for place, clip in enumerate(PAIRS[pair]):
        assert torch.equal(interpolate.latents(PAIRS[pair], between(float(place)), path), clip)


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_a_curve_that_rests_on_an_end_is_there_to_the_bit(path: str) -> None:
    one, two = codes(3, 2)
    x = np.array([0.0, 0.0, 0.4, 1.0, 1.0, 0.9, 1.1, 0.0, -0.1, 0.5, 1.0, 0.0])
    w = torch.from_numpy(interpolate.two_weights(x).astype(np.float32))
    found = interpolate.latents([one, two], w, path)
    assert torch.equal(found[:, x == 0], one[:, x == 0])
    assert torch.equal(found[:, x == 1], two[:, x == 1])


@given(SEEDS, COUNTS, st.floats(0.0, 3.0))
@settings(deadline=None, max_examples=60)
def test_the_straight_path_is_straight(seed: int, count: int, spread: float) -> None:
    clips, w = codes(seed, count, 1.0), anywhere(seed, count, spread)
    expected = torch.einsum("if,icfl->cfl", w.double(), torch.stack(clips).double())
    assert torch.allclose(interpolate.latents(clips, w, "linear").double(), expected, atol=1e-5)


def test_each_frame_has_its_own_amount() -> None:
    clips = [torch.zeros(1, FRAMES, 3), torch.ones(1, FRAMES, 3)]
    x = np.linspace(-1, 2, FRAMES)
    w = torch.from_numpy(interpolate.two_weights(x).astype(np.float32))
    assert np.allclose(interpolate.latents(clips, w, "linear")[0, :, 1].numpy(), x, atol=1e-6)


@given(SEEDS, BEYOND)
@settings(deadline=None, max_examples=60)
def test_the_arc_keeps_the_length_that_both_have(seed: int, x: float) -> None:
    one, two = codes(seed, 2)
    two = two * (one.norm(dim=-1) / two.norm(dim=-1))[..., None]
    path = interpolate.latents([one, two], between(x), "spherical")
    angle = torch.arccos(torch.nn.functional.cosine_similarity(one, two, dim=-1))
    usual = angle < math.pi - 0.06
    assert torch.allclose(path.norm(dim=-1)[usual], one.norm(dim=-1)[usual], rtol=1e-4)
    if x == 0.5:
        assert bool((path.norm(dim=-1) >= interpolate.latents([one, two], between(x), "linear").norm(dim=-1)).all())


@given(SEEDS, st.floats(0.05, 0.95))
@settings(deadline=None, max_examples=60)
def test_the_arc_turns_evenly(seed: int, x: float) -> None:
    """At x the path has turned by x of the angle, in the plane of the two."""
    one, two = (torch.nn.functional.normalize(z, dim=-1) for z in codes(seed, 2))
    path = interpolate.latents([one, two], between(x), "spherical").double()
    angle = torch.arccos((one.double() * two.double()).sum(-1))
    usual = (angle > 0.05) & (angle < math.pi - 0.06)
    turned = torch.arccos((one.double() * path).sum(-1).clamp(-1, 1))
    assert torch.allclose(turned[usual], x * angle[usual], atol=2e-3)
    left = torch.arccos((two.double() * path).sum(-1).clamp(-1, 1))
    assert torch.allclose((turned + left)[usual], angle[usual], atol=3e-3)


@given(SEEDS, FAR_BEYOND, st.sampled_from(["linear", "spherical"]))
@settings(deadline=None, max_examples=60)
def test_the_path_is_the_same_from_the_other_side(seed: int, x: float, path: str) -> None:
    one, two = codes(seed, 2)
    w = between(x)
    assert torch.equal(interpolate.latents([one, two], w, path), interpolate.latents([two, one], w.flip(0), path))


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("x", [-3.0, -1.0, -1e-6, 0.3, 0.5, 1.0 + 1e-6, 2.0, 3.0])
def test_the_arc_is_defined_for_every_pair(pair: str, x: float) -> None:
    one, two = PAIRS[pair]
    path = interpolate.latents([one, two], between(x), "spherical")
    assert bool(torch.isfinite(path).all())
    straight = interpolate.latents([one, two], between(x), "linear")
    if pair not in ("any", "tiny"):  # these have no arc
        assert torch.allclose(path, straight, atol=1e-5)
    assert float(path.norm(dim=-1).max()) <= 8 * float(torch.cat((one, two)).norm(dim=-1).max())


def test_the_arc_becomes_the_line_where_the_angle_vanishes() -> None:
    """No step where one law takes over from the other."""
    for angle in 10.0 ** np.linspace(-6, -1, 60):
        one = torch.tensor([[[1.0, 0.0]]])
        two = torch.tensor([[[math.cos(angle), math.sin(angle)]]])
        for x in (-1.0, 0.25, 0.5, 2.0):
            apart = interpolate.latents([one, two], between(x, 1), "spherical") - interpolate.latents(
                [one, two], between(x, 1), "linear")
            assert float(apart.norm()) <= 2.0 * angle**2 + 1e-6


@given(SEEDS, BEYOND, st.sampled_from(["linear", "spherical"]))
@settings(deadline=None, max_examples=60)
def test_a_small_step_in_x_is_a_small_step_of_the_latents(seed: int, x: float, path: str) -> None:
    clips, step = codes(seed, 2), 1e-3
    apart = interpolate.latents(clips, between(x + step), path) - interpolate.latents(clips, between(x), path)
    # along an arc of nearly opposite latents of unequal length it is fastest
    assert float(apart.norm(dim=-1).max()) <= step * 70 * float(torch.stack(clips).norm(dim=-1).max())


# ---------------------------------------------------------------- magnitudes


FLOORS = (1e-5, 3e-6, 2e-5, 1e-6)


def clips_of(seed: int, count: int = 2) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """True and decoded magnitudes of clips, and the brackets log(t + e) - log(d + e)."""
    true = [loud(seed + n, 1, BANDS, FRAMES) for n in range(count)]
    decoded = [loud(seed + 10 + n, 1, BANDS, FRAMES) for n in range(count)]
    lost = [((t + e) / (d + e)).log() for t, d, e in zip(true, decoded, FLOORS, strict=False)]
    return true, decoded, lost


@given(SEEDS, COUNTS)
@settings(deadline=None, max_examples=60)
def test_with_full_detail_the_ends_are_the_clips(seed: int, count: int) -> None:
    true, decoded, lost = clips_of(seed, count)
    for place in range(count):
        found = interpolate.magnitudes(decoded[place], lost, alone(place, count), 1.0, FLOORS[:count])
        # what lies under the floor is rebuilt to the floor's own precision
        assert torch.allclose(found, true[place], rtol=1e-5, atol=1e-6 * FLOORS[place] * 10)


@given(SEEDS, COUNTS)
@settings(deadline=None, max_examples=60)
def test_without_detail_it_is_what_the_model_decodes(seed: int, count: int) -> None:
    _, decoded, _ = clips_of(seed, count)
    unused = [torch.zeros(0)] * count  # nobody works out then what was lost
    assert torch.equal(interpolate.magnitudes(decoded[0], unused, anywhere(seed, count, 2.0), 0.0, FLOORS[:count]), decoded[0])


@given(SEEDS, COUNTS, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=60)
def test_the_law_of_detail(seed: int, count: int, detail: float, spread: float) -> None:
    true, decoded, lost = clips_of(seed, count)
    w = anywhere(seed, count, spread)
    middle = torch.stack(decoded).mean(0)
    shares = w.clamp_min(0).double()
    shares = shares / shares.sum(0)
    e = (shares * torch.tensor(FLOORS[:count]).double().log()[:, None]).sum(0).exp()
    exponent = sum((one * ((t + f).double().log() - (d + f).double().log())
                    for one, t, d, f in zip(w.double(), true, decoded, FLOORS, strict=False)), torch.zeros(1))
    expected = ((middle + e) * torch.exp(detail * exponent) - e).clamp_min(0)
    found = interpolate.magnitudes(middle, lost, w, detail, FLOORS[:count])
    assert torch.allclose(found.double(), expected, rtol=1e-3, atol=1e-9)


@given(SEEDS, COUNTS, st.floats(0.0, 1.5))
@settings(deadline=None, max_examples=60)
def test_detail_moves_smoothly_and_one_way(seed: int, count: int, spread: float) -> None:
    """From the model's say to the full law, without turning back and without a jump."""
    _, decoded, lost = clips_of(seed, count)
    w = anywhere(seed, count, spread)
    details = np.linspace(0.0, 1.0, 41)
    steps = torch.stack([interpolate.magnitudes(decoded[0], lost, w, detail, FLOORS[:count]) for detail in details])
    rises = steps.diff(dim=0)
    tolerance = 1e-5 * (steps[1:] + 1e-4)
    assert bool(((rises >= -tolerance).all(0) | (rises <= tolerance).all(0)).all())
    # log(m + e) moves by the bracket times the step
    bracket = torch.einsum("if,icbf->cbf", w, torch.stack(lost)).abs()
    most = (steps[1:] + steps[:-1] + 4e-5) * torch.expm1(bracket / 40)
    assert bool((rises.abs() <= most + tolerance).all())


@given(SEEDS, BEYOND, st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=60)
def test_a_small_step_in_x_is_a_small_step_of_magnitudes(seed: int, x: float, detail: float) -> None:
    """Across the ends too, where floors stop moving."""
    _, decoded, lost = clips_of(seed)
    step = 1e-4
    here, there = (interpolate.magnitudes(decoded[0], lost, between(at), detail, FLOORS[:2]) for at in (x, x + step))
    # brackets reach log(1e5) + log(1e5 / 0.3) apart, and floors are log(3.3) apart
    assert bool(((there - here).abs() <= step * 40 * (here + there + 2e-5)).all())


@given(SEEDS, COUNTS, st.floats(0.0, 6.0), st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=60)
def test_magnitudes_are_never_negative_or_undefined(seed: int, count: int, spread: float, detail: float) -> None:
    true, decoded, lost = clips_of(seed, count)
    w = anywhere(seed, count, spread)
    found = interpolate.bounded(interpolate.magnitudes(decoded[0], lost, w, detail, FLOORS[:count]), true, w)
    assert bool(torch.isfinite(found).all())
    assert bool((found >= 0).all())


@given(SEEDS, BEYOND, st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=60)
def test_between_and_beyond_two_clips_magnitudes_are_finite(seed: int, x: float, detail: float) -> None:
    true, decoded, lost = clips_of(seed)
    raw = interpolate.magnitudes(decoded[1], lost, between(x), detail, FLOORS[:2])
    assert bool(torch.isfinite(raw).all()), "before they are bounded"
    found = interpolate.bounded(raw, true, between(x))
    if between(x).min() >= 0.0:
        assert torch.equal(found, raw), "between the ends nothing is bounded"
    else:
        assert bool((found <= torch.maximum(*true) * 10 ** (12 / 20) * (1 + 1e-6)).all())
        assert bool((found[(true[0] == 0) & (true[1] == 0)] == 0).all()), "a band that neither clip has stays empty"
        assert bool((found <= raw).all())


@given(SEEDS, st.integers(3, 4), st.floats(0.0, 4.0))
@settings(deadline=None, max_examples=60)
def test_beyond_many_clips_12_db_is_all_there_is(seed: int, count: int, spread: float) -> None:
    true, decoded, lost = clips_of(seed, count)
    w = anywhere(seed, count, spread)
    raw = interpolate.magnitudes(decoded[0], lost, w, 1.0, FLOORS[:count])
    found, away = interpolate.bounded(raw, true, w), interpolate.outside(w)
    assert torch.equal(found[..., ~away], raw[..., ~away])
    bound = torch.stack(true).amax(0) * 10 ** (12 / 20)
    assert torch.equal(found[..., away], torch.minimum(raw, bound)[..., away])


@given(SEEDS, COUNTS)
@settings(deadline=None, max_examples=60)
def test_detail_does_not_blow_up_what_all_clips_lack(seed: int, count: int) -> None:
    """Bands empty in all clips: what the model invents there is taken away, not multiplied."""
    decoded = [loud(seed + n, 1, BANDS, FRAMES) for n in range(count)]
    lost = [(f / (d + f)).log() for d, f in zip(decoded, FLOORS, strict=False)]
    w = anywhere(seed, count)
    middle = (w[:, None, None] * (torch.stack(decoded) + 1e-12).log()).sum(0).exp()
    found = interpolate.magnitudes(middle, lost, w, 1.0, FLOORS[:count])
    assert bool((found <= middle + 1e-9).all())


@given(SEEDS, COUNTS, st.floats(0.0, 4.0), st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=60)
def test_detail_of_silence_is_nothing(seed: int, count: int, spread: float, detail: float) -> None:
    silent = torch.zeros(1, BANDS, FRAMES)
    w = anywhere(seed, count, spread)
    found = interpolate.magnitudes(silent, [silent] * count, w, detail, FLOORS[:count])
    assert float(found.max()) < 1e-6 * min(FLOORS)
    assert not bool(interpolate.bounded(found, [silent] * count, w)[..., interpolate.outside(w)].any())


def test_nothing_that_was_given_is_changed() -> None:
    """It works in place, and slices of a clip serve many stems."""
    true, decoded, lost = clips_of(3, 3)
    w = anywhere(3, 3, 1.0)
    given_ = [*true, *decoded, *lost, w]
    before = [one.clone() for one in given_]
    found = interpolate.magnitudes(decoded[0], lost, w, 0.7, FLOORS[:3])
    interpolate.bounded(found, true, w)
    assert all(torch.equal(one, other) for one, other in zip(given_, before, strict=True))
