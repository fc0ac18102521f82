"""A million job files that are damaged in every way: each is read as a request, or refused in a sentence.

Run ``python -m soak.fuzz --help`` in the folder of the tests.
"""

import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inboxes import Scanner

from lts_batch.errors import LtsError
from lts_batch.watch.jobfile import is_json, named_paths, parse
from soak.damage import inputs
from soak.figures import command, report, tell

INBOX = Path("/watched/inbox")
SCAN_EVERY = 50  # for a whole inbox costs more than reading
MOST_LETTERS = 1000  # in a sentence for people
MOST_SECONDS = 30.0  # of one processor, that one job file may keep a daemon from its work
_SHOWN = 300


class Mistake(Exception):
    """A job file was answered with what nobody should see."""


def outcome(data: bytes) -> str:
    """``taken``, or the kind of error with which a job file is refused. Raises ``Mistake`` for anything else."""
    try:
        named_paths(data, INBOX)
        whole = is_json(data)
        request = parse(data, "j.job.json", INBOX)
    except LtsError as error:
        sentence = str(error)
        sentence.encode("utf-8")
        if len(sentence) > MOST_LETTERS or "j.job.json" not in sentence:
            raise Mistake(f"a sentence of {len(sentence)} letters: {sentence[:_SHOWN]}") from None
        return type(error).__name__
    if not whole or not 2 <= len(request.clips) <= 4 or request.settings.model != "general":
        raise Mistake(f"taken, and should not be: {request}")
    if any(".." in clip.path.parts or "\0" in str(clip.path) for clip in request.clips):
        raise Mistake(f"a path that goes upwards was taken: {request.clips}")
    return "taken"


def in_an_inbox(data: bytes, inbox: Path) -> None:
    """Let the scanner look at it where it would find it, with what else it does about the clips that are named."""
    path = inbox / "j.job.json"
    path.write_bytes(data)
    found = Scanner(inbox).settled()
    if len(found.ready) + len(found.broken) != 1:
        raise Mistake(f"the scanner made {len(found.ready)} jobs and {len(found.broken)} failures of it")


def trial(count: int, seed: int, progress: Callable[[int], None] = lambda done: None) -> dict[str, Any]:
    """Read so many job files; figures of what they came to, with the first of each kind of mistake."""
    came_to: Counter[str] = Counter()
    mistakes: dict[str, str] = {}
    slowest, begun = 0.0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for number, data in zip(range(count), inputs(seed), strict=False):
            before = time.process_time()
            try:
                came_to[outcome(data)] += 1
                slow = time.process_time() - before
                slowest = max(slowest, slow)
                if slow > MOST_SECONDS:
                    raise Mistake(f"it took longer than {MOST_SECONDS:g} s")
                if number % SCAN_EVERY == 0:
                    in_an_inbox(data, Path(folder))
            except Exception as error:
                came_to["mistake"] += 1
                where = traceback.extract_tb(error.__traceback__)[-1]
                what = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {str(error)[:_SHOWN]}"
                mistakes.setdefault(what.partition(": ")[0], f"input {number}: {what}: {data[:_SHOWN]!r} ({len(data)} bytes)")
            progress(number + 1)
    return {"inputs": count, "seed": seed, "came_to": dict(came_to.most_common()), "mistakes": list(mistakes.values()),
            "slowest_seconds": round(slowest, 3), "seconds": round(time.perf_counter() - begun, 1), "ok": not mistakes}


def main() -> int:
    """The command line."""
    parser = command("Read job files that are damaged in every way; nothing may come of it but sentences.")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many job files [1000000]")
    given = parser.parse_args()
    step = max(1, given.inputs // 50)

    def progress(done: int) -> None:
        if done % step == 0:
            tell(f"{done} of {given.inputs}")

    return report(trial(given.inputs, given.seed, progress), given.json)


if __name__ == "__main__":
    raise SystemExit(main())
