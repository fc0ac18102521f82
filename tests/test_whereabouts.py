"""Where folders lead is asked without waiting for a disk that does not answer."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import watching
from platforms import POSIX
from watching import send, wav

from lts_batch.watch import jobs, whereabouts
from lts_batch.watch.jobs import inbox_entry
from lts_batch.watch.scan import scan
from lts_batch.watch.view import Observations
from lts_batch.watch.whereabouts import Whereabouts

root = watching.root


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on a disk that does not answer; how often it was asked is counted by ``asked``."""
    folder, usual, answer = tmp_path / "silent", Path.resolve, threading.Event()

    def resolve(self: Path, strict: bool = False) -> Path:
        if self.is_relative_to(folder):
            answer.wait(30)
        return usual(self, strict)

    monkeypatch.setattr(Path, "resolve", resolve)
    monkeypatch.setattr(whereabouts, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(jobs, "_whereabouts", Whereabouts())
    yield folder
    answer.set()


def test_what_is_not_answered_is_not_waited_for_twice(silent: Path) -> None:
    asker, begun, before = Whereabouts(), time.monotonic(), threading.active_count()
    assert [asker.real(silent) for _ in range(50)] == [None] * 50
    assert time.monotonic() - begun < 2.0 and threading.active_count() == before + 1


def test_an_answer_that_comes_late_counts_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, answer = Path.resolve, threading.Event()
    monkeypatch.setattr(Path, "resolve", lambda self, strict=False: answer.wait(30) and usual(self, strict))
    monkeypatch.setattr(whereabouts, "ANSWER_SECONDS", 0.1)
    asker = Whereabouts()
    assert asker.real(tmp_path) is None
    answer.set()
    watching.wait_for(lambda: asker.real(tmp_path) == usual(tmp_path))


@POSIX
def test_links_are_followed_also_when_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whereabouts, "VALID_SECONDS", 0.0)
    monkeypatch.setattr(jobs, "_whereabouts", Whereabouts())
    inbox, link = tmp_path / "root" / "inbox", tmp_path / "link"
    inbox.mkdir(parents=True)
    link.symlink_to(inbox, target_is_directory=True)
    assert inbox_entry(link / "a.wav", inbox) == inbox / "a.wav"
    link.unlink()
    link.symlink_to(tmp_path, target_is_directory=True)
    time.sleep(0.01)
    assert inbox_entry(link / "a.wav", inbox) is None
    assert inbox_entry(inbox / "s" / ".." / "a.wav", inbox) == inbox / "a.wav"


def test_a_look_does_not_wait_for_a_disk_that_a_job_file_names(root: Path, silent: Path) -> None:
    for role in "AB":
        wav(root / "inbox" / f"k_{role}.wav", ord(role))
    for n in range(20):
        send(root, f"far{n}", silent / f"{n}.wav", "k_A.wav" if n == 0 else silent / "b.wav")
    begun = time.monotonic()
    found = scan(root / "inbox", Observations(), 0.0, settle_seconds=0.0)
    assert time.monotonic() - begun < 3.0
    assert {candidate.name for candidate in found.ready} == {f"far{n}" for n in range(20)}  # k_A is taken by far0
