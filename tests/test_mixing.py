"""More than two clips, other paths, and curves."""

import numpy as np
import pytest
from sounds import bits, null_db, pluck

from lts_batch.engine.arrays import morph
from lts_batch.errors import SettingsError

CORNERS = [pluck(0.4, hz, seed=n) for n, hz in enumerate((220.0, 277.0, 331.0, 440.0))]


def test_the_corners_of_a_grid_are_the_clips() -> None:
    stems = morph(CORNERS, 44100, grid="3x2")
    assert len(stems) == 6
    for place, corner in zip((0, 2, 3, 5), CORNERS, strict=True):
        assert null_db(stems[place], corner) < -90


def test_the_edge_of_a_grid_is_the_path_between_two_corners() -> None:
    stems = morph(CORNERS, 44100, grid="3x2")
    (between,) = morph(CORNERS[:2], 44100, x=0.5)
    assert null_db(stems[1], between) < -80


def test_weights_mix_any_number_of_clips() -> None:
    three = CORNERS[:3]
    first, mixed, beyond = morph(three, 44100, weights=[[1, 0, 0], [0.4, 0.3, 0.3], [1.2, -0.1, -0.1]])
    assert null_db(first, three[0]) < -90
    for stem in (mixed, beyond):
        assert np.isfinite(stem).all()
        assert all(null_db(stem, clip) > -30 for clip in three), "it is none of the clips"
    swapped = morph([three[1], three[0], three[2]], 44100, weights=[[0.3, 0.4, 0.3]])
    assert null_db(swapped[0], mixed) < -80


def test_weights_of_two_clips_are_x() -> None:
    assert bits(morph(CORNERS[:2], 44100, weights=[[0.7, 0.3]])) == bits(morph(CORNERS[:2], 44100, x=0.3))


def test_clips_of_several_lengths_and_channels() -> None:
    clips = [pluck(0.4, 220), pluck(0.3, 277, channels=2), pluck(0.5, 331)]
    (stem,) = morph(clips, 44100, weights=[[0.5, 0.25, 0.25]])
    assert stem.shape == (2, round(44100 * (0.2 + 0.075 + 0.125)))


@pytest.mark.parametrize("domain", ["frame", "stft"])
def test_the_spherical_path_has_the_same_ends_and_another_middle(domain: str) -> None:
    one, two = CORNERS[:2]
    first, middle, last = morph([one, two], 44100, x=[0, 0.5, 1], path="spherical", domain=domain)
    assert null_db(first, one) < -90
    assert null_db(last, two) < -90
    (straight,) = morph([one, two], 44100, x=0.5, domain=domain)
    assert -60 < null_db(middle, straight) < 0


@pytest.mark.parametrize("settings", [{}, {"pitch": "glide"}, {"align": "onsets"}, {"level": "keep"}, {"domain": "stft"}])
def test_a_constant_curve_is_the_constant(settings: dict[str, str]) -> None:
    one, two = pluck(0.5, 220), pluck(0.5, 331)
    for x in (0.0, 0.3, 1.0, 1.4):
        (curved,) = morph([one, two], 44100, curve=[[0, x], [1, x]], **settings)
        (constant,) = morph([one, two], 44100, x=x, length="first", **settings)
        assert np.array_equal(curved, constant)


def test_x_may_move_at_frame_rate() -> None:
    """A wobble of 40 Hz between two tones is heard as one."""
    one, two = pluck(0.6, 220, gain=0.3), pluck(0.6, 220, gain=0.01)
    times = np.arange(0, 0.6, 0.00625)
    curve = [[float(time), float(place % 2 / 2)] for place, time in enumerate(times[::2])]
    (stem,) = morph([one, two], 44100, curve=curve, curve_unit="seconds")
    power = np.abs(np.fft.rfft(stem[0].astype(np.float64) ** 2 * np.hanning(stem.shape[1])))
    hertz = np.fft.rfftfreq(stem.shape[1], 1 / 44100)
    wobble = power[np.abs(hertz - 40.0) < 3].max()
    assert wobble > 5 * power[(hertz > 44) & (hertz < 70)].max()


def test_a_smooth_curve_moves_without_corners() -> None:
    one, two = pluck(1.0, 220), pluck(1.0, 331)
    linear, smooth = (morph([one, two], 44100, curve=[[0, 0], [0.5, 1], [1, 0]], curve_shape=shape)[0]
                      for shape in ("linear", "smooth"))
    assert linear.shape == smooth.shape
    assert null_db(linear, smooth) > -40


def test_what_takes_two_clips_says_so() -> None:
    for settings in ({"x": [0.5]}, {"curve": [[0, 0], [1, 1]]}, {"weights": [[0.2, 0.3, 0.5]], "path": "spherical"}):
        with pytest.raises(SettingsError, match="two"):
            morph(CORNERS[:3], 44100, **settings)
