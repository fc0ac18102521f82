"""Seamless loops stay seamless."""

import numpy as np
import pytest
from sounds import Audio, null_db, pluck, round_noise

from lts_batch.engine.arrays import morph

ONE, TWO = round_noise(1.5, 1), round_noise(1.5, 2, low=300, high=9000)
LONG = round_noise(2.1, 3)


def step_db(loop: Audio, place: int) -> float:
    """How far the wave bends at a place over how far it bends elsewhere (its largest second difference)."""
    bends = np.abs(np.diff(np.concatenate((loop, loop, loop), axis=1)[0].astype(np.float64), n=2))
    here = loop.shape[1] + place - 1
    return float(20 * np.log10(bends[here - 2:here + 3].max() / bends[here + 200:here + loop.shape[1] - 200].max()))


def test_the_ends_of_a_loop_null_across_the_seam() -> None:
    first, last = morph([ONE, TWO], 44100, x=[0, 1])
    for stem, clip in ((first, ONE), (last, TWO)):
        rolled = [np.roll(wave, wave.shape[1] // 2, axis=1) for wave in (stem, clip)]
        middle = slice(clip.shape[1] // 2 - 2000, clip.shape[1] // 2 + 2000)
        assert null_db(rolled[0][:, middle], rolled[1][:, middle]) < -90


@pytest.mark.parametrize("second", [TWO, LONG], ids=["of one length", "of two lengths"])
@pytest.mark.parametrize("settings", [{}, {"domain": "stft"}, {"align": "loop"}])
def test_between_them_there_is_no_step_at_the_seam(second: Audio, settings: dict[str, str]) -> None:
    for stem in morph([ONE, second], 44100, x=[0.25, 0.5, 0.75], **settings):
        assert step_db(stem, 0) < 0.5


def test_the_level_goes_on_through_the_seam() -> None:
    (stem,) = morph([ONE, LONG], 44100, x=0.5)
    around = np.concatenate((stem[:, -2205:], stem[:, :2205]), axis=1)
    whole = [np.sqrt(np.mean(piece**2)) for piece in np.array_split(stem[0], stem.shape[1] // 4410)]
    assert np.min(whole) * 0.5 < np.sqrt(np.mean(around**2)) < np.max(whole) * 1.4


def test_loop_off_and_one_shots_have_ends() -> None:
    """Without a loop what rings past the end does not come back at the start."""
    early = np.zeros((1, 44100), np.float32)
    early[:, 42000:] = round_noise(1.0, 5)[:, 42000:]
    stems = morph([early, pluck(1.0, 220)], 44100, x=[0.5], loop="auto")
    same = morph([early, pluck(1.0, 220)], 44100, x=[0.5], loop="off")
    assert np.array_equal(stems[0], same[0])
    on = morph([ONE, TWO], 44100, x=[0.5], loop="on")
    assert np.array_equal(on[0], morph([ONE, TWO], 44100, x=[0.5])[0]), "they were heard to be loops"
    assert not np.array_equal(on[0], morph([ONE, TWO], 44100, x=[0.5], loop="off")[0])
