"""Settings: every value is checked by name, type and range, and what is wrong is said in a sentence that helps."""

import dataclasses
import json
import math
import re
import tomllib
from datetime import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts_batch.errors import SettingsError
from lts_batch.settings import CURVES, FIELDS, RIVALS, X_LIMIT, Settings, as_dict, change, load_preset

NUMBERS = [name for name, item in FIELDS.items() if item.metadata["least"] is not None and name not in ("curve", "weights")]
CHOICES = [name for name, item in FIELDS.items() if item.metadata["choices"]]


def limits(name: str) -> tuple[float, float]:
    return FIELDS[name].metadata["least"], FIELDS[name].metadata["most"]


def wrong(differences: dict[str, Any], **more: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        change(Settings(), differences, "somewhere", **more)
    sentence = str(caught.value)
    assert sentence.startswith("somewhere: ") and "\n" not in sentence
    return sentence.removeprefix("somewhere: ")


# ---------------------------------------------------------------- each check


@pytest.mark.parametrize("name", NUMBERS)
def test_both_limits_are_allowed_and_nothing_past_them(name: str) -> None:
    least, most = limits(name)
    for value in (least, most):
        assert getattr(change(Settings(), {name: value}, ""), name) in (value, (value,), ((0.0, value),))
    for value in (least - 1, most + 1):
        found, lowest, highest = (str(n) if isinstance(n, int) else f"{n:g}" for n in (value, least, most))
        assert wrong({name: value}) == f"{name} = {found} is out of range: it goes from {lowest} to {highest}"


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_must_be_finite(name: str, value: float) -> None:
    sentence = wrong({name: value})
    assert sentence.startswith(f"{name} = {value}")
    assert "not a finite number" in sentence or "takes a whole number" in sentence


@pytest.mark.parametrize("name", CHOICES)
def test_choices(name: str) -> None:
    choices = FIELDS[name].metadata["choices"]
    for choice in choices:
        assert getattr(change(Settings(), {name: choice}, ""), name) == choice
    known = f"is not known: choose one of {', '.join(map(str, choices))}"
    if isinstance(choices[0], int):
        assert wrong({name: 17}).startswith(f"{name} = 17 {known}")
        return
    assert wrong({name: "?"}) == f"{name} = '?' {known}"
    for choice in choices:
        assert wrong({name: choice[:-1]}).endswith(f" (did you mean {choice!r}?)")


@pytest.mark.parametrize(("name", "value", "kind"), [
    ("steps", "5", "a whole number"), ("steps", 5.5, "a whole number"), ("steps", True, "a whole number"),
    ("steps", None, "a whole number"), ("steps", [5], "a whole number"), ("steps", 10**400, "a whole number"),
    ("detail", "1", "a number"), ("detail", True, "a number"), ("detail", None, "a number"),
    ("sample", 1, "true or false"), ("sample", "yes", "true or false"),
    ("align", 1, "text in quotes"), ("naming", None, "text in quotes"), ("model", Path(), "text in quotes"),
    ("sample_rate", "48k", "a whole number"), ("sample_rate", 44100.5, "a whole number"),
    ("repair", "many", "a whole number"), ("bit_depth", "24", "a whole number"), ("ceiling_db", "-1", "a number"),
    ("trim_db", False, "a number"), ("grid", 3, "text in quotes"), ("remove_dc", "no", "true or false"),
])
def test_types_are_not_guessed(name: str, value: Any, kind: str) -> None:
    assert wrong({name: value}) == f"{name} = {value!r} has the wrong type, it takes {kind}"


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert change(Settings(), {"steps": 7.0, "detail": 0, "sample_rate": 48000.0}, "") == \
        Settings(steps=7, detail=0.0, sample_rate=48000)


@pytest.mark.parametrize("value", ["0,1", True, [True], [0.5, "1"], [[0.5]], {"a": 1}, [10**400]])
def test_x_is_a_number_or_a_list_of_them(value: Any) -> None:
    assert wrong({"x": value}) == f"x must be a number or a list of numbers, found {value!r}"


def test_one_number_is_a_list_of_one() -> None:
    assert change(Settings(), {"x": 0.5}, "").x == (0.5,)
    assert change(Settings(), {"x": [1, 0]}, "").x == (1.0, 0.0)
    assert wrong({"x": []}) == "x is empty: give at least one amount, for example x = [0, 0.5, 1]"


def test_whole_numbers_are_told_with_all_their_digits() -> None:
    assert wrong({"seed": 99999999999}) == "seed = 99999999999 is out of range: it goes from 0 to 2147483647"
    assert wrong({"detail": 10**18}) == "detail = 1e+18 is out of range: it goes from 0 to 1"


def test_of_a_long_curve_the_place_is_shown() -> None:
    times = [number / 1000 for number in range(1000)]
    times[500] = 0.1
    sentence = wrong({"curve": [[time, 0] for time in times]})
    assert sentence == "the times of a curve must rise from 0 upwards, found [..., 0.498, 0.499, 0.1, 0.501, ...] in curve"
    sentence = wrong({"weights": [0.5] * 1000})
    assert sentence.startswith("weights must be a list of lists, one weight for each clip, found [0.5, 0.5, ")
    assert sentence.endswith("...") and len(sentence) < 150


@pytest.mark.parametrize("name", ["x_level", "x_pitch"])
def test_amounts_of_level_and_pitch_are_a_number_or_a_curve(name: str) -> None:
    assert getattr(change(Settings(), {name: 1}, ""), name) == ((0.0, 1.0),)
    assert getattr(change(Settings(), {name: [[0, 0], [1, -0.5]]}, ""), name) == ((0.0, 0.0), (1.0, -0.5))
    assert change(Settings(x=(0.5,)), {name: 1}, "").x == (0.5,)  # they stand beside x
    assert wrong({name: []}) == f"{name} is empty: give at least one amount, for example {name} = [[0, 0], [1, 1]]"
    assert wrong({name: [0, 1]}) == f"{name} must be a number or a list of [time, x] pairs, found [0, 1]"
    assert wrong({name: [[0, 1], [2, 0]]}).startswith(f"{name} time 2 lies past the end: with curve_unit = 'fraction'")


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


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(("key", "meant"), [
    ("detial", "detail"), ("step", "steps"), ("samplerate", "sample_rate"), ("fadein_seconds", "fade_in_seconds"),
    ("Align", "align"), ("curve_units", "curve_unit"),
])
def test_a_misspelt_key_is_named_with_the_nearest_right_one(key: str, meant: str) -> None:
    assert wrong({key: 1}) == f"unknown key {key!r} (did you mean {meant!r}?); known are {', '.join(FIELDS)}"


def test_a_key_unlike_any_other_gets_no_guess() -> None:
    assert wrong({"qqqq": 1}) == f"unknown key 'qqqq'; known are {', '.join(FIELDS)}"


def test_job_files_may_not_set_what_names_a_path() -> None:
    assert {name for name, item in FIELDS.items() if not item.metadata["job_safe"]} == {"model", "effects", "device"}
    assert wrong({"effects": [{"name": "evil.vst3"}]}, from_job=True).startswith("a job file may not set 'effects'")
    assert wrong({"model": "/etc"}, from_job=True) == \
        "a job file may not set 'model'; set it in a preset or on the command line"
    assert change(Settings(), {"model": "mine"}, "").model == "mine"
    assert change(Settings(model="mine"), {"detail": 0.5}, "", from_job=True) == Settings(model="mine", detail=0.5)


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


# ---------------------------------------------------------------- there and back

FRACTIONS = st.floats(0.0, 1.0)
AMOUNT = st.floats(-X_LIMIT, X_LIMIT)


DATA = st.text() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def points(draw: st.DrawFn) -> tuple[tuple[float, float], ...]:
    return tuple((time, draw(AMOUNT)) for time in sorted(draw(st.sets(FRACTIONS, min_size=1, max_size=5))))


RIVAL: dict[str, st.SearchStrategy[Any]] = {
    "x": st.lists(AMOUNT, min_size=1, max_size=5).map(tuple), "curve": points(),
    "weights": st.lists(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=3).map(lambda row: (*row, 1.0 - math.fsum(row))),
                        min_size=1, max_size=3).map(tuple),
    "grid": st.tuples(st.integers(2, 100), st.integers(2, 100)).map(lambda size: f"{size[0]}x{size[1]}")}


