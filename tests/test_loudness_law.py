"""How loud stems are: on the line between the clips, as clip 1, or as it comes."""

import warnings

import numpy as np
import pyloudnorm
import pytest
from sounds import Audio, drum, pluck, rms_db, tone

from lts_batch.clips.loudness import Meter
from lts_batch.engine.arrays import morph

AMOUNTS = [0.0, 0.25, 0.5, 0.75, 1.0]


def noise(seconds: float, gain: float, seed: int = 0, channels: int = 1) -> Audio:
    return (gain * np.random.default_rng(seed).standard_normal((channels, round(seconds * 44100)))).astype(np.float32)


def lufs(stem: Audio) -> float:
    """ITU-R BS.1770 by an independent program; K-weighted RMS where a clip is too short for it."""
    if stem.shape[1] < 0.4 * 44100:
        meter = Meter(44100, stem.shape[0])
        meter.add(stem)
        return meter.loudness_db()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(pyloudnorm.Meter(44100).integrated_loudness(stem.T.astype(np.float64)))


PAIRS = {
    "a loud pluck and a soft one": (pluck(1.0, 220, gain=0.4), pluck(1.0, 331, gain=0.02)),
    "a tone and noise": (tone(1.0, 440.0, gain=0.3), noise(1.0, 0.05)),
    "a hit at the start and a hit at the end": (drum(1.0, 0.05, 180), drum(1.0, 0.7, 90, seed=1)),
    "a hit and a drone, of two lengths": (drum(0.9, 0.05, 180), tone(1.3, 110.0, gain=0.2)),
    "two short hits": (drum(0.2, 0.01, 180), drum(0.25, 0.03, 300, seed=2, gain=0.1)),
    "two channels": (noise(1.0, 0.1, 3, channels=2), pluck(1.0, 331, channels=2)),
}


@pytest.mark.parametrize("detail", [0.0, 1.0])
@pytest.mark.parametrize("name", PAIRS)
def test_stems_that_follow_lie_on_the_line(name: str, detail: float) -> None:
    one, two = PAIRS[name]
    found = [lufs(stem) for stem in morph([one, two], 44100, x=AMOUNTS, detail=detail)]
    line = np.interp(AMOUNTS, [0, 1], [lufs(one), lufs(two)])
    assert np.abs(np.array(found) - line).max() < 1.0


def test_stems_that_match_are_as_loud_as_clip_1() -> None:
    one, two = PAIRS["a loud pluck and a soft one"]
    found = [lufs(stem) for stem in morph([one, two], 44100, x=AMOUNTS, level="match")]
    assert np.abs(np.array(found) - lufs(one)).max() < 1.0


def test_keep_corrects_nothing_and_keeps_both_ends() -> None:
    one, two = PAIRS["a hit at the start and a hit at the end"]
    stems = morph([one, two], 44100, x=AMOUNTS, level="keep")
    assert lufs(stems[0]) == pytest.approx(lufs(one), abs=0.01)
    assert lufs(stems[4]) == pytest.approx(lufs(two), abs=0.01)
    assert lufs(stems[2]) < np.mean([lufs(one), lufs(two)]) - 3, "two hits that do not meet are quiet in the middle"


def test_a_moving_curve_stays_near_the_line_too() -> None:
    one, two = tone(2.0, 440.0, gain=0.4), noise(2.0, 0.02)
    (stem,) = morph([one, two], 44100, curve=[[0, 0], [1, 1]])
    for share in (0.25, 0.5, 0.75):
        middle = round(share * 2 * 44100)
        piece = slice(middle - 4410, middle + 4410)
        wanted = rms_db(one[:, piece]) * (1 - share) + rms_db(two[:, piece]) * share
        assert abs(rms_db(stem[:, piece]) - wanted) < 3


def test_levels_may_have_a_curve_of_their_own() -> None:
    one, two = tone(1.0, 440.0, gain=0.4), tone(1.0, 660.0, gain=0.04)
    timbre, loud, soft = (morph([one, two], 44100, x=0.5, **more)[0] for more in ({}, {"x_level": 0}, {"x_level": 1}))
    assert lufs(loud) == pytest.approx(lufs(one), abs=0.3)
    assert lufs(soft) == pytest.approx(lufs(two), abs=0.3)
    assert lufs(timbre) == pytest.approx((lufs(one) + lufs(two)) / 2, abs=0.3)
    (swell,) = morph([one, two], 44100, x=0.0, x_level=[[0, 1], [1, 0]])
    assert rms_db(swell[:, :8820]) < rms_db(swell[:, -8820:]) - 10


def test_beyond_the_ends_loudness_goes_on_but_not_far() -> None:
    one, two = tone(0.6, 440.0, gain=0.1), tone(0.6, 660.0, gain=0.3)
    before, after = morph([one, two], 44100, x=[-0.3, 1.3])
    assert lufs(before) < lufs(one) - 1
    assert lufs(two) + 1 < lufs(after) < lufs(two) + 6.5
