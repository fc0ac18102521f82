"""Lengths of stems and the warps onto the clips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts_batch import align
from lts_batch.align import Warp

LENGTHS = st.integers(1, 10**7)


@given(LENGTHS, LENGTHS, st.floats(-3, 3))
def test_the_length_of_a_stem(first: int, second: int, x: float) -> None:
    lengths = (first, second)
    assert align.stem_samples(lengths, x, "first") == first
    assert align.stem_samples(lengths, x, "second") == second
    assert align.stem_samples(lengths, x, "longest") == max(lengths)
    between = align.stem_samples(lengths, x, "interpolate")
    assert min(lengths) <= between <= max(lengths)
    if x <= 0:
        assert between == first
    elif x >= 1:
        assert between == second
    else:
        assert abs(between - ((1 - x) * first + x * second)) <= 0.5 + 1e-6


@given(LENGTHS, LENGTHS)
def test_a_curve_has_the_time_of_clip_1(first: int, second: int) -> None:
    assert align.stem_samples((first, second), None, "interpolate") == first
    assert align.stem_samples((first, second), None, "longest") == max(first, second)


@given(LENGTHS, LENGTHS)
def test_shared_lengths(first: int, second: int) -> None:
    assert align.shared_samples((first, second), "trim") == (min(first, second),) * 2
    assert align.shared_samples((first, second), "pad") == (max(first, second),) * 2
    assert align.shared_samples((first, second), "stretch") == (first, second)


@given(LENGTHS, LENGTHS)
def test_a_stretch_lays_end_on_end(stem: int, clip: int) -> None:
    warp = align.stretch(stem, clip)
    assert warp.is_identity == (stem == clip)
    found = warp(np.array([0.0, stem / 2, float(stem)]))
    assert found == pytest.approx([0.0, clip / 2, float(clip)])


@given(LENGTHS, LENGTHS)
def test_outside_time_runs_at_unit_rate(stem: int, clip: int) -> None:
    warp = align.stretch(stem, clip)
    assert warp(np.array([-5000.0, -1.0])) == pytest.approx([-5000.0, -1.0])
    assert warp(np.array([stem + 1.0, stem + 5000.0])) == pytest.approx([clip + 1.0, clip + 5000.0])


@given(st.lists(st.tuples(st.floats(0.01, 1000), st.floats(0.01, 1000)), min_size=1, max_size=6))
def test_warps_rise_and_meet_their_knots(steps: list[tuple[float, float]]) -> None:
    stem, clip = (tuple(float(v) for v in np.concatenate(([3.0], 3.0 + np.cumsum([s[i] for s in steps])))) for i in (0, 1))
    warp = Warp(stem, clip)
    assert warp(np.array(stem)) == pytest.approx(np.array(clip))
    times = np.linspace(stem[0] - 10, stem[-1] + 10, 200)
    assert (np.diff(warp(times)) > 0).all()


@given(LENGTHS)
def test_the_identity_changes_no_bit(length: int) -> None:
    times = np.arange(-100, 1000) * 139.3
    assert np.array_equal(align.stretch(length, length)(times[times <= length]), times[times <= length])
