"""A daemon killed six times over ten jobs, whose books are right all the same; and books that are not right are seen."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from platforms import POSIX

from lts_batch.watch.journal import Journal
from soak.daemons import having, memory_bytes, waited_for
from soak.drops import Drop, drop, make_root
from soak.kill import trial
from soak.ledger import faults

KILLS, JOBS = 6, 10
Books = tuple[Path, Path, list[Drop]]


@POSIX
@pytest.mark.timeout(300)
def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    figures = trial(tmp_path, KILLS, JOBS, seed=4)
    assert figures["ok"], "\n".join(figures["wrong"])
    assert figures["jobs"] >= JOBS and sum(figures["hit"].values()) == KILLS


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_processes_are_found_by_their_variable() -> None:
    variables = {**os.environ, "SOAK_TEST": "1"}
    with subprocess.Popen([sys.executable, "-c", "input()"], env=variables, stdin=subprocess.PIPE) as one:
        assert having("SOAK_TEST=1") == [one.pid] and having("SOAK_TEST=") == []
        assert waited_for(lambda: memory_bytes([one.pid, 1 << 22]) > 2**20, 10.0)
        one.communicate(b"\n")
    assert having("SOAK_TEST=1") == []


@pytest.fixture
def done(tmp_path: Path) -> Books:
    """A root as it would lie after all was done, made by hand, with the two clips of one pair."""
    root, outside, home = make_root(tmp_path)
    drops = [drop(("pair", 0), root, outside), drop(("outside", 1), root, outside)]
    for name in ("archive/p0000-1", "archive/o0001", "outbox/p0000-1", "outbox/o0001", "failed", "status"):
        (root / name).mkdir(parents=True)
    for path in (root / "inbox").iterdir():
        path.rename(root / "archive" / ("o0001" if path.name.endswith(".json") else "p0000-1") / path.name)
    for job in ("p0000-1", "o0001"):
        (root / "outbox" / job / "manifest.json").write_text("{}", encoding="utf-8")
        (root / "status" / f"{job}.tsv").write_text(f"lts-batch-status\t1\njob\t{job}\nstate\tdone\nfolder\toutbox/{job}\n"
                                                    "counter\t1\n", encoding="utf-8")
    return root, home, drops


def test_books_that_are_right_are_right(done: Books) -> None:
    assert faults(*done) == []


def _damaged(journals: Path) -> None:
    journals.mkdir(parents=True)
    (journals / "x.sqlite").write_bytes(b"not a database at all" * 100)


def _unfinished(state: Path) -> None:
    journal = Journal()
    with journal.open(state / "x.sqlite"):
        journal.note("o0001", "running", "")


@pytest.mark.parametrize(("harm", "sentence"), [
    (lambda root: (root / "archive/p0000-1/p0000_A.wav").unlink(), "lies at 0 places: lost"),
    (lambda root: shutil.copy(root / "archive/p0000-1/p0000_A.wav", root / "failed"), "lies at 2 places"),
    (lambda root: (root / "archive/p0000-1/p0000_B.wav").write_bytes(b"other"), "nobody dropped"),
    (lambda root: (root / "archive/o0001/o0001.job.json").unlink(), "the job file of o0001 lies at 0 places"),
    (lambda root: (root / "../outside/take 0001.wav").touch(), "another time of change"),
    (lambda root: (root / "../outside/common.wav").write_bytes(b""), "was changed or lost"),
    (lambda root: shutil.copytree(root / "outbox/o0001", root / "outbox/o0001_2"), "put beside another"),
    (lambda root: shutil.rmtree(root / "outbox/o0001"), "1 folders in the outbox for 2 jobs"),
    (lambda root: (root / "outbox/o0001/manifest.json").unlink(), "has no record"),
    (lambda root: (root / "status/o0001.tsv").unlink(), "its status says {}"),
    (lambda root: (root / ".lts/staging/o0001").mkdir(parents=True), "left in .lts/staging"),
    (lambda root: (root / "archive/x.lts-tmp").write_bytes(b""), "left: "),
    (lambda root: _damaged(root.parent / "home" / "state" / "journals"), "is damaged"),
    (lambda root: _unfinished(root.parent / "home" / "state"), "says of o0001 that it is running"),
])
def test_books_that_are_wrong_are_seen(done: Books, harm: Callable[[Path], object], sentence: str) -> None:
    harm(done[0])
    assert any(sentence in fault for fault in faults(*done))
