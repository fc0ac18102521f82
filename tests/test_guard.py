"""What sounds before an attack is turned down to what the clips have there; the rest is left alone."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sounds import Audio, drum, rms_db, tone

from lts_batch.engine import guard, planning
from lts_batch.engine.arrays import morph
from lts_batch.engine.planning import Plan
from lts_batch.files.sources import Excerpt
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings

RATE = 44100
AT = 0.3  # second of the attack
SECONDS = 0.7


def planned(model: Model, clips: list[Audio], **settings: object) -> Plan:
    sources = [Excerpt(clip, RATE, 0, clip.shape[1]) for clip in clips]
    return planning.plan(sources, Settings(**{"x": (0.5,), **settings}), model)  # type: ignore[arg-type]


def drums() -> list[Audio]:
    return [drum(SECONDS, AT, 110.0), drum(SECONDS, AT, 170.0, seed=1)]


def moments(plan: Plan) -> NDArray[np.float64]:
    return guard._moments(plan, 0, 0, plan.stems[0].samples)[0]


def with_echo(stem: Audio, hz: float = 80.0, seconds: float = 0.05, gain: float = 0.1) -> Audio:
    """A tone that swells up to the attack."""
    out, stop = stem.copy(), round(AT * RATE)
    count = round(seconds * RATE)
    out[:, stop - count:stop] += tone(seconds, hz, gain) * np.linspace(0.0, 1.0, count, dtype=np.float32)
    return out


def test_an_echo_before_an_attack_is_turned_down(model: Model) -> None:
    clips = drums()
    plan = planned(model, clips)
    assert np.abs(moments(plan) - AT * RATE).max() < 0.002 * RATE
    mix = np.asarray(0.5 * (clips[0] + clips[1]), dtype=np.float32)
    stem = with_echo(mix)
    before = stem.copy()
    found = guard.guard(plan, 0, stem, 0)
    assert np.array_equal(stem, before), "what it was given stays"
    assert found.dtype == np.float32
    assert found.shape == stem.shape
    echo = slice(round((AT - 0.045) * RATE), round((AT - 0.005) * RATE))
    assert rms_db(found[:, echo]) < rms_db(stem[:, echo]) - 15
    attack = round(moments(plan).min())
    assert np.array_equal(found[:, attack:], stem[:, attack:]), "the attack and what follows are untouched to the bit"
    far = round((AT - guard.BEFORE_SECONDS) * RATE) - round(0.003 * RATE)
    assert np.array_equal(found[:, :far], stem[:, :far])


def test_turning_down_does_not_click(model: Model) -> None:
    plan = planned(model, drums())
    stem = with_echo(np.zeros((1, round(SECONDS * RATE)), dtype=np.float32) + drums()[0])
    found = guard.guard(plan, 0, stem, 0)
    heard = np.abs(stem[0]) > 1e-4
    gain = np.where(heard, found[0] / np.where(heard, stem[0], 1.0), np.nan)
    assert np.nanmin(gain) < 0.3
    assert np.nanmax(gain) <= 1.0
    steps = np.abs(np.diff(gain[:round(AT * RATE) - 5]))
    assert np.nanmax(steps) < 2.0 / (guard.SMOOTH_STEPS * guard.STEP_SECONDS * RATE)


@pytest.mark.parametrize("x", [0.0, 1.0])
def test_one_clip_alone_is_left_alone(model: Model, x: float) -> None:
    plan = planned(model, drums(), x=(x,))
    stem = with_echo(drums()[int(x)])
    assert guard.guard(plan, 0, stem, 0) is stem


@pytest.mark.parametrize("place", [0, 1])
def test_the_clips_themselves_pass(model: Model, place: int) -> None:
    clips = drums()
    assert guard.guard(planned(model, clips), 0, clips[place], 0) is clips[place]


def test_what_both_clips_have_before_the_attack_stays(model: Model) -> None:
    clips = [one + tone(SECONDS, hz, 0.05) for one, hz in zip(drums(), (300.0, 400.0), strict=True)]
    plan = planned(model, clips)
    assert len(moments(plan))
    stem = np.asarray(0.5 * (clips[0] + clips[1]), dtype=np.float32)
    found = guard.guard(plan, 0, stem, 0)
    before = slice(round((AT - 0.055) * RATE), round((AT - 0.005) * RATE))
    assert rms_db(found[:, before]) == pytest.approx(rms_db(stem[:, before]), abs=1.0)


def test_what_one_clip_has_before_the_attack_may_stay(model: Model) -> None:
    clips = [drums()[0], drums()[1] + tone(SECONDS, 300.0, 0.1)]
    stem = clips[1].copy()
    assert guard.guard(planned(model, clips), 0, stem, 0) is stem


def test_a_stem_without_attacks_is_left_alone(model: Model, rng: np.random.Generator) -> None:
    fade = np.sin(np.pi * np.arange(RATE) / RATE).astype(np.float32) ** 2
    clips = [tone(1.0, 220.0) * fade, tone(1.0, 330.0) * fade]
    plan = planned(model, clips)
    assert not len(moments(plan))
    noise = (0.1 * rng.standard_normal((1, RATE))).astype(np.float32)
    assert guard.guard(plan, 0, noise, 0) is noise


def test_attacks_of_both_clips_are_guarded_where_they_do_not_meet(model: Model) -> None:
    clips = [drum(SECONDS, 0.2, 110.0), drum(SECONDS, 0.5, 170.0, seed=1)]
    found = moments(planned(model, clips)) / RATE
    assert found == pytest.approx([0.2, 0.5], abs=0.002)


def test_attacks_are_guarded_where_the_stem_has_them(model: Model) -> None:
    clips = [drum(0.6, 0.2, 110.0), drum(1.2, 0.4, 110.0, seed=1)]
    plan = planned(model, clips)
    assert plan.stems[0].samples == round(0.9 * RATE)
    assert moments(plan) / RATE == pytest.approx([0.3], abs=0.003)


def test_attacks_of_later_rounds_are_guarded(model: Model) -> None:
    clips = [drum(0.5, 0.2, 110.0), drum(1.0, 0.2, 170.0, seed=1)]
    plan = planned(model, clips, align="loop")
    assert moments(plan) / RATE == pytest.approx([0.2, 0.7], abs=0.003)


def test_an_attack_on_the_first_sample_of_a_loop_is_guarded_at_its_end() -> None:
    loops = []
    for hz, seed in ((60.0, 1), (90.0, 2)):
        kick = drum(0.5, 0.0, hz, noise=0.1, seed=seed)
        bar = kick + 0.0005 * np.random.default_rng(seed).standard_normal(kick.shape).astype(np.float32)
        loops.append(np.tile(bar, 4))
    (stem,) = morph(loops, RATE, x=0.5, loop="on")
    twice = np.tile(stem, 2)
    risen = []
    for attack in (RATE // 2, RATE, stem.shape[1]):  # inside, and at the seam
        before = twice[:, attack - round(0.030 * RATE):attack - round(0.002 * RATE)]
        risen.append(rms_db(twice[:, attack:attack + round(0.020 * RATE)]) - rms_db(before))
    assert min(risen[:2]) > 40
    assert risen[2] > 40


def test_silence_is_left_alone(model: Model) -> None:
    plan = planned(model, drums())
    silence = np.zeros((1, round(SECONDS * RATE)), dtype=np.float32)
    found = guard.guard(plan, 0, silence, 0)
    assert np.isfinite(found).all()
    assert not found.any()


def test_a_slice_that_begins_before_the_clip_is_guarded_at_the_same_place(model: Model) -> None:
    clips = drums()
    plan = planned(model, clips)
    stem = with_echo(np.asarray(0.5 * (clips[0] + clips[1]), dtype=np.float32))
    lead = 5000
    padded = np.pad(stem, ((0, 0), (lead, 3000)))
    assert np.array_equal(guard.guard(plan, 0, padded, -lead)[:, lead:-3000], guard.guard(plan, 0, stem, 0))
