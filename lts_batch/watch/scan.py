"""What lies in the inbox, and what of it makes a job. Only names, sizes and times are looked at, and job files are
read; whether clips are whole audio is seen when a job is taken.

A scan knows nothing but the folder, what earlier scans saw, and the time it is given: no events, no clocks.
"""

import hashlib
import re
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lts_batch.errors import JobError, LtsError, SettingsError
from lts_batch.protocol import CANCEL_SUFFIX, JOB_FILE_SUFFIX, is_job_id
from lts_batch.settings import MOST_CLIPS, Settings, load_preset, preset_paths
from lts_batch.watch.jobfile import ClipRequest, Request, is_json, job_id, named_paths, parse, read_bytes
from lts_batch.watch.jobs import Candidate, Origin, inbox_entry, safe_id

AUDIO_SUFFIXES = {".wav", ".wave", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".caf", ".flac", ".ogg", ".oga", ".opus",
                  ".mp3", ".m4a"}
_ROLES = "ABCD"
_PAIR = re.compile(r"(?P<name>.+)_(?P<role>[ABCD])", re.DOTALL)


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


@dataclass(frozen=True)
class JobFile:
    """A job file as it was read."""

    entry: Entry
    data: bytes
    result: Request | LtsError
    whole: bool
    named: tuple[Path, ...]


@dataclass(frozen=True)
class Observations:
    """What earlier scans saw: since when each thing has stood still, and job files that need not be read again."""

    since: Mapping[str, tuple[Hashable, float]] = field(default_factory=dict)
    job_files: Mapping[Path, JobFile] = field(default_factory=dict)


@dataclass(frozen=True)
class Waiting:
    """What can't be taken yet, and why; ``until`` is the time at which that may change by itself."""

    path: Path
    why: str
    until: float | None = None


@dataclass(frozen=True)
class Found:
    """What a scan found: jobs in the order in which they should be done, and the rest."""

    ready: tuple[Candidate, ...]
    waiting: tuple[Waiting, ...]
    broken: tuple[tuple[Candidate, LtsError], ...]
    cancels: tuple[tuple[str, Path, float], ...]
    seen: Observations


def scan(inbox: Path, seen: Observations, now: float, *, settle_seconds: float, base: Settings | None = None,
         busy: frozenset[Path] = frozenset()) -> Found:
    """Look at the inbox once.

    Args:
        seen: what the last scan returned.
        now: a time in seconds that never goes backwards.
        settle_seconds: how long clips must stand still.
        base: settings that presets and job files differ from.
        busy: files that belong to jobs which are just ending.
    """
    base = base or Settings()
    view = _View(inbox, seen, now, settle_seconds, base, busy)
    view.read_job_files()
    view.find_sets()
    view.ready.sort(key=lambda item: item[0])
    return Found(tuple(candidate for _, candidate in view.ready), tuple(view.waiting), tuple(view.broken),
                 tuple(view.cancels), Observations(view.since, view.job_files))


def named_by_job_files(inbox: Path, but: Path | None = None) -> frozenset[Path]:
    """The files inside the inbox that job files lying there name, leaving out one job file's own wishes."""
    found: set[Path] = set()
    for path in inbox.iterdir() if inbox.is_dir() else ():
        if path.name.endswith(JOB_FILE_SUFFIX) and not path.name.startswith(".") and path != but:
            try:
                named = named_paths(read_bytes(path), inbox)
            except JobError:
                continue
            found.update(entry for entry in (inbox_entry(path, inbox) for path in named) if entry is not None)
    return frozenset(found)


