"""Settings as a record and back, and any value at all: taken whole or refused with a sentence."""

import dataclasses
import json
import math
from typing import Any

import pytest
from changing import limits
from hypothesis import given
from hypothesis import strategies as st

from lts_batch.errors import SettingsError
from lts_batch.settings import CURVES, FIELDS, RIVALS, X_LIMIT, Settings, as_dict, change

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
