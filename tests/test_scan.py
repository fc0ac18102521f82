"""What lies in an inbox, what of it makes a job, and when it has stood still."""

import os
from pathlib import Path
from typing import Any

import inboxes
import pytest
from inboxes import Scanner, job, shape, wav
from platforms import POSIX
from trees import Tree

from lts_batch.settings import load_preset

inbox = inboxes.inbox


# ---------------------------------------------------------------- what makes a job


@pytest.mark.parametrize(("files", "ready", "waiting"), [
    (["k_A.wav", "k_B.wav"], [("pair", "k", ["k_A.wav", "k_B.wav"])], []),
    (["k_A.wav", "k_B.flac"], [("pair", "k", ["k_A.wav", "k_B.flac"])], []),
    (["k_B.WAV", "k_A.AIF"], [("pair", "k", ["k_A.AIF", "k_B.WAV"])], []),
    (["k_A.wav", "k_B.wav", "k_C.wav"], [("pair", "k", ["k_A.wav", "k_B.wav", "k_C.wav"])], []),
    ([f"k_{r}.wav" for r in "ABCD"], [("pair", "k", [f"k_{r}.wav" for r in "ABCD"])], []),
    (["a_b_A.wav", "a_b_B.wav", "a_A.wav"], [("pair", "a_b", ["a_b_A.wav", "a_b_B.wav"])],
     ["a_A.wav waits for its partner a_B"]),
    (["k_A.wav"], [], ["k_A.wav waits for its partner k_B"]),
    (["k_B.wav"], [], ["k_B.wav waits for its partner k_A"]),
    (["k_A.wav", "k_C.wav"], [], ["k_A.wav waits for its partner k_B"]),
    (["k_A.wav", "k_A.flac", "k_B.wav"], [], ["more than one clip claims to be k_A"]),
    (["k_1.wav", "k_2.wav"], [], ["k_1.wav has no partner", "k_2.wav has no partner"]),
    (["k_a.wav", "k_b.wav"], [], ["k_a.wav has no partner", "k_b.wav has no partner"]),
    (["k_E.wav"], [], ["k_E.wav has no partner"]),
    (["_A.wav", "_B.wav"], [], ["_A.wav has no partner", "_B.wav has no partner"]),
    (["K_A.wav", "k_B.wav"], [], ["K_A.wav waits", "k_B.wav waits"]),
    ([".k_A.wav", "k_B.wav", "notes.txt", "k_A.wav.part"], [], ["k_B.wav waits for its partner k_A"]),
    (["s/10.wav", "s/2.wav"], [("set", "s", ["2.wav", "10.wav"])], []),
    (["s/b.wav", "s/A.wav", "s/c.wav", "s/x.reapeaks"], [("set", "s", ["A.wav", "b.wav", "c.wav"])], []),
    (["s/one.wav"], [], ["s holds one clip"]),
    ([f"s/{n}.wav" for n in range(5)], [], ["s holds 5 clips"]),
    (["s/deep/a.wav", "s/deep/b.wav"], [], ["s holds folders and no clips"]),
    (["s/notes.txt", ".hidden/a.wav", ".hidden/b.wav"], [], []),
    (["graded-11/k_A.wav", "graded-11/k_B.wav"], [("preset", "k", ["k_A.wav", "k_B.wav"])], []),
    (["graded-11/one.wav", "graded-11/two.wav"], [], ["one.wav has no partner", "two.wav has no partner"]),
    (["graded-11/deep/a.wav", "graded-11/deep/b.wav"], [], ["deep lies in a preset's folder"]),
    (["k_A.wav", "graded-11/k_B.wav"], [], ["k_A.wav waits", "k_B.wav waits"]),
    (["k_A.wav", "k_B.wav", "s/a.wav", "s/b.wav", "graded-11/k_A.wav", "graded-11/k_B.wav"],
     [("preset", "k", ["k_A.wav", "k_B.wav"]), ("pair", "k", ["k_A.wav", "k_B.wav"]), ("set", "s", ["a.wav", "b.wav"])], []),
    (["s/x.job.json"], [], ["x.job.json lies in a folder"]),
])
def test_pairs_and_sets(inbox: Path, files: list[str], ready: list[Any], waiting: list[str]) -> None:
    for name in files:
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(b"x")
    found = Scanner(inbox).settled()
    assert shape(found) == ready
    assert len(found.waiting) == len(waiting)
    for item, why in zip(sorted(found.waiting, key=lambda item: item.why), sorted(waiting), strict=True):
        assert item.why.startswith(why) and item.until is None


