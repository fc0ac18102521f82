"""What a job is: clips that were found whole, read through handles that were checked, and known by their content."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

from lts_batch.errors import ClipError, LtsError
from lts_batch.files import audio
from lts_batch.files.allowed import open_allowed
from lts_batch.files.moves import sha256
from lts_batch.protocol import CANCEL_SUFFIX, JOB_FILE_SUFFIX
from lts_batch.settings import Settings, as_dict
from lts_batch.watch.jobfile import ClipRequest
from lts_batch.watch.whereabouts import Whereabouts

Origin = Literal["file", "preset", "pair", "set"]

_whereabouts = Whereabouts()


@dataclass(frozen=True)
class Candidate:
    """Clips that seem to be ready to be made into stems, nothing of them read yet.

    Attributes:
        origin: a job file, a pair in a preset folder, a pair in the inbox, or a set folder.
        name: the id of a job file, the common name of a pair, the name of a set folder.
        clips: in their order.
        since: when anything of it changed last, by the scanner's clock.
        control: the job file, where there is one.
        folder: the set folder, where there is one.
        digest: SHA-256 of the job file, where there is one.
    """

    origin: Origin
    name: str
    clips: tuple[ClipRequest, ...]
    settings: Settings
    since: float
    echo: Mapping[str, Any] = field(default_factory=dict)
    control: Path | None = None
    folder: Path | None = None
    digest: str = ""

    @property
    def key(self) -> tuple[str, str, float]:
        """By which it is known again as long as nothing of it changes."""
        place = self.control or self.clips[0].path.parent / self.name
        return self.origin, str(place), self.since

    @property
    def title(self) -> str:
        """What people call it: the name of a pair or a set folder, or the names of a job file's clips."""
        if self.control is None:
            return self.name
        return "~".join(clip.name or clip.path.stem for clip in self.clips) or self.name


@dataclass(frozen=True)
class TakenClip:
    """A clip as it was found through a checked handle.

    Attributes:
        path: links resolved.
        entry: the file or link inside the inbox that leaves with the job; None for a clip that lies elsewhere.
        taken: size and time of change of that entry, when it was taken.
    """

    request: ClipRequest
    path: Path
    size_bytes: int
    sha256: str
    entry: Path | None
    taken: tuple[int, int] | None = None


@dataclass(frozen=True)
class Job:
    """A candidate whose clips are whole.

    Attributes:
        id: names its folders and its status.
        digest: SHA-256 over what decides its stems; the same job, seen again, has the same.
    """

    id: str
    digest: str
    candidate: Candidate
    clips: tuple[TakenClip, ...]


def take(candidate: Candidate, inbox: Path, places: Iterable[Path]) -> Job:
    """Read all clips of a candidate through handles that lie where they may.

    Args:
        places: folders that clips may lie in, links resolved.

    Raises:
        NotAllowed: a clip lies elsewhere.
        ClipError: a clip is missing, not whole, not audio, or shorter than its excerpt.
    """
    places = tuple(places)
    clips = tuple(_take_clip(request, inbox, places) for request in candidate.clips)
    if candidate.control is not None:
        return Job(candidate.name, candidate.digest, candidate, clips)
    content = {"name": candidate.name, "clips": [[clip.request.path.name, clip.sha256] for clip in clips],
               "settings": as_dict(candidate.settings)}
    digest = _digest(content)
    return Job(f"{_slug(candidate.name)}-{digest[:12]}", digest, candidate, clips)


def failed_id(candidate: Candidate) -> str:
    """An id for a candidate that could not be taken."""
    if candidate.control is not None:
        return candidate.name
    return f"{_slug(candidate.name)}-{_digest([[str(clip.path), candidate.since] for clip in candidate.clips])[:12]}"


def safe_id(name: str, data: bytes) -> str:
    """An id for a job file whose name gives none."""
    return f"{_slug(name)}-{hashlib.sha256(data).hexdigest()[:12]}"


def inbox_entry(path: Path, inbox: Path) -> Path | None:
    """Which file or link inside the inbox a path means, or None; other jobs' files are no clips."""
    if path.name.endswith((JOB_FILE_SUFFIX, CANCEL_SUFFIX)):
        return None
    if path.parent == inbox and path.name not in ("", ".", ".."):
        return path  # most of them: resolving takes time
    folder, place = _whereabouts.real(path.parent), _whereabouts.real(inbox)
    if folder is None or place is None or not folder.is_relative_to(place):
        return None
    inside = (folder / path.name).relative_to(place)
    return inbox / inside if inside.parts else None


def describe(clip: ClipRequest, places: Iterable[Path]) -> tuple[int | None, str | None]:
    """Size and SHA-256 of a clip that may be broken; None where nothing can be read."""
    try:
        with open_allowed(clip.path, places) as handle:
            return _size(handle), sha256(handle)
    except (LtsError, OSError):
        return None, None


def _take_clip(request: ClipRequest, inbox: Path, places: tuple[Path, ...]) -> TakenClip:
    entry = inbox_entry(request.path, inbox)
    try:
        before = entry.lstat() if entry is not None and entry.exists() else None
        with open_allowed(request.path, places) as handle:
            # somebody may still be writing what lies in the inbox; a project's long recordings are read where needed
            info = audio.verify(handle) if entry is not None else audio.info(handle)
            _check_excerpt(request, info.samples, info.sample_rate)
            return TakenClip(request, Path(handle.name), _size(handle), sha256(handle), entry,
                             None if before is None else (before.st_size, before.st_mtime_ns))
    except OSError as error:
        raise ClipError(f"{request.path} cannot be read ({error.strerror}): check its disk and permissions") from None


def _check_excerpt(request: ClipRequest, samples: int, sample_rate: int) -> None:
    start, end = request.offset_samples, request.offset_samples + (request.length_samples or 1)
    if end > samples:
        raise ClipError(f"{request.path}: the excerpt from sample {start} to {end} ends after the clip, which has"
                        f" {samples} samples at {sample_rate} Hz: choose an excerpt inside the clip")


def _size(handle: BinaryIO) -> int:
    return handle.seek(0, 2)


def _slug(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", ascii_name)[:40].strip("-") or "clips"


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
