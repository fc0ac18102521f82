"""The hands of a daemon, and what each is at work on."""

import time
from collections.abc import Callable, Sequence

from lts_batch.watch.assignment import GRACE_SECONDS, Assignment
from lts_batch.watch.hands import Hand, Open, busy
from lts_batch.watch.jobs import Candidate

_LOOK_SECONDS = 0.02


class Crew:
    """Gives candidates to hands that have nothing to do.

    Args:
        assign: begins an assignment.
    """

    def __init__(self, hands: Sequence[Hand], assign: Callable[[Hand, Candidate], Assignment]) -> None:
        self._hands, self._assign = list(hands), assign
        self._at_work: dict[int, Assignment] = {}

    def ready(self, model: str, stopped: Callable[[], bool]) -> bool:
        """Let all hands load a model. Returns whether they could before they were stopped.

        Raises:
            ModelError: there is none such.
            Died: a process ended while it loaded.
        """
        for hand in self._hands:
            hand.begin(Open(model))
        while not all(hand.ended() for hand in self._hands):
            if stopped():
                for hand in self._hands:
                    hand.kill()
                return False
            time.sleep(_LOOK_SECONDS)
        for hand in self._hands:
            hand.result()
        return True

    @property
    def idle(self) -> bool:
        """Whether nothing is being worked on."""
        return not self._at_work

    @property
    def free(self) -> bool:
        """Whether a hand has nothing to do."""
        return len(self._at_work) < len(self._hands)

    @property
    def left_behind(self) -> bool:
        """Whether something that could not be ended is still at work."""
        return busy(self._hands)

    def works_on(self, candidate: Candidate) -> bool:
        """Whether a candidate, or an older state of it, is being worked on."""
        return any(one.candidate.key[:2] == candidate.key[:2] for one in self._at_work.values())

    def names(self) -> list[str]:
        """What is being worked on, by ids or what will probably be ids."""
        return [one.name for one in self._at_work.values()]

    def begin(self, candidate: Candidate) -> None:
        """Give a candidate to a free hand."""
        number = next(n for n in range(len(self._hands)) if n not in self._at_work)
        self._at_work[number] = self._assign(self._hands[number], candidate)

    def step(self) -> bool:
        """Look at each. Returns whether something is over."""
        over = [number for number, one in self._at_work.items() if one.step()]
        for number in over:
            del self._at_work[number]
        return bool(over)

    def abandon(self) -> None:
        """Whatever is under way is another daemon's now."""
        for hand in self._hands:
            hand.kill()
        self._at_work.clear()

    def stop(self) -> None:
        """Whatever is under way waits for the next daemon."""
        try:
            for one in self._at_work.values():
                one.drop()
            until = time.monotonic() + GRACE_SECONDS
            while time.monotonic() < until and not all(self._hands[number].ended() for number in self._at_work):
                time.sleep(_LOOK_SECONDS)
            for one in self._at_work.values():
                one.put_back()
        finally:  # a process that was forgotten would be waited for, and for long
            self.abandon()
