"""Whether values of settings are in range and make sense. What is wrong is said with the limit and the remedy."""

import dataclasses
import difflib
import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lts_batch.errors import SettingsError

LEAST_CLIPS, MOST_CLIPS = 2, 4
MOST_GRID = 100
GRID = r"([2-9]|[1-9][0-9]|100)x([2-9]|[1-9][0-9]|100)"
WEIGHTS_SUM = 1e-5  # how far from 1 weights may sum, for thirds of five digits
CURVES = ("curve", "x_level", "x_pitch")  # breakpoints over time
MOST_SHOWN = 8  # values of a list in a sentence
_EXAMPLES = {"x": "[0, 0.5, 1]", "weights": "[[0.4, 0.3, 0.3]]", **dict.fromkeys(CURVES, "[[0, 0], [1, 1]]")}


def check_value(item: "dataclasses.Field[Any]", value: Any) -> None:
    """Raises ``SettingsError`` where a value is none of the choices, or out of the range, that its field names."""
    name, least, most, choices = item.name, item.metadata["least"], item.metadata["most"], item.metadata["choices"]
    if value is None:
        return
    if choices and value not in choices:
        raise SettingsError(f"{name} = {value!r} is not known: choose one of {', '.join(map(str, choices))}"
                            f"{nearest(str(value), tuple(map(str, choices)))}")
    numbers = _numbers(name, value)
    if name in ("x", "weights", *CURVES) and not numbers:
        raise SettingsError(f"{name} is empty: give at least one amount, for example {name} = {_EXAMPLES[name]}")
    for number in numbers:
        if isinstance(number, int | float) and not isinstance(number, bool):
            if not math.isfinite(number):
                raise SettingsError(f"{name} = {number} is not a finite number")
            if (least is not None and number < least) or (most is not None and number > most):
                found, lowest, highest = map(written, (number, least, most))
                raise SettingsError(f"{name} = {found} is out of range: it goes from {lowest} to {highest}")


def written(number: float) -> str:
    """A number in a sentence: whole ones with all their digits, as long as people can read them.

    >>> written(2147483647), written(0.25), written(10**30)
    ('2147483647', '0.25', '1e+30')
    """
    return str(number) if isinstance(number, int) and abs(number) < 1e15 else f"{number:g}"


def shortened(values: Sequence[Any], place: int = 0) -> str:
    """A list in a sentence: all of a short one, the values around a place of a long one.

    >>> shortened([0.0, 1.0]), shortened(list(range(100)), 50)
    ('[0.0, 1.0]', '[..., 48, 49, 50, 51, ...]')
    """
    if len(values) <= MOST_SHOWN:
        return str(list(values))
    first = max(0, place - 2)
    shown = [str(value) for value in values[first:first + 4]]
    return f"[{', '.join([*(['...'] if first else []), *shown, *(['...'] if first + 4 < len(values) else [])])}]"


def _numbers(name: str, value: Any) -> list[Any]:
    """What of a value has to be in range."""
    if name in CURVES:
        return [v for pair in value for v in pair[1:]]
    if name == "weights":
        return [v for row in value for v in row]
    return list(value) if name == "x" else [value]


def check_curve(name: str, curve: tuple[tuple[float, float], ...], unit: str) -> None:
    """Raises ``SettingsError`` where the times of breakpoints do not rise, or pass the end."""
    times = [point[0] for point in curve]
    for place, (before, time) in enumerate(pairwise([-1.0, *times])):
        if not math.isfinite(time) or time < 0 or time <= before:
            raise SettingsError(f"the times of a curve must rise from 0 upwards, found {shortened(times, place)} in {name}")
    if unit == "fraction" and times[-1] > 1:
        raise SettingsError(f"{name} time {times[-1]:g} lies past the end: with curve_unit = 'fraction' times go from 0"
                            " to 1; say curve_unit = 'seconds' for seconds")


def check_weights(rows: tuple[tuple[float, ...], ...]) -> None:
    """Raises ``SettingsError`` where the weights of a stem are too few or too many, or do not sum to 1."""
    for row in rows:
        if not LEAST_CLIPS <= len(row) <= MOST_CLIPS:
            raise SettingsError(f"weights {list(row)} are {len(row)}: give each stem one weight for each clip,"
                                f" {LEAST_CLIPS} to {MOST_CLIPS}")
        if abs(math.fsum(row) - 1.0) > WEIGHTS_SUM:
            raise SettingsError(f"weights {list(row)} sum to {math.fsum(row):g}; the weights of a stem must sum to 1")


def grid_size(grid: str | None) -> tuple[int, int]:
    """Columns and rows of a grid as it is written. Raises ``SettingsError`` where it is not written so."""
    found = re.fullmatch(GRID, grid or "")
    if not found:
        raise SettingsError(f"grid = {grid!r} is not known: write columns x rows, from 2x2 to"
                            f" {MOST_GRID}x{MOST_GRID}, for example 3x3")
    return int(found[1]), int(found[2])


def nearest(word: str, words: tuple[str, ...]) -> str:
    """The end of a sentence that names the word that was perhaps meant; nothing where none is like it."""
    found = difflib.get_close_matches(word, words, n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""
