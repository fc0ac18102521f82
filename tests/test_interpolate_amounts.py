"""Curves of amounts: through their breakpoints, held outside, never past them, and smooth where asked."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lts_batch.engine import interpolate


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
