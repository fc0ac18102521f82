"""Ends that are the clips, however they are laid over each other."""

import ends
import numpy as np
import pytest
from sounds import drum, null_db, pluck, round_noise, tone

from lts_batch.engine.arrays import morph
from lts_batch.metrics import measures

FIRST, SECOND = pluck(0.9, 220), pluck(0.6, 331)


@pytest.mark.parametrize("align", ["stretch", "onsets", "beats"])
@pytest.mark.parametrize("domain", ["frame", "stft"])
@pytest.mark.parametrize("swapped", [False, True])
def test_both_ends_null_with_unequal_lengths(align: str, domain: str, swapped: bool) -> None:
    one, two = (SECOND, FIRST) if swapped else (FIRST, SECOND)
    first, last = morph([one, two], 44100, x=[0, 1], align=align, domain=domain)
    assert null_db(first, one) < -90
    assert null_db(last, two) < -90


@pytest.mark.parametrize("quality", ["standard", "draft"])
def test_both_ends_null_for_drums_whose_attacks_are_moved(quality: str) -> None:
    one, two = drum(0.5, 0.02, 180), drum(0.7, 0.1, 90, seed=1)
    first, last = morph([one, two], 44100, x=[0, 1], align="onsets", quality=quality)
    assert null_db(first, one) < -90
    assert null_db(last, two) < -90


def test_both_ends_null_with_silence_after_the_shorter() -> None:
    first, last = morph([FIRST, SECOND], 44100, x=[0, 1], align="pad")
    assert null_db(first, FIRST) < -90
    assert null_db(last, np.pad(SECOND, ((0, 0), (0, FIRST.shape[1] - SECOND.shape[1])))) < -90


def test_both_ends_null_with_the_shorter_repeated() -> None:
    one, two = round_noise(1.0, 1), round_noise(0.4, 2)
    first, last = morph([one, two], 44100, x=[0, 1], align="loop")
    assert null_db(first, one) < -90
    assert null_db(last, np.tile(two, 3)[:, :one.shape[1]]) < -90


@pytest.mark.parametrize("settings", [{}, {"pitch": "glide"}, {"domain": "stft"}, {"curve_shape": "smooth"}])
def test_while_a_curve_rests_on_an_end_the_stem_is_the_clip(settings: dict[str, str]) -> None:
    one, two = pluck(2.4, 220), pluck(2.4, 331)
    (stem,) = morph([one, two], 44100, curve=[[0, 0], [0.45, 0], [0.55, 1], [1, 1]], **settings)
    third = round(0.8 * 44100)
    assert null_db(stem[:, :third], one[:, :third]) < -90
    assert null_db(stem[:, -third:], two[:, -third:]) < -90


def test_a_fixed_length_leaves_an_end_near_the_clip_stretched() -> None:
    """Another length is another sound; it has to be the one that resampling time would give, at the old pitch."""
    one, two = tone(1.0, 440.0), tone(1.4, 1000.0)
    (last,) = morph([one, two], 44100, x=1.0, length="first")
    assert measures.log_mel_distance_db(last, tone(1.0, 1000.0), 44100) < 1.5


def test_a_clip_far_from_its_own_speed_is_near_itself() -> None:
    """Six times as slow its own phase is worn out: by itself it is repaired, also where a clip has all the weight."""
    clip, long = pluck(0.5, 220.0, seed=2), tone(3.0, 330.0)
    far = {}
    for repair in (None, 0):
        (stem,) = morph([long, clip], 44100, x=1.0, length="first", loop="off", repair=repair)
        far[repair] = ends.resampled_log_mel_db(clip, stem)
    assert far[None] < 1.0
    assert far[0] > 1.3, "else this shows nothing"


