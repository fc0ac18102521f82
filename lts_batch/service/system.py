"""What a system has to offer for a program to be started at login."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from lts_batch.service.wanted import Service


@dataclass(frozen=True)
class Place:
    """Where this user's things lie.

    Args:
        platform: as ``sys.platform``.
        folder: for the files that describe services.
        logs: for logs, where the system keeps none itself.
        user: the user by name, on Windows with the domain.
        uid: the user by number, where there is one.
    """

    platform: str
    folder: Path
    logs: Path
    user: str = ""
    uid: int = 0


class Expect(Enum):
    """What a command of the system's has to come to."""

    SUCCESS = "success"
    ANYTHING = "anything"
    FAILURE = "failure"  # what it asks for has to be gone


@dataclass(frozen=True)
class Step:
    """A command of the system's, tried up to ``tries`` times with a second between."""

    words: tuple[str, ...]
    expect: Expect = Expect.SUCCESS
    tries: int = 1


Steps = Callable[[str, Place], tuple[Step, ...]]


@dataclass(frozen=True)
class System:
    """One way to start programs at login. All of it is pure: text and words, nothing written or run.

    Args:
        title: what people call it.
        remedy: what to do if its tool can't be used.
        suffix, encoding: of its files.
        describe: the text of the file for a service.
        enable: from a file that is in its place to a daemon that runs, also if an older one is running.
        disable: to a daemon that is stopped and no longer started.
        forget: once the file is gone.
        query: asks how a service is.
        state: what the exit code and the answer to ``query`` mean: running, stopped, failed, or not known.
        log: how to see what the daemon said.
    """

    title: str
    remedy: str
    suffix: str
    encoding: str
    describe: Callable[[Service, Place], str]
    enable: Steps
    disable: Steps
    forget: Steps
    query: Callable[[str, Place], tuple[str, ...]]
    state: Callable[[int, str], str]
    log: Callable[[str, Place], str]

    def path(self, name: str, place: Place) -> Path:
        """Where the file of a service lies."""
        return place.folder / f"{name}{self.suffix}"
