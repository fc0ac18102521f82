"""What a daemon tells while it works: sentences, and what is known beside them, for whoever shows, keeps or passes them on."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from lts_batch.protocol import one_line


@dataclass(frozen=True)
class Event:
    """Something that a daemon tells.

    Attributes:
        message: a sentence for people.
        level: info, warning or error.
        job: id of the job that it is about; empty where it is about none.
        state: how that job is now, as in its status file; ``waiting`` also of clips that are no job yet.
        pair: what people call the job: the name of a pair or a set folder, or the names of the clips of a job file.
        folder: where its stems, or its clips and error file, lie, from the root.
        details: what only those who mend the program want to read; it may have several lines.
    """

    message: str
    level: str = "info"
    job: str = ""
    state: str = ""
    pair: str = ""
    folder: str = ""
    details: str = ""

    def line(self) -> str:
        """For people.

        >>> Event("the stems lie in outbox/kick", job="kick", state="done").line()
        'done: kick: the stems lie in outbox/kick'
        """
        return one_line(": ".join(filter(None, (self.state, self.job, self.message))))

    def to_json(self, seconds: float | None = None) -> str:
        """For programs, in one line: time (UTC), level, job (or null), message, and of the rest what is known.

        Args:
            seconds: when it was, since 1970; now if not given.
        """
        moment = datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC)
        known = {name: value for name, value in asdict(self).items() if value}
        head = {"time": moment.isoformat(timespec="milliseconds"), "level": self.level, "job": self.job or None,
                "message": self.message}
        return json.dumps(head | known)  # escapes all that is not ASCII, and with it what is no character


Log = Callable[[Event], None]
