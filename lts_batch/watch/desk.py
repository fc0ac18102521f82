"""What the parts of a daemon share: the root, the time, what is said, and what is left alone for now."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lts_batch.errors import JobError, LtsError, OutputError
from lts_batch.protocol import shortened
from lts_batch.watch.events import Event, Log
from lts_batch.watch.jobs import Candidate
from lts_batch.watch.journal import Journal
from lts_batch.watch.spool import Spool
from lts_batch.watch.status import Statuses


@dataclass(frozen=True)
class Hold:
    """Why a candidate is left alone for now. ``settles``: time alone may change that. ``job``: its id, where it is known."""

    until: float
    why: str
    settles: bool
    job: str = ""


@dataclass
class Desk:
    """Where a daemon works.

    Attributes:
        settle_seconds: how long clips dropped without a job file must stand still.
        allowed: gives the folders outside the root that jobs may read from, asked anew for each job.
        log: takes what there is to tell.
        clock: seconds that never go backwards.
        holds: candidates that are left alone for now, by their keys.
        comings_and_goings: how often the root went away, or came back.
    """

    spool: Spool
    settle_seconds: float
    allowed: Callable[[], Sequence[Path]]
    log: Log
    clock: Callable[[], float]
    statuses: Statuses
    journal: Journal
    holds: dict[tuple[str, str, float], Hold] = field(default_factory=dict)
    comings_and_goings: int = 0

    def places(self) -> tuple[Path, ...]:
        """The folders that clips may lie in, links resolved."""
        try:
            return self.spool.root.resolve(), *self.allowed()
        except JobError as error:
            self.log(Event(str(error), "error"))
            return (self.spool.root.resolve(),)

    def say(self, candidate: Candidate, job_id: str, state: str, message: str, *, durable: bool = False) -> None:
        """Write down how a job is, for us and for its client.

        Raises:
            OutputError: only where it has to be ``durable``, and the journal can't be written.
        """
        try:
            self.journal.note(job_id, state, message, candidate.title)
        except OutputError:
            if durable:
                raise
        self.statuses.say(job_id, state, message)

    def hold(self, candidate: Candidate, until: float, error: LtsError, *, settles: bool, job: str = "") -> None:
        """Leave a candidate alone until then; who sent a job file is told why."""
        self.holds[candidate.key] = Hold(until, shortened(str(error)), settles, job)
        if candidate.control is not None:
            self.statuses.say(candidate.name, "waiting", str(error))

    def release_all_but(self, candidates: Iterable[Candidate]) -> None:
        """Forget what was held of candidates that are gone or have changed."""
        for key in set(self.holds) - {candidate.key for candidate in candidates}:
            del self.holds[key]
