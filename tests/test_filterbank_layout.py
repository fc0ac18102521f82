"""Where the bands lie, and the grid on which samples and frames keep step."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from banks import BANDS
from hypothesis import given, settings
from hypothesis import strategies as st

from lts_batch.frame.filterbank import COARSEST, Bands, Grid


def test_bands_are_logarithmic_then_linear() -> None:
    centres, hop_hz = BANDS.centres_hz, float(BANDS.frame_rate)
    ratio = 2 ** (1 / 48)
    logarithmic = centres * (ratio - 1) < hop_hz / 2
    assert np.allclose(centres[1:][logarithmic[:-1]] / centres[:-1][logarithmic[:-1]], ratio)
    assert np.allclose(np.diff(centres)[~logarithmic[:-1]], hop_hz / 2)
    assert np.allclose(np.diff(centres), BANDS.spacings_hz[:-1])
    assert centres[-1] + BANDS.half_widths_hz[-1] <= BANDS.highest_hz < centres[-1] + 2 * BANDS.half_widths_hz[-1]
    assert (2 * BANDS.half_widths_hz <= hop_hz + 1e-9).all(), "not painless: a window is wider than the frame rate"
    assert len(BANDS) == len(centres) == 467


def test_a_layout_survives_json() -> None:
    for bands in (BANDS, Bands(55.0, 24, 16000.0, 7.5, Fraction(250))):
        again = Bands.from_dict(json.loads(json.dumps(bands.as_dict())))
        assert again == bands
        assert np.array_equal(again.centres_hz, bands.centres_hz)


@pytest.mark.parametrize("change", [
    {"count": 466}, {"lowest_hz": 0.0}, {"lowest_hz": -1.0}, {"lowest_hz": math.nan}, {"highest_hz": 10.0},
    {"highest_hz": math.inf}, {"bands_per_octave": 0}, {"gamma_hz": -1.0}, {"gamma_hz": math.nan},
    {"frame_rate": "0"}, {"frame_rate": "1/0"}, {"frame_rate": "-5"}, {"frame_rate": "fast"}, {"lowest_hz": "low"},
    {"gamma_hz": None}, {"frame_rate": [1]},
])
def test_values_that_are_no_layout_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Bands.from_dict(BANDS.as_dict() | change)


def test_a_layout_with_a_missing_value_is_refused() -> None:
    values = BANDS.as_dict()
    del values["gamma_hz"]
    with pytest.raises(KeyError, match="gamma_hz"):
        Bands.from_dict(values)


@given(st.integers(1000, 768000), st.integers(1, 10**7))
@settings(deadline=None)
def test_the_two_clocks_never_drift(sample_rate: int, samples: int) -> None:
    length, frames = Grid(sample_rate, BANDS.frame_rate).covering(samples)
    assert length * BANDS.frame_rate == frames * sample_rate
    assert length >= samples + 0.25 * sample_rate
    assert length >= 2 * sample_rate
    assert frames % COARSEST == 0, "thinned out, a transform has a whole number of frames"


@given(st.integers(1000, 768000), st.integers(1, 5000))
@settings(deadline=None)
def test_smooth_units_are_the_next_that_factor_well(sample_rate: int, least: int) -> None:
    grid = Grid(sample_rate, BANDS.frame_rate)
    units = grid.smooth_units(least)

    def fits(number: int) -> bool:
        frames = number * grid.unit[1]
        for factor in (2, 3, 5, 7):
            while number % factor == 0:
                number //= factor
        return number == 1 and frames % COARSEST == 0

    assert units >= least
    assert fits(units)
    assert not any(map(fits, range(least, units)))


def test_the_unit_of_the_grid() -> None:
    assert Grid(44100, BANDS.frame_rate).unit == (128, 1)
    assert Grid(48000, BANDS.frame_rate).unit == (20480, 147)
