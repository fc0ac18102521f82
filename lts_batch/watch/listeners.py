"""Everybody who hears what a daemon tells: the terminal, the log file, and the user's own program."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from lts_batch.errors import LtsError, OutputError
from lts_batch.watch.events import Event
from lts_batch.watch.logs import LogFile
from lts_batch.watch.notify import Notifier
from lts_batch.watch.options import NO_FILE, Options


class Listeners:
    """Passes events on, from whatever thread. A context, because a log file is open and a program may be running.

    Args:
        options: all of them known, as ``Options.resolved`` gives them.
        root: the watched folder.
        show: takes a line for the terminal, or for whoever reads standard output.
        log_needed: the user named the log file, so that nothing is done without it; else its lack is told, and that is all.
        stop: once it is set, programs get no more time.

    Raises:
        OutputError: when it is entered; a log file that the user named cannot be written.
    """

    def __init__(self, options: Options, root: Path, show: Callable[[str], None], *, log_needed: bool, stop: threading.Event
                 ) -> None:
        self._options, self._root, self._show, self._log_needed, self._stop = options, root, show, log_needed, stop
        self._stack = ExitStack()
        self._file: LogFile | None = None
        self._notifier: Notifier | None = None

    def __call__(self, event: Event) -> None:
        """Pass it on."""
        self._tell(event)
        if self._notifier is not None:
            self._notifier(event)

    def _tell(self, event: Event) -> None:
        self._print(event)
        if self._file is not None:
            self._file(event)

    def _print(self, event: Event) -> None:
        if self._options.log_format == "json":
            self._show(event.to_json())
        else:
            self._show(f"{event.details}{event.line()}")

    def __enter__(self) -> Self:
        options = self._options
        if options.log_file not in (None, NO_FILE):
            try:
                self._file = self._stack.enter_context(LogFile(
                    Path(str(options.log_file)).expanduser(), format=options.log_format, most_bytes=options.log_bytes,
                    older=options.log_files, trouble=self._print))
            except OutputError as error:
                if self._log_needed:
                    raise
                self._print(Event(f"there is no log file: {error}", "warning"))
        self._notifier = Notifier(options.notify, self._root, options.notify_seconds, self._tell, self._stop)
        self._stack.callback(self._notifier.close)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if isinstance(error, LtsError) and self._file is not None:  # the terminal hears of it otherwise
            self._file(Event(str(error), "error"))
        self._stack.close()
