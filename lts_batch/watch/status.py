"""Status files, which clients poll: how the daemon is, and how each job is."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from lts_batch.errors import OutputError
from lts_batch.files.whole import write_whole
from lts_batch.protocol import from_lines, shortened, to_lines

INSIST_SECONDS = 2.0


class StatusFile:
    """A file of keys and values that clients poll; its counter goes on growing over restarts."""

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what
        self.counter = int(read_status(path, what).get("counter", "0"))

    def write(self, values: dict[str, Any], *, insist: bool = False) -> bool:
        """Say something new. A reader that holds the old file open, or a full disk, loses us one message, no more.

        Returns whether it could be said.

        Args:
            insist: last words are said again for a while, for on Windows a client may hold the file as it looks.
        """
        self.counter += 1
        lines = to_lines(self.what, [*values.items(), ("counter", self.counter)])
        until = time.monotonic() + (INSIST_SECONDS if insist else 0.0)
        while True:
            with suppress(OutputError):
                write_whole(self.path, lines, overwrite=True)
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(0.05)


def read_status(path: Path, what: str) -> dict[str, str]:
    """What a status file says; nothing where there is none that can be read."""
    try:
        rows = from_lines(what, path.read_text(encoding="utf-8"))
        found = {row[0]: row[1] for row in rows}
        int(found["counter"])
        return found
    except (OSError, ValueError, IndexError, KeyError):
        return {}


class Statuses:
    """What is said of jobs, a file each in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, StatusFile] = {}
        self._said: dict[str, tuple[str, str]] = {}

    def say(self, job_id: str, state: str, message: str, fraction: float = 0.0, folder: str = "", *,
            insist: bool = False) -> bool:
        """Write a job's status; while it runs each call is a sign of life, else only what is new is written."""
        if state == "waiting" and self._said.get(job_id) == (state, message):
            return True
        self._said[job_id] = (state, message)
        file = self._files.setdefault(job_id, StatusFile(self._folder / f"{job_id}.tsv", "status"))
        return file.write({"job": job_id, "state": state, "fraction": round(min(max(fraction, 0.0), 1.0), 4),
                    "message": shortened(message), "folder": folder}, insist=insist)

    def forget(self, job_id: str) -> None:
        """Nothing more will be said of it; its file stays."""
        self._files.pop(job_id, None)
        self._said.pop(job_id, None)
