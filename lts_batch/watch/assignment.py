"""One candidate in one hand: its clips are read, it is rendered, and its end is chosen by how that went."""

import math
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lts_batch.errors import ClipError, JobError, LtsError, OutputError
from lts_batch.files.allowed import NotAllowed
from lts_batch.files.moves import remove
from lts_batch.protocol import CANCEL_SUFFIX
from lts_batch.stems import manifest
from lts_batch.watch.closing import leaving, places_on
from lts_batch.watch.desk import Desk
from lts_batch.watch.ends import Ends
from lts_batch.watch.events import Event
from lts_batch.watch.hands import Died, Hand, Make, Mistake, Take
from lts_batch.watch.jobs import Candidate, Job
from lts_batch.watch.workshop import Changed

ALLOWED_AGAIN_SECONDS = 2.0
GRACE_SECONDS = 2.5  # for a hand to end by itself what was taken back; so a daemon that is stopped ends within five
MOST_CRASHES = 3
STATUS_SECONDS = 0.2
MOST_A_LOOK_SECONDS = 2.0

Progress = Callable[[str, float, str], None]


class Assignment:
    """A candidate that a hand is at work on.

    Args:
        brief: wait for broken clips no longer than for them to settle.
        patience_seconds: how long clips that stand still, but can't be read as whole audio, are waited for.
        stuck_seconds: how long a hand may give no sign of life.
        progress: takes job, fraction and message while a job is rendered.

    Attributes:
        candidate: which it is.
        job: what it turned out to be, once its clips were read.
    """

    def __init__(self, desk: Desk, ends: Ends, hand: Hand, candidate: Candidate, *, brief: bool, patience_seconds: float,
                 stuck_seconds: float, progress: Progress) -> None:
        self._desk, self._ends, self._hand, self.candidate = desk, ends, hand, candidate
        self._brief, self._patience_seconds, self._stuck_seconds = brief, patience_seconds, stuck_seconds
        self._progress = progress
        self.job: Job | None = None
        self._staged: Path | None = None
        self._comings_and_goings = desk.comings_and_goings
        self._dropped_at: float | None = None
        self._passed_on, self._told_at = 0, -math.inf  # how much of what the hand said; when the client was told
        self._looked_for_cancel = desk.clock()
        self._looked_at, self._signs, self._quiet_seconds = desk.clock(), hand.signs, 0.0
        hand.begin(Take(candidate, desk.spool.inbox, desk.places()))

    @property
    def name(self) -> str:
        """The job's id, or what it will probably be."""
        return self.job.id if self.job is not None else self.candidate.name

    def step(self) -> bool:
        """Look how it goes, and do what is to be done. Returns whether it is over."""
        if self._hand.ended():
            return self._over()
        now = self._desk.clock()
        # only time in which we looked: a machine that slept has not been listening
        self._quiet_seconds += min(now - self._looked_at, MOST_A_LOOK_SECONDS)
        self._looked_at = now
        if self._hand.signs != self._signs:
            self._signs, self._quiet_seconds = self._hand.signs, 0.0
        elif self._quiet_seconds > self._stuck_seconds:
            self._hand.kill()
            self._crashed(JobError(f"nothing was heard of the process that worked on it for {self._stuck_seconds:g} s"))
            return True
        if self._dropped_at is None and now - self._looked_for_cancel >= STATUS_SECONDS:
            self._looked_for_cancel = now
            if (path := self._cancel_file()) is not None and path.is_file():
                self._hand.drop()
                self._dropped_at = now
        if self._dropped_at is not None and now - self._dropped_at > GRACE_SECONDS:
            self._hand.kill()
            return self._over()
        if self.job is not None:
            self._tell(self.job, now)
        return False

    def drop(self) -> None:
        """The daemon is to end: ask the hand to."""
        self._hand.drop()

    def put_back(self) -> None:
        """A job whose stems are made is brought to its end; any other waits for the next daemon."""
        if not self._hand.ended():
            self._hand.kill()
        if self.job is None:
            return
        if self._succeeded():
            self._made(self.job)
        else:
            self._tidy()
            self._desk.say(self.candidate, self.job.id, "waiting",
                           "the daemon was stopped; it starts on this job again when it runs again")

    # ------------------------------------------------ how it went

    def _over(self) -> bool:
        if self._dropped_at is not None:  # whether or not it was quicker than its end
            self._tidy()
            self._ends.cancelled(self.candidate, self.name)
        elif self._desk.comings_and_goings != self._comings_and_goings and not self._succeeded():
            self._tidy()
            self._desk.hold(self.candidate, self._desk.clock(), OutputError(
                f"{self._desk.spool.root} was away while it was worked on: it starts again"), settles=True)
        elif self.job is None:
            return self._read()
        else:
            self._made(self.job)
        return True

    def _succeeded(self) -> bool:
        try:
            self._hand.result()
        except Exception:
            return False
        return True

    def _read(self) -> bool:
        desk, candidate, now = self._desk, self.candidate, self._desk.clock()
        try:
            self.job = self._hand.result()
        except NotAllowed as error:
            desk.hold(candidate, now + ALLOWED_AGAIN_SECONDS, error, settles=False)
        except ClipError as error:
            brief = self._brief or candidate.control is not None
            patience = desk.settle_seconds if brief else self._patience_seconds
            if now < candidate.since + patience:
                until = min(candidate.since + patience, now + max(desk.settle_seconds, 0.1))
                desk.hold(candidate, until, error, settles=True)
            elif candidate.control is not None or all(os.path.lexists(clip.path) for clip in candidate.clips):
                self._ends.badly(candidate, error)
        except Died as error:
            self._crashed(error)
        except Mistake as error:
            self._mistaken(error)
        except LtsError as error:
            self._ends.badly(candidate, error)
        else:
            return self._claim(self.job)
        return True

    def _claim(self, job: Job) -> bool:
        """Its clips are whole. Returns whether there is nothing to render."""
        spool = self._desk.spool
        folder = spool.outbox / job.id
        if os.path.lexists(folder):
            self._meet_again(job, folder)
            return True
        try:
            self._desk.say(self.candidate, job.id, "claimed", "taken", durable=True)
            places = places_on(spool.archive / job.id, leaving(spool, self.candidate))
        except OutputError as error:
            self._ends.trouble(self.candidate, job.id, error)
            return True
        self._staged = spool.staging / f"{job.id}.{secrets.token_hex(4)}"  # nobody else's, whoever still writes somewhere
        self._hand.begin(Make(job, self._staged, places, self._desk.places()))
        return False

    def _made(self, job: Job) -> None:
        spool, desk = self._desk.spool, self._desk
        folder = spool.outbox / job.id
        try:
            self._hand.result()
        except (OutputError, Changed) as error:  # not the fault of the clips: once it is mended, it goes on
            self._tidy()
            self._ends.trouble(self.candidate, job.id, error)
        except Died as error:
            self._tidy()
            self._crashed(error)
        except Mistake as error:
            self._tidy()
            self._mistaken(error)
        except LtsError as error:
            self._tidy()
            self._ends.badly(self.candidate, error, job)
        else:
            desk.statuses.say(job.id, "delivering", "moving the stems into the outbox", 1.0)
            self._ends.well(job, f"the stems lie in {spool.inside(folder)}", folder, self._staged)

    def _crashed(self, error: LtsError) -> None:
        """The hand died. It may be the job's fault, or that of whatever else filled the memory: it gets another try or two."""
        self._tidy()
        crashes = self._ends.crashes(self.candidate)
        if crashes >= MOST_CRASHES:
            self._ends.badly(self.candidate, JobError(f"{error}; that was try {crashes} of {MOST_CRASHES}"), self.job)
            return
        desk = self._desk
        told = JobError(f"{error}; it is tried again (try {crashes + 1} of {MOST_CRASHES})")
        desk.log(Event(str(told), "warning", self.name, "waiting", self.candidate.title))
        desk.hold(self.candidate, desk.clock() + crashes, told, settles=True, job=self.job.id if self.job else "")
        if self.job is not None:
            desk.say(self.candidate, self.job.id, "waiting", str(told))

    def _mistaken(self, error: Mistake) -> None:
        self._desk.log(Event(f"a mistake in the program: {error}", "error", self.name, details=error.details))
        self._ends.badly(self.candidate, JobError(f"something went wrong that should not ({error}); the clips are as they"
                                                  " were: please report this, with them and the settings"), self.job)

    def _meet_again(self, job: Job, folder: Path) -> None:
        """The outbox has a folder of that name: either this very job was done before, or the id was used before."""
        try:
            digest = manifest.from_json((folder / "manifest.json").read_text(encoding="utf-8")).job_digest
        except (OSError, ValueError, JobError):
            digest = None
        where = self._desk.spool.inside(folder)
        if digest == job.digest:
            self._ends.well(job, f"the same clips and settings were made before: the stems lie in {where}", folder, None)
        else:
            self._ends.badly(self.candidate, JobError(f"{where} exists already and belongs to another job: send this one"
                                                      " again under another id"), job)

    # ------------------------------------------------ on the way

    def _tell(self, job: Job, now: float) -> None:
        fraction, message, said = self._hand.said
        if said == self._passed_on:
            return
        if not self._passed_on:
            with suppress(OutputError):  # told to those who ask; what counts was said when it was claimed
                self._desk.journal.note(job.id, "running", message, self.candidate.title)
        self._passed_on = said
        self._progress(job.id, fraction, message)
        if now - self._told_at >= STATUS_SECONDS:
            self._told_at = now
            self._desk.statuses.say(job.id, "running", message, fraction)

    def _cancel_file(self) -> Path | None:
        if self.job is None and self.candidate.control is None:  # a set has no id before it is read
            return None
        return self._desk.spool.inbox / f"{self.name}{CANCEL_SUFFIX}"

    def _tidy(self) -> None:
        if self._staged is not None:
            remove(self._staged)
