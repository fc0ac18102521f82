"""Settings that say which stems there are: amounts, curves, weights or a grid, and of two ways the later."""

import json
import math
from datetime import time
from itertools import pairwise
from typing import Any

import pytest
from changing import wrong
from hypothesis import given
from hypothesis import strategies as st

from lts_batch.settings import RIVALS, X_LIMIT, Settings, as_dict, change


@pytest.mark.parametrize("value", ["01", ["01", "12"], [0.0, 1.0], [[0.0]], [[0, 0, 0]], [["0", "1"]], [[True, 1]], 1, {}])
def test_a_curve_is_a_list_of_pairs(value: Any) -> None:
    assert wrong({"curve": value}) == f"curve must be a list of [time, x] pairs, found {value!r}"


@pytest.mark.parametrize(("curve", "unit", "sentence"), [
    ([[0, 0], [0, 1]], "fraction", "the times of a curve must rise from 0 upwards, found [0.0, 0.0] in curve"),
    ([[0.5, 0], [0.2, 1]], "seconds", "the times of a curve must rise from 0 upwards, found [0.5, 0.2] in curve"),
    ([[-0.1, 0]], "seconds", "the times of a curve must rise from 0 upwards, found [-0.1] in curve"),
    ([[math.nan, 0]], "seconds", "the times of a curve must rise from 0 upwards, found [nan] in curve"),
    ([[0, 0], [2.5, 1]], "fraction", "curve time 2.5 lies past the end: with curve_unit = 'fraction' times go from 0 to 1;"
                                     " say curve_unit = 'seconds' for seconds"),
    ([[0, 4]], "seconds", "curve = 4 is out of range: it goes from -3 to 3"),
    ([[0, math.inf]], "seconds", "curve = inf is not a finite number"),
    ([], "seconds", "curve is empty: give at least one amount, for example curve = [[0, 0], [1, 1]]"),
])
def test_curves_that_mean_nothing(curve: Any, unit: str, sentence: str) -> None:
    assert wrong({"curve": curve, "curve_unit": unit}) == sentence


def test_a_curve_in_seconds_may_be_longer_than_one() -> None:
    made = change(Settings(), {"curve": [[0, 0], [2.5, 1]], "curve_unit": "seconds"}, "")
    assert made.curve == ((0.0, 0.0), (2.5, 1.0)) and made.amounts() == ()


# ---------------------------------------------------------------- weights, grids and effects


def test_weights_are_rows_that_sum_to_one() -> None:
    assert change(Settings(), {"weights": [[1, 0], [-0.5, 1.5]]}, "").weights == ((1.0, 0.0), (-0.5, 1.5))
    assert change(Settings(), {"weights": [[0.33333, 0.33333, 0.33333]]}, "").weights == ((0.33333,) * 3,)


@pytest.mark.parametrize(("value", "sentence"), [
    (0.5, "weights must be a list of lists, one weight for each clip, found 0.5"),
    ([0.5, 0.5], "weights must be a list of lists, one weight for each clip, found [0.5, 0.5]"),
    ([["1", 0]], "weights must be a list of lists, one weight for each clip, found [['1', 0]]"),
    ([[True, 0]], "weights must be a list of lists, one weight for each clip, found [[True, 0]]"),
    ([], "weights is empty: give at least one amount, for example weights = [[0.4, 0.3, 0.3]]"),
    ([[0.5, 0.5], [0.5, 0.4]], "weights [0.5, 0.4] sum to 0.9; the weights of a stem must sum to 1"),
    ([[1]], "weights [1.0] are 1: give each stem one weight for each clip, 2 to 4"),
    ([[0.2] * 5], "weights [0.2, 0.2, 0.2, 0.2, 0.2] are 5: give each stem one weight for each clip, 2 to 4"),
    ([[5, -4]], "weights = 5 is out of range: it goes from -3 to 4"),
    ([[-4, 4, 1]], "weights = -4 is out of range: it goes from -3 to 4"),
    ([[math.nan, 1]], "weights = nan is not a finite number"),
    ([[math.inf, -math.inf]], "weights = inf is not a finite number"),
])
def test_weights_that_mean_nothing(value: Any, sentence: str) -> None:
    assert wrong({"weights": value}) == sentence


@pytest.mark.parametrize("text", ["2x2", "3x5", "10x2", "99x100", "100x9"])
def test_grids(text: str) -> None:
    columns, rows = map(int, text.split("x"))
    made = change(Settings(), {"grid": text}, "")
    assert made.grid_size() == (columns, rows) and made.amounts() == ()


@pytest.mark.parametrize("text", ["", "3", "1x3", "3x1", "101x2", "3x101", "03x3", "3X3", "3x3x3", "3 x 3", "x", "3x-3", "٣x3"])
def test_grids_that_are_none(text: str) -> None:
    assert wrong({"grid": text}) == f"grid = {text!r} is not known: write columns x rows, from 2x2 to 100x100, for example 3x3"


