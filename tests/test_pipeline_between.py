"""Between the clips and beyond them: stems that lie on the way, and curves that move along it."""

import math
from typing import Any

import numpy as np
import pytest
from sounds import bits, null_db, pluck, rms_db, tone

from lts_batch.engine.arrays import morph
from lts_batch.models.checkpoint import Model

# ---------------------------------------------------------------- in between


def test_a_clip_with_itself_is_itself_everywhere(model: Model) -> None:
    one = pluck(0.5, 220, channels=2)
    for stem in morph([one, one], 44100, x=[-1, -0.3, 0, 0.5, 0.7, 1, 1.5, 2], model=model):
        assert null_db(stem, one) < -100


def test_swapped_clips_mirror_the_set(model: Model) -> None:
    one, two = pluck(0.5, 220), pluck(0.5, 331)
    amounts = [-0.5, 0, 0.25, 0.5, 0.7, 1, 1.5]
    there = morph([one, two], 44100, x=amounts, model=model)
    back = morph([two, one], 44100, x=[1 - x for x in amounts], model=model)
    for stem, mirrored in zip(there, back[::-1], strict=True):
        assert null_db(stem, mirrored) < -90


def test_swapped_clips_of_different_lengths_mirror_the_set(model: Model) -> None:
    one, two = pluck(0.5, 220), pluck(0.7, 331)
    there, back = morph([one, two], 44100, x=[0, 0.4, 1], model=model), morph([two, one], 44100, x=[0, 0.6, 1], model=model)
    for stem, mirrored in zip(there, back[::-1], strict=True):
        assert null_db(stem, mirrored) < -60


def test_the_middle_is_neither_clip_nor_a_crossfade(model: Model) -> None:
    one, two = pluck(0.5, 220), pluck(0.5, 331)
    (middle,) = morph([one, two], 44100, x=0.5, model=model)
    for other in (one, two, 0.5 * (one + two)):
        assert null_db(middle, other) > -10
    assert -6 < rms_db(middle) - (rms_db(one) + rms_db(two)) / 2 < 6


def test_stems_come_in_the_order_of_x(model: Model) -> None:
    one, two = pluck(0.3, 220), pluck(0.3, 331)
    rising = morph([one, two], 44100, x=[0, 0.5, 1], model=model)
    assert bits(morph([one, two], 44100, x=[1, 0, 0.5, 0], model=model)) == bits(rising)
    assert bits(morph([one, two], 44100, steps=3, model=model)) == bits(rising)


def test_loudness_moves_one_way_to_a_quieter_clip(model: Model) -> None:
    stems = morph([pluck(0.5, 220), pluck(0.5, 220, seed=1, gain=0.01)], 44100, x=list(np.linspace(0, 1, 6)), model=model)
    loudness = [rms_db(stem) for stem in stems]
    assert (np.diff(loudness) < 0).all()
    assert loudness[0] - loudness[-1] == pytest.approx(26, abs=1)


def test_no_stem_between_two_unlike_clips_is_far_louder_than_both(model: Model) -> None:
    """What the model lost is put back, and must not be put back where it does not belong."""
    rng = np.random.default_rng(1)
    unlike = [tone(0.5, 220.0), (0.1 * rng.standard_normal((1, 22050))).astype(np.float32), tone(0.5, 3000.0, 0.1)]
    for one, two in ((0, 1), (0, 2), (1, 2)):
        loudest = max(rms_db(unlike[one]), rms_db(unlike[two]))
        for stem in morph([unlike[one], unlike[two]], 44100, x=[0.25, 0.5, 0.75], model=model):
            assert rms_db(stem) < loudest + 3


@pytest.mark.parametrize("detail", [0.0, 1.0])
def test_beyond_the_ends_loudness_stays_bounded(model: Model, detail: float) -> None:
    one = pluck(0.6, 220)
    two = np.concatenate((pluck(0.2, 331), np.zeros((1, round(0.4 * 44100)), np.float32)), axis=1)
    loudest = max(rms_db(one), rms_db(two))
    for stem in morph([one, two], 44100, x=[-1, -0.3, 1.3, 2], detail=detail, model=model):
        assert np.isfinite(stem).all()
        assert rms_db(stem) < loudest + 12


def test_without_detail_it_is_what_the_model_says(model: Model) -> None:
    """LTS as published: also at the ends only as good as the model, and that is less than the clip."""
    one, two = pluck(0.5, 220), pluck(0.5, 331)
    plain, _ = morph([one, two], 44100, x=[0, 1], detail=0, model=model)
    assert -40 < null_db(plain, one) < -3
    half, _ = morph([one, two], 44100, x=[0, 1], detail=0.5, model=model)
    assert null_db(half, one) < null_db(plain, one)


def test_phase_from_noise_has_the_right_loudness_and_is_seeded(model: Model) -> None:
    one, two = pluck(0.4, 220), pluck(0.4, 331)
    options: dict[str, Any] = {"x": [0, 1], "phase": "griffinlim", "repair": 16, "model": model}
    first, last = morph([one, two], 44100, **options)
    assert abs(rms_db(first) - rms_db(one)) < 1.5
    assert null_db(first, one) > -10, "phase is not taken from the clip"
    assert bits(morph([one, two], 44100, **options)) == bits([first, last])
    assert bits(morph([one, two], 44100, seed=1, **options)) != bits([first, last])


# ---------------------------------------------------------------- curves


def test_a_constant_curve_is_a_constant(model: Model) -> None:
    one, two = pluck(0.5, 220), pluck(0.5, 331)
    for x in (0.0, 0.3, 1.0, 1.4):
        (curved,) = morph([one, two], 44100, curve=[[0, x], [1, x]], model=model)
        (constant,) = morph([one, two], 44100, x=x, model=model)
        assert null_db(curved, constant) < -90


def test_a_curve_goes_from_clip_to_clip(model: Model) -> None:
    one, two = pluck(1.2, 220), pluck(1.2, 331)
    (stem,) = morph([one, two], 44100, curve=[[0.4, 0], [0.6, 1]], model=model)
    third = round(0.3 * 44100)
    assert null_db(stem[:, :third], one[:, :third]) < -40  # the bass reaches 0.1 s into what follows
    assert null_db(stem[:, -third:], two[:, -third:]) < -40


def test_a_curve_in_seconds_and_in_fractions(model: Model) -> None:
    one, two = pluck(0.8, 220), pluck(0.8, 331)
    fractions = morph([one, two], 44100, curve=[[0, 0], [0.5, 1]], model=model)
    seconds = morph([one, two], 44100, curve=[[0, 0], [0.4, 1]], curve_unit="seconds", model=model)
    assert null_db(fractions[0], seconds[0]) < -90


def test_a_curve_over_long_clips_of_different_lengths_has_no_seams(model: Model) -> None:
    """The warped clip's phase goes on from slice to slice."""
    rate = 16000
    one, two = tone(14.0, 441.0, rate=rate), tone(18.0, 441.0, rate=rate)
    (stem,) = morph([one, two], rate, curve=[[0, 1], [1, 1]], model=model)
    assert stem.shape == one.shape
    middle = stem[0, rate:-rate].astype(np.float64)
    envelope = np.sqrt(np.convolve(middle**2, np.ones(400) / 400, mode="valid") * 2)  # 11 periods
    assert 20 * math.log10(envelope.max() / envelope.min()) < 0.5
    jumps = np.abs(np.diff(middle, n=2))
    smooth = 0.3 * (2 * np.pi * 441 / rate) ** 2
    assert jumps.max() < 1.1 * smooth
