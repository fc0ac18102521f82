"""The lease of a root: a counter in status/daemon.tsv that grows as long as a daemon runs, so that no clock is needed.

It works on shares, where locks may not, and a crash gives it back. Whoever finds the counter growing keeps away; whoever finds
another's name in the file, because it was asleep and taken for dead, has lost the root.
"""

import os
import platform
import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from lts_batch import __version__
from lts_batch.errors import JobError
from lts_batch.protocol import printable
from lts_batch.watch.spool import Spool
from lts_batch.watch.status import StatusFile, read_status

BEAT_SECONDS = 1.0
MEETING_SECONDS = 0.4  # for one that starts at the same moment to be seen


class Taken(JobError):
    """Another daemon has the root."""


class Heartbeat:
    """A context in which the daemon counts as running. Entering it makes sure that no other daemon does.

    Args:
        root_id: the root's UUID.
        lease_seconds: how long to watch the counter of a daemon that did not say goodbye; 0 to watch for none.
        stopped: whether to give up watching.

    Raises:
        Taken: another daemon is at work on this root.
    """

    def __init__(self, spool: Spool, root_id: str, *, lease_seconds: float = 3.0,
                 stopped: Callable[[], bool] = lambda: False) -> None:
        self._spool, self._lease_seconds, self._stopped = spool, lease_seconds, stopped
        self._file = StatusFile(spool.status / "daemon.tsv", "daemon")
        self._values: dict[str, Any] = {"state": "running", "message": "starting", "waiting": 0, "done": 0, "failed": 0,
                                        "lts_batch": __version__, "root": root_id, "session": secrets.token_hex(8),
                                        "host": printable(platform.node()), "process": os.getpid()}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._lost: Taken | None = None

    def say(self, **values: Any) -> None:
        """Change what the status file says: message, waiting, done, failed."""
        with self._lock:
            changed = any(self._values[key] != value for key, value in values.items())
            self._values.update(values)
            if changed and self._ours():
                self._file.write(self._values)

    def check(self) -> None:
        """Raises ``Taken`` if another daemon took the root since the last beat."""
        if self._lost is not None:
            raise self._lost

    def check_now(self) -> None:
        """The same, looking at the file: before what cannot be taken back."""
        with self._lock:
            self._ours()
        self.check()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with self._lock:
                if not self._ours():
                    return
                self._file.write(self._values)

    def _ours(self) -> bool:
        """Whether the file names nobody else. One that cannot be read, on a share that is away, names nobody."""
        found = read_status(self._file.path, "daemon")
        if self._lost is None and found.get("session", self._values["session"]) != self._values["session"]:
            self._lost = Taken(f"{_who(found)} has taken over {self._spool.root}, as happens when this one was asleep: it goes"
                               " on there, and nothing is lost")
        return self._lost is None

    def __enter__(self) -> Self:
        self._refuse_a_second()
        self._file = StatusFile(self._file.path, "daemon")
        self._file.write(self._values)
        if self._lease_seconds > 0:
            time.sleep(MEETING_SECONDS)
            if not self._ours():
                raise _refusal(read_status(self._file.path, "daemon"), self._spool)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        if kind is None or issubclass(kind, Exception | KeyboardInterrupt | SystemExit):
            self.say(state="stopped", message="stopped")

    def _refuse_a_second(self) -> None:
        before = read_status(self._file.path, "daemon")
        if before.get("state") != "running":
            return
        end = time.monotonic() + self._lease_seconds
        while time.monotonic() < end and not self._stopped():
            time.sleep(0.1)
            now = read_status(self._file.path, "daemon")
            if now and now["counter"] != before["counter"]:
                raise _refusal(now, self._spool)


def _refusal(found: dict[str, str], spool: Spool) -> Taken:
    return Taken(f"{_who(found)} is watching {spool.root}: stop that one first, or give this one another root")


def _who(found: dict[str, str]) -> str:
    if not found.get("process"):
        return "another lts-batch"
    return f"another lts-batch (process {found['process']} on {found.get('host') or 'another machine'})"
