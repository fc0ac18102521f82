"""Job files: what a client asks for, read with suspicion. JSON only, small, known keys only, nothing that names a place
to write to or a thing to run.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lts_batch.engine.mixes import mixes
from lts_batch.errors import JobError, SettingsError
from lts_batch.protocol import JOB_FILE_LIMIT_BYTES, JOB_FILE_SUFFIX, is_job_id, printable, shortened
from lts_batch.settings import Settings, change, load_preset
from lts_batch.watch.refusals import check_schema, check_size


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
        clips = strict_json(data)["clips"]
        paths = [clip["path"] for clip in clips if isinstance(clip, dict) and isinstance(clip.get("path"), str)]
        return tuple(inbox / path for path in paths if path and "\0" not in path)
    except (ValueError, KeyError, TypeError):
        return ()


def is_json(data: bytes) -> bool:
    """Whether all of a file seems to be there."""
    try:
        strict_json(data)
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
        values = strict_json(data)
    except ValueError as error:
        raise JobError(f"{source} is not JSON ({printable(str(error))[:200]}): write it again") from None
    check_size(values, source)
    check_schema(values, source, but_settings=True)
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
    check_schema(values, source)
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


# ---------------------------------------------------------------- JSON, strictly


def strict_json(data: bytes) -> Any:
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
