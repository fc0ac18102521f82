"""Moving what users entrusted to us: never over anything, never half, also from one disk to another."""

import errno
import hashlib
import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from lts_batch.errors import OutputError
from lts_batch.files.whole import output_error, place, sync_folder, temporary_beside

_BLOCK_BYTES = 1 << 20
_PATIENCE_SECONDS = (0.05, 0.2, 0.5)  # Windows refuses to move what a virus scanner is just looking at


def sha256(file: BinaryIO | Path) -> str:
    """SHA-256 of a file's bytes, read in blocks; an open file is read from its start."""
    if isinstance(file, Path):
        with file.open("rb") as handle:
            return sha256(handle)
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def free(path: Path, taken: frozenset[Path] | set[Path] = frozenset()) -> Path:
    """``path``, or where that exists or is taken, the first free ``name (2).wav``, ``name (3).wav``, ..."""
    candidate, n = path, 1
    while candidate in taken or os.path.lexists(candidate):
        n += 1
        candidate = path.with_name(f"{path.stem} ({n}){path.suffix}")
    return candidate


def move(source: Path, destination: Path) -> None:
    """Give a file, link or folder another place; both folders are forced to disk.

    On one disk that is a rename. Across disks it is copied beside the destination under a temporary name, compared,
    forced to disk, renamed, and only then removed where it came from.

    Raises:
        OutputError: the destination exists, or the system refused; then the source is as it was.
    """
    if os.path.lexists(destination):
        raise output_error(destination, FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)))
    for pause in (*_PATIENCE_SECONDS, None):
        try:
            _rename_or_copy(source, destination)
            break
        except OSError as error:
            if os.name != "nt" or not isinstance(error, PermissionError) or pause is None:
                raise output_error(destination, error) from None
            time.sleep(pause)
    sync_folder(source.parent)


def _rename_or_copy(source: Path, destination: Path) -> None:
    try:
        # links, pipes and folders can't be placed by a second name, and nobody else writes to our destinations
        if source.is_file() and not source.is_symlink():
            place(source, destination)
        else:
            source.rename(destination)
            sync_folder(destination.parent)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_over(source, destination)


def _copy_over(source: Path, destination: Path) -> None:
    temporary = temporary_beside(destination)
    try:
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, temporary, symlinks=True)
        else:
            shutil.copy2(source, temporary, follow_symlinks=False)
        for copy in [temporary, *temporary.rglob("*")]:
            _compare(source / copy.relative_to(temporary), copy)
        place(temporary, destination)
    except BaseException:
        remove(temporary)
        raise
    if source.is_dir() and not source.is_symlink():
        shutil.rmtree(source)
    else:
        if os.name == "nt" and not source.is_symlink():
            source.chmod(stat.S_IWRITE)  # Windows does not remove what is read-only
        source.unlink()


def _compare(source: Path, copy: Path) -> None:
    """Refuse a copy that differs; force a right one to disk."""
    if copy.is_symlink():
        return
    if copy.is_dir():
        sync_folder(copy)
        return
    mode = copy.stat().st_mode
    copy.chmod(mode | stat.S_IWUSR)  # only what may be written can be forced to disk, and a clip may be read-only
    with copy.open("rb+") as handle:
        os.fsync(handle.fileno())
    copy.chmod(mode)
    if sha256(source) != sha256(copy):
        raise OutputError(f"the copy of {source} for {copy.parent} came out different: the disk or network is not to be"
                          " trusted; the original was left where it is")


def remove(path: Path) -> None:
    """Take away a file, link or folder of our own; what can't be removed stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