@st.composite
def any_settings(draw: st.DrawFn) -> Settings:
    values: dict[str, Any] = {}
    for name, item in FIELDS.items():
        least, most = limits(name)
        if name in RIVALS:
            values[name] = None
        elif item.metadata["choices"]:
            values[name] = draw(st.sampled_from(item.metadata["choices"]))
        elif name in CURVES:
            values[name] = draw(st.none() | points())
        elif name == "effects":
            values[name] = draw(st.none() | st.lists(st.dictionaries(st.text(), DATA, max_size=3), max_size=3).map(tuple))
        elif item.type is bool:
            values[name] = draw(st.booleans())
        elif item.type is str:
            values[name] = draw(st.text(min_size=1))
        else:
            number: st.SearchStrategy[Any] = st.floats(least, most)
            if "int" in str(item.type):
                number = st.integers(int(least), int(most))
            values[name] = draw(st.none() | number if "None" in str(item.type) else number)
    way = draw(st.sampled_from(["steps", *RIVALS]))
    values |= {} if way == "steps" else {way: draw(RIVAL[way]), "spacing": "even-x"}
    return Settings(**values)


@given(any_settings())
def test_as_dict_and_change_are_inverse(settings: Settings) -> None:
    values = as_dict(settings)
    assert list(values) == list(FIELDS)
    assert change(Settings(), values, "") == settings
    assert change(Settings(), json.loads(json.dumps(values)), "") == settings  # as a manifest keeps them
    assert change(Settings(x=(0.25,), steps=9, seed=4), values, "") == settings


