"""That a daemon holds its root, and that the root is there: asked before each turn, and before what cannot be taken back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lts_batch.errors import OutputError
from lts_batch.files.whole import write_whole
from lts_batch.watch.desk import Desk
from lts_batch.watch.events import Event
from lts_batch.watch.heartbeat import Heartbeat
from lts_batch.watch.journal import journal_path


class Presence:
    """Of one daemon at one root.

    Args:
        lease_seconds: how long to watch for another daemon that may be at work here.
    """

    def __init__(self, desk: Desk, lease_seconds: float) -> None:
        self._desk, self._lease_seconds = desk, lease_seconds
        self._trouble: str | None = None

    @contextmanager
    def held(self, stop: threading.Event) -> Iterator[str]:
        """While this lasts the root is ours; gives its UUID.

        Args:
            stop: set when nobody wants to wait for the lease any more.

        Raises:
            OutputError: it cannot be made or written to.
            Taken: another daemon has it.
        """
        self._root_id = self._own_id(self._desk.spool.create())
        with Heartbeat(self._desk.spool, self._root_id, lease_seconds=self._lease_seconds,
                       stopped=stop.is_set) as self._heartbeat:
            yield self._root_id

    def _own_id(self, root_id: str) -> str:
        """The root's UUID, or a new one where this is a copy of another root: the two must not share a journal."""
        spool = self._desk.spool
        note = journal_path(root_id).with_suffix(".root")
        try:
            other = Path(note.read_text(encoding="utf-8"))
            if (other / ".lts" / "uuid").read_text(encoding="utf-8").strip() == root_id and not other.samefile(spool.root):
                root_id, note = (found := spool.rename()), journal_path(found).with_suffix(".root")
                self._desk.log(Event(f"{spool.root} is a copy of {other}: it has a journal of its own now", "warning"))
        except (OSError, ValueError):
            pass  # the first time, or the other is gone: it was moved here
        with suppress(OSError, OutputError):
            note.parent.mkdir(parents=True, exist_ok=True)
            write_whole(note, str(spool.root), overwrite=True)
        return root_id

    def say(self, **values: Any) -> None:
        """Change what the status file of the daemon says."""
        self._heartbeat.say(**values)

    def is_whole(self) -> bool:
        """Whether the root is there; what lies in a share that is away is neither gone nor done. Changes are told.

        Raises:
            Taken: another daemon has it.
        """
        self._heartbeat.check()
        desk = self._desk
        missing = desk.spool.missing()
        trouble = desk.spool.trouble(self._root_id)
        if trouble is None and missing and self._trouble is None:
            desk.log(Event(f"{', '.join(missing)} in {desk.spool.root}: no longer there, made again", "warning"))
        if trouble != self._trouble:
            desk.comings_and_goings += 1
            desk.log(Event(f"{desk.spool.root} is there again") if trouble is None else
                     Event(trouble, "warning", state="waiting"))
            self._trouble = trouble
        return trouble is None

    def check_now(self) -> None:
        """Raises ``Taken`` if another daemon has the root by now, and ``OutputError`` if the root is away."""
        self._heartbeat.check_now()
        if (trouble := self._desk.spool.trouble(self._root_id)) is not None:
            raise OutputError(trouble)
