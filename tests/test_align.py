"""Lengths of stems and the warps onto the clips."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lts_batch.engine import align
from lts_batch.engine.align import AFTER_SECONDS, BEFORE_SECONDS, STEEPEST, Anchors, Layout, Warp

LENGTHS = st.integers(1, 10**7)
RATES = st.sampled_from([8000, 44100, 192000])
FIXED = st.sampled_from(["interpolate", "first", "second", "longest"])


@st.composite
def weights(draw: st.DrawFn, clips: int) -> tuple[float, ...]:
    """Shares of the clips: anywhere between them, on an edge, or on one of them."""
    parts = np.array(draw(st.lists(st.integers(0, 50), min_size=clips, max_size=clips)), dtype=np.float64)
    assume(parts.sum() > 0)
    return tuple((parts / parts.sum()).tolist())


@st.composite
def meetings(draw: st.DrawFn, least_clips: int = 2, most_clips: int = 4) -> tuple[int, tuple[int, ...], Anchors]:
    """A sample rate, lengths of clips, and anchors that rise in each of them."""
    rate, clips, count = draw(RATES), draw(st.integers(least_clips, most_clips)), draw(st.integers(1, 8))
    lengths, times = [], []
    for _ in range(clips):
        gaps = np.array(draw(st.lists(st.floats(0.003, 0.8), min_size=count + 1, max_size=count + 1))) * rate
        gaps[0] *= draw(st.sampled_from([0.0, 0.1, 1.0]))
        times.append(np.cumsum(gaps[:-1]))
        lengths.append(int(gaps.sum()) + 1)
    strengths = np.array(draw(st.lists(st.floats(0, 1), min_size=count, max_size=count)))
    return rate, tuple(lengths), Anchors(np.stack(times), strengths)


@st.composite
def layouts(draw: st.DrawFn, round: bool = False) -> tuple[int, tuple[int, ...], tuple[float, ...], Anchors, Layout]:
    rate, lengths, anchors = draw(meetings())
    shares = draw(weights(len(lengths)))
    found = align.layout(lengths, shares, rate, length=draw(FIXED), anchors=anchors, round=round)
    return rate, lengths, shares, anchors, found


def slopes(warp: Warp) -> np.ndarray:
    return np.diff(warp.clip) / np.diff(warp.stem)


# ---------------------------------------------------------------- lengths


@given(LENGTHS, LENGTHS, st.floats(0, 1))
def test_the_length_of_a_stem(first: int, second: int, x: float) -> None:
    def samples(length: str) -> int:
        return align.layout((first, second), (1 - x, x), 44100, length=length).samples

    assert samples("first") == first
    assert samples("second") == second
    assert samples("longest") == max(first, second)
    assert samples("interpolate") == pytest.approx((1 - x) * first + x * second, abs=0.5 + 1e-6)


@given(st.lists(LENGTHS, min_size=2, max_size=4), st.data())
def test_the_length_of_a_mix(lengths: list[int], data: st.DataObject) -> None:
    shares = data.draw(weights(len(lengths)))
    found = align.layout(lengths, shares, 44100).samples
    assert min(lengths) <= found <= max(lengths)
    assert found == pytest.approx(np.dot(shares, lengths), abs=0.5 + 1e-6)
    assert align.layout(lengths, shares, 44100, length="second").samples == lengths[1]


@given(meetings())
def test_a_curve_has_the_time_of_clip_1(meeting: tuple[int, tuple[int, ...], Anchors]) -> None:
    rate, lengths, anchors = meeting
    found = align.layout(lengths, None, rate, anchors=anchors)
    assert found.samples == lengths[0]
    assert found.warps[0].is_identity
    assert align.layout(lengths, None, rate, length="longest", anchors=anchors).samples == max(lengths)


@given(st.lists(LENGTHS, min_size=2, max_size=4), st.data())
def test_trimmed_padded_and_repeated_clips_keep_their_own_time(lengths: list[int], data: st.DataObject) -> None:
    shares = data.draw(weights(len(lengths)))
    for how, length in (("trim", min(lengths)), ("pad", max(lengths)), ("loop", max(lengths))):
        found = align.layout(align.laid_out(lengths, how), shares, 44100, length=data.draw(FIXED))
        assert found.samples == length
        assert all(warp.is_identity for warp in found.warps)
    assert align.laid_out(lengths, "stretch") == tuple(lengths)


# ---------------------------------------------------------------- one warp


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
    for periodic in (False, True):
        assert np.array_equal(align.stretch(length, length, periodic=periodic)(times), times)


@given(LENGTHS, LENGTHS, st.floats(-1e6, 1e6), st.integers(-3, 3))
def test_a_periodic_warp_goes_round(stem: int, clip: int, time: float, turns: int) -> None:
    warp = align.stretch(stem, clip, periodic=True)
    here, there = warp(np.array([time, time + turns * stem]))
    assert there - here == pytest.approx(turns * clip, abs=1e-3)
    assert here == pytest.approx(time * clip / stem, rel=1e-9, abs=1e-3)


# ---------------------------------------------------------------- anchors


@given(meetings(), st.booleans(), st.data())
def test_a_clip_alone_keeps_its_own_time(meeting: tuple[int, tuple[int, ...], Anchors], round: bool,
                                         data: st.DataObject) -> None:
    """At x = 0 clip 1, at x = 1 clip 2: exactly, for the ends of a graded set are the clips to the bit."""
    rate, lengths, anchors = meeting
    alone = data.draw(st.integers(0, len(lengths) - 1))
    for among in (None, anchors):
        found = align.layout(lengths, tuple(np.eye(len(lengths))[alone]), rate, anchors=among, round=round)
        assert found.samples == lengths[alone]
        assert found.warps[alone].is_identity


@given(meetings(), st.data())
def test_equal_clips_keep_their_own_time_everywhere(meeting: tuple[int, tuple[int, ...], Anchors], data: st.DataObject) -> None:
    rate, lengths, anchors = meeting
    same = Anchors(np.repeat(anchors.times[:1], len(lengths), axis=0), anchors.strengths)
    found = align.layout((lengths[0],) * len(lengths), data.draw(weights(len(lengths))), rate, anchors=same)
    assert found.samples == lengths[0]
    assert all(warp.is_identity for warp in found.warps)


@given(st.booleans().flatmap(lambda round: layouts(round=round)))
def test_time_always_rises_and_never_bends_too_much(case: tuple) -> None:
    *_, found = case
    for warp in found.warps:
        assert (np.diff(warp.stem) > 0).all()
        if found.anchors:
            assert slopes(warp).max() <= STEEPEST * (1 + 1e-6)
            assert slopes(warp).min() >= 1 / STEEPEST * (1 - 1e-6)


@given(st.booleans().flatmap(lambda round: layouts(round=round)))
def test_anchors_meet_and_are_not_stretched(case: tuple) -> None:
    rate, _, _, anchors, found = case
    moments = np.array(found.anchors)
    around = np.linspace(-BEFORE_SECONDS, AFTER_SECONDS, 9) * rate / 2  # at least half of what there is in open space
    for warp, times in zip(found.warps, anchors.times, strict=True):
        meeting = warp(moments)
        assert np.abs(meeting[:, None] - times).min(axis=1, initial=np.inf) == pytest.approx(0, abs=1e-6)
        assert warp(moments[:, None] + around) - meeting[:, None] == pytest.approx(np.tile(around, (len(moments), 1)), abs=1e-5)


@given(meetings(), st.data())
def test_a_stem_has_the_mean_of_the_times(meeting: tuple[int, tuple[int, ...], Anchors], data: st.DataObject) -> None:
    rate, lengths, anchors = meeting
    shares = data.draw(weights(len(lengths)))
    found = align.layout(lengths, shares, rate, anchors=anchors)
    there = np.stack([warp(np.array(found.anchors)) for warp in found.warps])
    assert np.array(found.anchors) == pytest.approx(np.array(shares) @ there, abs=1e-5)


@given(RATES, st.floats(0, 0.08), st.floats(0, 0.08), st.floats(0.005, 4), st.floats(0.005, 4), st.floats(0, 1), FIXED)
def test_single_attacks_always_meet(rate: int, first: float, second: float, first_tail: float, second_tail: float, x: float,
                                    length: str) -> None:
    times = np.array([[first * rate], [second * rate]])
    lengths = tuple(int(one) + 1 for one in times[:, 0] + np.array([first_tail, second_tail]) * rate)
    found = align.layout(lengths, (1 - x, x), rate, length=length, anchors=Anchors(times, np.ones(1)))
    assert len(found.anchors) == 1
    around = np.linspace(-0.002, 0.004, 7) * rate
    for warp, (time,) in zip(found.warps, times, strict=True):
        assert warp(found.anchors + around) == pytest.approx(time + around, abs=1e-6)


def test_around_an_attack_in_open_space_a_clip_runs_in_its_own_time() -> None:
    rate = 48000
    anchors = Anchors(np.array([[0.5, 1.5], [0.3, 2.0]]) * rate, np.ones(2))
    found = align.layout((2 * rate, 3 * rate), (0.4, 0.6), rate, anchors=anchors)
    around = np.linspace(-0.0099, 0.0299, 50) * rate
    for warp, times in zip(found.warps, anchors.times, strict=True):
        for moment, time in zip(found.anchors, times, strict=True):
            assert warp(moment + around) == pytest.approx(time + around, abs=1e-6)
        assert warp(np.array([0.0, found.samples])) == pytest.approx([0.0, 2 * rate if warp is found.warps[0] else 3 * rate])


def test_what_would_bend_time_too_much_goes_weakest_first() -> None:
    rate = 44100
    times = np.array([[0.5, 0.56, 1.5], [0.5, 1.4, 1.5]]) * rate  # 60 ms against 900
    weak = Anchors(times, np.array([1.0, 0.1, 1.0]))
    strong = Anchors(times, np.array([1.0, 2.0, 0.5]))
    lengths, half = (2 * rate, 2 * rate), (0.5, 0.5)
    assert align.layout(lengths, half, rate, anchors=weak).anchors == pytest.approx([0.5 * rate, 1.5 * rate])
    assert align.layout(lengths, half, rate, anchors=strong).anchors == pytest.approx([0.98 * rate])


@given(meetings(most_clips=2), st.floats(0, 1), st.booleans())
def test_swapped_clips_give_swapped_warps(meeting: tuple[int, tuple[int, ...], Anchors], x: float, round: bool) -> None:
    rate, (first, second), anchors = meeting
    found = align.layout((first, second), (1 - x, x), rate, anchors=anchors, round=round)
    swapped = align.layout((second, first), (x, 1 - x), rate, round=round,
                           anchors=Anchors(anchors.times[::-1], anchors.strengths))
    assert swapped == Layout(found.samples, found.warps[::-1], found.anchors)


@given(layouts(round=True), st.floats(-3, 3))
def test_round_stems_go_round(case: tuple, turn: float) -> None:
    _, lengths, _, _, found = case
    time = turn * found.samples
    for warp, length in zip(found.warps, lengths, strict=True):
        here, there = warp(np.array([time, time + found.samples]))
        assert there - here == pytest.approx(length, abs=1e-3)