def test_a_preset_folder_gives_its_preset(inbox: Path) -> None:
    for name in ("sweep/k_A.wav", "sweep/k_B.wav"):
        wav(inbox / name)
    (candidate,) = Scanner(inbox).settled().ready
    assert candidate.settings == load_preset("sweep")


def test_names_in_two_unicode_forms_are_one_pair(inbox: Path) -> None:
    wav(inbox / "u\u0308_A.wav")
    wav(inbox / "\u00fc_B.wav")
    assert [len(candidate.clips) for candidate in Scanner(inbox).settled().ready] == [2]


def test_files_that_a_job_file_names_are_never_paired(inbox: Path) -> None:
    for name in ("k_A.wav", "k_B.wav", "s/a.wav", "s/b.wav", "s/c.wav"):
        wav(inbox / name)
    (inbox / "j.job.json").write_bytes(job(clips=[{"path": "k_A.wav"}, {"path": str(inbox / "s" / "a.wav")}]))
    found = Scanner(inbox).settled()
    assert shape(found) == [("file", "j", ["k_A.wav", "a.wav"]), ("set", "s", ["b.wav", "c.wav"])]
    assert [item.why[:19] for item in found.waiting] == ["k_B.wav waits for i"]


def test_a_job_file_that_breaks_the_rules_keeps_its_files_from_being_paired(inbox: Path) -> None:
    wav(inbox / "k_A.wav")
    wav(inbox / "k_B.wav")
    (inbox / "j.job.json").write_bytes(job(clips=[{"path": "k_A.wav"}], what=1))
    found = Scanner(inbox).settled()
    assert found.ready == ()
    ((candidate, error),) = found.broken
    assert candidate.name == "j" and "unknown key 'what'" in str(error)


@POSIX
def test_a_job_file_names_a_clip_under_another_of_its_names(inbox: Path, tmp_path: Path) -> None:
    wav(inbox / "k_A.wav")
    wav(inbox / "k_B.wav")
    (tmp_path / "alias.wav").hardlink_to(inbox / "k_A.wav")
    (inbox / "j.job.json").write_bytes(job(clips=[{"path": str(inbox / "alias.wav")}, {"path": "x.wav"}]))
    (inbox / "alias.wav").symlink_to(tmp_path / "alias.wav")
    assert [candidate.origin for candidate in Scanner(inbox).settled().ready] == ["file"]


def test_a_linked_folder_is_not_followed(inbox: Path, tmp_path: Path) -> None:
    wav(tmp_path / "music" / "a.wav")
    wav(tmp_path / "music" / "b.wav")
    (inbox / "s").symlink_to(tmp_path / "music", target_is_directory=True)
    found = Scanner(inbox).settled()
    assert found.ready == () and "is a link to a folder" in found.waiting[0].why


def test_job_files_come_first_in_the_order_they_came(inbox: Path) -> None:
    wav(inbox / "k_A.wav")
    wav(inbox / "k_B.wav")
    scanner = Scanner(inbox)
    scanner.settled()
    for name, when in (("late", 2_000_000_000), ("early", 1_000_000_000)):
        path = inbox / f"{name}.job.json"
        path.write_bytes(job())
        os.utime(path, ns=(when, when))
    assert [candidate.name for candidate in scanner().ready] == ["early", "late", "k"]


# ---------------------------------------------------------------- settling


def test_a_pair_is_taken_when_it_has_stood_still(inbox: Path) -> None:
    scanner = Scanner(inbox)
    wav(inbox / "k_A.wav")
    assert scanner().waiting[0].until == 2.0
    scanner(1.9)
    wav(inbox / "k_B.wav")
    assert shape(scanner()) == []
    assert shape(scanner(1.9)) == []
    assert scanner().waiting[0].why == "k is still changing"
    assert shape(scanner(0.1)) == [("pair", "k", ["k_A.wav", "k_B.wav"])]


