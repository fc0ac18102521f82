"""Which attacks and beats of the clips meet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lts_batch.clips.attacks import Attacks
from lts_batch.engine import align, meeting
from lts_batch.files.sources import Excerpt

RATE = 44100


def source(samples: NDArray[np.floating]) -> Excerpt:
    held = np.atleast_2d(samples).astype(np.float32)
    return Excerpt(held, RATE, 0, held.shape[1])


def hits(seconds: list[float], strengths: list[float] | None = None) -> Attacks:
    return Attacks(np.array(seconds) * RATE, np.array(strengths or [1.0] * len(seconds)))


def loop(bpm: float, beats: int, seed: int = 0) -> NDArray[np.float64]:
    """Drums on every beat and quieter ones between, that ring on from the end into the start."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(beats * 60 / bpm * RATE))
    for half in range(2 * beats):
        times = np.arange(round(0.15 * RATE)) / RATE
        hit = rng.standard_normal(len(times)) * np.exp(-times / 0.02) * (0.1 if half % 2 else 0.5)
        if half % 4 == 0:
            hit += np.sin(2 * np.pi * 60 * times) * np.exp(-times / 0.04)
        np.add.at(out, (round(half * 30 / bpm * RATE) + np.arange(len(hit))) % len(out), hit)
    return out


@st.composite
def attack_lists(draw: st.DrawFn) -> tuple[list[Attacks], list[int]]:
    """Attacks of two to four clips, at least 50 ms apart, and the lengths of the clips."""
    found, lengths = [], []
    for _ in range(draw(st.integers(2, 4))):
        gaps = np.array(draw(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=12)))
        gaps[0] = draw(st.sampled_from([0.0, gaps[0]]))
        strengths = draw(st.lists(st.floats(0.01, 1), min_size=len(gaps), max_size=len(gaps)))
        found.append(hits(np.cumsum(gaps).tolist(), strengths))
        lengths.append(int((gaps.sum() + draw(st.floats(0.01, 2.0))) * RATE) + 1)
    return found, lengths


# ---------------------------------------------------------------- attacks


@given(attack_lists())
def test_anchors_rise_in_every_clip_and_bend_no_warp_too_much(case: tuple[list[Attacks], list[int]]) -> None:
    found, lengths = case
    anchors = meeting.match(found, lengths, RATE)
    assert anchors.times.shape == (len(found), len(anchors.strengths))
    assert len(anchors.strengths) >= 1
    assert (np.diff(anchors.times, axis=1) > 0).all()
    assert (anchors.times >= 0).all()
    assert (anchors.times <= np.array(lengths)[:, None]).all()
    shares = [1 / len(found)] * len(found)
    stem = align.layout(lengths, shares, RATE, anchors=anchors)
    assert len(stem.anchors) == len(anchors.strengths), "what was found to go together does so in a stem"


@given(attack_lists())
def test_a_clip_meets_itself(case: tuple[list[Attacks], list[int]]) -> None:
    found, lengths = case
    anchors = meeting.match([found[0]] * 3, [lengths[0]] * 3, RATE)
    for times in anchors.times:
        assert times.tolist() == found[0].times.tolist()


@given(st.lists(st.floats(0.06, 0.5), min_size=1, max_size=16), st.floats(0.6, 1.7))
def test_another_tempo_meets_hit_by_hit(gaps: list[float], tempo: float) -> None:
    times = np.cumsum([0.0, *gaps[:-1]])
    first, second = hits(times.tolist()), hits((times * tempo).tolist())
    kept = np.array(gaps) * min(tempo, 1.0) >= 0.05  # nearer than that two hits are one
    if not kept.all():
        return
    lengths = [int(sum(gaps) * RATE), int(sum(gaps) * tempo * RATE)]
    anchors = meeting.match([first, second], lengths, RATE)
    assert anchors.times == pytest.approx(np.stack([first.times, second.times]))


@given(st.floats(0, 0.08), st.floats(0, 0.08), st.floats(0.02, 3), st.floats(0.02, 3))
def test_single_attacks_are_a_pair(first: float, second: float, first_tail: float, second_tail: float) -> None:
    lengths = [int((first + first_tail) * RATE) + 1, int((second + second_tail) * RATE) + 1]
    anchors = meeting.match([hits([first]), hits([second])], lengths, RATE)
    assert anchors.times == pytest.approx(np.array([[first], [second]]) * RATE)


def test_strong_hits_are_paired_before_weak_ones() -> None:
    """A ghost note lies nearer to the second clip's only hit than the strong one does."""
    first, second = hits([0.5, 0.62], [1.0, 0.1]), hits([0.58], [1.0])
    anchors = meeting.match([first, second], [RATE, RATE], RATE)
    assert anchors.times[:, np.argmax(anchors.strengths)] == pytest.approx(np.array([0.5, 0.58]) * RATE)


def test_a_hit_without_a_partner_keeps_its_own_time() -> None:
    first, second = hits([0.2, 0.6, 1.0]), hits([0.2, 1.0])
    anchors = meeting.match([first, second], [2 * RATE, 2 * RATE], RATE)
    assert anchors.times[0] == pytest.approx(first.times)
    assert anchors.times[1] == pytest.approx(first.times), "laid where the other clip would be"
    swapped = meeting.match([second, first], [2 * RATE, 2 * RATE], RATE)
    assert swapped.times == pytest.approx(anchors.times[::-1])


def test_pairs_go_before_hits_without_a_partner() -> None:
    """Clip 2 is three times as slow; its extra hit, though the strongest, would leave no room around a pair in clip 1."""
    first, second = hits([0.05, 0.15], [0.9, 0.9]), hits([0.15, 0.205, 0.45], [0.9, 1.0, 0.9])
    anchors = meeting.match([first, second], [round(0.3 * RATE), round(0.9 * RATE)], RATE)
    assert anchors.times[0] == pytest.approx(first.times)
    assert anchors.times[1] == pytest.approx(second.times[[0, 2]])


