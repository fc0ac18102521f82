"""The daemon: takes what lies in the inbox, has it rendered, and puts everything where it belongs.

It thinks in turns. A turn looks at the folders and at its hands, does what can be done at once, and keeps nothing in mind that
matters: what has to survive a crash is in the root and in the journal. Events of the file system, and hands that have something
to say, only wake it earlier than its own clock would.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lts_batch.errors import OutputError
from lts_batch.files.allowed import allowed_folders
from lts_batch.settings import Settings
from lts_batch.stems import manifest
from lts_batch.watch.assignment import Assignment, Progress
from lts_batch.watch.crew import Crew
from lts_batch.watch.desk import Desk
from lts_batch.watch.endings import Hook, sweep, unmoved
from lts_batch.watch.ends import Ends
from lts_batch.watch.events import Event, Log
from lts_batch.watch.hands import Hand, ThreadHand
from lts_batch.watch.heartbeat import Taken
from lts_batch.watch.jobs import Candidate
from lts_batch.watch.journal import Journal, journal_path
from lts_batch.watch.presence import Presence
from lts_batch.watch.scan import Found, scan
from lts_batch.watch.spool import Spool
from lts_batch.watch.status import Statuses
from lts_batch.watch.summary import Summary
from lts_batch.watch.view import Observations, Waiting
from lts_batch.watch.wakeup import woken
from lts_batch.watch.workshop import Workshop

LOOK_SECONDS = 0.1  # between looks at hands that say nothing


class Daemon:
    """Watches one root.

    Args:
        root: its folders are made if they are missing.
        model: name or folder of the model for jobs whose preset names no other.
        settle_seconds: how long clips dropped without a job file must stand still.
        patience_seconds: how long clips that stand still, but can't be read as whole audio, are waited for;
            ``run_once`` waits no longer than for them to settle.
        allowed: gives the folders outside the root that jobs may read from, asked anew for each job.
        hands: makes those who read clips and render, given what they set when they have something to say; without it one
            thread of this process does it.
        render: the engine of that thread, as ``lts_batch.stems.render.render``.
        load: gives it a model by name or folder, as ``lts_batch.models.checkpoint.load_model``.
        log: takes what there is to tell; not only from the thread that runs the daemon.
        progress: takes job, fraction and message while a job is rendered.
        clock: seconds that never go backwards.
        at: takes a word before each step of an ending, for tests that crash there.
        lease_seconds: how long to watch for another daemon that may be at work here.
        scan_seconds: how often to look where nothing wakes us.
        stuck_seconds: how long a hand may give no sign of life.
    """

    def __init__(self, root: Path, *, model: str = "general", settle_seconds: float = 2.0,
                 patience_seconds: float | None = None, allowed: Callable[[], Sequence[Path]] = allowed_folders,
                 hands: Callable[[threading.Event], Sequence[Hand]] | None = None,
                 render: Callable[..., manifest.Manifest] | None = None, load: Callable[[str], Any] | None = None,
                 log: Log = lambda event: None, progress: Progress = lambda job, fraction, message: None,
                 clock: Callable[[], float] = time.monotonic, at: Hook = lambda step: None,
                 lease_seconds: float = 3.0, scan_seconds: float = 1.0, stuck_seconds: float = 300.0) -> None:
        self.spool = Spool(Path(os.path.abspath(root)))  # noqa: PTH100  (links stay: the user's words for the place)
        self._base = Settings(model=model)
        self._scan_seconds, self._stuck_seconds = scan_seconds, stuck_seconds
        self._patience_seconds = max(20.0, 10 * settle_seconds) if patience_seconds is None else patience_seconds
        self._desk = Desk(self.spool, settle_seconds, allowed, log, clock, Statuses(self.spool.status), Journal())
        self._presence = Presence(self._desk, lease_seconds)
        self._ends = Ends(self._desk, at, self._presence.check_now)
        self._progress = progress
        self._wake, self._stop = threading.Event(), threading.Event()
        self._crew = Crew(hands(self._wake) if hands else [ThreadHand(Workshop(render, load), self._wake)], self._assignment)
        self._once = False
        self._seen = Observations()
        self._waiting: tuple[Waiting, ...] = ()
        self._queued: object = None
        self._scan_at, self._scanned_at, self._woken = -math.inf, -math.inf, False

    # ------------------------------------------------ running

    def run_once(self, stop: threading.Event | None = None) -> Summary:
        """Do what is there, waiting for it to settle, and come back.

        Raises:
            OutputError: the root or the journal cannot be made or written to.
            ModelError: the model cannot be loaded.
            JobError: another daemon is at work on this root.
        """
        self._stop, self._once = stop or self._stop, True
        with self._alive():
            idle_since = self._desk.clock()
            while not self._stop.is_set():
                wait_seconds = self._turn()
                if wait_seconds == 0 or not self._crew.idle:
                    idle_since = self._desk.clock()
                else:
                    soon = any(item.until is not None for item in self._waiting)
                    if not soon or self._desk.clock() - idle_since > self._desk.settle_seconds + 1.0:
                        break
                self._rest(wait_seconds)
        return Summary(tuple(self._ends.outcomes), self._waiting)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; a job under way is then left for the next time. Raises like ``run_once``."""
        self._stop, self._once = stop, False
        with self._alive(), woken(self.spool.inbox, self._wake, self._desk.log):
            self._desk.log(Event(f"watching {self.spool.inbox}"))
            reported: frozenset[str] = frozenset()
            while not stop.is_set():
                wait_seconds = self._turn()
                self._ends.outcomes.clear()
                reasons = frozenset(item.why for item in self._waiting if item.until is None)
                for why in sorted(reasons - reported):
                    self._desk.log(Event(why, state="waiting"))
                reported = reasons
                self._rest(wait_seconds)
        self._desk.log(Event("stopped"))

    @property
    def left_behind(self) -> bool:
        """Whether work is still going on that could not be waited for."""
        return self._crew.left_behind

    @contextmanager
    def _alive(self) -> Iterator[None]:
        journal = self._desk.journal
        with self._presence.held(self._stop) as root_id, journal.open(journal_path(root_id)):
            if journal.set_aside is not None:
                self._desk.log(Event(f"the journal was damaged, and lies in {journal.set_aside} now: a new one is begun",
                                     "warning"))
            self._ends.recall()
            sweep(self.spool, self._ends.pending)
            journal.requeue()
            self._ends.finish_pending()
            try:
                self._crew.ready(self._base.model, self._stop.is_set)
                yield
            except Taken:
                self._crew.abandon()
                raise
            finally:
                self._crew.stop()

    def _rest(self, seconds: float) -> None:
        """Until the time is over or something wakes us."""
        deadline = self._desk.clock() + min(seconds, self._scan_seconds)
        while not self._stop.is_set() and not self._wake.is_set() and (left := deadline - self._desk.clock()) > 0:
            self._wake.wait(min(left, 0.2))  # stop may come from a signal handler, which wakes nobody
        self._woken |= self._wake.is_set()
        self._wake.clear()

    # ------------------------------------------------ a turn

    def _turn(self) -> float:
        """Look, and do what can be done at once. Returns 0 if something was done, else how many seconds may pass."""
        try:
            return self._look() if self._presence.is_whole() else self._scan_seconds
        except OSError:  # in the midst of it the root went away, or it is something else
            if self._presence.is_whole():
                raise
            return self._scan_seconds

    def _look(self) -> float:
        if self._ends.finish_pending() or self._crew.step():
            self._scan_at = self._desk.clock()
        now = self._desk.clock()
        if now < self._scan_at and not (self._woken and now - self._scanned_at >= (0.0 if self._crew.free else LOOK_SECONDS)):
            return min(self._scan_at - now, LOOK_SECONDS)
        self._woken, self._scanned_at = False, now
        found = scan(self.spool.inbox, self._seen, now, settle_seconds=self._desk.settle_seconds, base=self._base,
                     busy=unmoved(self.spool, self._ends.pending))
        self._seen = found.seen
        if self._cancel(found, now):
            self._scan_at = now
            return 0.0
        waiting = list(found.waiting)
        wakes = [item.until - now for item in waiting if item.until is not None]
        candidates = [(one, error) for one, error in found.in_order() if not self._crew.works_on(one)]
        self._desk.release_all_but(candidate for candidate, _ in candidates)
        self._ends.forget_all_but(candidate for candidate, _ in found.in_order())
        done = False
        queued = []
        for candidate, error in candidates:
            hold = self._desk.holds.get(candidate.key)
            if hold is not None and now < hold.until:
                waiting.append(Waiting(candidate.control or candidate.clips[0].path, hold.why,
                                       hold.until if hold.settles else None))
                wakes.append(hold.until - now)
            elif error is not None:
                self._ends.badly(candidate, error)
                done = True
            elif self._crew.free:
                self._crew.begin(candidate)
                done = True
            else:
                queued.append(candidate)
        self._waiting = tuple(waiting)
        self._tell(queued)
        rest_seconds = max(0.01, min([*wakes, self._scan_seconds]))
        self._scan_at = now if done else now + rest_seconds
        return 0.0 if done else rest_seconds if self._crew.idle else min(rest_seconds, LOOK_SECONDS)

    def _assignment(self, hand: Hand, candidate: Candidate) -> Assignment:
        return Assignment(self._desk, self._ends, hand, candidate, brief=self._once, patience_seconds=self._patience_seconds,
                          stuck_seconds=self._stuck_seconds, progress=self._progress)

    def _tell(self, queued: Sequence[Candidate]) -> None:
        """Let the clients of job files know that they were seen, and everybody who asks what there is."""
        busy = self._crew.names()
        self._presence.say(message=f"working on {', '.join(busy)}" if busy else "idle",
                            waiting=len(self._waiting) + len(queued), done=self._ends.done, failed=self._ends.failed)
        turn = "waits for its turn"
        for candidate in queued:
            if candidate.control is not None:
                self._desk.statuses.say(candidate.name, "waiting", turn)
        jobs = [(one.name, one.title, turn) for one in queued if one.control is not None]
        things = [*((one.folder or one.clips[0].path, turn) for one in queued if one.control is None),
                  *((item.path, item.why) for item in self._waiting)]
        state = (tuple(jobs), tuple(things))
        if state != self._queued:
            self._queued = state
            with suppress(OutputError):  # told to those who ask; nothing hangs on it
                self._desk.journal.queue(jobs, [(self.spool.inside(path), why) for path, why in things])

    def _cancel(self, found: Found, now: float) -> bool:
        for name, path, since in found.cancels:
            if name in self._crew.names():
                continue
            for candidate in found.ready:
                hold = self._desk.holds.get(candidate.key)
                if name == (candidate.name if candidate.control is not None else hold.job if hold is not None else ""):
                    self._ends.cancelled(candidate, name)
                    return True
            if now - since >= self._desk.settle_seconds:  # it came before its job, or after
                with suppress(OSError):
                    path.unlink()
        return False
