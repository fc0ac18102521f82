"""How jobs end where something is in the way: nothing is told that is not so, and nothing is taken along that is new."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import watching
from watching import Crash, crash_at, fake_render, files, prepare, rows, states, status, wav

from lts_batch.errors import OutputError
from lts_batch.files import moves
from lts_batch.files.moves import sha256
from lts_batch.stems.manifest import Manifest
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.endings import Ending
from lts_batch.watch.journal import Journal

root = watching.root
make = watching.make
other_disk = watching.other_disk


def test_an_archive_that_cannot_be_written_holds_the_ending(root: Path, make: Callable[..., Daemon],
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(root, "file")
    plain = moves.move
    monkeypatch.setattr("lts_batch.watch.endings.move", lambda source, destination: plain(source, destination)
                        if destination.parent.name == "outbox" else refuse())

    def refuse() -> None:
        raise OutputError("archive cannot be written, the disk is full")

    summary = make().run_once()
    assert states(summary) == [("j", "failed")] and "disk is full" in summary.outcomes[0].message
    assert files(root, "inbox") == ["inbox/a.wav", "inbox/b.wav", "inbox/j.job.json"]
    monkeypatch.undo()
    assert states(make().run_once()) == [("j", "done")]
    assert files(root, "inbox") == [] and len(files(root, "outbox")) == 4


def test_a_folder_for_a_cancel_file_stops_nothing(root: Path, make: Callable[..., Daemon]) -> None:
    prepare(root, "file")
    (root / "inbox" / "j.cancel").mkdir()
    assert states(make().run_once()) == [("j", "done")]
    assert files(root, "inbox") == [] and (root / "inbox" / "j.cancel").is_dir()


def test_stems_that_were_swept_by_another_daemon_are_made_again(root: Path, make: Callable[..., Daemon],
                                                                monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One without this journal, on another machine, cleaned up after what it took for a crash, and was stopped."""
    prepare(root, "file")
    with pytest.raises(Crash):
        make(at=crash_at("publish")).run_once()
    for staged in (root / ".lts" / "staging").iterdir():
        shutil.rmtree(staged)
    assert states(make().run_once()) == [("j", "done")]
    assert len(files(root, "outbox")) == 4 and files(root, "inbox") == []


def test_a_folder_that_came_into_the_outbox_meanwhile_ends_the_job_with_a_sentence(root: Path,
                                                                                   make: Callable[..., Daemon]) -> None:
    prepare(root, "file")

    def meanwhile(*args: Any, **options: Any) -> Manifest:
        found = fake_render(*args, **options)
        wav(root / "outbox" / "j" / "theirs.wav")
        return found

    assert states(make(render=meanwhile).run_once()) == [("j", "failed")]
    assert files(root, "outbox") == ["outbox/j/theirs.wav"] and len(files(root, "failed")) == 4
    assert list((root / ".lts" / "staging").iterdir()) == []


def test_a_clip_that_is_exported_again_meanwhile_is_not_taken_along(root: Path, make: Callable[..., Daemon]) -> None:
    """By rename, so that the render reads the old one to its end."""
    for role in "AB":
        wav(root / "inbox" / f"k_{role}.wav", ord(role))
    old = sha256(root / "inbox" / "k_A.wav")

    def render(clips: Any, *args: Any, **options: Any) -> Manifest:
        found = fake_render(clips, *args, **options)
        if new.exists():
            new.rename(root / "inbox" / "k_A.wav")
        return found

    new = wav(root / "new.wav", 99, 2500)
    wanted = sha256(new)
    (outcome,) = make(render=render).run_once().outcomes
    assert outcome.state == "done" and files(root, "inbox") == ["inbox/k_A.wav"]
    assert sha256(root / "inbox" / "k_A.wav") == wanted != old
    wav(root / "inbox" / "k_B.wav", ord("B"))
    assert [state for _, state in states(make().run_once())] == ["done"] and len(list((root / "outbox").iterdir())) == 2


def test_endings_come_back_as_they_were_written(tmp_path: Path) -> None:
    ending = Ending("j", "done", "a \udc80 message", "outbox/j", "x", (), None, "inbox/j.cancel")
    path = tmp_path / "state" / "j.sqlite"
    journal = Journal()
    with journal.open(path):
        journal.deliver(ending)
    with journal.open(path):
        assert journal.pending() == [ending]
        journal.ended(ending)
    with journal.open(path):
        assert journal.pending() == []


def test_last_words_that_cannot_be_said_are_said_later(root: Path, make: Callable[..., Daemon],
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the root goes away between the last move and them: a client asks for them as long as they are not there."""
    monkeypatch.setattr("lts_batch.watch.status.INSIST_SECONDS", 0.1)
    prepare(root, "file")

    def away(step: str) -> None:
        if step == "report":
            (root / "status").rename(root / "elsewhere")

    (outcome,) = make(at=away).run_once().outcomes
    assert outcome.state == "failed" and "could not be said" in outcome.message
    shutil.rmtree(root / "status", ignore_errors=True)
    (root / "elsewhere").rename(root / "status")
    assert status(root, "j")["state"] != "done" and rows(root)["j"].state == "delivering"
    assert states(make().run_once()) == [("j", "done")]
    assert status(root, "j")["state"] == "done" and rows(root)["j"].state == "done" and files(root, "inbox") == []