def test_hits_may_lie_at_the_same_distance_from_the_start() -> None:
    """A dry clap and one with a long tail."""
    first, second = hits([0.01, 0.2]), hits([0.02, 0.21])
    anchors = meeting.match([first, second], [RATE // 2, 4 * RATE], RATE)
    assert anchors.times == pytest.approx(np.stack([first.times, second.times]))


def test_clips_three_and_four_meet_clip_1() -> None:
    found = [hits([0.1, 0.5]), hits([0.12, 0.55]), hits([0.05, 0.45]), hits([0.1, 0.52, 0.8])]
    anchors = meeting.match(found, [RATE] * 4, RATE)
    assert anchors.times.shape == (4, 3)
    for row, one in zip(anchors.times, found, strict=True):
        assert row[:2] == pytest.approx(one.times[:2])
    assert anchors.times[3, 2] == pytest.approx(0.8 * RATE)


@pytest.mark.parametrize("apart_seconds", [0.0, 0.02, 0.08])
def test_two_drums_meet_in_a_stem(apart_seconds: float, rng: np.random.Generator) -> None:
    drums = []
    for place in (0.015, 0.015 + apart_seconds):
        times = np.arange(RATE // 2) / RATE - place
        hit = np.where(times >= 0, np.exp(-times / 0.05) * rng.standard_normal(len(times)), 0)
        drums.append(source(hit + 1e-5 * rng.standard_normal(len(times))))
    anchors, notes = meeting.anchors(drums, "onsets")
    assert anchors is not None
    assert notes == ()
    stem = align.layout([one.samples for one in drums], (0.5, 0.5), RATE, anchors=anchors)
    middle = (0.015 + apart_seconds / 2) * RATE
    nearest = min(stem.anchors, key=lambda time: abs(time - middle))
    assert nearest == pytest.approx(middle, abs=0.001 * RATE)
    for warp, place in zip(stem.warps, (0.015, 0.015 + apart_seconds), strict=True):
        assert warp(np.array([nearest])) == pytest.approx([place * RATE], abs=0.001 * RATE)


def test_a_clip_without_attacks_is_told_of(rng: np.random.Generator) -> None:
    times = np.arange(2 * RATE) / RATE
    pad = source(np.minimum(times, 1) * np.sin(2 * np.pi * 220 * times))
    drum = source(rng.standard_normal(RATE) * np.exp(-np.arange(RATE) / 2000))
    anchors, notes = meeting.anchors([drum, pad], "onsets")
    assert anchors is None
    assert notes == ("no attacks were found in clip 2, so that the clips are stretched evenly",)
    anchors, notes = meeting.anchors([pad, drum], "beats")
    assert anchors is None
    assert notes[0].startswith("no beats were found in clip 1")
    assert meeting.anchors([drum, pad], "stretch") == (None, ())


# ---------------------------------------------------------------- beats


@pytest.mark.parametrize(("bpm", "beats"), [(100, 4), (120, 4), (93, 8), (128, 16)])
def test_beats_are_found_on_the_hits(bpm: float, beats: int) -> None:
    found = meeting.beats(source(loop(bpm, beats)))
    assert found == pytest.approx(np.arange(beats) * 60 / bpm * RATE, abs=0.001 * RATE)


def test_loops_of_two_tempi_meet_beat_for_beat() -> None:
    slow, fast = source(loop(100, 4)), source(loop(120, 4, seed=1))
    anchors, notes = meeting.anchors([slow, fast], "beats")
    assert notes == ()
    assert anchors is not None
    assert anchors.times == pytest.approx(np.arange(4) * np.array([[0.6], [0.5]]) * RATE, abs=0.001 * RATE)
    stem = align.layout((slow.samples, fast.samples), (0.5, 0.5), RATE, anchors=anchors, round=True)
    assert stem.samples == pytest.approx(4 * 0.55 * RATE, abs=1)
    assert stem.anchors == pytest.approx((np.arange(4) * 0.55 * RATE).tolist(), abs=0.001 * RATE)


@pytest.mark.parametrize(("first", "second", "steps"), [
    ((100, 4), (120, 4), (1, 1)), ((160, 8), (80, 4), (2, 1)), ((80, 4), (170, 8), (1, 2)), ((120, 8), (120, 4), (1, 1)),
    ((320, 16), (80, 4), (4, 1)), ((70, 2), (100, 4), (1, 2)), ((120, 1), (120, 8), (1, 1)),
])
def test_which_beats_meet(first: tuple[int, int], second: tuple[int, int], steps: tuple[int, int]) -> None:
    counted = [np.arange(beats) * 60 / bpm * RATE for bpm, beats in (first, second)]
    anchors = meeting.match_beats(counted)
    least = min(-(-beats // step) for (_, beats), step in zip((first, second), steps, strict=True))
    for row, times, step in zip(anchors.times, counted, steps, strict=True):
        assert row.tolist() == times[::step][:least].tolist()


def test_three_tempi_meet_in_the_slowest() -> None:
    counted = [np.arange(16) * 0.25, np.arange(4) * 1.1, np.arange(8) * 0.5]
    anchors = meeting.match_beats(counted)
    assert anchors.times == pytest.approx(np.arange(4) * np.array([[1.0], [1.1], [1.0]]))


def test_clips_too_short_for_a_beat_have_none(rng: np.random.Generator) -> None:
    assert len(meeting.beats(source(rng.standard_normal(RATE // 3)))) == 0
    assert len(meeting.beats(source(np.zeros(RATE)))) == 0
