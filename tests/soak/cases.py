"""A daemon in trouble: what is dropped before it, what it says, and whether all comes out in the end."""

import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lts_batch.watch.status import read_status
from soak.daemons import Running, once, waited_for
from soak.drops import Drop, drop, make_root
from soak.ledger import LEFT, faults

if sys.platform != "win32":
    import resource

SILENCE = "it said nothing"
SAY_SECONDS = 20.0
MEND_SECONDS = 90.0  # a daemon tries again after half a minute


class Case:
    """A daemon in trouble.

    Attributes:
        drops: what has to come out in the end.
        wrong: sentences about what is not as it should be.
        heard: what it said of its troubles.
    """

    def __init__(self, place: Path, words: tuple[str, ...]) -> None:
        self.place, self.words = place, words
        self.root, self.outside, self.home = make_root(place)
        self.drops: list[Drop] = []
        self.wrong: list[str] = []
        self.heard: list[str] = []
        self.old_words: set[str] = set()
        self.running: Running | None = None
        self.number = 0

    def start(self, **more: str) -> Running:
        """A daemon that has nothing to do yet."""
        self.running = Running(self.root, self.home, *self.words, more=more)
        self.running.ready()
        return self.running

    def drop(self, *kinds: str) -> None:
        """Something for it to do."""
        for kind in kinds:
            self.drops.append(drop((kind, self.number), self.root, self.outside))
            self.number += 1

    def ready_made(self, *kinds: str, shift_ns: int = 0) -> Callable[[], None]:
        """What only has to be renamed to be dropped, with its times shifted."""
        scratch = self.root / f".scratch{self.number}"
        (scratch / "inbox").mkdir(parents=True)
        made = [drop((kind, self.number + n), scratch, self.outside) for n, kind in enumerate(kinds)]
        self.number += len(kinds)
        files = [path for path in (scratch / "inbox").rglob("*") if path.is_file()]
        files.sort(key=lambda path: path.suffix != ".wav")  # clips before the job files that name them
        for path in files:
            now = path.stat().st_mtime_ns
            os.utime(path, ns=(now + shift_ns, now + shift_ns))

        def put() -> None:
            self.drops += made
            for path in files:
                goal = self.root / path.relative_to(scratch)
                goal.parent.mkdir(exist_ok=True)
                path.rename(goal)
            shutil.rmtree(scratch)

        return put

    def said(self) -> set[str]:
        """All sentences that it prints, and those of the statuses that there are now."""
        found = set(self.running.said().splitlines()) if self.running else set()
        for path in (self.root / "status").glob("*.tsv"):
            found.add(read_status(path, "daemon" if path.name == "daemon.tsv" else "status").get("message", ""))
        return found

    def trouble_begins(self) -> None:
        """From now on it is listened to."""
        self.old_words = self.said()

    def expect_said(self, pattern: str, about: str, seconds: float = SAY_SECONDS) -> None:
        """It tells of its trouble, in what it prints or in a status."""
        def told() -> list[str]:
            return sorted(one for one in self.said() - self.old_words if re.search(pattern, one))

        if waited_for(lambda: bool(told()), seconds, 0.05):
            self.heard += told()[:1]
        else:
            self.wrong.append(f"{SILENCE} about {about} within {seconds:g} s")

    def expect_alive(self) -> None:
        """It has not given up."""
        if self.running is None or self.running.process.poll() is not None:
            self.wrong.append(f"it ended by itself: {self.running.said() if self.running else ''}")

    def settled(self, seconds: float) -> bool:
        """Whether all that was dropped came to its end in that time."""
        def right() -> bool:
            try:
                return all(one.startswith(LEFT) for one in faults(self.root, self.home, self.drops))
            except OSError:
                return False

        return waited_for(right, seconds, 0.5)

    def finish(self) -> None:
        """All comes out, once; and the daemon ends when it is told to."""
        begun = time.monotonic()
        settled = self.settled(MEND_SECONDS)
        self.expect_alive()
        if self.running is not None and self.running.process.poll() is None:
            exit_code = self.running.stop()
            if exit_code:
                self.wrong.append(f"it ended with exit code {exit_code}")
        wrong = faults(self.root, self.home, self.drops)
        if wrong:  # what could not be removed while its folder was away is swept at the next start
            once(self.root, self.home, *self.words)
            wrong = faults(self.root, self.home, self.drops)
        self.wrong += wrong
        if self.running is not None and "Traceback" in self.running.said():
            self.wrong.append(f"it printed a traceback: {self.running.said()[-1500:]}")
        if not settled:
            self.wrong.append(f"not all was done after {time.monotonic() - begun:.0f} s")

    def limit(self, most_bytes: int) -> None:
        """Let no file of the daemon and its children grow further, which is as near to a full disk as one comes everywhere."""
        assert self.running is not None and sys.platform == "linux"
        for process in self.running.processes():
            hard = resource.prlimit(process, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(process, resource.RLIMIT_FSIZE, (most_bytes, hard))
