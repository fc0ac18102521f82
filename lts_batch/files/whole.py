"""Files that appear whole or not at all.

Bytes go to a temporary name beside the destination, are forced to disk, and only then take the destination's name. A
crash, a full disk or a pulled plug leaves the old state, or a leftover whose name ends in ``TEMPORARY_SUFFIX``, but
never half a file under a name that somebody waits for.
"""

import errno
import os
import secrets
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from lts_batch.errors import OutputError

TEMPORARY_SUFFIX = ".lts-tmp"

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def temporary_beside(path: Path) -> Path:
    """A fresh hidden name in the folder of ``path``, of a length that does not grow with the name of ``path``."""
    return path.with_name(f".{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")


def is_temporary(path: Path) -> bool:
    """Whether a name was made by ``temporary_beside``: not yet, or never to be, a finished file.

    >>> is_temporary(temporary_beside(Path("stem.wav"))), is_temporary(Path("stem.wav"))
    (True, False)
    """
    return path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX)


def output_error(path: Path, error: OSError) -> OutputError:
    """What the system said about writing ``path``, as a sentence with a remedy."""
    if error.errno in _FULL:
        why = "the disk is full: make room on it, or choose another folder"
    elif error.errno == errno.EFBIG:
        why = "the file would grow larger than this disk or account allows: choose another folder or shorter stems"
    elif error.errno in _FORBIDDEN:
        why = "it may not be written to: choose another folder, or change its permissions"
    elif error.errno in (errno.ENOENT, errno.ENOTDIR) and not path.parent.is_dir():
        why = f"there is no folder {path.parent}: make it, or choose another"
    elif error.errno == errno.ENAMETOOLONG:
        why = "the name is too long for this disk: choose a shorter one"
    elif isinstance(error, FileExistsError):
        why = "it exists already, and nothing is overwritten unasked: move it away, choose another name, or force it"
    else:
        why = f"{error.strerror or error}: choose another folder, or try again"
    return OutputError(f"{path} cannot be written, {why}")


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk, where the system can: not on Windows, nor on some network disks."""
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def place(temporary: Path, path: Path, *, overwrite: bool = False) -> None:
    """Give a finished temporary file or folder the name that others wait for.

    Raises:
        FileExistsError: ``path`` exists and ``overwrite`` is off, also where it came into being a moment ago.
        OSError: the system refused.
    """
    if overwrite:
        temporary.replace(path)
    elif os.name == "nt":
        temporary.rename(path)  # refuses an existing name there
    else:
        # POSIX renames overwrite in silence; a link refuses an existing name in one step
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            raise
        except OSError:  # folders, and disks that know no links (exFAT, some shares): a check has to do
            if path.exists() or path.is_symlink():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            temporary.rename(path)
        else:
            with suppress(OSError):  # the file is in its place: a leftover does no harm
                temporary.unlink()
    sync_folder(path.parent)


class Unfinished(ABC):
    """What is being written. As a context it commits at the end of the block, or leaves nothing if the block fails."""

    @abstractmethod
    def commit(self) -> None:
        """Let it appear, whole."""

    @abstractmethod
    def discard(self) -> None:
        """Leave nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


class WholeFile(Unfinished):
    """A file being written.

    Raises:
        OutputError: the destination exists (and ``overwrite`` is off) or cannot be written, at any stage.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self.path = path
        self._overwrite = overwrite
        self._temporary = temporary_beside(path)
        try:
            if not overwrite and (path.exists() or path.is_symlink()):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            self._handle = self._temporary.open("xb")
        except OSError as error:
            raise output_error(path, error) from None

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes, or put them where ``seek`` went."""
        try:
            self._handle.write(data)
        except OSError as error:
            raise output_error(self.path, error) from None

    def seek(self, position: int) -> None:
        """Go to a byte position, for headers that are known at the end only."""
        try:
            self._handle.seek(position)
        except OSError as error:  # what was still buffered is written here
            raise output_error(self.path, error) from None

    def commit(self) -> None:
        """Force the bytes to disk and take the destination's name; on failure leave nothing."""
        try:
            self._handle.flush()
            os.fsync(self._handle.fileno())
            self._handle.close()
            place(self._temporary, self.path, overwrite=self._overwrite)
        except OSError as error:
            self.discard()
            raise output_error(self.path, error) from None

    def discard(self) -> None:
        """Take back what was written. Harmless when repeated."""
        with suppress(OSError):
            self._handle.close()  # tries once more to write what a full disk refused
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def check_room(path: Path, *, overwrite: bool = False) -> None:
    """Whether a file could be made, asked before the work that it is to hold.

    Raises:
        OutputError: ``path`` exists (and ``overwrite`` is off, or it is a folder), or there is no folder for it.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder: give the name of a file in it")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise OutputError(f"{path} exists already, and nothing is overwritten unasked: choose another name, or say --force")
    if not path.parent.is_dir():
        raise output_error(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))


def write_whole(path: Path, data: bytes | str, *, overwrite: bool = False) -> None:
    """Write a file whole or not at all; text becomes UTF-8 with its line ends as they are.

    Raises:
        OutputError: ``path`` exists (and ``overwrite`` is off) or cannot be written.
    """
    with WholeFile(path, overwrite=overwrite) as file:
        file.write(data.encode("utf-8") if isinstance(data, str) else data)
