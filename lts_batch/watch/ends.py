"""Bringing jobs to their ends: each is written down, carried out, told and forgotten, and tried again where that fails."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from lts_batch.errors import JobError, LtsError, OutputError
from lts_batch.files.moves import remove
from lts_batch.protocol import shortened
from lts_batch.watch.closing import free_folder, plan, stage_error
from lts_batch.watch.desk import Desk
from lts_batch.watch.endings import Ending, Hook, Undone
from lts_batch.watch.events import Event
from lts_batch.watch.jobs import Candidate, Job, failed_id
from lts_batch.watch.summary import Outcome
from lts_batch.watch.workshop import Changed

TROUBLE_SECONDS = 30.0
MOST_ATTEMPTS = 3


class Ends:
    """Ends the jobs of a daemon.

    Args:
        at: takes a word before each step of an ending, for tests that crash there.
        before_the_end: called before a job's end is written down or gone on with; raises where it must not be.

    Attributes:
        outcomes: how jobs ended, until somebody clears it.
        done, failed: how many did, in all.
        pending: those that are written down and not done yet.
    """

    def __init__(self, desk: Desk, at: Hook, before_the_end: Callable[[], None]) -> None:
        self._desk, self._at, self._before_the_end = desk, at, before_the_end
        self.outcomes: list[Outcome] = []
        self.done = self.failed = 0
        self.pending: list[Ending] = []
        self._attempts: dict[tuple[str, str], int] = defaultdict(int)
        self._crashes: dict[tuple[str, str], int] = defaultdict(int)
        self._stuck_until: float | None = None
        self._stuck_at = 0

    def well(self, job: Job, message: str, folder: Path, staged: Path | None) -> None:
        """The stems are there.

        Args:
            folder: where they lie in the end.
            staged: the folder that becomes ``folder``, if it isn't there already.
        """
        self._end(job.candidate, job.id, "done", message, folder, staged, self._desk.spool.archive / job.id, job)

    def cancelled(self, candidate: Candidate, job_id: str) -> None:
        """The client took the job back."""
        self._with_error(candidate, job_id, "cancelled", JobError("cancelled, as was asked"), None)

    def badly(self, candidate: Candidate, error: LtsError, job: Job | None = None) -> None:
        """It cannot be done; ``job`` where it came so far as to be one."""
        job_id = job.id if job else failed_id(candidate)
        self._with_error(candidate, job_id, "failed", error, job)

    def trouble(self, candidate: Candidate, job_id: str, error: LtsError, *, ending: bool = False) -> None:
        """Something other than the job is wrong: its clips stay, and after a while it is tried again.

        Args:
            ending: it went wrong when the job was to be ended, so ending it badly is no way out.
        """
        desk = self._desk
        attempts = self._attempts[candidate.key[:2]] = self._attempts[candidate.key[:2]] + 1
        if attempts >= MOST_ATTEMPTS and not ending and desk.spool.can_write():
            self.badly(candidate, error)
            return
        if isinstance(error, Changed):
            desk.say(candidate, job_id, "waiting", str(error))  # what it is now may have another id
            desk.statuses.forget(job_id)
            desk.hold(candidate, desk.clock() + desk.settle_seconds, error, settles=True)
            return
        desk.hold(candidate, desk.clock() + TROUBLE_SECONDS, error, settles=False, job=job_id)
        self.outcomes.append(Outcome(job_id, "failed", shortened(str(error)), ""))
        desk.statuses.say(job_id, "waiting", str(error))
        desk.log(Event(str(error), "warning", job_id, "waiting", candidate.title))

    def crashes(self, candidate: Candidate) -> int:
        """A process died of it. Returns how many did by now."""
        self._crashes[candidate.key[:2]] += 1
        return self._crashes[candidate.key[:2]]

    def recall(self) -> None:
        """Learn from the journal what an earlier daemon left to be done."""
        self.pending = self._desk.journal.pending()

    def finish_pending(self) -> bool:
        """Bring to an end what a crash or a full disk cut off. Returns whether something was."""
        back = self._desk.comings_and_goings != self._stuck_at
        if not self.pending or (self._stuck_until is not None and self._desk.clock() < self._stuck_until and not back):
            return False
        self._stuck_until = None
        for ending in tuple(self.pending):
            self._finish(ending)
        return self._stuck_until is None

    def forget_all_but(self, candidates: Iterable[Candidate]) -> None:
        """Forget how often candidates were tried that are gone."""
        kept = {candidate.key[:2] for candidate in candidates}
        for counts in (self._attempts, self._crashes):
            for key in set(counts) - kept:
                del counts[key]

    def _with_error(self, candidate: Candidate, job_id: str, state: str, error: LtsError, job: Job | None) -> None:
        spool = self._desk.spool
        folder = free_folder(spool.failed / job_id)
        try:
            staged = stage_error(spool, candidate, job_id, state, error, job, self._desk.places())
        except (OSError, OutputError) as trouble:
            self.trouble(candidate, job_id, OutputError(f"{error} Besides, {trouble}"), ending=True)
        else:
            self._end(candidate, job_id, state, shortened(str(error)), folder, staged, folder, job)

    def _end(self, candidate: Candidate, job_id: str, state: str, message: str, folder: Path, staged: Path | None,
             shelf: Path, job: Job | None) -> None:
        """Write down how the job ends, then do it."""
        spool = self._desk.spool
        try:
            ending = plan(spool, candidate, job_id, state, message, job=job, folder=folder, staged=staged, shelf=shelf)
            self._before_the_end()
            self._at("note")
            self._desk.journal.deliver(ending)
            self.pending.append(ending)
        except (OSError, OutputError) as trouble:
            if staged is not None:
                remove(staged)
            self.trouble(candidate, job_id, OutputError(str(trouble)), ending=True)
        else:
            self._attempts.pop(candidate.key[:2], None)
            self._crashes.pop(candidate.key[:2], None)
            self._finish(ending)

    def _finish(self, ending: Ending) -> None:
        desk = self._desk
        try:
            self._before_the_end()
            ending.carry_out(desk.spool, self._at)
            self._at("report")
            if not desk.statuses.say(ending.job, ending.state, ending.message, 1.0 if ending.state == "done" else 0.0,
                                     ending.folder, insist=True):
                raise OutputError(f"that {ending.job} is {ending.state} could not be said in {desk.spool.status}: it will be")
            desk.statuses.forget(ending.job)
            self._at("forget")
            desk.journal.ended(ending)
        except Undone as error:
            self._start_over(ending, error)
            return
        except (OSError, OutputError) as error:
            self._stuck_until, self._stuck_at = desk.clock() + TROUBLE_SECONDS, desk.comings_and_goings
            self.outcomes.append(Outcome(ending.job, "failed", str(error), ""))
            desk.statuses.say(ending.job, "delivering", str(error), 1.0)
            desk.log(Event(str(error), "warning", ending.job, "delivering", ending.pair))
            return
        self.pending.remove(ending)
        self.done += ending.state == "done"
        self.failed += ending.state == "failed"
        self.outcomes.append(Outcome(ending.job, ending.state, ending.message, ending.folder))
        level = "error" if ending.state == "failed" else "info"
        desk.log(Event(ending.message, level, ending.job, ending.state, ending.pair, ending.folder))

    def _start_over(self, ending: Ending, error: Undone) -> None:
        """Its clips lie in the inbox as they did; the next look finds them."""
        desk = self._desk
        if ending.staged is not None:
            remove(desk.spool.root / ending.staged)
        with suppress(OutputError):
            desk.journal.note(ending.job, "waiting", str(error), ending.pair)
        desk.statuses.say(ending.job, "waiting", str(error))
        desk.log(Event(str(error), "warning", ending.job, "waiting", ending.pair))
        self.pending.remove(ending)
