"""Settings: every value is checked by name, type and range, and what is wrong is said in a sentence that helps."""

import math
from pathlib import Path
from typing import Any

import pytest
from changing import limits, wrong

from lts_batch.settings import FIELDS, Settings, change

NUMBERS = [name for name, item in FIELDS.items() if item.metadata["least"] is not None and name not in ("curve", "weights")]
CHOICES = [name for name, item in FIELDS.items() if item.metadata["choices"]]


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
