"""Magnitudes on the path between clips: true at the ends with full detail, moved smoothly by it, bounded beyond."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from weights import BEYOND, COUNTS, FRAMES, SEEDS, alone, anywhere, between, loud

from lts_batch.engine import interpolate

BANDS = 9


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
