"""What is decided before the first block of sound."""

import numpy as np
import pytest
from sounds import Audio, drum, harmonic, pluck, round_noise, tone

from lts_batch.clips import loudness
from lts_batch.engine import levels, planning
from lts_batch.engine.planning import Plan
from lts_batch.errors import ClipError
from lts_batch.files.sources import Excerpt
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings

RATE = 44100


def planned(model: Model, clips: list[Audio], rates: tuple[int, ...] = (), **settings: object) -> Plan:
    sources = [Excerpt(clip, rate, 0, clip.shape[1]) for clip, rate in zip(clips, rates or (RATE,) * len(clips), strict=True)]
    return planning.plan(sources, Settings(**settings), model)  # type: ignore[arg-type]


def plucks() -> list[Audio]:
    return [pluck(0.6, 220.0), pluck(0.9, 330.0, gain=0.05)]


def loudness_db(clip: Audio) -> float:
    meter = loudness.Meter(RATE, clip.shape[0])
    meter.add(clip)
    return meter.loudness_db()


# ---------------------------------------------------------------- mixes


@pytest.mark.parametrize("curve", [((0.0, 0.5), (1.0, 0.5)), ((0.3, 0.5),)])
def test_a_curve_that_does_not_move_is_told_as_weights(model: Model, curve: tuple[tuple[float, float], ...]) -> None:
    (stem,) = planned(model, plucks(), curve=curve).stems
    assert stem.mix.weights == (0.5, 0.5)
    assert stem.mix.x is None
    assert stem.mix.label == "curve"
    assert stem.samples == round(0.6 * RATE), "it keeps clip 1's time"
    assert stem.loudness_db is not None


def test_a_still_curve_takes_the_length_it_was_told(model: Model) -> None:
    (stem,) = planned(model, plucks(), curve=((0.0, 0.5),), length="longest").stems
    assert stem.samples == round(0.9 * RATE)


def test_a_curve_that_moves_has_no_weights(model: Model) -> None:
    (stem,) = planned(model, plucks(), curve=((0.0, 0.0), (1.0, 1.0))).stems
    assert stem.mix.weights is None
    assert stem.loudness_db is None, "its loudness moves"
    assert stem.samples == round(0.6 * RATE)
    assert stem.law is not None
    assert stem.law.louder_db.shape == stem.law.amounts.shape == (levels.NODES,)


def test_lengths_lie_on_the_line(model: Model) -> None:
    stems = planned(model, plucks(), x=(0.0, 0.25, 1.0)).stems
    assert [stem.samples for stem in stems] == [round(seconds * RATE) for seconds in (0.6, 0.675, 0.9)]
    assert stems[0].warps[0].is_identity
    assert stems[2].warps[1].is_identity
    assert not stems[1].warps[0].is_identity


# ---------------------------------------------------------------- loudness


def test_ends_need_no_correction_and_are_not_levelled(model: Model) -> None:
    stems = planned(model, plucks(), x=(0.0, 0.5, 1.0)).stems
    for stem in (stems[0], stems[2]):
        assert stem.law is not None
        assert not stem.law.louder_db.any()
        assert stem.loudness_db is None, "a clip has its own loudness"
    assert stems[1].law is not None
    assert stems[1].law.amounts.tolist() == [0.5]


def test_a_moving_stem_needs_no_correction_where_it_is_a_clip(model: Model) -> None:
    (stem,) = planned(model, plucks(), curve=((0.0, -0.3), (1.0, 1.2))).stems
    assert stem.law is not None
    amounts, louder = stem.law.amounts, stem.law.louder_db
    assert (np.diff(amounts) > 0).all()
    assert amounts[0] == -0.3
    assert amounts[-1] == 1.2
    assert louder[np.isin(amounts, (0.0, 1.0))].tolist() == [0.0, 0.0]
    assert np.abs(louder).max() <= levels.MOST_LOUDER_DB


