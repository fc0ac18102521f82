"""Files appear whole or not at all, whatever goes wrong on the way."""

import errno
import os
from pathlib import Path

import pytest
from platforms import POSIX, with_small_files

from lts_batch.errors import OutputError
from lts_batch.files import whole


def test_bytes_and_text_arrive_unchanged(tmp_path):
    whole.write_whole(tmp_path / "a.bin", b"\r\n\0\xff")
    whole.write_whole(tmp_path / "ä.txt", "one\ntwo é\r\n")
    assert (tmp_path / "a.bin").read_bytes() == b"\r\n\0\xff"
    assert (tmp_path / "ä.txt").read_bytes() == "one\ntwo é\r\n".encode()
    assert sorted(os.listdir(tmp_path)) == ["a.bin", "ä.txt"]


def test_nothing_shows_before_the_end(tmp_path):
    with whole.WholeFile(tmp_path / "a.bin") as file:
        file.write(b"x" * 100_000)
        (only,) = tmp_path.iterdir()
        assert whole.is_temporary(only)
        file.seek(0)
        file.write(b"y")
    (only,) = tmp_path.iterdir()
    assert only.name == "a.bin"
    assert only.read_bytes() == b"y" + b"x" * 99_999


def test_what_exists_stays(tmp_path, tree):
    path = tmp_path / "a.txt"
    path.write_text("mine", encoding="utf-8")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match=r"a\.txt cannot be written, it exists already"):
        whole.write_whole(path, "other")
    assert tree(tmp_path) == before


def test_what_came_into_being_meanwhile_stays(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(OutputError, match="it exists already"), whole.WholeFile(path) as file:
        file.write(b"other")
        path.write_text("mine", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "mine"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_same_on_disks_without_links(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "a.txt"
    whole.write_whole(path, "mine")
    with pytest.raises(OutputError, match="it exists already"), whole.WholeFile(tmp_path / "b.txt") as file:
        file.write(b"other")
        (tmp_path / "b.txt").write_text("mine", encoding="utf-8")
    assert {p.name: p.read_text(encoding="utf-8") for p in tmp_path.iterdir()} == {"a.txt": "mine", "b.txt": "mine"}


def test_overwriting_is_possible_when_asked_for(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    whole.write_whole(path, "new", overwrite=True)
    assert path.read_text(encoding="utf-8") == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("failure", [ValueError("mine"), KeyboardInterrupt()])
def test_a_failing_block_leaves_nothing(tmp_path, failure):
    with pytest.raises(type(failure)), whole.WholeFile(tmp_path / "a.bin") as file:
        file.write(b"half")
        raise failure
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("code", "remedy"), [
    (errno.ENOSPC, "the disk is full: make room"),
    (errno.EROFS, "may not be written to: choose another folder"),
    (errno.EIO, "choose another folder, or try again"),
])
def test_a_refusal_at_the_last_moment_leaves_nothing(tmp_path, monkeypatch, code, remedy):
    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match=remedy) as caught:
        whole.write_whole(tmp_path / "a.bin", b"data")
    assert str(tmp_path / "a.bin") in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"there is no folder .*nowhere: make it"):
        whole.write_whole(tmp_path / "nowhere" / "a.bin", b"")
    assert os.listdir(tmp_path) == []


def test_a_name_of_full_length_can_be_written(tmp_path):
    path = tmp_path / ("n" * 251 + ".wav")
    whole.write_whole(path, b"data")
    assert path.read_bytes() == b"data"


@POSIX
def test_a_disk_that_takes_no_more_leaves_nothing(tmp_path):
    said = with_small_files(f"""
        from lts_batch.files import whole
        whole.write_whole(Path({str(tmp_path)!r}) / "a.bin", b"x" * 300_000)
    """)
    assert "a.bin cannot be written, the file would grow larger than" in said
    assert os.listdir(tmp_path) == []


def test_folders_can_be_placed_too(tmp_path):
    temporary = whole.temporary_beside(tmp_path / "job")
    temporary.mkdir()
    (temporary / "stem.wav").write_bytes(b"x")
    whole.place(temporary, tmp_path / "job")
    assert os.listdir(tmp_path) == ["job"]
    assert (tmp_path / "job" / "stem.wav").read_bytes() == b"x"
    other = whole.temporary_beside(tmp_path / "job")
    other.mkdir()
    with pytest.raises(FileExistsError):
        whole.place(other, tmp_path / "job")
    assert (tmp_path / "job" / "stem.wav").read_bytes() == b"x"
