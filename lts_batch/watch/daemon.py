"""The daemon: takes what lies in the inbox, has it rendered, and puts everything where it belongs.

It thinks in turns. A turn looks at the folders anew, does at most one thing, and keeps nothing in mind that matters:
what has to survive a crash is in the root. Events of the file system only wake it earlier than its own clock would.
"""

import os
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lts_batch.errors import ClipError, JobError, LtsError, OutputError
from lts_batch.files.allowed import NotAllowed, allowed_folders
from lts_batch.files.moves import remove
from lts_batch.protocol import CANCEL_SUFFIX
from lts_batch.settings import Settings
from lts_batch.stems import manifest
from lts_batch.watch.closing import free_folder, leaving, places_on, plan, stage_error
from lts_batch.watch.heartbeat import Heartbeat
from lts_batch.watch.jobfile import shortened
from lts_batch.watch.jobs import Candidate, Job, failed_id, take
from lts_batch.watch.scan import Found, Observations, Waiting, scan
from lts_batch.watch.spool import Ending, Hook, Spool, StatusFile, unmoved
from lts_batch.watch.summary import Outcome, Summary
from lts_batch.watch.wakeup import woken
from lts_batch.watch.workshop import Changed, Workshop

SCAN_SECONDS = 1.0
ALLOWED_AGAIN_SECONDS = 2.0
TROUBLE_SECONDS = 30.0
MOST_ATTEMPTS = 3
_STATUS_SECONDS = 0.25

Progress = Callable[[str, float, str], None]


@dataclass(frozen=True)
class _Hold:
    """Why a candidate is left alone for now. ``settles``: time alone may change that."""

    until: float
    why: str
    settles: bool


class _Cancelled(Exception):
    """The client took the job back."""


class _Stopped(Exception):
    """The daemon is to end now."""


