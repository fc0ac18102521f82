"""The whole path: the same again from the same clips, in blocks, and a sentence for whatever cannot be done."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import bits, pluck, tone

from lts_batch.engine import pipeline
from lts_batch.engine.arrays import morph
from lts_batch.errors import ClipError, LtsError, ModelError, SettingsError
from lts_batch.files.sources import Excerpt
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings

# ---------------------------------------------------------------- the same again


@pytest.mark.parametrize("options", [{}, {"sample": True}, {"repair": 3}, {"x": [0.3], "align": "pad"}])
def test_the_same_call_gives_the_same_bits(model: Model, options: dict[str, Any]) -> None:
    one, two = pluck(0.3, 220), pluck(0.4, 331)
    assert bits(morph([one, two], 44100, model=model, **options)) == bits(morph([one, two], 44100, model=model, **options))


def test_a_stem_does_not_depend_on_the_others(model: Model) -> None:
    one, two = pluck(0.3, 220), pluck(0.4, 331)
    whole = morph([one, two], 44100, x=[-0.5, 0, 0.3, 0.5, 1], model=model)
    (alone,) = morph([one, two], 44100, x=0.3, model=model)
    assert whole[2].tobytes() == alone.tobytes()


def test_a_stem_of_long_clips_does_not_depend_on_the_others(model: Model) -> None:
    one, two = pluck(12.5, 220, 8000), pluck(9.0, 331, 8000)
    whole = morph([one, two], 8000, x=[0, 1], length="first", model=model)
    (alone,) = morph([one, two], 8000, x=1, length="first", model=model)
    assert whole[1].tobytes() == alone.tobytes()


def test_the_clips_are_not_changed(model: Model) -> None:
    one, two = pluck(0.3, 220), pluck(0.4, 331)
    before = bits([one, two])
    morph([one, two], 44100, x=[0, 0.5], model=model)
    assert bits([one, two]) == before


def test_the_common_random_numbers_are_left_alone(model: Model) -> None:
    one, two = pluck(0.3, 220), pluck(0.4, 331)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    morph([one, two], 44100, x=0.5, sample=True, phase="griffinlim", repair=1, model=model)
    assert torch.equal(torch.rand(3), expected)


# ---------------------------------------------------------------- blocks


@given(st.integers(133, 20000), st.integers(133, 20000), st.floats(0, 1))
@settings(deadline=None, max_examples=6)
def test_any_lengths_go_through(model: Model, first: int, second: int, x: float) -> None:
    one, two = pluck(1, 220)[:, :first], pluck(1, 331)[:, :second]
    (stem,) = morph([one, two], 44100, x=x, model=model)
    assert min(first, second) <= stem.shape[1] <= max(first, second)
    assert np.isfinite(stem).all()


def test_blocks_tile_each_stem_in_order(model: Model) -> None:
    rate = 8000
    sources = [Excerpt(clip, rate, 0, clip.shape[1]) for clip in (pluck(13, 220, rate), pluck(7, 331, rate))]
    planned = pipeline.plan(sources, Settings(x=(0.0, 0.2, 1.0), length="first"), model)
    reached, turns = [0, 0, 0], []
    for block in pipeline.blocks(planned):
        assert block.start == reached[block.stem]
        assert block.samples.dtype == np.float32
        reached[block.stem] += block.samples.shape[1]
        turns.append(block.stem)
    assert reached == [stem.samples for stem in planned.stems]
    assert turns != sorted(turns), "long stems advance side by side, so that a clip's slices are analysed once"


def test_fades(model: Model) -> None:
    one = tone(0.5, 1000.0)
    (faded,) = morph([one, one], 44100, x=0, fade_in_seconds=0.1, fade_out_seconds=0.2, model=model)
    (plain,) = morph([one, one], 44100, x=0, model=model)
    assert faded[0, 0] == faded[0, -1] == 0
    assert np.array_equal(faded[:, 4410:-8821], plain[:, 4410:-8821])
    assert np.abs(faded[0, 2205 - 30:2205 + 30]).max() == pytest.approx(0.15, rel=0.05)


# ---------------------------------------------------------------- what cannot be done


GOOD = pluck(0.2, 220)
BAD: dict[str, tuple[list[Any], Any, type[LtsError], str]] = {
    "silence": ([GOOD, np.zeros((1, 9000))], 44100, ClipError, "clip 2 is silent.*choose another part"),
    "one sample": ([np.ones((1, 1)), GOOD], 44100, ClipError, "clip 1 is 1 sample long at 44100 Hz.*at least 3 ms"),
    "no samples": ([np.ones((1, 0)), GOOD], 44100, ClipError, "clip 1 is 0 samples long"),
    "no channels": ([np.ones((0, 9000)), GOOD], 44100, ClipError, "clip 1"),
    "three clips": ([GOOD] * 3, 44100, SettingsError, "3 clips need weights"),
    "one clip": ([GOOD], 44100, SettingsError, "1 clip was given: stems are made of 2 to 4"),
    "not a number": ([GOOD, GOOD * np.nan], 44100, ClipError, "clip 2 holds NaN or infinite"),
    "infinite": ([GOOD + np.float32(np.inf), GOOD], 44100, ClipError, "clip 1 holds NaN or infinite"),
    "16-bit whole numbers": ([(GOOD * 9000).astype(np.int16), GOOD], 44100, ClipError,
                             "clip 1 holds values of type int16.*32768"),
    "complex": ([GOOD, GOOD.astype(complex)], 44100, ClipError, "clip 2 holds values of type complex128"),
    "channels last": ([GOOD, pluck(0.2, 220, channels=2).T], 44100, ClipError, r"clip 2 has shape \(8820, 2\)"),
    "three dimensions": ([GOOD[None], GOOD], 44100, ClipError, r"clip 1 has shape \(1, 1, 8820\)"),
    "rates of other clips": ([GOOD, GOOD], [44100, 48000, 96000], SettingsError, "3 sample rates.*2 clips"),
    "no rate": ([GOOD, GOOD], 0, ClipError, "clip 1 has a sample rate of 0 Hz.*from 1000 to 768000 Hz"),
    "negative rate": ([GOOD, GOOD], [44100, -1], ClipError, "clip 2 has a sample rate of -1 Hz"),
    "broken rate": ([GOOD, GOOD], 44100.5, ClipError, "clip 1 has a sample rate of 44100.5 Hz.*whole number"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_clips_are_answered_with_a_sentence(model: Model, what: str) -> None:
    clips, rate, kind, words = BAD[what]
    with pytest.raises(kind, match=words):
        morph(clips, rate, x=[0.5], model=model)


def test_bad_settings_are_answered_with_a_sentence(model: Model) -> None:
    for options, words in (({"alining": "pad"}, "unknown key 'alining'.*'align'"), ({"x": 7}, r"x = 7 is out of range"),
                           ({"x": "half"}, "x must be a number"), ({"x": []}, "x is empty"),
                           ({"detail": 2}, "detail = 2 is out of range")):
        with pytest.raises(SettingsError, match=words):
            morph([GOOD, GOOD], 44100, model=model, **options)
    with pytest.raises(ModelError, match="no model 'nothing'"):
        morph([GOOD, GOOD], 44100, model="nothing")


def test_numbers_of_numpy_are_numbers(model: Model) -> None:
    plain = morph([GOOD, GOOD[:, :5000]], 44100, x=[0, 1], model=model)
    for x in (np.array([0, 1]), np.array([0.0, 1.0], np.float32), (0, 1)):
        assert bits(morph([GOOD, GOOD[:, :5000]], np.int64(44100), x=x, model=model)) == bits(plain)
    assert len(morph([GOOD, GOOD], 44100.0, x=np.float32(0.5), model=model)) == 1


def test_a_frozen_plan_can_be_rendered_twice(model: Model) -> None:
    sources = [Excerpt(clip, 44100, 0, clip.shape[1]) for clip in (GOOD, pluck(0.3, 331))]
    planned = pipeline.plan(sources, Settings(x=(0.5,)), model)
    assert dataclasses.is_dataclass(planned)
    once, again = (np.concatenate([block.samples for block in pipeline.blocks(planned)], axis=1) for _ in range(2))
    assert once.tobytes() == again.tobytes()
