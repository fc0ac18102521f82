"""The log of a daemon in a file that begins anew when it has grown, and keeps a few of those before."""

import logging
from contextlib import suppress
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Self

from lts_batch.files.whole import output_error
from lts_batch.watch.events import Event, Log


class LogFile:
    """A log file as a context; call it with events. What cannot be written later on is told once and stops nothing.

    Args:
        format: text (time, level and sentence, details below) or json (an object a line).
        most_bytes: how large the file may grow.
        older: how many older ones are kept, as ``name.1``, ``name.2``, ..., the youngest first.
        trouble: takes the event that nothing can be written any more.

    Raises:
        OutputError: it cannot be written from the start.
    """

    def __init__(self, path: Path, *, format: str, most_bytes: int, older: int, trouble: Log) -> None:
        self._format = format
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handler = _Rotating(path, most_bytes, older, trouble)
        except OSError as error:
            raise output_error(path, error) from None

    def __call__(self, event: Event) -> None:
        """Write it down. May be called from any thread."""
        if self._format == "json":
            text = event.to_json()
        else:
            moment = datetime.now().astimezone().isoformat(timespec="milliseconds")
            details = "".join(f"\n    {line}" for line in event.details.splitlines())
            text = f"{moment} {event.level} {event.line()}{details}"
        self._handler.handle(logging.LogRecord("lts_batch", logging.INFO, "", 0, text, None, None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with suppress(OSError):
            self._handler.close()


class _Rotating(RotatingFileHandler):
    """The standard library's, which loses no line where a file cannot be renamed, and prints no tracebacks."""

    def __init__(self, path: Path, most_bytes: int, older: int, trouble: Log) -> None:
        super().__init__(path, maxBytes=most_bytes, backupCount=older, encoding="utf-8", errors="backslashreplace")
        self._trouble, self._told = trouble, False

    def doRollover(self) -> None:
        with suppress(OSError):  # on Windows somebody may be reading it: then it grows on, and the next line tries again
            super().doRollover()

    def handleError(self, record: logging.LogRecord) -> None:
        if not self._told:
            self._told = True
            self._trouble(Event(f"the log {self.baseFilename} cannot be written any more; the work goes on", "warning"))
