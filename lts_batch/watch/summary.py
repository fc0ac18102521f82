"""What a run over the inbox came to, for people and for exit codes."""

import json
from dataclasses import asdict, dataclass

from lts_batch.errors import JobError
from lts_batch.protocol import shortened
from lts_batch.watch.view import Waiting


@dataclass(frozen=True)
class Outcome:
    """How a job ended; ``folder`` from the root, empty where its clips stay in the inbox."""

    job: str
    state: str
    message: str
    folder: str


@dataclass(frozen=True)
class Summary:
    """What a run over the inbox came to."""

    outcomes: tuple[Outcome, ...]
    waiting: tuple[Waiting, ...]

    def of(self, state: str) -> tuple[Outcome, ...]:
        """The jobs that ended so: done, failed, cancelled."""
        return tuple(outcome for outcome in self.outcomes if outcome.state == state)

    def lines(self) -> list[str]:
        """For people: a line for each job and each thing that waits, then the sums."""
        rows = [f"{outcome.state:<9} {outcome.job}: {outcome.message}" for outcome in self.outcomes]
        rows += [f"waiting   {item.path.name}: {item.why}" for item in self.waiting]
        sums = [f"{len(self.of(state))} {state}" for state in ("done", "failed", "cancelled")]
        return [*map(shortened, rows), ", ".join([*sums, f"{len(self.waiting)} waiting"])]

    def to_json(self) -> str:
        """The same as data."""
        return json.dumps({"outcomes": [asdict(outcome) for outcome in self.outcomes],
                           "waiting": [{"path": str(item.path), "why": item.why} for item in self.waiting]}, indent=1)

    def check(self) -> None:
        """Raises ``JobError`` if a job failed."""
        if failed := self.of("failed"):
            names = shortened(", ".join(dict.fromkeys(item.job for item in failed)))
            raise JobError(f"{len(failed)} of {len(self.outcomes)} jobs failed: {names}; what was wrong stands"
                           " above, and in error.json beside the clips")
