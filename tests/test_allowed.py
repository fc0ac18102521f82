"""Where clips may lie, whatever links and names say."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inboxes import wav

from lts_batch.errors import ClipError, JobError
from lts_batch.files import allowed
from lts_batch.files.allowed import NotAllowed, allow, allowed_folders, open_allowed


def test_clips_lie_in_the_root_or_in_allowed_folders(tmp_path: Path) -> None:
    inside, outside = wav(tmp_path / "root" / "a.wav"), wav(tmp_path / "else where" / "b.wav")
    with open_allowed(inside, [tmp_path / "root"]) as handle:
        assert handle.read(4) == b"RIFF"
    with pytest.raises(NotAllowed, match=r'lts-batch allow ".*else where"'):
        open_allowed(outside, [tmp_path / "root"])
    open_allowed(outside, [tmp_path / "root", tmp_path / "else where"]).close()
    with pytest.raises(NotAllowed):  # a name that merely begins like the allowed one
        open_allowed(wav(tmp_path / "root2" / "a.wav"), [tmp_path / "root"])


@pytest.mark.parametrize("folder_link", [False, True])
def test_links_out_of_the_root_are_seen_through(tmp_path: Path, folder_link: bool) -> None:
    secret = wav(tmp_path / "secret" / "s.wav")
    root = tmp_path / "root"
    root.mkdir()
    if folder_link:
        (root / "link").symlink_to(secret.parent, target_is_directory=True)
    else:
        (root / "link.wav").symlink_to(secret)
    path = root / "link" / "s.wav" if folder_link else root / "link.wav"
    with pytest.raises(NotAllowed):
        open_allowed(path, [root])
    open_allowed(path, [root, secret.parent]).close()


def test_a_link_exchanged_while_it_is_opened_gains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, secret = wav(tmp_path / "root" / "good.wav"), wav(tmp_path / "secret" / "s.wav")
    original = Path.open

    def exchanged(path: Path, *args: Any, **kwargs: Any) -> Any:
        good.unlink()
        good.symlink_to(secret)  # after the check of the name, before the opening
        monkeypatch.undo()
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", exchanged)
    with pytest.raises((NotAllowed, ClipError)):
        open_allowed(good, [tmp_path / "root"])


def test_without_the_systems_word_the_opened_file_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = wav(tmp_path / "a.wav"), wav(tmp_path / "b.wav")
    monkeypatch.setattr(Path, "is_symlink", lambda self: False)
    monkeypatch.setattr(allowed.sys, "platform", "win32")  # type: ignore[attr-defined]
    open_allowed(path, [tmp_path]).close()
    with other.open("rb") as handle, pytest.raises(ClipError, match="was exchanged while"):
        allowed._place_of(handle, path)


def make_pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes there")
    os.mkfifo(path)


@pytest.mark.parametrize(("make", "message"), [
    (lambda path: None, "is missing"),
    (lambda path: path.mkdir(), "is no ordinary file"),
    (make_pipe, "is no ordinary file"),
    (lambda path: path.symlink_to(path), "cannot be opened"),
    (lambda path: path.symlink_to(path.with_name("gone")), "is missing"),
])
def test_things_that_cannot_be_clips(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(tmp_path / "x.wav")
    with pytest.raises(ClipError, match=message):
        open_allowed(tmp_path / "x.wav", [tmp_path])


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 5000])
def test_paths_that_no_system_takes(tmp_path: Path, text: str) -> None:
    with pytest.raises(ClipError):
        open_allowed(tmp_path / text, [tmp_path])


def test_the_list_of_allowed_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTS_BATCH_CONFIG", str(tmp_path / "config" / "deep"))
    assert allowed_folders() == ()
    (tmp_path / "music ü").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "music ü", target_is_directory=True)
    assert allow(tmp_path / "link") == (tmp_path / "music ü").resolve()
    assert allow(tmp_path / "music ü") == (tmp_path / "music ü").resolve()
    assert allowed_folders() == ((tmp_path / "music ü").resolve(),)
    with pytest.raises(JobError, match="there is no folder"):
        allow(tmp_path / "gone")
    with pytest.raises(JobError, match="is no folder"):
        allow(wav(tmp_path / "a.wav"))
    (tmp_path / "config" / "deep" / "allowed.json").write_text("{}", encoding="utf-8")
    with pytest.raises(JobError, match="cannot be read"):
        allowed_folders()
