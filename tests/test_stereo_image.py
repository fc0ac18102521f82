"""Where a sound stands between the loudspeakers."""

import numpy as np
from sounds import Audio, null_db, pluck

from lts_batch.engine.arrays import morph


def panned(clip: Audio, left: float, right: float, delay_samples: int = 0) -> Audio:
    return np.concatenate((left * clip, right * np.roll(clip, delay_samples, axis=1))).astype(np.float32)


def channel_difference_db(stem: Audio) -> float:
    left, right = (np.linalg.norm(row.astype(np.float64)) for row in stem)
    return float(20 * np.log10(left / right))


def channel_phase(stem: Audio, hz: float) -> float:
    """Phase from left to right at one frequency, radians."""
    time = np.arange(stem.shape[1]) / 44100
    left, right = (np.sum(row * np.hanning(len(row)) * np.exp(-2j * np.pi * hz * time)) for row in stem)
    return float(np.angle(right / left))


def test_level_and_phase_between_channels_are_the_clips_at_the_ends() -> None:
    one, two = panned(pluck(0.8, 220), 1.0, 0.3, 13), panned(pluck(0.8, 331), 0.2, 0.9, -7)
    first, last = morph([one, two], 44100, x=[0, 1])
    for stem, clip, hz in ((first, one, 220), (last, two, 331)):
        assert abs(channel_difference_db(stem) - channel_difference_db(clip)) < 1e-3
        assert abs(channel_phase(stem, hz) - channel_phase(clip, hz)) < 1e-3
        assert null_db(stem, clip) < -90


def test_between_them_the_level_moves_one_way() -> None:
    one, two = panned(pluck(0.8, 220), 1.0, 0.3), panned(pluck(0.8, 331), 0.2, 0.9)
    found = [channel_difference_db(stem) for stem in morph([one, two], 44100, steps=9)]
    assert (np.diff(found) < 0).all()
    line = np.linspace(found[0], found[-1], 9)
    assert np.abs(found - line).max() < 3


def test_a_sound_on_one_side_travels_to_the_other() -> None:
    one, two = panned(pluck(0.8, 220), 1.0, 0.0), panned(pluck(0.8, 331), 0.0, 1.0)
    stems = morph([one, two], 44100, x=[0, 0.25, 0.5, 0.75, 1])
    assert np.abs(stems[0][1]).max() < 1e-6
    assert np.abs(stems[4][0]).max() < 1e-6
    found = [channel_difference_db(stem + 1e-9) for stem in stems]
    assert (np.diff(found) < 0).all()
    assert abs(found[2]) < 3


def test_mono_with_stereo_both_ways() -> None:
    mono, stereo = pluck(0.5, 220), panned(pluck(0.5, 331), 0.4, 1.0, 5)
    both = np.repeat(mono, 2, axis=0)
    for clips, wanted in (([mono, stereo], [both, stereo]), ([stereo, mono], [stereo, both])):
        first, middle, last = morph(clips, 44100, x=[0, 0.5, 1])
        assert null_db(first, wanted[0]) < -90
        assert null_db(last, wanted[1]) < -90
        assert -7 < channel_difference_db(middle) < -1, "half of 8 dB to the right"