def test_effects_are_tables_that_a_manifest_can_hold() -> None:
    chain = [{"name": "Reverb", "room_size": 0.5, "freeze": False}, {"name": "x", "values": [1, 2], "more": {"a": "b"}}]
    made = change(Settings(), {"effects": chain}, "")
    assert made.effects == tuple(chain)
    assert json.loads(json.dumps(as_dict(made)))["effects"] == chain
    for value in ("Reverb", {"name": "Reverb"}, ["Reverb"], [{"gain": math.nan}], [{"when": time.min}], [{"a": [math.inf]}]):
        assert wrong({"effects": value}).startswith("effects must be a list of tables of text, finite numbers,")


# ---------------------------------------------------------------- ways to say which stems there are

WAYS: dict[str, Any] = {"x": [0.5], "curve": [[0.0, 1.0]], "weights": [[0.5, 0.5]], "grid": "3x3"}


def test_the_later_of_amounts_and_curve_wins() -> None:
    curve = Settings(curve=((0.0, 0.0), (1.0, 1.0)))
    assert change(curve, {"x": 0.5}, "") == Settings(x=(0.5,))
    assert change(curve, {"steps": 3}, "") == Settings(steps=3)
    assert change(curve, {"beyond": 0.5}, "") == Settings(beyond=0.5)
    assert change(Settings(x=(0.5,)), {"steps": 3}, "") == Settings(steps=3)
    assert change(Settings(x=(0.5,)), {"beyond": 0.25}, "") == Settings(beyond=0.25)
    assert change(Settings(x=(0.5,)), {"curve": [[0, 1]]}, "") == Settings(curve=((0.0, 1.0),))
    assert change(Settings(x=(0.5,)), {"detail": 0.5}, "") == Settings(x=(0.5,), detail=0.5)


def test_ways_are_all_rivals() -> None:
    assert set(WAYS) == set(RIVALS)


@pytest.mark.parametrize("later", WAYS)
@pytest.mark.parametrize("earlier", WAYS)
def test_the_later_way_wins(earlier: str, later: str) -> None:
    base, plain = change(Settings(), {earlier: WAYS[earlier]}, ""), change(Settings(), {later: WAYS[later]}, "")
    assert change(base, {later: WAYS[later]}, "") == plain
    assert change(base, {"steps": 3}, "") == Settings(steps=3)
    assert change(base, {"spacing": "even-distance"}, "") == Settings(spacing="even-distance")
    assert change(Settings(spacing="even-distance"), {later: WAYS[later]}, "") == plain
    if earlier != later:
        first, second = sorted((earlier, later), key=RIVALS.index)
        both = {earlier: WAYS[earlier], later: WAYS[later]}
        assert wrong(both) == f"{first} and {second} exclude each other: leave one of them out"


def test_a_grid_may_go_beyond_afterwards() -> None:
    assert change(Settings(grid="3x3"), {"beyond": 0.5}, "") == Settings(grid="3x3", beyond=0.5)


def test_even_distance_counts_its_steps() -> None:
    even = change(Settings(), {"spacing": "even-distance", "steps": 11}, "")
    assert change(even, {"steps": 7, "beyond": 0.5}, "") == Settings(spacing="even-distance", steps=7, beyond=0.5)
    assert even.amounts() == Settings(steps=11).amounts()  # where the search starts
    for name, value in WAYS.items():
        assert wrong({"spacing": "even-distance", name: value}) == \
            f"spacing = 'even-distance' chooses x by itself: leave {name} out, and give steps"


@pytest.mark.parametrize(("settings", "amounts"), [
    (Settings(), (0.0, 0.25, 0.5, 0.75, 1.0)),
    (Settings(steps=1), (0.5,)),
    (Settings(steps=2), (0.0, 1.0)),
    (Settings(steps=11, beyond=0.3), (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)),
    (Settings(steps=5, beyond=0.2), (0.0, 0.25, 0.5, 0.75, 1.0)),  # less than a step beyond is no step
    (Settings(x=(1.0, -0.5, 1.0)), (-0.5, 1.0)),
])
def test_amounts(settings: Settings, amounts: tuple[float, ...]) -> None:
    assert settings.amounts() == pytest.approx(amounts, abs=1e-9)


@given(st.integers(2, 1001), st.floats(0.0, X_LIMIT - 1))
def test_steps_are_even_hit_both_ends_and_go_as_far_beyond_on_both_sides(steps: int, beyond: float) -> None:
    amounts = Settings(steps=steps, beyond=beyond).amounts()
    assert 0.0 in amounts and 1.0 in amounts
    inside = [x for x in amounts if 0.0 <= x <= 1.0]
    assert len(inside) == steps
    gaps = [b - a for a, b in pairwise(amounts)]
    assert max(gaps) - min(gaps) < 3e-6
    assert amounts[0] + amounts[-1] == pytest.approx(1.0, abs=2e-6)
    assert -beyond - 2e-6 <= amounts[0] and -amounts[0] > beyond - 1 / (steps - 1) - 2e-6
    Settings(x=amounts)  # never past what x may be
