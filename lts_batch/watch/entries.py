"""What lies in a folder, by names, sizes and times alone; nothing is opened."""

import re
import stat
import unicodedata
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

AUDIO_SUFFIXES = {".wav", ".wave", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".caf", ".flac", ".ogg", ".oga", ".opus",
                  ".mp3", ".m4a"}


@dataclass(frozen=True)
class Entry:
    """A thing in a folder. ``signature`` differs once it has changed."""

    path: Path
    is_folder: bool
    is_link: bool
    modified_ns: int
    signature: Hashable
    identity: tuple[int, int]

    @property
    def is_clip(self) -> bool:
        """Whether its name says that it is audio; hidden files are nobody's clips."""
        return (not self.is_folder and not self.path.name.startswith(".")
                and self.path.suffix.lower() in AUDIO_SUFFIXES)


def entries_of(folder: Path) -> list[Entry]:
    """What lies in a folder, in the order of names; what vanishes meanwhile is left out."""
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError:
        return []
    return [entry for entry in map(_entry, paths) if entry is not None]


def _entry(path: Path) -> Entry | None:
    try:
        status = path.lstat()  # not what listing a folder gives: on Windows that lags behind while a file grows
    except OSError:
        return None
    is_link = stat.S_ISLNK(status.st_mode)
    if is_link:
        with suppress(OSError):  # a link to nothing stands for itself
            status = path.stat()
    signature = (status.st_mode, status.st_size, status.st_mtime_ns)
    return Entry(path, stat.S_ISDIR(status.st_mode), is_link, status.st_mtime_ns, signature,
                 (status.st_dev, status.st_ino))


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """The order in which people count: 2 before 10, small and capital letters alike."""
    parts = re.split(r"([0-9]+)", unicodedata.normalize("NFC", name).casefold())
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in parts], name
