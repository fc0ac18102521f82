"""A daemon under a system that keeps no log, and takes every exit code but 0 for a reason to start it again."""

import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from lts_batch.errors import LtsError
from lts_batch.files.whole import output_error
from lts_batch.service.wanted import LASTING

_LOG_BYTES = 1_000_000


def log_to(path: Path) -> None:
    """Send what is said from now on to the end of a file. A long one is put aside first, as ``.old``.

    Raises:
        OutputError: it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".old"))
        sys.stdout = sys.stderr = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    except OSError as error:
        raise output_error(path, error) from None


def supervise(work: Callable[[], None], say: Callable[[str], None], *, again_seconds: float | None = None,
              wait: Callable[[float], object] | None = None) -> int:
    """Run a daemon until it ends well, or of a mistake that trying again does not mend.

    Args:
        work: the daemon; raises what it can't go on after.
        say: takes a sentence.
        again_seconds: how long to wait before the next try; without it the system tries again.
        wait: waits so many seconds.

    Returns:
        The exit code: 0 if there is to be no other try.
    """
    wait = wait or threading.Event().wait
    while True:
        try:
            work()
            return 0
        except LtsError as error:
            code = error.exit_code
            say(str(error))
        except Exception:  # a mistake of ours, or an illness of the disk: the next start may go well
            code = 1
            print(traceback.format_exc(), file=sys.stderr)
        if code in LASTING:
            return 0
        if again_seconds is None:
            return code
        wait(again_seconds)
