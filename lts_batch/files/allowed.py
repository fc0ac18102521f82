"""Folders that jobs may read from: the watch root, and those that the user allowed. Never what a job file says."""

import json
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import platformdirs

from lts_batch.errors import ClipError, JobError
from lts_batch.files.whole import write_whole

FORMAT = "lts-batch/allowed"


class NotAllowed(JobError):
    """A clip in a folder that the user has not allowed; the job waits until it is."""


def config_folder() -> Path:
    """Where this user's own choices are kept; ``LTS_BATCH_CONFIG`` names another folder."""
    return Path(os.environ.get("LTS_BATCH_CONFIG") or platformdirs.user_config_dir("lts-batch", appauthor=False))


def allowed_folders() -> tuple[Path, ...]:
    """The folders allowed so far, links resolved.

    Raises:
        JobError: the list was damaged.
    """
    path = config_folder() / "allowed.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise ValueError("another format")
        return tuple(Path(folder) for folder in values["folders"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobError(f"{path}, the list of folders that jobs may read from, cannot be read ({error}): remove it, and"
                       " allow your folders again") from None


def allow(folder: Path) -> Path:
    """Let jobs read clips from a folder and all below it, for this user, from now on.

    Returns:
        The folder with links resolved, as it was written down.

    Raises:
        JobError: no such folder.
        OutputError: the list cannot be written.
    """
    try:
        real = folder.expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise JobError(f"there is no folder {folder}: give one that exists") from None
    if not real.is_dir():
        raise JobError(f"{folder} is no folder: give the folder that holds the clips")
    folders = sorted({*allowed_folders(), real})
    config_folder().mkdir(parents=True, exist_ok=True)
    values = {"format": FORMAT, "folders": [str(path) for path in folders]}
    write_whole(config_folder() / "allowed.json", json.dumps(values, indent=1) + "\n", overwrite=True)
    return real


def open_allowed(path: Path, places: Iterable[Path]) -> BinaryIO:
    """Open a clip for reading, if the opened file really lies in one of ``places`` (folders with links resolved).

    It is the open handle that is checked, so that a link swapped meanwhile gains nothing.

    Raises:
        NotAllowed: it lies elsewhere.
        ClipError: missing, no ordinary file, or not readable.
    """
    try:
        real = path.resolve(strict=True)
        _check(path, real, places)
        if not stat.S_ISREG(real.stat().st_mode):  # opening a named pipe would wait for ever
            raise ClipError(f"{path} is no ordinary file: give an audio file")
        handle = real.open("rb")
    except FileNotFoundError:
        raise ClipError(f"{path} is missing: check the name and the folder") from None
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ClipError(f"{path} cannot be opened ({why}): check its name and permissions") from None
    try:
        _check(path, _place_of(handle, real), places)
    except BaseException:
        handle.close()
        raise
    return handle


def _check(path: Path, real: Path, places: Iterable[Path]) -> None:
    if any(real.is_relative_to(folder) for folder in places):
        return
    raise NotAllowed(f"{path} lies in a folder that jobs may not read from; if they may, say: lts-batch allow"
                     f" \"{real.parent}\"")


def _place_of(handle: BinaryIO, real: Path) -> Path:
    """Where an open file lies, by the system's own word where it gives one."""
    if sys.platform == "darwin":
        import fcntl

        return Path(os.fsdecode(fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")))
    link = Path(f"/proc/self/fd/{handle.fileno()}")
    if link.is_symlink():
        return link.readlink()
    again = real.resolve(strict=True)
    if not os.path.samestat(os.fstat(handle.fileno()), again.stat()):
        raise ClipError(f"{real} was exchanged while it was opened: try again")
    return again
