"""Who does the work that takes long: a hand is given an order and looked at now and then, so that nobody waits for it.

The hands of a daemon are processes of their own (``processes.py``). The one here is a thread, for those who run a daemon
inside a program of theirs. Nothing stops a thread from outside: one that does not end by itself is left behind. It does no
harm, for it writes only where the next start sweeps, and it ends with the process.
"""

import threading
import traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lts_batch.errors import JobError, LtsError
from lts_batch.watch.jobs import Candidate, Job, take
from lts_batch.watch.workshop import Report, Workshop


class Dropped(Exception):
    """The order was taken back while it was carried out."""


class Died(JobError):
    """The process that had the order ended, or nothing was heard of it any more."""


class Mistake(JobError):
    """Something in the program went wrong that should not. ``details``: what those who mend it want to read."""

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message, details)
        self.message, self.details = message, details

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Open:
    """Load what takes seconds to load, before the first job needs it."""

    model: str

    def carried_out(self, workshop: Workshop, report: Report) -> None:
        """Raises ``ModelError``."""
        workshop.open(self.model)


@dataclass(frozen=True)
class Take:
    """Read the clips of a candidate; see ``jobs.take``."""

    candidate: Candidate
    inbox: Path
    places: tuple[Path, ...]

    def carried_out(self, workshop: Workshop, report: Report) -> Job:
        """Gives the job, or raises as ``jobs.take`` does."""
        return take(self.candidate, self.inbox, self.places)


@dataclass(frozen=True)
class Make:
    """Render a job; see ``Workshop.make``."""

    job: Job
    staged: Path
    places: Mapping[Path, Path]
    allowed: tuple[Path, ...]

    def carried_out(self, workshop: Workshop, report: Report) -> None:
        """Raises as ``Workshop.make`` does."""
        workshop.make(self.job, self.staged, self.places, self.allowed, report)


Order = Open | Take | Make


def carry_out(order: Order, workshop: Workshop, report: Report) -> Any:
    """What the order gives. Raises what it raises, and ``Mistake`` for what it should not."""
    try:
        return order.carried_out(workshop, report)
    except (LtsError, Dropped):
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise Mistake(what, traceback.format_exc()) from None


class Hand(Protocol):
    """Carries out one order after another.

    Attributes:
        signs: of life, counted since it began: it grows as long as the order is being carried out.
        said: fraction and message of the order under way, and how often something was said.
    """

    signs: int
    said: tuple[float, str, int]

    def begin(self, order: Order) -> None:
        """Start on an order; the one before has ended."""

    def ended(self) -> bool:
        """Whether the order is over, one way or the other."""

    def result(self) -> Any:
        """What the order gave, or whatever it raised; ``Dropped``, where it was taken back."""

    def drop(self) -> None:
        """Take the order back: it ends at its next report, or not at all."""

    def kill(self) -> None:
        """Make an end of an order that does not end; after that the next one may begin."""


class ThreadHand:
    """A thread for each order.

    Args:
        wake: set when an order is over.

    Attributes:
        left: threads that were left behind.
    """

    def __init__(self, workshop: Workshop, wake: threading.Event) -> None:
        self.signs, self.said = 0, (0.0, "", 0)
        self.left: list[threading.Thread] = []
        self._workshop, self._wake = workshop, wake
        self._future: Future[Any] = Future()
        self._thread: threading.Thread | None = None
        self._dropped = threading.Event()

    def begin(self, order: Order) -> None:
        """As ``Hand.begin``."""
        future: Future[Any] = Future()
        dropped = threading.Event()
        self._future, self._dropped = future, dropped
        self.said = (0.0, "", 0)

        def report(fraction: float, message: str) -> None:
            if dropped.is_set():
                raise Dropped
            self.signs, self.said = self.signs + 1, (fraction, message, self.said[2] + 1)

        def run() -> None:
            try:
                future.set_result(carry_out(order, self._workshop, report))
            except BaseException as error:  # to be raised where it is looked at
                future.set_exception(error)
            self._wake.set()

        self._thread = threading.Thread(target=run, name="work", daemon=True)
        self._thread.start()

    def ended(self) -> bool:
        """As ``Hand.ended``."""
        return self._future.done()

    def result(self) -> Any:
        """As ``Hand.result``."""
        return self._future.result()

    def drop(self) -> None:
        """As ``Hand.drop``."""
        self._dropped.set()

    def kill(self) -> None:
        """Leave the thread behind."""
        if self._thread is not None and not self._future.done():
            self.left.append(self._thread)
            self._future = Future()
            self._future.set_exception(Dropped())


def busy(hands: Iterable[Hand]) -> bool:
    """Whether something that was left behind is still at work."""
    return any(thread.is_alive() for hand in hands for thread in getattr(hand, "left", ()))
