"""Curve files: breakpoints (time, x) that a user drew or exported, as JSON or CSV."""

import csv
import json
from pathlib import Path
from typing import Any

from lts_batch.errors import SettingsError

# headings that would be passed over like any other word, and whose times would be taken for something else
_OTHER_UNITS = frozenset(("s", "sec", "secs", "second", "ms", "millisecond", "milliseconds", "min", "minute", "minutes", "bar",
                          "bars", "beat", "beats", "samples", "frames", "%", "percent"))
_KEYS = {"points": "curve", "unit": "curve_unit", "shape": "curve_shape"}


def read_curve(path: Path) -> dict[str, Any]:
    """The settings ``curve`` and, where the file says so, ``curve_unit`` and ``curve_shape``.

    JSON: ``[[0, 0], [1, 1]]`` or ``{"unit": "seconds", "shape": "smooth", "points": [[0, 0], [2.5, 1]]}``.
    CSV: two columns, time and x, parted by commas, semicolons or tabs, with or without a heading; a heading ``seconds``
    or ``fraction`` over the times sets the unit, and one that names another unit is refused. Where no comma parts the
    columns it may stand in the numbers, as spreadsheets in much of Europe write them.

    Raises:
        SettingsError: the file is missing, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(f"curve {path} cannot be read ({error.strerror}): check the name and the folder") from None
    except UnicodeDecodeError:
        raise SettingsError(f"curve {path} is not text: give JSON or CSV with times and x") from None
    if text.lstrip().startswith(("[", "{")):
        return _from_json(text, path)
    return _from_csv(text, path)


def _from_json(text: str, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5000 digits is a ValueError too
        raise SettingsError(f"curve {path} is not JSON: {error}; write for example [[0, 0], [1, 1]]") from None
    if isinstance(values, list):
        return {"curve": values}
    if not isinstance(values, dict) or "points" not in values or set(values) - set(_KEYS):
        raise SettingsError(f'curve {path} must be a list of [time, x], or {{"unit": ..., "shape": ..., "points": [...]}}')
    return {_KEYS[key]: value for key, value in values.items()}


def _from_csv(text: str, path: Path) -> dict[str, Any]:
    delimiter = next((sign for sign in ";\t" if sign in text), ",")
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(map(str.strip, row))]
    if delimiter != ",":
        rows = [[cell.replace(",", ".") for cell in row] for row in rows]
    unit = {}
    if rows and not _is_number(rows[0][0]):
        heading = rows[0][0].strip().lower()
        if heading in _OTHER_UNITS:
            raise SettingsError(f"curve {path}: times headed {rows[0][0].strip()!r} cannot be used: write them in seconds under"
                                " the heading seconds, or from 0 to 1 under the heading fraction")
        if heading in ("seconds", "fraction"):
            unit = {"curve_unit": heading}
        rows = rows[1:]
    points = []
    for number, row in enumerate(rows, 1):
        if len(row) != 2 or not all(map(_is_number, row)):
            raise SettingsError(f"curve {path}: point {number} is {delimiter.join(row)!r}; each line holds a time and an x")
        points.append([float(row[0]), float(row[1])])
    if not points:
        raise SettingsError(f"curve {path} holds no points; each line holds a time and an x")
    return {"curve": points, **unit}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