def test_a_growing_file_starts_the_wait_anew(inbox: Path) -> None:
    scanner = Scanner(inbox)
    wav(inbox / "k_B.wav")
    for n in range(5):
        (inbox / "k_A.wav").write_bytes(b"x" * (n + 1))
        assert shape(scanner(1.5)) == []
    assert shape(scanner(2.0)) == [("pair", "k", ["k_A.wav", "k_B.wav"])]


def test_a_third_clip_on_its_way_holds_the_set(inbox: Path) -> None:
    scanner = Scanner(inbox)
    for name in ("k_A.wav", "k_B.wav", "s/a.wav", "s/b.wav"):
        wav(inbox / name)
    scanner(0.0)
    (inbox / "k_C.wav.part").write_bytes(b"x")
    (inbox / "s" / ".c.wav.Xy12").write_bytes(b"x")  # as rsync names what it is copying
    assert shape(scanner(1.9)) == []
    assert shape(scanner(0.2)) == []
    (inbox / "k_C.wav.part").rename(inbox / "k_C.wav")
    (inbox / "s" / ".c.wav.Xy12").rename(inbox / "s" / "c.wav")
    assert shape(scanner(1.9)) == []
    assert [len(candidate.clips) for candidate in scanner(2.0).ready] == [3, 3]


def test_a_clip_taken_back_changes_the_set(inbox: Path) -> None:
    scanner = Scanner(inbox)
    for name in "abc":
        wav(inbox / "s" / f"{name}.wav")
    scanner(0.0)
    (inbox / "s" / "c.wav").unlink()
    assert shape(scanner(2.0)) == []
    assert [len(candidate.clips) for candidate in scanner(2.0).ready] == [2]


def test_a_replaced_file_is_a_new_file(inbox: Path) -> None:
    wav(inbox / "k_A.wav")
    wav(inbox / "k_B.wav")
    scanner = Scanner(inbox)
    (first,) = scanner.settled().ready
    os.utime(wav(inbox / "k_A.wav", seed=1), ns=(5, 5))
    assert shape(scanner()) == []
    (second,) = scanner(2.0).ready
    assert first.key != second.key


def test_a_job_file_is_taken_at_once_but_half_a_job_file_is_not(inbox: Path) -> None:
    scanner = Scanner(inbox)
    wav(inbox / "k_A.wav")
    wav(inbox / "k_B.wav")
    scanner.settled()
    (inbox / "j.job.json").write_bytes(job(clips=[{"path": "k_A.wav"}, {"path": "k_B.wav"}])[:-1])
    found = scanner(0.1)
    assert shape(found) == [] and found.broken == ()  # the pair waits too, for the file may name it
    assert {item.why for item in found.waiting} == {"j.job.json is still being written", "k waits for a job file to be written"}
    (inbox / "j.job.json").write_bytes(job(clips=[{"path": "k_A.wav"}, {"path": "k_B.wav"}]))
    assert shape(scanner(0.1)) == [("file", "j", ["k_A.wav", "k_B.wav"])]


@pytest.mark.parametrize("data", [b"", b"{", b"RIFF"])
def test_a_job_file_that_never_gets_whole_fails(inbox: Path, data: bytes) -> None:
    (inbox / "j.job.json").write_bytes(data)
    scanner = Scanner(inbox)
    assert scanner(0.0).broken == ()
    ((candidate, error),) = scanner(2.0).broken
    assert candidate.name == "j" and "is not JSON" in str(error)


def test_an_inbox_that_vanishes_holds_nothing(tmp_path: Path) -> None:
    found = Scanner(tmp_path / "gone").settled()
    assert found.ready == () and found.waiting == () and found.broken == ()


def test_scanning_changes_nothing(inbox: Path, tree: Tree) -> None:
    for name in ("k_A.wav", "k_B.wav", "s/a.wav", "x.cancel", "graded-11/z.wav"):
        wav(inbox / name)
    (inbox / "j.job.json").write_bytes(b"[")
    before = tree(inbox)
    Scanner(inbox).settled()
    assert tree(inbox) == before


def test_cancel_files_are_reported(inbox: Path) -> None:
    (inbox / "j.cancel").write_bytes(b"")
    (inbox / "no id!.cancel").write_bytes(b"")
    assert [(name, since) for name, _, since in Scanner(inbox)().cancels] == [("j", 0.0)]
