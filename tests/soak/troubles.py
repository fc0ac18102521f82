"""Troubles that can be made on every system with links and signals: limits, files in the way, folders that vanish, clocks."""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from soak.cases import SAY_SECONDS, Case
from soak.daemons import environment, waited_for

if sys.platform != "win32":
    import resource

AWAY_SECONDS = 3.0
HOUR_NS = 3600 * 10**9
FULL = r"full|cannot be written|too large"
OUTBOX = r"outbox\S* (cannot|is|was|exists)|no folder|not a (folder|directory)"
GONE = r"gone|missing|vanish|disappear|no (folder|inbox|root)|not there|no longer|cannot be (read|written|found|reached)"


def no_file_may_grow(case: Case) -> None:
    """Files of the daemon may have 8 kB, then again as much as they like."""
    case.start()
    case.drop("inside")
    case.settled(30)
    put = case.ready_made("inside", "pair")
    case.trouble_begins()
    case.limit(8_000)
    put()
    case.expect_said(FULL, "a disk that takes nothing more")
    case.expect_alive()
    case.limit(resource.RLIM_INFINITY)


def a_file_for_an_outbox(case: Case) -> None:
    """A file has the outbox's name for a while."""
    case.start()
    case.drop("pair")
    case.settled(30)
    case.trouble_begins()
    (case.root / "outbox").rename(case.root / "elsewhere")
    (case.root / "outbox").write_text("not a folder\n", encoding="utf-8")
    case.drop("inside")
    case.expect_said(OUTBOX, "a file in place of the outbox")
    case.expect_alive()
    (case.root / "outbox").unlink()
    (case.root / "elsewhere").rename(case.root / "outbox")


def an_outbox_on_another_disk(case: Case) -> None:
    """The outbox is a link to another file system, and so is the archive."""
    other = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        for name in ("outbox", "archive"):
            (other / name).mkdir()
            (case.root / name).symlink_to(other / name)
        case.start()
        case.drop("pair", "set", "inside", "outside")
        case.finish()
        case.running = None
        if not (case.root / "outbox").is_symlink() or len(list((other / "outbox").iterdir())) != len(case.drops):
            case.wrong.append("the stems do not lie on the other disk")
    finally:
        shutil.rmtree(other)


def an_inbox_taken_away(case: Case) -> None:
    """The inbox is deleted and made again."""
    case.start()
    case.drop("pair")
    case.settled(30)
    case.trouble_begins()
    shutil.rmtree(case.root / "inbox")
    time.sleep(AWAY_SECONDS)
    case.expect_said(GONE, "the inbox that is gone", 5.0)
    (case.root / "inbox").mkdir(exist_ok=True)
    case.drop("inside", "pair")


def an_outbox_taken_away(case: Case) -> None:
    """The outbox is deleted, and made again only when the daemon has said so, if it does not do that itself."""
    case.start()
    case.trouble_begins()
    shutil.rmtree(case.root / "outbox")
    case.drop("inside", "pair")
    if not waited_for((case.root / "outbox").exists, SAY_SECONDS):
        case.expect_said(GONE, "the outbox that is gone", 1.0)
        (case.root / "outbox").mkdir()


def _removed(folder: Path) -> bool:
    """Whether it is gone: a daemon at work may have made a folder anew between the removal of what was in it and its own."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def a_root_taken_away(case: Case) -> None:
    """All of the root is deleted, and made again with nothing but an inbox."""
    case.start()
    case.trouble_begins()
    if not waited_for(lambda: _removed(case.root), 5, 0):
        case.wrong.append(f"the root cannot be removed: {sorted(case.root.rglob('*'))}")
    time.sleep(AWAY_SECONDS)
    case.expect_alive()
    case.expect_said(GONE, "the root that is gone", 5.0)
    (case.root / "inbox").mkdir(parents=True, exist_ok=True)
    case.drop("inside", "pair")


def a_share_gone_and_back(case: Case) -> None:
    """The root has another name for a while, also while a job is under way."""
    case.start()
    case.drop("pair", "inside", "set", "outside", "inside")
    waited_for(lambda: any((case.root / "outbox").iterdir()), 30, 0.002)
    away = case.root.with_name("away")
    case.trouble_begins()
    for _ in range(2):
        case.root.rename(away)
        time.sleep(AWAY_SECONDS)
        case.expect_alive()
        case.expect_said(GONE, "the root that is gone", 1.0)
        if case.root.exists():
            case.wrong.append(f"something was made where the root was not: {sorted(case.root.rglob('*'))}")
            shutil.rmtree(case.root)
        away.rename(case.root)
        time.sleep(1.0)
    case.drop("inside")


def files_of_other_times(case: Case) -> None:
    """Clips and job files an hour older, and an hour younger, than they can be."""
    case.start()
    for shift_ns in (HOUR_NS, -HOUR_NS):
        put = case.ready_made("pair", "inside", "preset", shift_ns=shift_ns)
        put()
        begun = time.monotonic()
        if not case.settled(30):
            case.wrong.append(f"files shifted by {shift_ns / HOUR_NS:+g} h are not done after {time.monotonic() - begun:.0f} s")


LEAPING = """
import itertools, time
_hours, _plain, _plain_ns = itertools.cycle([0, 1, -1, 24 * 3650, -24 * 3650]), time.time, time.time_ns
time.time = lambda: _plain() + 3600 * next(_hours)
time.time_ns = lambda: _plain_ns() + 3600 * 10**9 * next(_hours)
"""


def a_clock_that_leaps(case: Case) -> None:
    """For the daemon and all its children the time of day goes hours and years forward and back each time they ask."""
    folder = case.place / "leaping"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LEAPING, encoding="utf-8")
    case.start(PYTHONPATH=os.pathsep.join((str(folder), environment(case.home)["PYTHONPATH"])))
    begun = time.monotonic()
    case.drop("pair", "inside", "set")
    if not case.settled(30):
        case.wrong.append(f"not done after {time.monotonic() - begun:.0f} s")
