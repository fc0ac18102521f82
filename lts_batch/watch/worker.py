"""One candidate at a time: its clips are read, it is rendered, and its end is chosen by how that went."""

import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from lts_batch.errors import ClipError, JobError, LtsError, OutputError
from lts_batch.files.allowed import NotAllowed
from lts_batch.files.moves import remove
from lts_batch.protocol import CANCEL_SUFFIX
from lts_batch.stems import manifest
from lts_batch.watch.apart import Apart, Left
from lts_batch.watch.closing import leaving, places_on
from lts_batch.watch.desk import Desk
from lts_batch.watch.ends import Ends
from lts_batch.watch.events import Event
from lts_batch.watch.jobs import Candidate, Job, take
from lts_batch.watch.workshop import Changed, Workshop

ALLOWED_AGAIN_SECONDS = 2.0
_STATUS_SECONDS = 0.25

Progress = Callable[[str, float, str], None]


class _Cancelled(Exception):
    """The client took the job back."""


class _Stopped(Exception):
    """The daemon is to end now."""


class Worker:
    """Does jobs.

    Args:
        patience_seconds: how long clips that stand still, but can't be read as whole audio, are waited for.
        progress: takes job, fraction and message while a job is rendered.
        apart: where clips are read and stems are made; once its ``stop`` is set, a job under way is left for the next time.

    Attributes:
        once: wait no longer than for clips to settle.
    """

    def __init__(self, desk: Desk, workshop: Workshop, ends: Ends, patience_seconds: float, progress: Progress,
                 apart: Apart) -> None:
        self._desk, self._workshop, self._ends, self._apart = desk, workshop, ends, apart
        self._patience_seconds, self._progress = patience_seconds, progress
        self.once = False

    def attempt(self, candidate: Candidate) -> None:
        """Do the job, or hold it back, or end it badly."""
        desk = self._desk
        now = desk.clock()
        try:
            places = desk.places()
            job = self._apart.do(lambda: take(candidate, desk.spool.inbox, places))
        except Left:
            pass  # nothing was said of it yet
        except NotAllowed as error:
            desk.hold(candidate, now + ALLOWED_AGAIN_SECONDS, error, settles=False)
        except ClipError as error:
            brief = self.once or candidate.control is not None
            patience = desk.settle_seconds if brief else self._patience_seconds
            if now < candidate.since + patience:
                until = min(candidate.since + patience, now + max(desk.settle_seconds, 0.1))
                desk.hold(candidate, until, error, settles=True)
            elif candidate.control is not None or all(os.path.lexists(clip.path) for clip in candidate.clips):
                self._ends.badly(candidate, error)
        else:
            self._work(job)

    def _work(self, job: Job) -> None:
        spool, say = self._desk.spool, self._desk.statuses.say
        folder = spool.outbox / job.id
        if os.path.lexists(folder):
            self._meet_again(job, folder)
            return
        say(job.id, "claimed", "taken")
        staged = spool.staging / job.id
        remove(staged)
        try:
            places, allowed = places_on(spool.archive / job.id, leaving(spool, job.candidate)), self._desk.places()
            report = self._reporter(job)
            self._apart.do(lambda: self._workshop.make(job, staged, places, allowed, report))
        except _Cancelled:
            remove(staged)
            self._ends.cancelled(job.candidate, job.id)
        except (_Stopped, Left):
            remove(staged)
            say(job.id, "waiting", "the daemon was stopped; it starts on this job again when it runs again")
        except (OutputError, Changed) as error:  # not the fault of the clips: once it is mended, it goes on
            remove(staged)
            self._ends.trouble(job.candidate, job.id, error)
        except LtsError as error:
            remove(staged)
            self._ends.badly(job.candidate, error, job)
        except Exception as error:
            remove(staged)
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self._desk.log(Event(f"a mistake in the program: {what}", "error", job.id, details=traceback.format_exc()))
            self._ends.badly(job.candidate, JobError(f"something went wrong that should not ({what}); the clips are as"
                                                     " they were: please report this, with them and the settings"), job)
        else:
            say(job.id, "delivering", "moving the stems into the outbox", 1.0)
            self._ends.well(job, f"the stems lie in {spool.inside(folder)}", folder, staged)

    def _reporter(self, job: Job) -> Callable[[float, str], None]:
        told = -1.0
        cancel = self._desk.spool.inbox / f"{job.id}{CANCEL_SUFFIX}"

        def report(fraction: float, message: str) -> None:
            nonlocal told
            if self._apart.stop.is_set():
                raise _Stopped
            if told < 0 or time.monotonic() - told >= _STATUS_SECONDS:
                told = time.monotonic()
                if cancel.exists():
                    raise _Cancelled
                self._desk.statuses.say(job.id, "running", message, fraction)
            self._progress(job.id, fraction, message)

        return report

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
            self._ends.badly(job.candidate, JobError(f"{where} exists already and belongs to another job: send this one"
                                                     " again under another id"), job)