def test_loudness_lies_on_the_line(model: Model) -> None:
    clips = plucks()
    ends = [loudness_db(clip) for clip in clips]
    assert ends[0] - ends[1] > 6
    for stem, x in zip(planned(model, clips, x=(0.25, 0.5, 0.75)).stems, (0.25, 0.5, 0.75), strict=True):
        assert stem.loudness_db == pytest.approx((1 - x) * ends[0] + x * ends[1], abs=0.01)


def test_beyond_the_clips_loudness_is_bounded(model: Model) -> None:
    clips = [tone(0.6, 220.0, 0.5), tone(0.6, 330.0, 0.005)]
    (stem,) = planned(model, clips, x=(-1.0,)).stems
    assert stem.loudness_db == pytest.approx(loudness_db(clips[0]) + 6.0, abs=0.01)


def test_hits_that_do_not_meet_are_made_louder_within_bounds(model: Model) -> None:
    clips = [drum(0.6, 0.05, 110.0), drum(0.6, 0.4, 110.0, seed=1)]
    apart = planned(model, clips, x=(0.5,)).stems[0].law.louder_db[0]
    same = planned(model, [clips[0], drum(0.6, 0.05, 110.0, seed=1)], x=(0.5,)).stems[0].law.louder_db[0]
    assert abs(same) < 1.0
    assert 3.0 < apart <= levels.MOST_LOUDER_DB


def test_steady_tones_need_no_correction_between_them(model: Model) -> None:
    (stem,) = planned(model, [harmonic(1.0, 220.0), harmonic(1.0, 220.0, gain=0.05)], x=(0.5,)).stems
    assert stem.law.louder_db[0] == pytest.approx(0.0, abs=0.3)


def test_levels_that_match_have_the_loudness_of_clip_1(model: Model) -> None:
    clips = plucks()
    stems = planned(model, clips, x=(0.0, 0.5, 1.0), level="match").stems
    assert [stem.loudness_db for stem in stems[1:]] == pytest.approx([loudness_db(clips[0])] * 2, abs=0.01)
    assert stems[0].loudness_db is None, "it is clip 1"


def test_levels_that_are_kept_are_left_alone(model: Model) -> None:
    for stem in planned(model, plucks(), x=(0.0, 0.5), level="keep").stems:
        assert stem.loudness_db is None
        assert stem.law is None


def test_an_amount_of_levels_apart_from_timbre(model: Model) -> None:
    clips = plucks()
    (stem,) = planned(model, clips, x=(0.0,), x_level=((0.0, 1.0),)).stems
    assert stem.loudness_db == pytest.approx(loudness_db(clips[1]), abs=0.01)
    assert stem.mix.weights == (1.0, 0.0)


# ---------------------------------------------------------------- notes and errors


def test_clips_of_another_rate_are_resampled_with_a_note(model: Model) -> None:
    plan = planned(model, [pluck(0.5, 220.0), pluck(0.5, 330.0, rate=48000)], (44100, 48000), x=(0.5,))
    assert plan.notes == ("clip 2 was resampled from 48000 to 44100 Hz",)
    assert plan.sample_rate == 44100
    assert [clip.slices.samples for clip in plan.clips] == [22050, 22050]
    both = planned(model, plucks(), x=(0.5,), sample_rate=32000)
    assert both.sample_rate == 32000
    assert both.notes == tuple(f"clip {n} was resampled from 44100 to 32000 Hz" for n in (1, 2))


def test_a_curve_past_the_end_is_noted(model: Model) -> None:
    long = planned(model, plucks(), curve=((0.0, 0.0), (2.5, 1.0)), curve_unit="seconds")
    assert long.notes == ("the curve goes on to 2.5 s, and the stem ends at 0.6 s",)
    assert not planned(model, plucks(), curve=((0.0, 0.0), (0.6, 1.0)), curve_unit="seconds").notes


def test_clips_without_attacks_are_noted_where_attacks_should_meet(model: Model) -> None:
    fade = np.sin(np.pi * np.arange(RATE) / RATE).astype(np.float32) ** 2
    plan = planned(model, [tone(1.0, 220.0) * fade, pluck(1.0, 330.0)], x=(0.5,), align="onsets")
    assert plan.notes == ("no attacks were found in clip 1, so that the clips are stretched evenly",)


