"""Job files: what a client asks for, read with suspicion. JSON only, small, known keys only, nothing that names a place
to write to or a thing to run.
"""

import difflib
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from lts_batch.engine.mixes import mixes
from lts_batch.errors import JobError, SettingsError
from lts_batch.protocol import JOB_FILE_LIMIT_BYTES, JOB_FILE_SUFFIX, is_job_id, printable, schema
from lts_batch.settings import Settings, change, load_preset

MOST_DEPTH, MOST_ENTRIES = 32, 4096  # of its JSON

@dataclass(frozen=True)
class ClipRequest:
    """A clip that somebody wants to be read.

    Attributes:
        path: as asked for, absolute; links in it are not resolved yet and nothing is known of the file.
        offset_samples: start of the excerpt in samples of the clip's own rate.
        length_samples: its length; None for the rest of the clip.
        name: what to call it in names of stems; None for the file's own name.
    """

    path: Path
    offset_samples: int = 0
    length_samples: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class Request:
    """What a job file says, checked."""

    id: str
    clips: tuple[ClipRequest, ...]
    settings: Settings
    echo: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""


def job_id(path: Path) -> str:
    """The id that a job file's name gives.

    Raises:
        JobError: it may not name a job.
    """
    found = path.name.removesuffix(JOB_FILE_SUFFIX)
    if not is_job_id(found):
        raise JobError(f"job file {printable(path.name)!r}: {printable(found)!r} is no id; an id has 1 to 64 letters"
                       " A-Z, a-z, digits, _ or -, and is not a reserved name such as CON or daemon")
    return found


def read_bytes(path: Path) -> bytes:
    """The bytes of a job file.

    Raises:
        JobError: no ordinary file, too large, or not readable.
    """
    source = f"job file {printable(path.name)}"
    try:
        if path.is_symlink() or not path.is_file():
            raise JobError(f"{source} is no ordinary file: write it under another name, then rename it")
        with path.open("rb") as handle:
            data = handle.read(JOB_FILE_LIMIT_BYTES + 1)
    except OSError as error:
        raise JobError(f"{source} cannot be read ({error.strerror}): check its permissions") from None
    if len(data) > JOB_FILE_LIMIT_BYTES:
        raise JobError(f"{source} has more than {JOB_FILE_LIMIT_BYTES} bytes: this is no job file")
    return data


def named_paths(data: bytes, inbox: Path) -> tuple[Path, ...]:
    """The clips that a job file names, also one that breaks other rules; empty where it cannot be read at all."""
    try:
        clips = _json(data)["clips"]
        paths = [clip["path"] for clip in clips if isinstance(clip, dict) and isinstance(clip.get("path"), str)]
        return tuple(inbox / path for path in paths if path and "\0" not in path)
    except (ValueError, KeyError, TypeError):
        return ()


def is_json(data: bytes) -> bool:
    """Whether all of a file seems to be there."""
    try:
        _json(data)
    except ValueError:
        return False
    return True


def parse(data: bytes, name: str, inbox: Path, base: Settings | None = None) -> Request:
    """The request in a job file.

    Args:
        data: its bytes.
        name: its file name, ``<id>.job.json``.
        inbox: the folder that relative paths start from.
        base: the daemon's own settings, which presets and the file's settings differ from.

    Raises:
        JobError: it breaks the protocol.
        SettingsError: an unknown preset, or a setting that is unknown, not for job files, or out of range; or settings
            that do not say how to mix so many clips.
    """
    found = job_id(Path(name))
    source = f"job file {printable(name)}"
    try:
        values = _json(data)
    except ValueError as error:
        raise JobError(f"{source} is not JSON ({printable(str(error))[:200]}): write it again") from None
    _check_size(values, source)
    _check(values, source, but_settings=True)
    settings = base or Settings()
    if "preset" in values:
        try:
            settings = load_preset(values["preset"], settings, shipped_only=True)
        except SettingsError as error:
            raise SettingsError(f"{source}: {error}") from None
    try:
        settings = change(settings, values.get("settings", {}), source, from_job=True)
    except SettingsError as error:
        raise SettingsError(shortened(str(error))) from None
    except OverflowError as error:  # whole numbers of hundreds of digits
        raise SettingsError(f"{source}: a setting is out of range ({error})") from None
    _check(values, source)
    try:
        mixes(settings, len(values["clips"]))
    except SettingsError as error:
        raise SettingsError(shortened(f"{source}: {error}")) from None
    clips = tuple(_clip(clip, inbox, source) for clip in values["clips"])
    return Request(found, clips, settings, values.get("echo", {}), hashlib.sha256(data).hexdigest())


