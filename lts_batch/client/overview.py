"""How things stand in a watched folder: the daemon, its jobs, what waits and why. Looked at only; nothing is changed.

The journal knows most. Where it is not, because the daemon runs on another machine or never ran, the status files have to do.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lts_batch.errors import JobError
from lts_batch.protocol import one_line
from lts_batch.training.schedule import spoken
from lts_batch.watch.journal import LAST_STATES, STATES, journal_path, read_journal
from lts_batch.watch.spool import Spool
from lts_batch.watch.status import read_status

ALIVE_SECONDS = 2.5  # for a counter to grow
_LEAST_FRACTION = 0.02  # that says something about the time left


@dataclass(frozen=True)
class JobView:
    """How a job stands.

    Attributes:
        job: its id.
        state: as in its status file.
        pair: what people call it; empty where only the status file is known.
        fraction: how much of it is done, 0 to 1.
        message: a sentence for people.
        folder: where its stems, or its clips and error file, lie, from the root; empty until then.
        left_seconds: how long it will probably take; None where that cannot be said.
        changed_seconds: when its state changed, since 1970; None where only the status file is known.
    """

    job: str
    state: str
    pair: str
    fraction: float
    message: str
    folder: str
    left_seconds: float | None
    changed_seconds: float | None

    def line(self) -> str:
        """For people."""
        percent = f"{100 * self.fraction:.0f} %, " if self.state == "running" else ""
        left = "" if self.left_seconds is None else f", {spoken(self.left_seconds)} left"
        return one_line(f"{self.state:<10} {self.job}: {percent}{self.message}{left}")


@dataclass(frozen=True)
class Overview:
    """How things stand.

    Attributes:
        daemon: running; silent, where it says so and gives no sign of life; or stopped.
        message: what it is at, or the command that starts one.
        jobs: in the order in which they came.
        waiting: what is no job yet: path from the root, and why.
    """

    root: str
    daemon: str
    message: str
    jobs: tuple[JobView, ...]
    waiting: tuple[tuple[str, str], ...]

    def to_json(self) -> str:
        """All of it as data, in one line."""
        values = asdict(self)
        return json.dumps(values | {"waiting": [{"path": path, "why": why} for path, why in self.waiting]})

    def lines(self, ended: int) -> list[str]:
        """For people: the daemon, what is under way, what waits, and the last ``ended`` that are over; then the sums."""
        under_way = [job for job in self.jobs if job.state not in LAST_STATES and job.state != "waiting"]
        queued = [job for job in self.jobs if job.state == "waiting"]
        over = sorted((job for job in self.jobs if job.state in LAST_STATES), key=lambda job: job.changed_seconds or 0.0)
        shown = over[max(0, len(over) - ended):]
        counts = Counter(job.state for job in self.jobs)
        counts["waiting"] += len(self.waiting)
        more = [f"... and {len(over) - len(shown)} before them"] if len(shown) < len(over) else []
        return [f"{one_line(self.root)}: {self.message}", *(job.line() for job in (*under_way, *queued)),
                *(one_line(f"{'waiting':<10} {why}") for _, why in self.waiting), *more, *(job.line() for job in shown),
                ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state]) or "nothing yet"]


def overview(root: Path, *, alive_seconds: float = ALIVE_SECONDS) -> Overview:
    """How things stand in a watched folder.

    Args:
        alive_seconds: how long to wait for a sign of life of the daemon.

    Raises:
        JobError: it is no watched folder.
    """
    spool = watched(root)
    root_id = spool.root_id()
    daemon, message = _daemon(spool, alive_seconds)
    found = read_journal(journal_path(root_id))
    if found is None:
        said = [read_status(path, "status") for path in sorted(spool.status.glob("*.tsv")) if path.stem != "daemon"]
        jobs = [_view(values.get("job", ""), "", values, None) for values in said if values]
        return Overview(str(spool.root), daemon, message, tuple(jobs), ())
    rows, waiting = found
    views = []
    for row in rows:
        values = {"state": row.state, "message": row.message, "folder": row.folder}
        if row.state in ("claimed", "running", "delivering"):
            values |= read_status(spool.status / f"{row.job}.tsv", "status")
        if daemon != "running" and values["state"] in ("claimed", "running"):
            values |= {"state": "waiting", "message": "waits for a daemon"}
        views.append(_view(row.job, row.pair, values, row.changed_seconds))
    return Overview(str(spool.root), daemon, message, tuple(views), tuple(waiting))


def watched(root: Path) -> Spool:
    """The folders of a root that a daemon has watched. Raises ``JobError`` for any other folder."""
    spool = Spool(root.absolute())
    if not (spool.private / "uuid").is_file():
        raise JobError(f"{root} is no watched folder (there is no {root / '.lts' / 'uuid'}): give the one that lts-batch watch"
                       " was given")
    return spool


def unknown_job(name: str, there: Sequence[str], what: str) -> JobError:
    """The sentence for a job that is not there."""
    known = f"there are {', '.join(there[:8])}{' and more' if len(there) > 8 else ''}" if there else "there is none"
    return JobError(f"no {what} job is called {name!r}: {known}")


def _daemon(spool: Spool, alive_seconds: float) -> tuple[str, str]:
    before = read_status(spool.status / "daemon.tsv", "daemon")
    start = f'start one with lts-batch watch "{spool.root}"'
    if before.get("state") != "running":
        return "stopped", f"no daemon runs: {start}"
    who = f"process {before.get('process', '?')} on {before.get('host') or 'another machine'}"
    end = time.monotonic() + alive_seconds
    while time.monotonic() < end:
        time.sleep(0.05)
        now = read_status(spool.status / "daemon.tsv", "daemon")
        if now and now["counter"] != before["counter"]:
            return "running", f"a daemon is at work ({who}), {now.get('message', '')}"
    return "silent", f"the daemon ({who}) gives no sign of life: if it does not come back, {start}"


def _view(job: str, pair: str, values: dict[str, str], changed_seconds: float | None) -> JobView:
    try:
        fraction = min(max(float(values.get("fraction") or 0.0), 0.0), 1.0)
    except ValueError:
        fraction = 0.0
    state, left = values.get("state", ""), None
    if state == "done":
        fraction = 1.0
    if state == "running" and changed_seconds is not None and fraction > _LEAST_FRACTION:
        left = max(0.0, time.time() - changed_seconds) * (1.0 - fraction) / fraction
    return JobView(job, state, pair, fraction, values.get("message", ""), values.get("folder", ""), left, changed_seconds)
