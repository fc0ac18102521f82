"""Settings from differences as TOML, JSON and the command line have them, and all their values for JSON."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from lts_batch.errors import SettingsError
from lts_batch.settings.checks import CURVES, MOST_SHOWN, nearest
from lts_batch.settings.table import FIELDS, RIVALS, Settings

_LISTS = {"x": "a number or a list of numbers", "curve": "a list of [time, x] pairs",
          "x_level": "a number or a list of [time, x] pairs", "x_pitch": "a number or a list of [time, x] pairs",
          "weights": "a list of lists, one weight for each clip",
          "effects": "a list of tables of text, finite numbers, true and false"}
_MOST_LETTERS = 80  # of a long list in a sentence
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text in quotes"}


def change(base: Settings, differences: Mapping[str, Any], source: str, *, from_job: bool = False) -> Settings:
    """``base`` with some values changed, each checked for name, type and range.

    Args:
        source: what to call the place the differences come from in an error.
        from_job: accept only keys that a job file may set.

    Raises:
        SettingsError: unknown key (with the nearest right one), wrong type, out of range.
    """
    values: dict[str, Any] = {}
    for key, value in differences.items():
        if key not in FIELDS:
            raise SettingsError(f"{source}: unknown key {key!r}{nearest(key, tuple(FIELDS))};"
                                f" known are {', '.join(FIELDS)}")
        if from_job and not FIELDS[key].metadata["job_safe"]:
            raise SettingsError(f"{source}: a job file may not set {key!r}; set it in a preset or on the command line")
        values[key] = _convert(key, value, source)
    _let_the_later_win(values)
    try:
        return dataclasses.replace(base, **values)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from None


def as_dict(settings: Settings) -> dict[str, Any]:
    """All values, ready for JSON; ``change(Settings(), as_dict(s), "")`` gives ``s`` back."""
    return {name: getattr(settings, name) for name in FIELDS}


def _let_the_later_win(values: dict[str, Any]) -> None:
    """Ways to say which stems there are exclude each other: what is said now takes the place of what was said before."""
    given = any(values.get(name) is not None for name in RIVALS)
    if given:
        values.setdefault("spacing", "even-x")
    counted = "steps" in values or values.get("spacing") == "even-distance"
    if given or counted or "beyond" in values:
        for name in RIVALS:
            if name != "grid" or given or counted:  # a grid has a beyond of its own
                values.setdefault(name, None)


def _convert(key: str, value: Any, source: str) -> Any:
    """TOML and JSON values to the types of the dataclass; nothing is guessed."""
    kind = FIELDS[key].type
    wanted = kind.__name__ if isinstance(kind, type) else str(kind)
    if value is None and "None" in wanted:
        return None
    if key in _LISTS:
        found = _convert_list(key, value)
        if found is None:
            raise SettingsError(f"{source}: {key} must be {_LISTS[key]}, found {_shown(value)}")
        return found
    real = _is_real(value)
    if "bool" in wanted and isinstance(value, bool):
        return value
    if "int" in wanted and real and float(value).is_integer():
        return int(value)
    if "float" in wanted and real:
        return float(value)
    if "str" in wanted and isinstance(value, str):
        return value
    raise SettingsError(f"{source}: {key} = {value!r} has the wrong type, it takes {_KINDS[wanted.split(' ')[0]]}")


def _convert_list(key: str, value: Any) -> tuple[Any, ...] | None:
    """The same for settings that are lists; None for what is none."""
    if _is_real(value) and key in ("x", "x_level", "x_pitch"):
        value = [value] if key == "x" else [[0.0, value]]
    if not isinstance(value, list | tuple):
        return None
    if key == "x":
        return tuple(float(v) for v in value) if all(map(_is_real, value)) else None
    if key == "effects":
        return tuple(dict(one) for one in value) if all(isinstance(one, dict) and _is_data(one) for one in value) else None
    if not _is_table(value) or (key in CURVES and any(len(pair) != 2 for pair in value)):
        return None
    return tuple(tuple(float(v) for v in row) for row in value)


def _shown(value: Any) -> str:
    """A list in a sentence: the start of a long one."""
    text = " ".join(repr(value).split())
    is_long = isinstance(value, list | tuple) and len(value) > MOST_SHOWN and len(text) > _MOST_LETTERS
    return f"{text[:_MOST_LETTERS]}..." if is_long else text


def _is_table(value: list[Any] | tuple[Any, ...]) -> bool:
    return all(isinstance(row, list | tuple) and all(map(_is_real, row)) for row in value)


def _is_data(value: Any) -> bool:
    """What a manifest can hold."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_data(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_is_data, value))
    return isinstance(value, str | bool) or (_is_real(value) and math.isfinite(value))


def _is_real(value: Any) -> bool:
    """A number that fits a float; true and false are none."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)
