"""A program of the user's own that is run when a job has ended: told what happened, never waited for.

It stands in the user's configuration alone, as a list of arguments. No shell reads them, so that no name of a file, whatever it
holds, can become a command.
"""

import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from lts_batch.errors import SettingsError
from lts_batch.settings.checks import nearest
from lts_batch.watch.events import Event, Log

STATES = ("done", "failed")
PLACES = ("job", "state", "pair", "message", "folder", "root")
ENVIRONMENT = tuple(f"LTS_BATCH_{place.upper()}" for place in PLACES)
MOST_WAITING = 1000
FAREWELL_SECONDS = 1.0
_PLACE = re.compile(r"\{(\w+)\}")
_STEP_SECONDS = 0.05


def check_command(command: Sequence[str]) -> None:
    """Raises ``SettingsError`` where a command cannot be run as it is written."""
    if not command:
        return
    if not command[0] or any("\0" in part for part in command):
        raise SettingsError(f"notify = {list(command)} names no program: begin the list with one, or leave it empty")
    if command[0].lower().endswith((".bat", ".cmd")):  # Windows reads their arguments as commands
        raise SettingsError(f"notify = {list(command)} begins with a batch file, in which names of files could become commands:"
                            f" write [\"cmd\", \"/c\", {command[0]!r}], and use %LTS_BATCH_STATE% and the like in the file")
    for part in command:
        for word in _PLACE.findall(part):
            if word not in PLACES:
                raise SettingsError(f"notify: {part!r} has an unknown place {{{word}}}{nearest(word, PLACES)}; known are"
                                    f" {', '.join(f'{{{place}}}' for place in PLACES)}")


def filled(command: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """A command with its places filled in, each argument for itself; what is filled in is not looked at again.

    >>> filled(["say", "{pair}: {state}"], {"pair": "a {state} b", "state": "done"})
    ['say', 'a {state} b: done']
    """
    return [_PLACE.sub(lambda found: values.get(found[1], found[0]), part) for part in command]


class Notifier:
    """Runs a command for each job that is done or has failed, one after another. Give it all events.

    Args:
        root: the watched folder.
        limit_seconds: how long the command may take; then it is ended.
        log: takes an event where it fails.
        stop: once it is set, there is a second left.
    """

    def __init__(self, command: Sequence[str], root: Path, limit_seconds: float, log: Log, stop: threading.Event) -> None:
        self._command, self._root = tuple(command), Path(os.path.abspath(root))  # noqa: PTH100  (links stay)
        self._limit_seconds, self._log, self._stop = limit_seconds, log, stop
        self._waiting: queue.Queue[Event | None] = queue.Queue(MOST_WAITING)
        self._until: float | None = None
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        if self._command:
            self._thread.start()

    def __call__(self, event: Event) -> None:
        """Have the command run, if the event is the end of a job; comes back at once."""
        if not self._command or event.state not in STATES:
            return
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._log(Event(f"notify was left out, for {MOST_WAITING} calls of it are waiting already", "warning", event.job))

    def close(self) -> None:
        """Let what waits be run; what is not done soon after ``stop`` is dropped."""
        if not self._command:
            return
        self._waiting.put(None)
        while self._thread.is_alive():
            self._thread.join(_STEP_SECONDS)  # which lets signals through on every system

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None:
            if not self._late():
                self._notify(event)

    def _late(self) -> bool:
        if self._until is None and self._stop.is_set():
            self._until = time.monotonic() + FAREWELL_SECONDS
        return self._until is not None and time.monotonic() >= self._until

    def _notify(self, event: Event) -> None:
        values = {place: str(getattr(event, place, "")) for place in PLACES}
        values["root"] = str(self._root)
        values["folder"] = str(self._root / event.folder) if event.folder else ""
        values = {place: value.replace("\0", "") for place, value in values.items()}
        environment = os.environ | dict(zip(ENVIRONMENT, values.values(), strict=True))
        try:
            with tempfile.TemporaryFile() as said:
                why = self._end(_started(filled(self._command, values), environment, said))
                said.seek(0)
                words = " ".join(said.read(2000).decode(errors="replace").split())
        except (OSError, ValueError) as error:
            why, words = f"cannot be run ({getattr(error, 'strerror', None) or error})", ""
        if why:
            self._log(Event(f"notify: {self._command[0]} {why}{f': {words}' if words else ''}", "warning", event.job))

    def _end(self, process: "subprocess.Popen[bytes]") -> str:
        """Wait for a program, and not for ever. Returns what was wrong with it, if anything."""
        end = time.monotonic() + self._limit_seconds
        while process.poll() is None:
            if time.monotonic() >= end:
                _kill(process)
                return f"was ended, for it took longer than {self._limit_seconds:g} s"
            if self._late():
                _kill(process)
                return "was ended, for the daemon ends"
            time.sleep(_STEP_SECONDS)
        return f"ended with exit code {process.returncode}" if process.returncode else ""


def _started(arguments: list[str], environment: Mapping[str, str], said: IO[bytes]) -> "subprocess.Popen[bytes]":
    """A process that neither hears what is typed in our terminal nor writes into what we print."""
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
                            **apart)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """With what it started, where the system keeps them together."""
    with suppress(OSError):
        if sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    process.wait()
