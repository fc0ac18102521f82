"""Daemons as their users have them: programs of their own, in a process group and a home of their own, heard through files."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import lts_batch
from lts_batch.watch.status import read_status

TAG = "SOAK_DAEMON"  # a variable by which the processes of a daemon are found, also when their parent is dead
QUICK = ("--settle-seconds", "0.3", "--patience-seconds", "1", "--lease-seconds", "2")
READY_SECONDS = 60.0


def waited_for(met: Callable[[], bool], seconds: float, step_seconds: float = 0.01) -> bool:
    """Whether something came to be in that time."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            return False
        time.sleep(step_seconds)
    return True


def environment(home: Path, tag: str = "") -> dict[str, str]:
    """Variables for a daemon: nothing of this user's; our own lts_batch; one thread a process, so that equal work is equal."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("LTS_BATCH_")}
    folders = {"LTS_BATCH_CONFIG": "config", "LTS_BATCH_JOURNALS": "state", "XDG_STATE_HOME": "xdg", "XDG_CONFIG_HOME": "xdg",
               "LOCALAPPDATA": "local", "APPDATA": "roaming"}
    found["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(lts_batch.__file__).parent.parent), found.get("PYTHONPATH"))))
    return {**found, **{name: str(home / folder) for name, folder in folders.items()}, "OMP_NUM_THREADS": "1", TAG: tag}


def once(root: Path, home: Path, *words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """A run over the inbox that ends by itself."""
    command = [sys.executable, "-m", "lts_batch", "watch", str(root), "--once", *QUICK, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8", env=environment(home),
                          cwd=home, **options)


class Running:
    """A daemon at work; a context that leaves none of its processes behind.

    Args:
        home: where its configuration, its state and ``said.txt``, all that it prints, lie.
        words: more of its command line; the last of an option counts.
        prefix: a program that runs it, with its arguments.
        more: variables beside its own.
    """

    def __init__(self, root: Path, home: Path, *words: str, prefix: tuple[str, ...] = (), more: Mapping[str, str] | None = None,
                 quick: tuple[str, ...] = QUICK) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.root, self.tag, self.said_in = root, secrets.token_hex(8), home / "said.txt"
        self._before = self.status().get("session")
        with self.said_in.open("ab") as said:
            self._said_before = said.tell()
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "lts_batch", "watch", str(root), *quick, *words], stdin=subprocess.DEVNULL,
                cwd=home, env={**environment(home, self.tag), **(more or {})}, stdout=said, stderr=said, start_new_session=True)
        self.begun = time.monotonic()

    # ------------------------------------------------ what it says

    def said(self) -> str:
        """All that it printed since it was started."""
        return self.said_in.read_bytes()[self._said_before:].decode("utf-8", "replace")

    def status(self) -> dict[str, str]:
        """What ``status/daemon.tsv`` says."""
        return read_status(self.root / "status" / "daemon.tsv", "daemon")

    @property
    def present(self) -> bool:
        """Whether its status is its own, and not that of the one before."""
        return self.status().get("session") not in (None, self._before)

    def ready(self) -> None:
        """Wait until it has nothing else to do than to watch."""
        met = waited_for(lambda: self.process.poll() is not None or (self.present and self.status()["message"] == "idle"),
                         READY_SECONDS)
        assert met and self.process.poll() is None, f"it does not get ready: {self.said()}"

    # ------------------------------------------------ its processes

    def processes(self) -> list[int]:
        """All that are left of it, the orphans of a killed daemon too; on Linux only."""
        return having(f"{TAG}={self.tag}")

    def kill(self, alone: bool = False) -> None:
        """As by a power cut; ``alone`` without its children, as by a system that is out of memory."""
        if alone:
            self.process.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            for process in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float = 30.0) -> int:
        """Tell it to end. Returns its exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()


def having(variable: str) -> list[int]:
    """Living processes that were started with a variable."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"\0{variable}\0".encode() in b"\0" + (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def memory_bytes(processes: list[int]) -> int:
    """Resident memory of processes, what they share counted for each."""
    found = 0
    for process in processes:
        with suppress(OSError):
            for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmRSS:"):
                    found += int(line.split()[1]) * 1024
    return found
