"""What the daemon and its clients agree on: versions, ids, states, schemas, and lines of tabs that plain Lua can read.

The contract in words is docs/protocol.md; the schemas beside this module say it to machines.
"""

import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any

from lts_batch.settings import CURVES, FIELDS, GRID, LEAST_CLIPS, MOST_CLIPS

VERSION = 1
SCHEMAS = ("job", "manifest", "status", "daemon", "cancel", "error")
STATES = ("waiting", "claimed", "running", "delivering", "done", "failed", "cancelled")
JOB_FILE_SUFFIX = ".job.json"
CANCEL_SUFFIX = ".cancel"
JOB_FILE_LIMIT_BYTES = 1 << 20
MOST_AMOUNTS = 5001  # as many as the steps setting can make with beyond
MOST_DEPTH, MOST_ENTRIES = 32, MOST_AMOUNTS  # of a job file's JSON: how deep, and in one list

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# names that Windows keeps for devices, with or without an ending; and the one that status/ needs for itself
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}
_TAKEN = {"daemon"}


def is_device_name(name: str) -> bool:
    """Whether Windows would take a file name for a device.

    >>> is_device_name("nul"), is_device_name("COM1.wav"), is_device_name("NULL")
    (True, True, False)
    """
    return name.partition(".")[0].strip().lower() in _DEVICES


def is_job_id(text: str) -> bool:
    """Whether a text may name a job, and so its folders, on every system.

    >>> is_job_id("3f2a-Kick_01"), is_job_id("../x"), is_job_id("con"), is_job_id("daemon")
    (True, False, False, False)
    """
    return bool(_ID.fullmatch(text)) and not is_device_name(text) and text.lower() not in _TAKEN


# ---------------------------------------------------------------- lines of tabs

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_PLAIN = {escaped[1]: plain for plain, escaped in _ESCAPES.items()}


def printable(text: str) -> str:
    """Text that can be written as UTF-8: what a file name holds that is no character becomes U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def shortened(text: str, limit: int = 600) -> str:
    """A sentence that can be shown, whatever was quoted in it."""
    text = printable(text)
    return text if len(text) <= limit else f"{text[:limit - 3]}..."


def one_line(sentence: str) -> str:
    """What would break the line, or steer the terminal, in the way people write it: names of files may hold anything.

    >>> print(one_line("take\\n2.wav is missing"))
    take\\n2.wav is missing
    """
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in sentence)


def escape(text: str) -> str:
    r"""A field for a line of tabs: backslash, tab, newline and carriage return become two characters each.

    >>> escape("a\tb")
    'a\\tb'
    """
    return re.sub(r"[\\\t\n\r]", lambda found: _ESCAPES[found[0]], printable(text))


def unescape(field: str) -> str:
    r"""The text of a field; a backslash before any other character is dropped.

    >>> unescape(escape("C:\\new\ttab")) == "C:\\new\ttab"
    True
    """
    return re.sub(r"\\(.?)", lambda found: _PLAIN.get(found[1], found[1]), field, flags=re.DOTALL)


def as_field(value: Any) -> str:
    """A value as the text of a field: nothing for None, true and false, numbers in full, other things as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def to_lines(what: str, rows: Iterable[Sequence[Any]]) -> str:
    """A file of lines of tabs: ``lts-batch-<what>``, version; then one line a row, its kind in the first field."""
    lines = [[f"lts-batch-{what}", VERSION], *rows]
    return "".join("\t".join(escape(as_field(value)) for value in row) + "\n" for row in lines)


def from_lines(what: str, text: str) -> list[list[str]]:
    """The rows of ``to_lines`` as text, without the first.

    Raises:
        ValueError: another kind of file, or another version.
    """
    rows = [[unescape(field) for field in line.split("\t")] for line in text.split("\n")[:-1]]
    if not rows or rows[0] != [f"lts-batch-{what}", str(VERSION)]:
        raise ValueError(f"this is no {what} of version {VERSION}: its first line is {(rows or [[]])[0]}")
    return rows[1:]


# ---------------------------------------------------------------- schemas


@cache
def schema(name: str) -> dict[str, Any]:
    """A JSON Schema (2020-12) of the protocol by its name in ``SCHEMAS``."""
    text = resources.files("lts_batch").joinpath("schemas", f"{name}.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def settings_schema() -> dict[str, Any]:
    """What the job schema says of settings, made from the settings themselves; a test holds the two together."""
    return {name: _property(name) for name, item in FIELDS.items() if item.metadata["job_safe"]}


def _property(name: str) -> dict[str, Any]:
    item = FIELDS[name]
    kind, about = str(item.type), item.metadata["help"]
    limits = {key: item.metadata[found] for key, found in (("minimum", "least"), ("maximum", "most"))
              if item.metadata[found] is not None}
    number = {"type": "number", **limits}
    found: dict[str, Any]
    if name == "x":
        found = {"oneOf": [number, {"type": "array", "items": number, "minItems": 1, "maxItems": MOST_AMOUNTS}]}
    elif name in CURVES:
        point = {"type": "array", "prefixItems": [{"type": "number", "minimum": 0}, number],
                 "minItems": 2, "maxItems": 2}
        found = {"type": "array", "items": point, "minItems": 1, "maxItems": MOST_ENTRIES}
        found = found if name == "curve" else {"oneOf": [number, found]}
    elif name == "weights":  # that they sum to 1 is nothing a schema can say
        row = {"type": "array", "items": number, "minItems": LEAST_CLIPS, "maxItems": MOST_CLIPS}
        found = {"type": "array", "items": row, "minItems": 1, "maxItems": MOST_AMOUNTS}
    elif name == "grid":
        found = {"type": "string", "pattern": f"^{GRID}$"}
    elif item.metadata["choices"]:
        found = {"enum": list(item.metadata["choices"])}
    elif "bool" in kind:
        found = {"type": "boolean"}
    elif "str" in kind:
        found = {"type": "string"}
    else:
        found = {"type": "integer" if "int" in kind else "number", **limits}
    if "None" in kind:
        found = {"oneOf": [*found.get("oneOf", [found]), {"type": "null"}]}
    return {"description": about, **found}
