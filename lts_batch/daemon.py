"""The daemon: takes what lies in the inbox, has it rendered, and puts everything where it belongs.

It thinks in turns. A turn looks at the folders anew, does at most one thing, and keeps nothing in mind that matters: what
has to survive a crash is in the root. Events of the file system only wake it earlier than its own clock would.
"""

import dataclasses
import json
import os
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lts_batch import __version__, manifest
from lts_batch.allowed import NotAllowed, allowed_folders
from lts_batch.errors import ClipError, JobError, LtsError, OutputError
from lts_batch.heartbeat import Heartbeat
from lts_batch.jobfile import shortened
from lts_batch.jobs import Candidate, Job, describe, failed_id, inbox_entry, take
from lts_batch.moves import free, remove
from lts_batch.protocol import CANCEL_SUFFIX, VERSION
from lts_batch.scan import Found, Observations, Waiting, named_by_job_files, scan
from lts_batch.settings import Settings
from lts_batch.spool import Ending, Hook, Spool, StatusFile, planned_move, unmoved
from lts_batch.whole import write_whole

SCAN_SECONDS = 1.0
ALLOWED_AGAIN_SECONDS = 2.0
TROUBLE_SECONDS = 30.0
MOST_ATTEMPTS = 3
_STATUS_SECONDS = 0.25

Progress = Callable[[str, float, str], None]


@dataclass(frozen=True)
class Outcome:
    """How a job ended; ``folder`` from the root, empty where its clips stay in the inbox."""

    job: str
    state: str
    message: str
    folder: str


