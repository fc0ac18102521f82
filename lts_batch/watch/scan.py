"""What lies in the inbox, and what of it makes a job. Only names, sizes and times are looked at, and job files are
read; whether clips are whole audio is seen when a job is taken.
"""

from dataclasses import dataclass
from pathlib import Path

from lts_batch.errors import LtsError
from lts_batch.settings import Settings
from lts_batch.watch.jobs import Candidate
from lts_batch.watch.sets import find_sets
from lts_batch.watch.view import Observations, View, Waiting
from lts_batch.watch.written import read_job_files


@dataclass(frozen=True)
class Found:
    """What a scan found: jobs in the order in which they should be done, and the rest."""

    ready: tuple[Candidate, ...]
    waiting: tuple[Waiting, ...]
    broken: tuple[tuple[Candidate, LtsError], ...]
    cancels: tuple[tuple[str, Path, float], ...]
    seen: Observations

    def in_order(self) -> list[tuple[Candidate, LtsError | None]]:
        """All that can be ended or begun now, each with what is wrong with it."""
        return [*self.broken, *((candidate, None) for candidate in self.ready)]


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
    view = View(inbox, seen, now, settle_seconds, base, busy)
    read_job_files(view)
    find_sets(view)
    view.ready.sort(key=lambda item: item[0])
    return Found(tuple(candidate for _, candidate in view.ready), tuple(view.waiting), tuple(view.broken),
                 tuple(view.cancels), Observations(view.since, view.job_files))
