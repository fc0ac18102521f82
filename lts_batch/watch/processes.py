"""Hands that are processes of their own, with the model loaded once each: what kills one kills no daemon and no other job.

Daemon and process talk over a pipe, which is the process's lifeline too: when the daemon dies, however it dies, the pipe ends
and the process with it, so that nothing is left that could write into the next daemon's folders.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.process import _children  # type: ignore[attr-defined]  # what a program waits for at its end
from queue import SimpleQueue
from typing import Any, NoReturn

from lts_batch.errors import LtsError
from lts_batch.watch.hands import Died, Dropped, Order, carry_out
from lts_batch.watch.workshop import Workshop

_TICK_SECONDS = 1.0
_LEAST_WORK_SECONDS = 0.001  # of processor time in a tick that count as a sign of life
_SAY_SECONDS = 0.05
_LAST_SECONDS = 2.0


@dataclass(frozen=True)
class _Said:
    fraction: float
    message: str


@dataclass(frozen=True)
class _Result:
    value: Any
    error: Exception | None


_TICK, _DROP = "tick", "drop"


class ProcessHand:
    """A process that carries out orders, started anew where it has died.

    It counts as alive as long as it uses processor time: one that computes or reads does so, one that waits for a disk that is
    gone, or for itself, does not.

    Args:
        workers: how many slices of stems it makes at a time.
        wake: set when an order is over.
    """

    def __init__(self, workers: int, wake: threading.Event) -> None:
        self.signs, self.said = 0, (0.0, "", 0)
        self._workers, self._wake = workers, wake
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._result: _Result | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, where there is one."""
        return None if self._process is None else self._process.pid

    def begin(self, order: Order) -> None:
        """As ``Hand.begin``."""
        self._result, self.said = None, (0.0, "", 0)
        for attempt in (1, 2):
            try:
                if self._process is None or not self._process.is_alive():
                    self._start()
                assert self._connection is not None
                self._connection.send(order)
                return
            except (OSError, RuntimeError) as error:  # it has just died, and had nothing to do: another one
                self.kill()
                if attempt == 2:
                    self._result = _Result(None, Died(f"the process for it could not be started ({error}): close other"
                                                      " programs, or watch with fewer --jobs"))
                    self._wake.set()

    def ended(self) -> bool:
        """As ``Hand.ended``."""
        return self._result is not None

    def result(self) -> Any:
        """As ``Hand.result``."""
        assert self._result is not None, "not over yet"
        if self._result.error is not None:
            raise self._result.error
        return self._result.value

    def drop(self) -> None:
        """As ``Hand.drop``."""
        with suppress(OSError):
            if self._connection is not None:
                self._connection.send(_DROP)

    def kill(self) -> None:
        """As ``Hand.kill``; the next order begins in a new process."""
        if self._process is not None:
            self._process.kill()
            self._process.join(_LAST_SECONDS)
            _children.discard(self._process)  # one that waits for a disk in the kernel ends when it can, and we need not
            self._process = None
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None
        if self._result is None:
            self._result = _Result(None, Dropped())

    def _start(self) -> None:
        self.kill()
        self._result = None
        context = get_context("spawn")  # as on every system
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self._workers), name="lts-batch work", daemon=True)
        try:
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._process, self._connection = process, ours
        threading.Thread(target=self._listen, args=(process, ours), name="listen", daemon=True).start()

    def _listen(self, process: SpawnProcess, connection: Connection) -> None:
        """Hear what it says until it has no more to say. What an earlier process says no longer counts."""
        while True:
            try:
                heard = connection.recv()
            except Exception as error:  # EOF; a pipe that was closed here; half a message of one that was killed
                process.join(_TICK_SECONDS)
                if connection is self._connection and self._result is None:
                    self._result = _Result(None, Died(_how_it_died(process.exitcode, error)))
                self._wake.set()
                return
            if connection is not self._connection:
                return
            self.signs += 1
            if isinstance(heard, _Said):
                self.said = (heard.fraction, heard.message, self.said[2] + 1)
            elif isinstance(heard, _Result):
                self._result = heard
                self._wake.set()


def process_hands(jobs: int, wake: threading.Event) -> list[ProcessHand]:
    """Hands for so many jobs at a time, which share the cores."""
    return [ProcessHand(max(1, (os.cpu_count() or 1) // jobs), wake) for _ in range(jobs)]


def _how_it_died(code: int | None, error: Exception) -> str:
    if code is None:
        return f"the process that worked on it said what nobody understands ({type(error).__name__}: {error})"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        memory = ", as happens where memory runs out: close other programs, or give fewer --jobs" if name == "SIGKILL" else ""
        return f"the process that worked on it was ended by {name}{memory}"
    return f"the process that worked on it ended by itself with code {code}"


# ---------------------------------------------------------------- inside the process

def serve(connection: Connection, workers: int) -> None:
    """Carry out orders until the pipe ends."""
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):  # they are for the daemon, which tells us
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    orders: SimpleQueue[Order] = SimpleQueue()
    dropped = threading.Event()
    say = _Mouth(connection)
    threading.Thread(target=_hear, args=(connection, orders, dropped), name="hear", daemon=True).start()
    threading.Thread(target=_tick, args=(say,), name="tick", daemon=True).start()
    workshop = Workshop(workers=workers)
    told = -_SAY_SECONDS

    def report(fraction: float, message: str) -> None:
        nonlocal told
        if dropped.is_set():
            raise Dropped
        if time.monotonic() - told >= _SAY_SECONDS:
            told = time.monotonic()
            say(_Said(fraction, message))

    while True:
        order = orders.get()
        dropped.clear()
        try:
            result = _Result(carry_out(order, workshop, report), None)
        except (LtsError, Dropped) as error:
            result = _Result(None, error)
        say(result)


class _Mouth:
    """Says things from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def __call__(self, thing: Any) -> None:
        try:
            with self._lock:
                self._connection.send(thing)
        except OSError:  # nobody listens any more
            _end()


def _hear(connection: Connection, orders: "SimpleQueue[Order]", dropped: threading.Event) -> None:
    while True:
        try:
            heard = connection.recv()
        except (EOFError, OSError):  # the daemon is gone
            _end()
        if heard == _DROP:
            dropped.set()
        else:
            orders.put(heard)


def _tick(say: _Mouth) -> None:
    worked_seconds = time.process_time()
    while True:
        time.sleep(_TICK_SECONDS)
        if (now := time.process_time()) - worked_seconds >= _LEAST_WORK_SECONDS:
            say(_TICK)
        worked_seconds = now


def _end() -> NoReturn:
    os._exit(0)  # also in the midst of a step that takes minutes
