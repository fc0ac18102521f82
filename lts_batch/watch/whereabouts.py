"""Where folders really lead, links resolved: asked in a thread, because a disk may not answer, and nobody waits for it."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ANSWER_SECONDS = 1.0  # that an answer may take
VALID_SECONDS = 2.0  # that an answer holds: job files name many clips in few folders
_MOST_KNOWN = 4096


@dataclass
class _Question:
    thread: threading.Thread
    answer: list[Path] = field(default_factory=list)
    asked_at: float = field(default_factory=time.monotonic)


class Whereabouts:
    """Remembers for a moment where folders lead, and does not ask again what has not been answered."""

    def __init__(self) -> None:
        self._asked: dict[Path, _Question] = {}

    def real(self, folder: Path) -> Path | None:
        """The folder with all links resolved; None where that cannot be said, or not in time."""
        known = self._asked.get(folder)
        if known is None or (not known.thread.is_alive() and time.monotonic() - known.asked_at > VALID_SECONDS):
            known = self._ask(folder)
            known.thread.join(ANSWER_SECONDS)
        return known.answer[0] if known.answer else None

    def _ask(self, folder: Path) -> _Question:
        if len(self._asked) >= _MOST_KNOWN:
            self._asked = {one: asked for one, asked in self._asked.items() if asked.thread.is_alive()}
        answer: list[Path] = []

        def ask() -> None:
            with suppress(OSError, RuntimeError, ValueError):  # no answer is one, too
                answer.append(folder.resolve())

        question = self._asked[folder] = _Question(threading.Thread(target=ask, name="whereabouts", daemon=True), answer)
        question.thread.start()
        return question
