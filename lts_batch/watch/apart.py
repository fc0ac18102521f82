"""Work that can be left behind: it is done in a thread of its own, so that a daemon that has to end need not wait for it.

A step inside an engine can take minutes, and nothing stops a thread from outside. What is left behind does no harm: it writes
only where the next start sweeps, and it ends with the process.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

GRACE_SECONDS = 2.5  # so that all is over within five

_LOOK_SECONDS = 0.1

Result = TypeVar("Result")


class Left(Exception):
    """The work was not done when the daemon had to end."""


class Apart:
    """Does work in threads.

    Args:
        grace_seconds: how long work may go on when ``stop`` is set, to end by itself.

    Attributes:
        stop: once it is set, work is left.
        left: threads that were left behind.
    """

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self.stop = threading.Event()
        self.left: list[threading.Thread] = []
        self._grace_seconds = grace_seconds

    def do(self, work: Callable[[], Result]) -> Result:
        """What the work gives, or whatever it raises. Raises ``Left`` where there is no more time for it."""
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # to be raised where it is waited for
                future.set_exception(error)

        thread = threading.Thread(target=run, name="work", daemon=True)
        thread.start()
        try:
            self._wait(thread)
        except BaseException:  # Ctrl-C where nobody handles it
            self.stop.set()
            self._wait(thread)
            raise
        if not future.done():
            self.left.append(thread)
            raise Left
        return future.result()

    @property
    def busy(self) -> bool:
        """Whether something that was left behind is still at work."""
        return any(thread.is_alive() for thread in self.left)

    def _wait(self, thread: threading.Thread) -> None:
        until: float | None = None
        while thread.is_alive() and (until is None or time.monotonic() < until):
            if until is None and self.stop.is_set():
                until = time.monotonic() + self._grace_seconds
            thread.join(_LOOK_SECONDS)