class Daemon:
    """Watches one root.

    Args:
        root: its folders are made if they are missing.
        model: name or folder of the model for jobs whose preset names no other.
        settle_seconds: how long clips dropped without a job file must stand still.
        patience_seconds: how long clips that stand still, but can't be read as whole audio, are waited for;
            ``run_once`` waits no longer than for them to settle.
        allowed: gives the folders outside the root that jobs may read from, asked anew for each job.
        render: the engine, as ``lts_batch.stems.render.render``.
        load: gives a model by name or folder, as ``lts_batch.models.checkpoint.load_model``.
        log: takes a line for people.
        progress: takes job, fraction and message while a job is rendered.
        clock: seconds that never go backwards.
        at: takes a word before each step of an ending, for tests that crash there.
        lease_seconds: how long to watch for another daemon that may be at work here.
    """

    def __init__(self, root: Path, *, model: str = "general", settle_seconds: float = 2.0,
                 patience_seconds: float | None = None, allowed: Callable[[], Sequence[Path]] = allowed_folders,
                 render: Callable[..., manifest.Manifest] | None = None, load: Callable[[str], Any] | None = None,
                 log: Callable[[str], None] = lambda line: None,
                 progress: Progress = lambda job, fraction, message: None,
                 clock: Callable[[], float] = time.monotonic, at: Hook = lambda step: None,
                 lease_seconds: float = 3.0) -> None:
        self.spool = Spool(Path(os.path.abspath(root)))  # noqa: PTH100  (links stay: the user's words for the place)
        self._base = Settings(model=model)
        self._settle_seconds = settle_seconds
        self._patience_seconds = max(20.0, 10 * settle_seconds) if patience_seconds is None else patience_seconds
        self._allowed, self._workshop = allowed, Workshop(render, load)
        self._log, self._progress, self._clock, self._at = log, progress, clock, at
        self._lease_seconds = lease_seconds
        self._seen = Observations()
        self._holds: dict[tuple[str, str, float], _Hold] = {}
        self._attempts: dict[tuple[str, str], int] = defaultdict(int)
        self._waiting: tuple[Waiting, ...] = ()
        self._outcomes: list[Outcome] = []
        self._files: dict[str, StatusFile] = {}
        self._said: dict[str, tuple[str, str]] = {}
        self._once = False
        self._stuck_until: float | None = None
        self._done = self._failed = 0
        self._stop = threading.Event()

    # ------------------------------------------------ running

    def run_once(self, stop: threading.Event | None = None) -> Summary:
        """Do what is there, waiting for it to settle, and come back.

        Raises:
            OutputError: the root cannot be made or written to.
            ModelError: the model cannot be loaded.
            JobError: another daemon is at work on this root.
        """
        self._stop = stop or self._stop
        self._once = True
        with self._alive():
            idle_since = self._clock()
            while not self._stop.is_set():
                wait_seconds = self._turn()
                if wait_seconds == 0:
                    idle_since = self._clock()
                    continue
                soon = any(item.until is not None for item in self._waiting)
                if not soon or self._clock() - idle_since > self._settle_seconds + 1.0:
                    break
                self._stop.wait(min(wait_seconds, 0.2))
            return Summary(tuple(self._outcomes), self._waiting)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; a job under way is then left for the next time. Raises like ``run_once``."""
        self._stop, self._once = stop, False
        wake = threading.Event()
        with self._alive(), woken(self.spool.inbox, wake, self._log):
            self._log(f"watching {self.spool.inbox}")
            reported: frozenset[str] = frozenset()
            while not stop.is_set():
                wait_seconds = self._turn()
                self._outcomes.clear()
                lines = frozenset(f"waiting: {item.why}" for item in self._waiting if item.until is None)
                for line in sorted(lines - reported):
                    self._log(line)
                reported = lines
                deadline = self._clock() + min(wait_seconds, SCAN_SECONDS)
                while not stop.is_set() and not wake.is_set() and (left := deadline - self._clock()) > 0:
                    wake.wait(min(left, 0.2))  # stop may come from a signal handler, which wakes nobody
                wake.clear()

    @contextmanager
    def _alive(self) -> Iterator[None]:
        root_id = self.spool.create()
        with Heartbeat(self.spool, root_id, lease_seconds=self._lease_seconds) as self._heartbeat:
            self.spool.sweep()
            self._finish_pending()
            self._workshop.open(self._base.model)
            yield

    # ------------------------------------------------ a turn

    def _turn(self) -> float:
        """Look, and do at most one thing. Returns 0 if something was done, else how many seconds may pass."""
        if self._finish_pending():
            return 0.0
        now = self._clock()
        found = scan(self.spool.inbox, self._seen, now, settle_seconds=self._settle_seconds, base=self._base,
                     busy=unmoved(self.spool, self.spool.pending()))
        self._seen = found.seen
        if self._cancel(found, now):
            return 0.0
        waiting = list(found.waiting)
        wakes = [item.until - now for item in waiting if item.until is not None]
        for key in set(self._holds) - {candidate.key for candidate in self._candidates(found)}:
            del self._holds[key]
        for candidate, error in self._ordered(found):
            hold = self._holds.get(candidate.key)
            if hold is None or now >= hold.until:
                self._tell(found, candidate, waiting)
                if error is None:
                    self._attempt(candidate)
                else:
                    self._end_badly(candidate, error)
                return 0.0
            waiting.append(Waiting(candidate.control or candidate.clips[0].path, hold.why,
                                   hold.until if hold.settles else None))
            wakes.append(hold.until - now)
        self._waiting = tuple(waiting)
        self._heartbeat.say(message="idle", waiting=len(waiting), done=self._done, failed=self._failed)
        return max(0.01, min([*wakes, SCAN_SECONDS]))

    @staticmethod
    def _candidates(found: Found) -> Iterator[Candidate]:
        yield from found.ready
        yield from (candidate for candidate, _ in found.broken)

    @staticmethod
    def _ordered(found: Found) -> Iterator[tuple[Candidate, LtsError | None]]:
        yield from found.broken
        yield from ((candidate, None) for candidate in found.ready)

    def _tell(self, found: Found, chosen: Candidate, waiting: Sequence[Waiting]) -> None:
        """Let the clients of job files know that they were seen."""
        self._heartbeat.say(message=f"working on {chosen.name}", waiting=len(waiting) + len(found.ready) - 1,
                            done=self._done, failed=self._failed)
        for candidate in found.ready:
            if candidate.control is not None and candidate is not chosen and candidate.key not in self._holds:
                self._say(candidate.name, "waiting", "waits for its turn")

    def _cancel(self, found: Found, now: float) -> bool:
        for name, path, since in found.cancels:
            for candidate in found.ready:
                if candidate.control is not None and candidate.name == name:
                    self._end_cancelled(candidate, name)
                    return True
            if now - since >= self._settle_seconds:  # it came before its job, or after
                with suppress(OSError):
                    path.unlink()
        return False

    def _attempt(self, candidate: Candidate) -> None:
        now = self._clock()
        try:
            job = take(candidate, self.spool.inbox, self._places())
        except NotAllowed as error:
            self._hold(candidate, now + ALLOWED_AGAIN_SECONDS, error, settles=False)
        except ClipError as error:
            brief = self._once or candidate.control is not None
            patience = self._settle_seconds if brief else self._patience_seconds
            if now < candidate.since + patience:
                until = min(candidate.since + patience, now + max(self._settle_seconds, 0.1))
                self._hold(candidate, until, error, settles=True)
            elif candidate.control is not None or all(os.path.lexists(clip.path) for clip in candidate.clips):
                self._end_badly(candidate, error)
        else:
            self._work(job)

    def _places(self) -> tuple[Path, ...]:
        try:
            return self.spool.root.resolve(), *self._allowed()
        except JobError as error:
            self._log(str(error))
            return (self.spool.root.resolve(),)

    def _hold(self, candidate: Candidate, until: float, error: LtsError, *, settles: bool) -> None:
        self._holds[candidate.key] = _Hold(until, shortened(str(error)), settles)
        if candidate.control is not None:
            self._say(candidate.name, "waiting", str(error))

    # ------------------------------------------------ a job

    def _work(self, job: Job) -> None:
        folder = self.spool.outbox / job.id
        if os.path.lexists(folder):
            self._meet_again(job, folder)
            return
        self._say(job.id, "claimed", "taken")
        staged = self.spool.staging / job.id
        remove(staged)
        try:
            places = places_on(self.spool.archive / job.id, leaving(self.spool, job.candidate))
            self._workshop.make(job, staged, places, self._places(), self._reporter(job))
        except _Cancelled:
            remove(staged)
            self._end_cancelled(job.candidate, job.id)
        except _Stopped:
            remove(staged)
            self._say(job.id, "waiting", "the daemon was stopped; it starts on this job again when it runs again")
        except (OutputError, Changed) as error:  # not the fault of the clips: once it is mended, it goes on
            remove(staged)
            self._trouble(job.candidate, job.id, error)
        except LtsError as error:
            remove(staged)
            self._end_badly(job.candidate, error, job)
        except Exception as error:
            remove(staged)
            self._log(traceback.format_exc())
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self._end_badly(job.candidate, JobError(f"something went wrong that should not ({what}); the clips are as"
                                                    " they were: please report this, with them and the settings"), job)
        else:
            self._say(job.id, "delivering", "moving the stems into the outbox", 1.0)
            self._end(job.candidate, job.id, "done", f"the stems lie in {self.spool.inside(folder)}", folder, staged,
                      self.spool.archive / job.id)

    def _reporter(self, job: Job) -> Callable[[float, str], None]:
        told = -1.0
        cancel = self.spool.inbox / f"{job.id}{CANCEL_SUFFIX}"

        def report(fraction: float, message: str) -> None:
            nonlocal told
            if self._stop.is_set():
                raise _Stopped
            if told < 0 or time.monotonic() - told >= _STATUS_SECONDS:
                told = time.monotonic()
                if cancel.exists():
                    raise _Cancelled
                self._say(job.id, "running", message, fraction)
            self._progress(job.id, fraction, message)

        return report

    def _meet_again(self, job: Job, folder: Path) -> None:
        """The outbox has a folder of that name: either this very job was done before, or the id was used before."""
        try:
            digest = manifest.from_json((folder / "manifest.json").read_text(encoding="utf-8")).job_digest
        except (OSError, ValueError, JobError):
            digest = None
        where = self.spool.inside(folder)
        if digest == job.digest:
            message = f"the same clips and settings were made before: the stems lie in {where}"
            self._end(job.candidate, job.id, "done", message, folder, None, self.spool.archive / job.id)
        else:
            self._end_badly(job.candidate, JobError(f"{where} exists already and belongs to another job: send this one"
                                                    " again under another id"), job)

    # ------------------------------------------------ ends

    def _end_cancelled(self, candidate: Candidate, job_id: str) -> None:
        self._end_with_error(candidate, job_id, "cancelled", JobError("cancelled, as was asked"), "")

    def _end_badly(self, candidate: Candidate, error: LtsError, job: Job | None = None) -> None:
        job_id = job.id if job else failed_id(candidate)
        self._end_with_error(candidate, job_id, "failed", error, job.digest if job else candidate.digest)

    def _end_with_error(self, candidate: Candidate, job_id: str, state: str, error: LtsError, digest: str) -> None:
        folder = free_folder(self.spool.failed / job_id)
        try:
            staged = stage_error(self.spool, candidate, job_id, state, error, digest, self._places())
        except (OSError, OutputError) as trouble:
            self._trouble(candidate, job_id, OutputError(f"{error} Besides, {trouble}"), ending=True)
        else:
            self._end(candidate, job_id, state, shortened(str(error)), folder, staged, folder)

    def _end(self, candidate: Candidate, job_id: str, state: str, message: str, folder: Path, staged: Path | None,
             shelf: Path) -> None:
        """Write down how the job ends, then do it."""
        try:
            ending = plan(self.spool, candidate, job_id, state, message, folder=folder, staged=staged, shelf=shelf)
            self._at("note")
            ending.save(self.spool)
        except (OSError, OutputError) as trouble:
            self._trouble(candidate, job_id, OutputError(str(trouble)), ending=True)
        else:
            self._attempts.pop(candidate.key[:2], None)
            self._finish(ending)

    def _finish(self, ending: Ending) -> None:
        try:
            ending.carry_out(self.spool, self._at)
        except OutputError as error:
            self._stuck_until = self._clock() + TROUBLE_SECONDS
            self._outcomes.append(Outcome(ending.job, "failed", str(error), ""))
            self._say(ending.job, "delivering", str(error), 1.0)
            self._log(f"{ending.job}: {error}")
            return
        self._at("report")
        self._say(ending.job, ending.state, ending.message, 1.0 if ending.state == "done" else 0.0, ending.folder)
        self._files.pop(ending.job, None)
        self._said.pop(ending.job, None)
        self._at("forget")
        ending.forget(self.spool)
        self._done += ending.state == "done"
        self._failed += ending.state == "failed"
        self._outcomes.append(Outcome(ending.job, ending.state, ending.message, ending.folder))
        self._log(f"{ending.state}: {ending.job}: {ending.message}")

    def _finish_pending(self) -> bool:
        """Bring to an end what a crash or a full disk cut off."""
        if self._stuck_until is not None and self._clock() < self._stuck_until:
            return False
        self._stuck_until = None
        pending = self.spool.pending()
        for ending in pending:
            self._finish(ending)
        return bool(pending) and self._stuck_until is None

    def _trouble(self, candidate: Candidate, job_id: str, error: LtsError, *, ending: bool = False) -> None:
        """Something other than the job is wrong: its clips stay, and after a while it is tried again.

        Args:
            ending: it went wrong when the job was to be ended, so ending it badly is no way out.
        """
        attempts = self._attempts[candidate.key[:2]] = self._attempts[candidate.key[:2]] + 1
        if attempts >= MOST_ATTEMPTS and not ending and self.spool.can_write():
            self._end_badly(candidate, error)
            return
        if isinstance(error, Changed):
            self._hold(candidate, self._clock() + self._settle_seconds, error, settles=True)
            return
        self._hold(candidate, self._clock() + TROUBLE_SECONDS, error, settles=False)
        self._outcomes.append(Outcome(job_id, "failed", shortened(str(error)), ""))
        self._say(job_id, "waiting", str(error))
        self._log(f"{job_id}: {error}")

    def _say(self, job_id: str, state: str, message: str, fraction: float = 0.0, folder: str = "") -> None:
        """Write a job's status; while it runs each call is a sign of life, else only what is new is written."""
        if state == "waiting" and self._said.get(job_id) == (state, message):
            return
        self._said[job_id] = (state, message)
        file = self._files.setdefault(job_id, StatusFile(self.spool.status / f"{job_id}.tsv", "status"))
        file.write({"job": job_id, "state": state, "fraction": round(min(max(fraction, 0.0), 1.0), 4),
                    "message": shortened(message), "folder": folder})