ANYTHING = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
                        max_leaves=6)


@given(st.sampled_from(sorted(FIELDS)), ANYTHING)
def test_any_value_is_taken_or_refused_with_a_sentence(name: str, value: Any) -> None:
    try:
        made = change(Settings(), {name: value}, "somewhere")
    except SettingsError as error:
        assert str(error).startswith("somewhere: ") and name in str(error)
    else:
        assert change(Settings(), as_dict(made), "") == made


def test_settings_cannot_be_changed_by_accident() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().steps = 3  # type: ignore[misc]


# ---------------------------------------------------------------- preset files


def test_presets_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"

    def refused() -> str:
        with pytest.raises(SettingsError) as caught:
            load_preset(str(path))
        return str(caught.value)

    assert re.fullmatch(rf"preset {re.escape(str(path))} cannot be read \(.+\): check the name and the folder", refused())
    for text in ("steps = ", "steps = " + "1" * 5000, "x = " + "[" * 3000, "\udc80"):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        assert refused().startswith(f"preset {path} is not TOML: ")
    path.write_text("stepps = 5", encoding="utf-8")
    assert refused() == (f"preset mine.toml: unknown key 'stepps' (did you mean 'steps'?);"
                         f" known are {', '.join(FIELDS)}")
    path.write_text('detail = "all"', encoding="utf-8")
    assert refused() == "preset mine.toml: detail = 'all' has the wrong type, it takes a number"


def test_unknown_presets_are_named_with_the_nearest_right_one() -> None:
    with pytest.raises(SettingsError, match=r"no preset is called 'gradet-11' \(did you mean 'graded-11'\?\); there are "):
        load_preset("gradet-11")


def test_job_files_reach_shipped_presets_only(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("steps = 3", encoding="utf-8")
    assert load_preset(str(path)).steps == 3
    with pytest.raises(SettingsError, match="no preset is called"):
        load_preset(str(path), shipped_only=True)


def test_a_preset_changes_its_base_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('about = "Mine"\nsteps = 3\nfade_out_seconds = 0.05', encoding="utf-8")
    assert load_preset(str(path), Settings(model="mine", seed=7)) == \
        Settings(model="mine", seed=7, steps=3, fade_out_seconds=0.05)
    assert set(tomllib.loads(path.read_text(encoding="utf-8"))) == {"about", "steps", "fade_out_seconds"}
