"""Ends that are the clips: at any rate and length, in mono and stereo, and where latents are drawn."""

from typing import Any

import numpy as np
import pytest
from sounds import Audio, null_db, pluck, rms_db, tone

from lts_batch.engine import pipeline
from lts_batch.engine.arrays import morph
from lts_batch.files.sources import Excerpt
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings

# ---------------------------------------------------------------- ends that are the clips


@pytest.mark.parametrize(("rate", "channels", "first_seconds", "second_seconds"), [
    (44100, 1, 0.6, 0.6), (44100, 1, 0.7, 0.45), (48000, 2, 0.5, 0.8), (96000, 1, 0.4, 0.3), (96000, 1, 0.3, 0.3),
    (44100, 1, 0.1, 0.1), (22050, 3, 0.1, 0.35), (47999, 1, 0.3, 0.2), (192000, 1, 0.2, 0.2), (8000, 1, 0.5, 0.5),
])
@pytest.mark.parametrize("repair", [0, 8])
def test_the_ends_are_the_clips(model: Model, rate: int, channels: int, first_seconds: float, second_seconds: float,
                                repair: int) -> None:
    one, two = pluck(first_seconds, 220, rate, channels), pluck(second_seconds, 331, rate, channels)
    first, second = morph([one, two], rate, x=[0, 1], model=model, repair=repair)
    assert null_db(first, one) < -100
    assert null_db(second, two) < -100


@pytest.mark.parametrize("second_seconds", [13.0, 6.5])
def test_the_ends_of_long_clips_are_the_clips(model: Model, second_seconds: float) -> None:
    """Longer than one transform: in slices."""
    one, two = pluck(13.0, 220, 16000), pluck(second_seconds, 331, 16000)
    first, second = morph([one, two], 16000, x=[0, 1], model=model)
    assert null_db(first, one) < -100
    assert null_db(second, two) < -100


def test_a_longer_clip_is_not_found_again_where_it_was_cut(model: Model) -> None:
    """The second before and after every seam, on a sound that would show it."""
    one = tone(15.0, 441.0, rate=16000)
    (stem,) = morph([one, one], 16000, x=[0.5], model=model)
    assert np.abs(stem - one).max() < 1e-5


def test_quiet_clips_have_ends_too(model: Model) -> None:
    one, two = pluck(0.5, 220, gain=0.004), pluck(0.5, 331, gain=0.5)
    assert rms_db(one) > -60
    first, second = morph([one, two], 44100, x=[0, 1], model=model)
    assert null_db(first, one) < -90
    assert null_db(second, two) < -90


def test_mono_with_stereo(model: Model) -> None:
    mono, stereo = pluck(0.4, 220), pluck(0.4, 331, channels=2)
    first, middle, last = morph([mono, stereo], 44100, x=[0, 0.5, 1], model=model)
    assert null_db(first, np.repeat(mono, 2, axis=0)) < -100
    assert null_db(last, stereo) < -100
    assert middle.shape == (2, mono.shape[1])
    assert not np.array_equal(middle[0], middle[1])


def test_clips_of_different_rates(model: Model) -> None:
    one, two = pluck(0.5, 220, 44100), pluck(0.5, 331, 48000)
    first, last = morph([one, two], [44100, 48000], x=[0, 1], model=model)
    assert null_db(first, one) < -100
    assert last.shape == (1, 22050)
    again, = morph([two, one], [48000, 44100], x=[0], model=model)
    assert null_db(again, two) < -100


def test_the_output_rate_may_be_named(model: Model) -> None:
    one, two = tone(0.5, 1000.0), tone(0.5, 1000.0)
    sources = [Excerpt(clip, 44100, 0, clip.shape[1]) for clip in (one, two)]
    planned = pipeline.plan(sources, Settings(x=(0.0,), sample_rate=96000), model, ["piano.wav", "bell.wav"])
    assert planned.sample_rate == 96000
    assert planned.notes == ("clip 1 was resampled from 44100 to 96000 Hz", "clip 2 was resampled from 44100 to 96000 Hz")
    stem = np.concatenate([block.samples for block in pipeline.blocks(planned)], axis=1)
    assert null_db(stem[:, 9600:-9600], tone(0.5, 1000.0, rate=96000)[:, 9600:-9600]) < -80


def test_a_click_stays_a_click(model: Model) -> None:
    one = np.zeros((1, 22050), np.float32)
    one[0, 9000] = 0.9
    first, _ = morph([one, pluck(0.5, 220)], 44100, x=[0, 1], model=model)
    assert null_db(first, one) < -100


# ---------------------------------------------------------------- drawn latents


def test_draws_are_seeded_and_differ_from_the_mean(model: Model) -> None:
    one, two = pluck(0.4, 220), pluck(0.4, 331)

    def drawn(**options: Any) -> Audio:
        return morph([one, two], 44100, x=0.5, detail=0, model=model, **options)[0]

    mean, sampled = drawn(), drawn(sample=True)
    assert -60 < null_db(sampled, mean) < 0
    assert sampled.tobytes() == drawn(sample=True, seed=0).tobytes()
    assert -60 < null_db(drawn(sample=True, seed=1), sampled) < 3
    assert null_db(drawn(sample=True, temperature=0.0), mean) < -80
    assert null_db(drawn(sample=True, temperature=0.3), mean) < null_db(sampled, mean)


def test_draws_leave_the_ends_alone(model: Model) -> None:
    one, two = pluck(0.4, 220), pluck(0.4, 331)
    first, last = morph([one, two], 44100, x=[0, 1], sample=True, model=model)
    assert null_db(first, one) < -90
    assert null_db(last, two) < -90