def test_a_clip_squeezed_sixfold_keeps_the_power_of_its_bands() -> None:
    """Hits that come faster than a low band can follow would lose some of it."""
    hits = np.concatenate([drum(0.25, 0.02, hz, seed=n) for n, hz in enumerate((90, 200, 70, 320, 150, 60))], axis=1)
    short = tone(0.25, 330.0)
    (stem,) = morph([short, hits], 44100, x=1.0, length="first", loop="off")
    (plain,) = morph([short, hits], 44100, x=1.0, length="first", loop="off", repair=16)
    assert ends.resampled_log_mel_db(hits, stem) < ends.resampled_log_mel_db(hits, plain) - 0.1


def test_quiet_clips_have_ends_too() -> None:
    one, two = pluck(0.5, 220, gain=0.004), pluck(0.5, 331, gain=0.5)
    first, second = morph([one, two], 44100, x=[0, 1])
    assert null_db(first, one) < -90
    assert null_db(second, two) < -90


@pytest.mark.parametrize("rates", [(44100, 48000), (96000, 44100), (22050, 44100)])
def test_clips_of_different_rates_both_ways(rates: tuple[int, int]) -> None:
    """The clip that sets the rate comes through to the bit; the other as its resampled self, pitch and length kept."""
    one, two = tone(0.8, 700.0, rate=rates[0]), tone(0.8, 700.0, rate=rates[1])
    first, middle, last = morph([one, two], list(rates), x=[0, 0.5, 1])
    assert null_db(first, one) < -90
    inner = slice(rates[0] // 10, -rates[0] // 10)
    assert null_db(last[:, inner], one[:, inner]) < -60
    assert null_db(middle[:, inner], one[:, inner]) < -40


@pytest.mark.parametrize("settings", [{}, {"quality": "draft"}])
def test_a_stem_that_is_a_clip_is_that_clip_to_the_bit(settings: dict[str, str]) -> None:
    first, _, last = morph([FIRST, SECOND], 44100, x=[0, 0.5, 1], **settings)
    assert np.array_equal(first, FIRST)
    assert np.array_equal(last, SECOND)


@pytest.mark.parametrize("settings", [{}, {"domain": "stft"}, {"quality": "draft"}, {"envelope": "straight"}])
def test_what_is_made_comes_to_the_clip_as_x_does(settings: dict[str, str]) -> None:
    """A millionth beside an end a stem has gone through everything that stems go through."""
    other = SECOND[:, :FIRST.shape[1]] if SECOND.shape[1] > FIRST.shape[1] else np.pad(
        SECOND, ((0, 0), (0, FIRST.shape[1] - SECOND.shape[1])))
    first, last = morph([FIRST, other], 44100, x=[1e-6, 1 - 1e-6], **settings)
    assert not np.array_equal(first, FIRST)
    assert null_db(first, FIRST) < -90
    assert null_db(last, other) < -90


@pytest.mark.parametrize("quality", ["standard", "draft"])
def test_an_attack_of_a_clip_that_is_hardly_heard_turns_nothing_down(quality: str) -> None:
    """Where the one clip has all but died away the other would strike."""
    dying, striking = drum(0.8, 0.02, 90.0), drum(0.8, 0.5, 180.0, seed=1)
    (stem,) = morph([dying, striking], 44100, x=1e-6, quality=quality)
    assert null_db(stem, dying) < -80


@pytest.mark.parametrize("align", ["trim", "pad"])
def test_beside_an_end_loudness_is_that_of_the_clip_as_it_is_laid_out(align: str) -> None:
    """A long clip that is loud at first and quiet then, cut to the loud part; a short one, filled up with silence."""
    fading = np.concatenate((tone(0.6, 440.0, 0.4), tone(1.8, 440.0, 0.02)), axis=1)
    short = tone(0.6, 660.0, 0.1)
    missing = fading.shape[1] - short.shape[1]
    both = (fading[:, :-missing], short) if align == "trim" else (fading, np.pad(short, ((0, 0), (0, missing))))
    found = morph([fading, short], 44100, x=[1e-6, 1 - 1e-6], align=align)
    for stem, clip in zip(found, both, strict=True):
        assert null_db(stem, clip) < -55
