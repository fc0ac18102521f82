"""Disks that are full, folders that vanish, shares that come and go, clocks that leap: the daemon says so, waits, and goes on.

Run ``python -m soak.trouble --help`` in the folder of the tests. Some troubles need mounts of their own; where these are not
allowed they are left out, and the figures say so.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from soak import mounts, troubles
from soak.cases import Case
from soak.figures import command, report, tell
from soak.mounts import own_mounts

EVERYWHERE: list[Callable[[Case], None]] = [
    troubles.no_file_may_grow, troubles.a_file_for_an_outbox, troubles.an_outbox_on_another_disk, troubles.an_inbox_taken_away,
    troubles.an_outbox_taken_away, troubles.a_root_taken_away, troubles.a_share_gone_and_back, troubles.files_of_other_times,
    troubles.a_clock_that_leaps]
WITH_MOUNTS: list[Callable[[Case], None]] = [
    mounts.a_full_disk, mounts.a_disk_full_to_the_last_byte, mounts.a_read_only_outbox, mounts.a_root_on_a_mount,
    mounts.a_mount_gone_and_back]
TROUBLES = {one.__name__.replace("_", " "): one for one in (*EVERYWHERE, *WITH_MOUNTS)}


def possible(name: str) -> bool:
    """Whether a trouble can be made here."""
    if TROUBLES[name] in WITH_MOUNTS:
        return bool(own_mounts())
    if TROUBLES[name] is troubles.an_outbox_on_another_disk:
        return os.access("/dev/shm", os.W_OK) and Path("/dev/shm").stat().st_dev != Path(tempfile.gettempdir()).stat().st_dev
    return TROUBLES[name] is not troubles.no_file_may_grow or sys.platform == "linux"


def suffer(name: str, words: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """Make a trouble. Returns what was wrong with how the daemon took it, and what it said.

    Args:
        words: more of the daemon's command line.
    """
    with tempfile.TemporaryDirectory() as folder:
        if TROUBLES[name] not in WITH_MOUNTS:
            return suffer_in(Path(folder), name, words)
        workers = [f"--workers={words[1]}"] if words else []
        done = subprocess.run([*own_mounts(), sys.executable, "-m", "soak.trouble", "--in", folder, "--only", name, "--json",
                               *workers], check=False, capture_output=True, text=True, cwd=Path(__file__).parent.parent,
                              encoding="utf-8")
    try:
        found = json.loads(done.stdout)
        return found["wrong"].get(name, []), found["heard"].get(name, [])
    except ValueError:
        return [f"the trial itself broke: {done.stderr[-1500:]}"], []


def suffer_in(place: Path, name: str, words: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The same in an empty folder, and where mounts are needed in a namespace of our own."""
    case = Case(place, words)
    try:
        TROUBLES[name](case)
        if case.running is not None:
            case.finish()
    except (AssertionError, OSError) as error:
        case.wrong.append(f"{type(error).__name__}: {error}")
    finally:
        if case.running is not None:
            case.running.kill()
    return case.wrong, case.heard


def main() -> int:
    """The command line."""
    parser = command("Make troubles for daemons at work; they have to say so, wait, and go on when it is mended.")
    parser.add_argument("--only", choices=sorted(TROUBLES), action="append", help="this one; may be repeated")
    parser.add_argument("--workers", type=int, help="the daemon's own --jobs")
    parser.add_argument("--at-once", type=int, default=4, help="how many daemons at a time [4]")
    parser.add_argument("--in", dest="place", type=Path, help=argparse.SUPPRESS)  # where mounts are our own
    given = parser.parse_args()
    words = () if given.workers is None else ("--jobs", str(given.workers))
    names = [name for name in given.only or TROUBLES if given.place or possible(name)]

    def one(name: str) -> tuple[str, list[str], list[str]]:
        wrong, heard = suffer_in(given.place, name, words) if given.place else suffer(name, words)
        tell(f"{name}: {'; '.join(wrong) or 'well'}")
        return name, wrong, heard

    begun = time.monotonic()
    with ThreadPoolExecutor(given.at_once) as pool:
        found = list(pool.map(one, names))
    figures: dict[str, Any] = {
        "troubles": len(names), "left_out": [name for name in given.only or TROUBLES if name not in names],
        "seconds": round(time.monotonic() - begun, 1), "heard": {name: heard for name, _, heard in found},
        "wrong": {name: wrong for name, wrong, _ in found if wrong}}
    return report({**figures, "ok": not figures["wrong"]}, given.json)


if __name__ == "__main__":
    raise SystemExit(main())
