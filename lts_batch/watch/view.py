"""One scan of the inbox under way: what there is, since when it has stood still, and what was found so far.

It knows nothing but the folder, what earlier scans saw, and the time it is given: no events, no clocks.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lts_batch.errors import LtsError
from lts_batch.settings import Settings
from lts_batch.watch.entries import Entry, entries_of
from lts_batch.watch.jobfile import Request
from lts_batch.watch.jobs import Candidate


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


class View:
    """One scan under way.

    Attributes:
        entries: what lies in the inbox, and ``inside`` what lies in each of its folders, without what is ``busy``.
        since: since when each thing has been as it is now, with what it is.
        named, named_identities: clips that job files name, by path, and by what is on the disk under any name.
        hold_sets_until: when a job file that is still being written counts as broken; until then no set is taken.
        ready: candidates behind that by which they are put in order.
        waiting, broken, cancels: as ``scan.Found`` has them.
    """

    def __init__(self, inbox: Path, seen: Observations, now: float, settle_seconds: float, base: Settings,
                 busy: frozenset[Path]) -> None:
        self.inbox, self.seen, self.now, self.settle_seconds, self.base = inbox, seen, now, settle_seconds, base
        self.since: dict[str, tuple[Hashable, float]] = {}
        self.job_files: dict[Path, JobFile] = {}
        self.ready: list[tuple[tuple[int, float, int, str], Candidate]] = []
        self.waiting: list[Waiting] = []
        self.broken: list[tuple[Candidate, LtsError]] = []
        self.cancels: list[tuple[str, Path, float]] = []
        self.entries = [entry for entry in entries_of(inbox) if entry.path not in busy]
        self.inside = {entry.path: [inner for inner in entries_of(entry.path) if inner.path not in busy]
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
