"""The journal: durable, readable while it is written, and no reason to stop where it is damaged."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import watching
from commanding import lts
from watching import Crash, crash_at, fake_render, files, journal_of, prepare, rows, states

from lts_batch.errors import OutputError
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.endings import Ending, Move
from lts_batch.watch.journal import Journal, journal_path, read_journal

root, make = watching.root, watching.make

MOVES = (Move("inbox/a.wav", "failed/j/a.wav", 5, 7),)
ENDING = Ending("j", "failed", "a \udc80 sentence", "failed/j", ".lts/staging/j.failed", MOVES, None, "inbox/j.cancel", "k")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "x.sqlite"


def test_what_is_written_is_there_for_the_next_daemon(path: Path) -> None:
    journal = Journal()
    with journal.open(path):
        journal.note("one", "claimed", "taken", "k\udc80")
        journal.note("two", "running", "stem 1 of 3", "s")
        journal.deliver(ENDING)
        assert journal.pending() == [ENDING]
    with journal.open(path):
        assert journal.pending() == [ENDING]
        journal.requeue()
        found = read_journal(path)
        assert found is not None
        assert [(row.job, row.state, row.pair) for row in found[0]] == [
            ("one", "waiting", "k\ufffd"), ("two", "waiting", "s"), ("j", "delivering", "k")]
        journal.ended(ENDING)
        assert journal.pending() == []
        journal.queue([("two", "s", "waits for its turn"), ("three", "t", "waits")], [("inbox/x_A", "waits for x_B")])
    found = read_journal(path)
    assert found is not None
    assert {row.job: row.state for row in found[0]} == {"j": "failed", "two": "waiting", "three": "waiting"}
    assert found[1] == [("inbox/x_A", "waits for x_B")]


def test_a_queue_takes_no_ending_away(path: Path) -> None:
    """A job file may lie in the inbox until its ending has come to it."""
    journal = Journal()
    with journal.open(path):
        journal.deliver(ENDING)
        journal.queue([("j", "a pair", "waits for its turn")], [])
        assert journal.pending() == [ENDING]


def test_it_can_be_read_while_it_is_written(path: Path) -> None:
    over = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not over.is_set():
            found = read_journal(path)
            assert found is not None
            seen.append(len(found[0]))

    journal = Journal()
    with journal.open(path):
        journal.note("first", "claimed", "taken")
        thread = threading.Thread(target=read)
        thread.start()
        for n in range(60):
            journal.note(f"job{n}", "running", "at work")
        over.set()
        thread.join()
    assert seen == sorted(seen) and seen[-1] > 1


@pytest.mark.parametrize("damage", ["text", "empty pages", "cut off", "another table"])
def test_a_damaged_journal_is_set_aside_and_the_work_goes_on(root: Path, make: Callable[..., Daemon], damage: str) -> None:
    prepare(root, "file")
    make().run_once()
    path = journal_of(root)
    data, already = path.read_bytes(), len(list(path.parent.glob("*.damaged*.sqlite")))
    if damage == "another table":
        with sqlite3.connect(path) as other:
            other.execute("DROP TABLE jobs")
        other.close()
    else:
        path.write_bytes({"text": b"this is no database\n" * 100, "empty pages": data[:4096] + bytes(len(data) - 4096),
                          "cut off": data[:5000]}[damage])
    lines: list[str] = []
    prepare(root, "set")
    assert [state for _, state in states(make(log=lambda event: lines.append(event.line())).run_once())] == ["done"]
    assert any("the journal was damaged" in line for line in lines)
    assert len(list(path.parent.glob("*.damaged*.sqlite"))) == already + 1 and len(rows(root)) == 1
    assert files(root, "inbox") == []


def test_a_journal_of_a_newer_program_is_left_alone(root: Path, make: Callable[..., Daemon]) -> None:
    make().run_once()
    path = journal_of(root)
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    before = path.read_bytes()
    with pytest.raises(OutputError, match="newer lts-batch") as caught:
        make().run_once()
    assert "LTS_BATCH_JOURNALS" in str(caught.value) and path.read_bytes() == before


def test_a_journal_that_cannot_be_written_is_said_before_any_work(root: Path, tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    monkeypatch.setenv("LTS_BATCH_JOURNALS", str(tmp_path / "file"))
    prepare(root, "file")
    result = lts("watch", str(root), "--once")
    assert result.exit_code == OutputError.exit_code and "LTS_BATCH_JOURNALS" in result.stderr
    assert result.stderr.count("\n") == 1 and len(files(root, "inbox")) == 3


def test_where_it_lies_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LTS_BATCH_JOURNALS")
    assert journal_path("x").parent.name == "journals"
    monkeypatch.setenv("LTS_BATCH_JOURNALS", str(tmp_path))
    assert journal_path("x") == tmp_path / "x.sqlite"


@pytest.mark.skipif(os.name != "posix", reason="limits of that kind are of POSIX")
def test_a_full_disk_under_the_journal_is_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource
    import signal

    journal = Journal()
    with journal.open(path):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
        try:
            with pytest.raises(OutputError, match="cannot be written"):
                for n in range(200):
                    journal.note(f"job{n}", "claimed", "x" * 500)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        journal.note("after", "claimed", "taken")  # room again
    found = read_journal(path)
    assert found is not None and found[0][-1].job == "after"


def test_a_copy_of_a_root_gets_a_journal_of_its_own(root: Path, make: Callable[..., Daemon], tmp_path: Path) -> None:
    """Cut off amid an ending, then copied: the copy carries out nothing of the other's, and makes its own stems."""
    prepare(root, "file")
    with pytest.raises(Crash):
        make(at=crash_at("publish")).run_once()
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    lines: list[str] = []
    other = Daemon(copy, settle_seconds=0.0, lease_seconds=0.0, render=fake_render, load=lambda name: name,
                   log=lambda event: lines.append(event.line()))
    assert states(other.run_once()) == [("j", "done")] and any("is a copy of" in line for line in lines)
    assert journal_of(copy) != journal_of(root) and len(files(copy, "outbox")) == 4
    assert states(make().run_once()) == [("j", "done")] and len(files(root, "outbox")) == 4
    moved = root.rename(tmp_path / "moved")
    lines.clear()
    Daemon(moved, settle_seconds=0.0, lease_seconds=0.0, render=fake_render, load=lambda name: name,
           log=lambda event: lines.append(event.line())).run_once()
    assert not lines and set(rows(moved)) == {"j"}  # the same root at another place


@pytest.mark.parametrize("text", ["../../up", "x\0y", "", "not a uuid"])
def test_what_names_a_root_names_no_file_elsewhere(root: Path, make: Callable[..., Daemon], text: str) -> None:
    make().run_once()
    (root / ".lts" / "uuid").write_text(text, encoding="utf-8")
    with pytest.raises(OutputError, match="holds no UUID"):
        make().run_once()
    assert "holds no UUID" in lts("status", str(root)).stderr


def test_only_so_many_jobs_are_remembered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lts_batch.watch.journal.MOST_KEPT", 3)
    journal = Journal()
    with journal.open(path):
        journal.deliver(ENDING)
        for n in range(6):
            journal.note(f"job{n}", "claimed", "taken")
    with journal.open(path):
        found = read_journal(path)
        assert found is not None and [row.job for row in found[0]] == ["j", "job3", "job4", "job5"]
        assert journal.pending() == [ENDING]