@dataclass(frozen=True)
class Summary:
    """What a run over the inbox came to."""

    outcomes: tuple[Outcome, ...]
    waiting: tuple[Waiting, ...]

    def of(self, state: str) -> tuple[Outcome, ...]:
        """The jobs that ended so: done, failed, cancelled."""
        return tuple(outcome for outcome in self.outcomes if outcome.state == state)

    def lines(self) -> list[str]:
        """For people: a line for each job and each thing that waits, then the sums."""
        rows = [f"{outcome.state:<9} {outcome.job}: {outcome.message}" for outcome in self.outcomes]
        rows += [f"waiting   {item.path.name}: {item.why}" for item in self.waiting]
        sums = [f"{len(self.of(state))} {state}" for state in ("done", "failed", "cancelled")]
        return [*map(shortened, rows), ", ".join([*sums, f"{len(self.waiting)} waiting"])]

    def check(self) -> None:
        """Raises ``JobError`` if a job failed."""
        if failed := self.of("failed"):
            raise JobError(f"{len(failed)} of {len(self.outcomes)} jobs failed: {', '.join(item.job for item in failed)};"
                           " what was wrong stands above, and in error.json beside the clips")


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
        patience_seconds: how long clips that stand still, but can't be read as whole audio, are waited for.
        allowed: gives the folders outside the root that jobs may read from, asked anew for each job.
        render: the engine, as ``lts_batch.render.render``.
        load: gives a model by name or folder, as ``lts_batch.checkpoint.load_model``.
        log: takes a line for people.
        progress: takes job, fraction and message while a job is rendered.
        clock: seconds that never go backwards.
        at: takes a word before each step of an ending, for tests that crash there.
        lease_seconds: how long to watch for another daemon that may be at work here.
    """

    def __init__(self, root: Path, *, model: str = "general", settle_seconds: float = 2.0,
                 patience_seconds: float | None = None, allowed: Callable[[], Sequence[Path]] = allowed_folders,
                 render: Callable[..., manifest.Manifest] | None = None, load: Callable[[str], Any] | None = None,
                 log: Callable[[str], None] = lambda line: None, progress: Progress = lambda job, fraction, message: None,
                 clock: Callable[[], float] = time.monotonic, at: Hook = lambda step: None,
                 lease_seconds: float = 3.0) -> None:
        self.spool = Spool(Path(os.path.abspath(root)))  # noqa: PTH100  (links stay: the user's words for the place)
        self._base = Settings(model=model)
        self._settle_seconds = settle_seconds
        self._patience_seconds = max(20.0, 10 * settle_seconds) if patience_seconds is None else patience_seconds
        self._allowed, self._render, self._load = allowed, render, load
        self._log, self._progress, self._clock, self._at = log, progress, clock, at
        self._lease_seconds = lease_seconds
        self._models: dict[str, Any] = {}
        self._seen = Observations()
        self._holds: dict[tuple[str, str, float], _Hold] = {}
        self._attempts: dict[tuple[str, str, float], int] = defaultdict(int)
        self._waiting: tuple[Waiting, ...] = ()
        self._outcomes: list[Outcome] = []
        self._files: dict[str, StatusFile] = {}
        self._said: dict[str, tuple[str, str]] = {}
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
        self._patience_seconds = min(self._patience_seconds, self._settle_seconds)
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
        """Work until ``stop`` is set; a job under way is then left in the inbox for the next time. Raises like ``run_once``."""
        self._stop = stop
        wake = threading.Event()
        with self._alive(), _woken(self.spool.inbox, wake, self._log):
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
            self._model(self._base.model)
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
            patience = self._settle_seconds if candidate.control is not None else self._patience_seconds
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
            self._make(job, staged)
            self._say(job.id, "delivering", "moving the stems into the outbox", 1.0)
            message = f"the stems lie in {self.spool.inside(folder)}"
            self._end(job.candidate, job.id, "done", message, folder=folder, staged=staged, shelf=self.spool.archive / job.id)
        except _Cancelled:
            remove(staged)
            self._end_cancelled(job.candidate, job.id)
        except _Stopped:
            remove(staged)
            self._say(job.id, "waiting", "the daemon was stopped; it starts on this job again when it runs again")
        except (OutputError, _Changed) as error:  # not the fault of the clips: once it is mended, it goes on
            remove(staged)
            self._trouble(job.candidate, job.id, error)
        except LtsError as error:
            remove(staged)
            self._end_badly(job.candidate, error, job)
        except Exception as error:
            remove(staged)
            self._log(traceback.format_exc())
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self._end_badly(job.candidate, JobError(f"something went wrong that should not ({what}); the clips are as they"
                                                    " were: please report this, with them and the settings"), job)

    def _make(self, job: Job, staged: Path) -> None:
        """Render into a folder of our own, and complete the record."""
        from lts_batch.render import Clip, render

        model = self._model(job.candidate.settings.model)
        clips = [Clip(clip.path, clip.request.offset_samples, clip.request.length_samples,
                      clip.request.name or clip.request.path.stem) for clip in job.clips]
        found = (self._render or render)(clips, job.candidate.settings, staged, model=model, job=job.id,
                                         echo=job.candidate.echo, progress=self._reporter(job))
        for entry, clip in zip(found.clips, job.clips, strict=True):
            if entry.sha256 != clip.sha256:  # what was rendered must be what was checked
                raise _Changed(f"{clip.request.path} was changed while it was rendered")
        places = self._final_places(job)
        entries = tuple(dataclasses.replace(entry, path=str(places.get(clip.entry, clip.path)))
                        for entry, clip in zip(found.clips, job.clips, strict=True))
        record = dataclasses.replace(found, job=job.id, job_digest=job.digest, clips=entries)
        write_whole(staged / "manifest.json", record.to_json(), overwrite=True)
        write_whole(staged / "manifest.tsv", record.to_tsv(), overwrite=True)

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

    def _model(self, name: str) -> Any:
        if name not in self._models:
            if self._load is None:
                from lts_batch.checkpoint import load_model

                self._load = load_model
            self._models[name] = self._load(name)
        return self._models[name]

    def _meet_again(self, job: Job, folder: Path) -> None:
        """The outbox has a folder of that name: either this very job was done before, or the id was used before."""
        try:
            digest = manifest.from_json((folder / "manifest.json").read_text(encoding="utf-8")).job_digest
        except (OSError, ValueError, JobError):
            digest = None
        where = self.spool.inside(folder)
        if digest == job.digest:
            self._end(job.candidate, job.id, "done", f"the same clips and settings were made before: the stems lie in {where}",
                      folder=folder, staged=None, shelf=self.spool.archive / job.id)
        else:
            self._end_badly(job.candidate, JobError(f"{where} exists already and belongs to another job: send this one again"
                                                    " under another id"), job)

    # ------------------------------------------------ ends

    def _end_cancelled(self, candidate: Candidate, job_id: str) -> None:
        self._end_with_error(candidate, job_id, "cancelled", JobError("cancelled, as was asked"), "")

    def _end_badly(self, candidate: Candidate, error: LtsError, job: Job | None = None) -> None:
        job_id = job.id if job else failed_id(candidate)
        self._end_with_error(candidate, job_id, "failed", error, job.digest if job else candidate.digest)

    def _end_with_error(self, candidate: Candidate, job_id: str, state: str, error: LtsError, digest: str) -> None:
        folder = _free_folder(self.spool.failed / job_id)
        staged = self.spool.staging / f"{job_id}.failed"
        leaving = self._leaving(candidate)
        message = shortened(str(error))
        places = self._places()
        clips = []
        for clip in candidate.clips:
            size_bytes, sha256 = describe(clip, places)
            clips.append({"path": str(clip.path), "size_bytes": size_bytes, "sha256": sha256,
                          "moved": inbox_entry(clip.path, self.spool.inbox) in leaving})
        record = {"format": "lts-batch/error", "version": VERSION, "job": job_id, "state": state, "message": message,
                  "kind": type(error).__name__, "exit_code": error.exit_code, "clips": clips, "echo": dict(candidate.echo),
                  "lts_batch": __version__, "job_digest": digest or None}
        try:
            remove(staged)
            staged.mkdir()
            write_whole(staged / "error.json", json.dumps(record, indent=1) + "\n")
            self._end(candidate, job_id, state, message, folder=folder, staged=staged, shelf=folder)
        except (OSError, OutputError) as trouble:
            self._trouble(candidate, job_id, OutputError(f"{message} Besides, {trouble}"))

    def _end(self, candidate: Candidate, job_id: str, state: str, message: str, *, folder: Path, staged: Path | None,
             shelf: Path) -> None:
        """Write down how the job ends, then do it. The clips go to ``shelf``."""
        places = _shelve([*self._leaving(candidate), *([candidate.control] if candidate.control else [])], shelf)
        moves = []
        for source, destination in places.items():
            with suppress(FileNotFoundError):
                moves.append(planned_move(self.spool, source, destination))
        cancel = self.spool.inbox / f"{job_id}{CANCEL_SUFFIX}"
        ending = Ending(job_id, state, message, self.spool.inside(folder), self.spool.inside(staged) if staged else None,
                        tuple(moves), self.spool.inside(candidate.folder) if candidate.folder else None,
                        self.spool.inside(cancel) if cancel.exists() else None)
        ending.save(self.spool)
        self._finish(ending)

    def _leaving(self, candidate: Candidate) -> tuple[Path, ...]:
        """What of the candidate lies in the inbox and is named by no other job file."""
        entries = [inbox_entry(clip.path, self.spool.inbox) for clip in candidate.clips]
        others = named_by_job_files(self.spool.inbox, candidate.control)
        return tuple(dict.fromkeys(entry for entry in entries
                                   if entry is not None and entry not in others and os.path.lexists(entry)))

    def _final_places(self, job: Job) -> dict[Path | None, Path]:
        return {**_shelve(self._leaving(job.candidate), self.spool.archive / job.id)}

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

    def _trouble(self, candidate: Candidate, job_id: str, error: LtsError) -> None:
        """Something other than the job is wrong: its clips stay, and after a while it is tried again."""
        self._attempts[candidate.key] += 1
        if self._attempts[candidate.key] >= MOST_ATTEMPTS and not isinstance(error, _Changed) and _can_write(self.spool):
            del self._attempts[candidate.key]
            self._end_badly(candidate, error)
            return
        self._holds[candidate.key] = _Hold(self._clock() + TROUBLE_SECONDS, shortened(str(error)), settles=False)
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


class _Changed(JobError):
    """A clip was exchanged between the check and the render."""


def _shelve(sources: Iterable[Path], shelf: Path) -> dict[Path, Path]:
    """A free place on the shelf for each file."""
    places: dict[Path, Path] = {}
    for source in sources:
        places[source] = free(shelf / source.name, set(places.values()))
    return places


def _free_folder(folder: Path) -> Path:
    candidate, n = folder, 1
    while os.path.lexists(candidate):
        n += 1
        candidate = folder.with_name(f"{folder.name}_{n}")
    return candidate


def _can_write(spool: Spool) -> bool:
    try:
        write_whole(spool.private / "probe", "x" * 4096, overwrite=True)
    except OutputError:
        return False
    return True


@contextmanager
def _woken(folder: Path, wake: threading.Event, log: Callable[[str], None]) -> Iterator[None]:
    """Let the file system wake us where it can; where it can't, the regular scan has to do."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    class Waker(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in ("created", "modified", "moved", "deleted", "closed"):  # not our own reading
                wake.set()

    observer = Observer()
    try:
        observer.schedule(Waker(), str(folder), recursive=True)
        observer.start()
    except OSError as error:
        log(f"{folder} can't be watched ({error.strerror or error}); it is looked at every {SCAN_SECONDS:g} s instead")
        yield
        return
    try:
        yield
    finally:
        observer.stop()
        observer.join()
