"""A sign of life in status/daemon.tsv: a counter that grows as long as a daemon runs, so that no clock is needed."""

import secrets
import threading
import time
from types import TracebackType
from typing import Any, Self

from lts_batch import __version__
from lts_batch.errors import JobError
from lts_batch.watch.spool import Spool
from lts_batch.watch.status import StatusFile, read_status

BEAT_SECONDS = 1.0


class Heartbeat:
    """A context in which the daemon counts as running. Entering it makes sure that no other daemon does.

    Args:
        root_id: the root's UUID.
        lease_seconds: how long to watch the counter of a daemon that did not say goodbye.

    Raises:
        JobError: another daemon is at work on this root.
    """

    def __init__(self, spool: Spool, root_id: str, *, lease_seconds: float = 3.0) -> None:
        self._spool, self._lease_seconds = spool, lease_seconds
        self._file = StatusFile(spool.status / "daemon.tsv", "daemon")
        self._values: dict[str, Any] = {"state": "running", "message": "starting", "waiting": 0, "done": 0, "failed": 0,
                                        "lts_batch": __version__, "root": root_id, "session": secrets.token_hex(8)}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def say(self, **values: Any) -> None:
        """Change what the status file says: message, waiting, done, failed."""
        with self._lock:
            changed = any(self._values[key] != value for key, value in values.items())
            self._values.update(values)
            if changed:
                self._file.write(self._values)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with self._lock:
                self._file.write(self._values)

    def __enter__(self) -> Self:
        self._refuse_a_second()
        self._file = StatusFile(self._file.path, "daemon")
        self._file.write(self._values)
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
        while time.monotonic() < end:
            time.sleep(0.1)
            now = read_status(self._file.path, "daemon")
            if now and now["counter"] != before["counter"]:
                raise JobError(f"another lts-batch is watching {self._spool.root}: stop that one first, or give this"
                               " one another root")