def test_a_silent_clip_is_refused_by_name(model: Model) -> None:
    with pytest.raises(ClipError, match="clip 2 is silent"):
        planned(model, [pluck(0.5, 220.0), np.zeros((1, 22050), dtype=np.float32)])


# ---------------------------------------------------------------- loops


def test_loops_are_detected_forced_and_turned_off(model: Model) -> None:
    seamless, cut = [round_noise(0.6, 1), round_noise(0.8, 2)], plucks()
    assert planned(model, seamless, x=(0.5,)).round
    assert not planned(model, seamless, x=(0.5,), loop="off").round
    assert not planned(model, cut, x=(0.5,)).round
    assert planned(model, cut, x=(0.5,), loop="on").round
    assert not planned(model, [seamless[0], cut[0]], x=(0.5,)).round, "all of them have to be"


def test_a_loop_goes_round_after_its_own_length(model: Model) -> None:
    plan = planned(model, [round_noise(0.6, 1), round_noise(0.8, 2)], x=(0.5,))
    assert [clip.period for clip in plan.clips] == [round(0.6 * RATE), round(0.8 * RATE)]
    (stem,) = plan.stems
    assert stem.samples == round(0.7 * RATE)
    for warp, seconds in zip(stem.warps, (0.6, 0.8), strict=True):
        assert warp(np.array([0.0, stem.samples, 2.0 * stem.samples])) == pytest.approx(
            [0.0, seconds * RATE, 2 * seconds * RATE])


@pytest.mark.parametrize(("seconds", "is_round"), [(0.5, True), (0.4, False)])
def test_repeated_clips_are_round_where_their_rounds_are_whole(model: Model, seconds: float, is_round: bool) -> None:
    plan = planned(model, [round_noise(1.0, 1), round_noise(seconds, 2)], x=(0.0, 0.5, 1.0), align="loop")
    assert plan.round is is_round
    assert [clip.period for clip in plan.clips] == [RATE, round(seconds * RATE)]
    assert [stem.samples for stem in plan.stems] == [RATE] * 3
    assert all(warp.is_identity for stem in plan.stems for warp in stem.warps)
    assert abs(plan.stems[1].law.louder_db[0]) < 3, "a clip that is repeated is heard all along"


def test_forced_loops_with_broken_rounds_are_not_round(model: Model) -> None:
    assert not planned(model, [pluck(1.0, 220.0), pluck(0.4, 220.0)], x=(0.5,), align="loop", loop="on").round
    assert planned(model, [pluck(1.0, 220.0), pluck(0.5, 220.0)], x=(0.5,), align="loop", loop="on").round


# ---------------------------------------------------------------- pitch


def test_pitch_is_asked_for_only_where_it_is_wanted_and_there(model: Model) -> None:
    clips = [harmonic(0.4, 220.0), harmonic(0.4, 330.0)]
    assert all(clip.pitched is None for clip in planned(model, clips, x=(0.5,)).clips)
    low, high = (clip.pitched for clip in planned(model, clips, x=(0.5,), pitch="glide").clips)
    assert low is not None
    assert high is not None
    assert low.reference_hz == high.reference_hz == pytest.approx(220.0, rel=0.01)
    assert high.octaves(np.array([0.2]))[0] - low.octaves(np.array([0.2]))[0] == pytest.approx(np.log2(1.5), abs=0.01)
    noisy = planned(model, [clips[0], round_noise(0.4, 3)], x=(0.5,), pitch="glide", loop="off")
    assert all(clip.pitched is None for clip in noisy.clips)


def test_channels_that_cancel_out_do_not_stop_a_render(model: Model) -> None:
    opposite = np.concatenate((harmonic(0.4, 220.0), -harmonic(0.4, 220.0)))
    plan = planned(model, [opposite, opposite], x=(0.5,), pitch="glide")
    assert plan.channels == 2
