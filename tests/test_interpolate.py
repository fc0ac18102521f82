"""Latents on the path between clips: exact at the ends, in between nowhere else; for two clips and for more."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from weights import BEYOND, COUNTS, FAR_BEYOND, FRAMES, SEEDS, alone, anywhere, between, seeded

from lts_batch.engine import interpolate

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