def _clip(clip: Mapping[str, Any], inbox: Path, source: str) -> ClipRequest:
    length = clip.get("length_samples")
    return ClipRequest(_path(clip["path"], inbox, source), int(clip.get("offset_samples", 0)),
                       None if length is None else int(length), clip.get("name"))


def _path(text: str, inbox: Path, source: str) -> Path:
    path = Path(text)
    if ".." in path.parts or ".." in PurePosixPath(text.replace("\\", "/")).parts:
        raise JobError(f"{source}: the path {printable(text)!r} goes upwards by '..': give it in full instead")
    return inbox / path


def shortened(text: str, limit: int = 600) -> str:
    """A sentence that can be shown, whatever was quoted in it."""
    text = printable(text)
    return text if len(text) <= limit else f"{text[:limit - 3]}..."


# ---------------------------------------------------------------- JSON, strictly


def _json(data: bytes) -> Any:
    """Strict JSON of UTF-8, with or without byte order mark; ValueError for anything else."""
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_constant,
                          parse_float=_float)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return values


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


# ---------------------------------------------------------------- sentences for what the schema refuses


def _check_size(values: Any, source: str) -> None:
    """Before anything looks closer: what is nested or listed without measure takes seconds, and a stack."""
    level: list[tuple[str, Any]] = [("", values)]
    for _ in range(MOST_DEPTH):
        for where, one in level:
            if isinstance(one, list) and len(one) > MOST_ENTRIES:
                raise JobError(f"{source}: {printable(where)[:60]} has {len(one)} entries; it takes at most {MOST_ENTRIES}")
        level = [(f"{where}.{key}".lstrip("."), inner) for where, one in level if isinstance(one, dict)
                 for key, inner in one.items()] + [(f"{where}[]", inner) for where, one in level if isinstance(one, list)
                                                   for inner in one]
    if level:
        raise JobError(f"{source} is nested more than {MOST_DEPTH} deep: this is no job file")


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema("job"))


def _check(values: Any, source: str, *, but_settings: bool = False) -> None:
    """Hold against the schema; single settings are left to ``settings.change``, which has the better words for them."""
    errors = [error for error in _validator().iter_errors(values)
              if not (but_settings and error.absolute_path and error.absolute_path[0] == "settings"
                      and (error.validator != "type" or len(error.absolute_path) > 1))]
    if errors:
        error = min(errors, key=lambda e: (len(e.absolute_path), [str(step) for step in e.absolute_path]))
        raise JobError(shortened(f"{source}: {_sentence(error)}"))


def _sentence(error: Any) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    where = printable(where) or "it"
    found = printable(json.dumps(error.instance, ensure_ascii=False))
    found = found if len(found) <= 60 else f"{found[:60]}..."
    match error.validator:
        case "required":
            missing = [key for key in error.validator_value if key not in error.instance]
            return f"{where} lacks {', '.join(missing)}"
        case "additionalProperties" if error.validator_value is False:
            known = list(error.schema["properties"])
            unknown = printable(next(key for key in error.instance if key not in known))
            near = difflib.get_close_matches(unknown, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            return f"{where} has an unknown key {unknown!r}{hint}; known are {', '.join(known)}"
        case "minItems" | "maxItems":
            return (f"{where} has {len(error.instance)} entries; it takes {error.schema.get('minItems', 0)} to"
                    f" {error.schema.get('maxItems', 'any number')}")
        case "type":
            return f"{where} is {found}; it should be of type {error.validator_value}"
        case "const":
            return f"{where} is {found}; this lts-batch knows {error.validator_value!r} only"
        case "minimum" | "maximum" | "minLength" | "maxLength" | "maxProperties":
            return f"{where} is {found}; its {error.validator} is {error.validator_value}"
        case "pattern" | "propertyNames":
            return f"{where} is {found}; it should match {error.schema.get('pattern', 'the names that are allowed')}"
    return f"{where} is {found}, which docs/protocol.md does not know there"