class _View:
    """One scan under way."""

    def __init__(self, inbox: Path, seen: Observations, now: float, settle_seconds: float, base: Settings,
                 busy: frozenset[Path]) -> None:
        self.inbox, self.seen, self.now, self.settle_seconds, self.base = inbox, seen, now, settle_seconds, base
        self.since: dict[str, tuple[Hashable, float]] = {}
        self.job_files: dict[Path, JobFile] = {}
        self.ready: list[tuple[tuple[int, float, int, str], Candidate]] = []
        self.waiting: list[Waiting] = []
        self.broken: list[tuple[Candidate, LtsError]] = []
        self.cancels: list[tuple[str, Path, float]] = []
        self.entries = [entry for entry in _list(inbox) if entry.path not in busy]
        self.inside = {entry.path: [inner for inner in _list(entry.path) if inner.path not in busy]
                       for entry in self.entries if entry.is_folder and not entry.path.name.startswith(".")}
        self.named: set[Path] = set()
        self.named_identities: set[tuple[int, int]] = set()
        self.hold_sets_until: float | None = None

    def still_since(self, name: str, signature: Hashable) -> float:
        """Since when something has been as it is now."""
        if name not in self.since:
            earlier = self.seen.since.get(name)
            self.since[name] = (signature, earlier[1] if earlier and earlier[0] == signature else self.now)
        return self.since[name][1]

    # ------------------------------------------------ job files and cancel files

    def read_job_files(self) -> None:
        """Find the jobs that are written down, and the files that they name."""
        for entry in self.entries:
            if entry.path.name.endswith(CANCEL_SUFFIX) and not entry.is_folder:
                name = entry.path.name.removesuffix(CANCEL_SUFFIX)
                if is_job_id(name):
                    self.cancels.append((name, entry.path, self.still_since(str(entry.path), entry.signature)))
            elif entry.path.name.endswith(JOB_FILE_SUFFIX) and not entry.path.name.startswith("."):
                self._read_job_file(entry)

    def _read_job_file(self, entry: Entry) -> None:
        found = self.seen.job_files.get(entry.path)
        if found is None or found.entry.signature != entry.signature:
            found = _read(entry, self.inbox, self.base)
        self.job_files[entry.path] = found
        named = [path for path in (inbox_entry(path, self.inbox) for path in found.named) if path is not None]
        since = [self.still_since(str(entry.path), entry.signature)]
        for path in named:
            self.named.add(path)
            try:
                status = path.stat()
            except (OSError, ValueError):
                continue
            self.named_identities.add((status.st_dev, status.st_ino))
            since.append(self.still_since(f"clip {path}", (status.st_size, status.st_mtime_ns)))
        self._judge_job_file(found, max(since))

    def _judge_job_file(self, found: JobFile, since: float) -> None:
        path = found.entry.path
        if isinstance(found.result, Request):
            request = found.result
            candidate = Candidate("file", request.id, request.clips, request.settings, since, request.echo, path, None,
                                  request.digest)
            self.ready.append(((0, found.entry.modified_ns, 0, request.id), candidate))
        elif not found.whole and self.now < since + self.settle_seconds:
            self.hold_sets_until = since + self.settle_seconds  # it may name what looks like a pair
            self.waiting.append(Waiting(path, f"{path.name} is still being written", self.hold_sets_until))
        else:
            name = path.name.removesuffix(JOB_FILE_SUFFIX)
            clips = tuple(ClipRequest(clip) for clip in found.named)
            name = name if is_job_id(name) else safe_id(name, found.data)
            candidate = Candidate("file", name, clips, self.base, since, {}, path, None,
                                  hashlib.sha256(found.data).hexdigest())
            self.broken.append((candidate, found.result))

    # ------------------------------------------------ pairs and sets

    def find_sets(self) -> None:
        """Find the clips that belong together by their names or their folder."""
        presets = preset_paths()
        self._pairs(self.inbox, self.entries, "pair", lambda: self.base)
        for folder, entries in self.inside.items():
            if any(entry.path == folder and entry.is_link for entry in self.entries):
                self.waiting.append(Waiting(folder, f"{folder.name} is a link to a folder: drop the folder itself"))
            elif folder.name in presets:
                self._pairs(folder, entries, "preset", partial(load_preset, folder.name, self.base))
            else:
                self._set(folder, entries)
            misplaced = [entry for entry in entries if entry.path.name.endswith(JOB_FILE_SUFFIX)]
            self.waiting.extend(Waiting(entry.path, f"{entry.path.name} lies in a folder: job files belong directly"
                                                    f" into {self.inbox.name}") for entry in misplaced)

    def _pairs(self, folder: Path, entries: list[Entry], origin: Origin, settings: Callable[[], Settings]) -> None:
        groups: dict[str, list[tuple[str, Entry]]] = defaultdict(list)
        for entry in self._clips(entries):
            found = _PAIR.fullmatch(entry.path.stem)
            if found:
                groups[unicodedata.normalize("NFC", found["name"])].append((found["role"], entry))
            else:
                name = entry.path.stem
                self.waiting.append(Waiting(entry.path, f"{entry.path.name} has no partner: name two clips {name}_A and"
                                                        f" {name}_B, or put them into a folder of their own"))
        near = _by_beginning(entries)
        for name, members in groups.items():
            roles = "".join(sorted(role for role, _ in members))
            clips = [entry for _, entry in sorted(members, key=lambda member: member[0])]
            why = None
            if len(set(roles)) < len(roles):
                twice = next(role for role in roles if roles.count(role) > 1)
                why = f"more than one clip claims to be {name}_{twice}: rename one"
            elif len(roles) < 2 or not _ROLES.startswith(roles):
                missing = next(role for role in _ROLES if role not in roles)
                why = f"{clips[0].path.name} waits for its partner {name}_{missing}"
            self._offer(origin, name, clips, near[name], why, settings, folder / name, None)
        for entry in entries:
            if origin == "preset" and entry.is_folder and not entry.path.name.startswith("."):
                self.waiting.append(Waiting(entry.path, f"{entry.path.name} lies in a preset's folder, where clips are"
                                                        " paired by name: no folders are looked into there"))

    def _set(self, folder: Path, entries: list[Entry]) -> None:
        clips = sorted(self._clips(entries), key=lambda entry: _natural(entry.path.name))
        if not clips:
            if any(entry.is_folder for entry in entries):
                self.waiting.append(Waiting(folder, f"{folder.name} holds folders and no clips: put two to {MOST_CLIPS}"
                                                    f" clips into a folder, and that into {self.inbox.name}"))
            return
        why = None
        if len(clips) == 1:
            why = f"{folder.name} holds one clip: a set has two to {MOST_CLIPS}"
        elif len(clips) > MOST_CLIPS:
            why = f"{folder.name} holds {len(clips)} clips: a set has two to {MOST_CLIPS}; use several folders"
        self._offer("set", folder.name, clips, entries, why, lambda: self.base, folder, folder)

    def _offer(self, origin: Origin, name: str, clips: list[Entry], near: list[Entry], why: str | None,
               settings: Callable[[], Settings], place: Path, folder: Path | None) -> None:
        """A set whose clips and neighbours have stood still long enough is ready."""
        members = tuple(sorted(str(entry.path) for entry in near))
        since = max([self.still_since(f"members of {origin} {place}", members),
                     *(self.still_since(f"{entry.path}", entry.signature) for entry in near)])
        until = since + self.settle_seconds
        if self.now < until:
            self.waiting.append(Waiting(place, f"{name} is still changing", until))
        elif why is not None:
            self.waiting.append(Waiting(place, why))
        elif self.hold_sets_until is not None:
            self.waiting.append(Waiting(place, f"{name} waits for a job file to be written", self.hold_sets_until))
        else:
            self._ready(origin, name, clips, since, settings, place, folder)

    def _ready(self, origin: Origin, name: str, clips: list[Entry], since: float, settings: Callable[[], Settings],
               place: Path, folder: Path | None) -> None:
        try:
            chosen = settings()
        except SettingsError as error:
            self.waiting.append(Waiting(place, str(error)))
        else:
            rank = ("file", "preset", "pair", "set").index(origin)
            requests = tuple(ClipRequest(entry.path) for entry in clips)
            candidate = Candidate(origin, name, requests, chosen, since, folder=folder)
            self.ready.append(((1, since, rank, str(place)), candidate))

    def _clips(self, entries: list[Entry]) -> Iterator[Entry]:
        """Clips that no job file names, under whatever name."""
        for entry in entries:
            unnamed = entry.path not in self.named
            if entry.is_clip and unnamed and (not entry.identity[1] or entry.identity not in self.named_identities):
                yield entry


def _read(entry: Entry, inbox: Path, base: Settings) -> JobFile:
    data, whole = b"", True
    named: tuple[Path, ...] = ()
    result: Request | LtsError
    try:
        job_id(entry.path)
        data = read_bytes(entry.path)
        whole, named = is_json(data), named_paths(data, inbox)
        result = parse(data, entry.path.name, inbox, base)
    except LtsError as error:
        result = error
    return JobFile(entry, data, result, whole, named)


def _by_beginning(entries: list[Entry]) -> dict[str, list[Entry]]:
    """For each beginning before a ``_`` the entries that have it: a pair's clips, and what may become one of them."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        name = unicodedata.normalize("NFC", entry.path.name).lstrip(".")
        for place in re.finditer("_", name):
            found[name[:place.start()]].append(entry)
    return found


def _list(folder: Path) -> list[Entry]:
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


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """The order in which people count: 2 before 10, small and capital letters alike."""
    parts = re.split(r"([0-9]+)", unicodedata.normalize("NFC", name).casefold())
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in parts], name
