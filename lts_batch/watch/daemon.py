"""The daemon: takes what lies in the inbox, has it rendered, and puts everything where it belongs.

It thinks in turns. A turn looks at the folders anew, does at most one thing, and keeps nothing in mind that matters:
what has to survive a crash is in the root. Events of the file system only wake it earlier than its own clock would.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lts_batch.errors import LtsError
from lts_batch.files.allowed import allowed_folders
from lts_batch.settings import Settings
from lts_batch.stems import manifest
from lts_batch.watch.apart import Apart, Left
from lts_batch.watch.desk import Desk
from lts_batch.watch.endings import Hook, pending, sweep, unmoved
from lts_batch.watch.ends import Ends
from lts_batch.watch.events import Event, Log
from lts_batch.watch.heartbeat import Heartbeat
from lts_batch.watch.jobs import Candidate
from lts_batch.watch.scan import Found, scan
from lts_batch.watch.spool import Spool
from lts_batch.watch.status import Statuses
from lts_batch.watch.summary import Summary
from lts_batch.watch.view import Observations, Waiting
from lts_batch.watch.wakeup import woken
from lts_batch.watch.worker import Progress, Worker
from lts_batch.watch.workshop import Workshop


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
        log: takes what there is to tell; not only from the thread that runs the daemon.
        progress: takes job, fraction and message while a job is rendered.
        clock: seconds that never go backwards.
        at: takes a word before each step of an ending, for tests that crash there.
        lease_seconds: how long to watch for another daemon that may be at work here.
        scan_seconds: how often to look where nothing wakes us.
    """

    def __init__(self, root: Path, *, model: str = "general", settle_seconds: float = 2.0,
                 patience_seconds: float | None = None, allowed: Callable[[], Sequence[Path]] = allowed_folders,
                 render: Callable[..., manifest.Manifest] | None = None, load: Callable[[str], Any] | None = None,
                 log: Log = lambda event: None,
                 progress: Progress = lambda job, fraction, message: None,
                 clock: Callable[[], float] = time.monotonic, at: Hook = lambda step: None,
                 lease_seconds: float = 3.0, scan_seconds: float = 1.0) -> None:
        self.spool = Spool(Path(os.path.abspath(root)))  # noqa: PTH100  (links stay: the user's words for the place)
        self._base = Settings(model=model)
        self._workshop, self._lease_seconds, self._scan_seconds = Workshop(render, load), lease_seconds, scan_seconds
        self._desk = Desk(self.spool, settle_seconds, allowed, log, clock, Statuses(self.spool.status))
        self._ends = Ends(self._desk, at)
        patience_seconds = max(20.0, 10 * settle_seconds) if patience_seconds is None else patience_seconds
        self._apart = Apart()
        self._worker = Worker(self._desk, self._workshop, self._ends, patience_seconds, progress, self._apart)
        self._seen = Observations()
        self._waiting: tuple[Waiting, ...] = ()

    # ------------------------------------------------ running

    def run_once(self, stop: threading.Event | None = None) -> Summary:
        """Do what is there, waiting for it to settle, and come back.

        Raises:
            OutputError: the root cannot be made or written to.
            ModelError: the model cannot be loaded.
            JobError: another daemon is at work on this root.
        """
        self._apart.stop, self._worker.once = stop or self._apart.stop, True
        with self._alive():
            idle_since = self._desk.clock()
            while not self._apart.stop.is_set():
                wait_seconds = self._turn()
                if wait_seconds == 0:
                    idle_since = self._desk.clock()
                    continue
                soon = any(item.until is not None for item in self._waiting)
                if not soon or self._desk.clock() - idle_since > self._desk.settle_seconds + 1.0:
                    break
                self._apart.stop.wait(min(wait_seconds, 0.2))
            return Summary(tuple(self._ends.outcomes), self._waiting)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; a job under way is then left for the next time. Raises like ``run_once``."""
        self._apart.stop, self._worker.once = stop, False
        wake = threading.Event()
        with self._alive(), woken(self.spool.inbox, wake, self._desk.log):
            self._desk.log(Event(f"watching {self.spool.inbox}"))
            reported: frozenset[str] = frozenset()
            while not stop.is_set():
                wait_seconds = self._turn()
                self._ends.outcomes.clear()
                reasons = frozenset(item.why for item in self._waiting if item.until is None)
                for why in sorted(reasons - reported):
                    self._desk.log(Event(why, state="waiting"))
                reported = reasons
                deadline = self._desk.clock() + min(wait_seconds, self._scan_seconds)
                while not stop.is_set() and not wake.is_set() and (left := deadline - self._desk.clock()) > 0:
                    wake.wait(min(left, 0.2))  # stop may come from a signal handler, which wakes nobody
                wake.clear()
        self._desk.log(Event("stopped"))

    @property
    def left_behind(self) -> bool:
        """Whether work is still going on that could not be waited for: the process should end now, for it may take long."""
        return self._apart.busy

    @contextmanager
    def _alive(self) -> Iterator[None]:
        root_id = self.spool.create()
        with Heartbeat(self.spool, root_id, lease_seconds=self._lease_seconds) as self._heartbeat:
            sweep(self.spool)
            self._ends.finish_pending()
            with suppress(Left):
                self._apart.do(lambda: self._workshop.open(self._base.model))
            yield

    # ------------------------------------------------ a turn

    def _turn(self) -> float:
        """Look, and do at most one thing. Returns 0 if something was done, else how many seconds may pass."""
        if self._ends.finish_pending():
            return 0.0
        now = self._desk.clock()
        found = scan(self.spool.inbox, self._seen, now, settle_seconds=self._desk.settle_seconds, base=self._base,
                     busy=unmoved(self.spool, pending(self.spool)))
        self._seen = found.seen
        if self._cancel(found, now):
            return 0.0
        waiting = list(found.waiting)
        wakes = [item.until - now for item in waiting if item.until is not None]
        self._desk.release_all_but(candidate for candidate, _ in self._ordered(found))
        for candidate, error in self._ordered(found):
            hold = self._desk.holds.get(candidate.key)
            if hold is None or now >= hold.until:
                self._tell(found, candidate, waiting)
                if error is None:
                    self._worker.attempt(candidate)
                else:
                    self._ends.badly(candidate, error)
                return 0.0
            waiting.append(Waiting(candidate.control or candidate.clips[0].path, hold.why,
                                   hold.until if hold.settles else None))
            wakes.append(hold.until - now)
        self._waiting = tuple(waiting)
        self._heartbeat.say(message="idle", waiting=len(waiting), done=self._ends.done, failed=self._ends.failed)
        return max(0.01, min([*wakes, self._scan_seconds]))

    @staticmethod
    def _ordered(found: Found) -> Iterator[tuple[Candidate, LtsError | None]]:
        yield from found.broken
        yield from ((candidate, None) for candidate in found.ready)

    def _tell(self, found: Found, chosen: Candidate, waiting: Sequence[Waiting]) -> None:
        """Let the clients of job files know that they were seen."""
        self._heartbeat.say(message=f"working on {chosen.name}", waiting=len(waiting) + len(found.ready) - 1,
                            done=self._ends.done, failed=self._ends.failed)
        for candidate in found.ready:
            if candidate.control is not None and candidate is not chosen and candidate.key not in self._desk.holds:
                self._desk.statuses.say(candidate.name, "waiting", "waits for its turn")

    def _cancel(self, found: Found, now: float) -> bool:
        for name, path, since in found.cancels:
            for candidate in found.ready:
                if candidate.control is not None and candidate.name == name:
                    self._ends.cancelled(candidate, name)
                    return True
            if now - since >= self._desk.settle_seconds:  # it came before its job, or after
                with suppress(OSError):
                    path.unlink()
        return False
