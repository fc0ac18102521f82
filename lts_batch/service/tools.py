"""The system's own tools: lists of words, no shell."""

import os
import shlex
import subprocess
from time import sleep

from lts_batch.errors import ServiceError
from lts_batch.service.system import Expect, Place, Step, System

_PATIENCE_SECONDS = 120.0  # stopping a daemon may take TimeoutStopSec


def said(words: tuple[str, ...], platform: str) -> str:
    """Words as one would type them.

    >>> said(("launchctl", "bootstrap", "gui/501", "/Users/a b.plist"), "darwin")
    "launchctl bootstrap gui/501 '/Users/a b.plist'"
    """
    return subprocess.list2cmdline(words) if platform == "win32" else shlex.join(words)


def answer(words: tuple[str, ...], system: System, place: Place) -> tuple[int, str]:
    """Run a tool.

    Returns:
        Its exit code, and what it said on both streams.

    Raises:
        ServiceError: it is missing, can't be run or does not end.
    """
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              encoding="oem" if os.name == "nt" else None, errors="replace", check=False,
                              timeout=_PATIENCE_SECONDS)
    except FileNotFoundError:
        raise ServiceError(f"the program {words[0]} is missing, and {system.title} is told by it what to start at login:"
                           f" {system.remedy}, or start the daemon by hand with lts-batch watch") from None
    except subprocess.TimeoutExpired:
        raise ServiceError(f"{said(words, place.platform)} did not end within {_PATIENCE_SECONDS:.0f} s: {system.remedy}, or"
                           " start the daemon by hand with lts-batch watch") from None
    except OSError as error:
        raise ServiceError(f"{words[0]} cannot be run ({error.strerror or error}): {system.remedy}, or start the daemon by hand"
                           " with lts-batch watch") from None
    return done.returncode, done.stdout.strip()


def take(steps: tuple[Step, ...], system: System, place: Place) -> None:
    """Run commands one after the other.

    Raises:
        ServiceError: one did not come to what it has to; the ones after it were not run.
    """
    for step in steps:
        for left in reversed(range(step.tries)):
            code, text = answer(step.words, system, place)
            if step.expect is Expect.ANYTHING or (code == 0) == (step.expect is Expect.SUCCESS):
                break
            if left == 0:
                raise ServiceError(_failed(step, code, text, system, place))
            sleep(1.0)


def _failed(step: Step, code: int, text: str, system: System, place: Place) -> str:
    words = said(step.words, place.platform)
    if step.expect is Expect.FAILURE:
        return f"{words} says that the service is still there: stop it by hand, and try again"
    spoken = " ".join(text.split()) or "nothing"
    return (f"{words} failed with exit code {code} and said: {spoken}; {system.remedy}, or start the daemon by hand with"
            " lts-batch watch")
