"""Removing what a DAW script rendered for a job alone, once the job is long over. Never a clip of the user's own."""

import re
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lts_batch.client.overview import watched
from lts_batch.errors import LtsError, SettingsError
from lts_batch.files.whole import output_error
from lts_batch.protocol import JOB_FILE_SUFFIX
from lts_batch.watch.entries import AUDIO_SUFFIXES
from lts_batch.watch.jobfile import read_bytes, strict_json

_UNITS_SECONDS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


@dataclass(frozen=True)
class Rendered:
    """An audio file that a script rendered for a job that is over."""

    path: Path
    job: str
    size_bytes: int
    age_seconds: float


def age_seconds(text: str) -> float:
    """An age as people write it: a number with h, d or w behind it.

    Raises:
        SettingsError: it is none.

    >>> age_seconds("30d"), age_seconds("12h")
    (2592000.0, 43200.0)
    """
    found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d+)?)\s*([hdw])\s*", text.lower(), re.ASCII)
    if found is None:
        raise SettingsError(f"an age of {text!r} is not understood: write for example 12h, 30d or 8w")
    return float(found[1]) * _UNITS_SECONDS[found[2]]


def rendered_clips(root: Path, older_than_seconds: float) -> list[Rendered]:
    """The audio in archive and failed that was rendered for one job alone, which ended that long ago.

    What was is marked in the job file that lies beside it. A name that two clips of the job share says nothing, and is
    left; so is a link, and all that is no audio.

    Raises:
        JobError: ``root`` is no watched folder.
    """
    spool = watched(root)
    now = time.time()
    found = []
    for shelf in (spool.archive, spool.failed):
        for folder in sorted(shelf.iterdir()) if shelf.is_dir() else ():
            names = [path.name for path in folder.iterdir()] if folder.is_dir() and not folder.is_symlink() else []
            job_files = [folder / name for name in names if ".job" in name and name.endswith(".json")]
            if len(job_files) != 1 or not job_files[0].name.endswith(JOB_FILE_SUFFIX):  # which of them marked it?
                continue
            ended = max(folder.stat().st_mtime, job_files[0].stat().st_mtime)
            for name in _marked(job_files[0], spool.inbox):
                path = folder / name
                if name not in names or path.is_symlink() or not path.is_file() or path.suffix.lower() not in AUDIO_SUFFIXES:
                    continue
                status = path.stat()
                age = now - max(ended, status.st_mtime)
                if age >= older_than_seconds:
                    found.append(Rendered(path, folder.name, status.st_size, age))
    return found


def remove_clips(clips: Iterable[Rendered]) -> None:
    """Remove them. Raises ``OutputError`` at the first that stays; those before it are gone."""
    for clip in clips:
        try:
            clip.path.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(clip.path, error) from None


def _marked(job_file: Path, inbox: Path) -> list[str]:
    """Names of clips that a job file marks and that lay in the inbox; none that another clip shares, on any system."""
    try:
        clips = strict_json(read_bytes(job_file))["clips"]
        named = [(_in_inbox(str(clip["path"]), inbox), clip.get("rendered") is True) for clip in clips]
    except (LtsError, ValueError, KeyError, TypeError, AttributeError):
        return []
    times = Counter(_folded(path.name) for path, _ in named)
    return [path.name for path, rendered in named if rendered and path.parent == inbox and times[_folded(path.name)] == 1]


def _in_inbox(text: str, inbox: Path) -> Path:
    return inbox / text if ".." not in PurePosixPath(text).parts else Path(text)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
