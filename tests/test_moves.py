"""Files are moved without loss, on one disk and to another."""

import os
from pathlib import Path
from typing import Any

import pytest
import watching
from trees import Tree
from watching import wav

from lts_batch.errors import OutputError
from lts_batch.files import moves
from lts_batch.files.moves import sha256

other_disk = watching.other_disk


def test_moving_never_overwrites(tmp_path: Path) -> None:
    a, b = wav(tmp_path / "a.wav", 1), wav(tmp_path / "b.wav", 2)
    before = sha256(a), sha256(b)
    with pytest.raises(OutputError, match="exists already"):
        moves.move(a, b)
    assert (sha256(a), sha256(b)) == before
    assert moves.free(b) == tmp_path / "b (2).wav"
    assert moves.free(b, {tmp_path / "b (2).wav"}) == tmp_path / "b (3).wav"


def test_moving_to_another_disk(tmp_path: Path, other_disk: Path, tree: Tree) -> None:
    folder = tmp_path / "stems"
    wav(folder / "a.wav", 1)
    wav(folder / "deep" / "b.wav", 2)
    (folder / "link").symlink_to("a.wav")
    before, single = tree(folder), sha256(wav(tmp_path / "c.wav", 3))
    os.utime(tmp_path / "c.wav", ns=(10**18, 10**18))
    moves.move(folder, other_disk / "stems")
    moves.move(tmp_path / "c.wav", other_disk / "c.wav")
    assert tree(other_disk / "stems") == before and sha256(other_disk / "c.wav") == single
    assert (other_disk / "stems" / "link").is_symlink() and (other_disk / "c.wav").stat().st_mtime_ns == 10**18
    assert [path.name for path in tmp_path.iterdir()] == ["disk"]


def test_a_read_only_clip_moves_to_another_disk(tmp_path: Path, other_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = wav(tmp_path / "c.wav")
    source.chmod(0o444)
    content, plain = sha256(source), Path.open

    def strict(self: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:  # root is refused nothing
        if "+" in mode and not self.stat().st_mode & 0o200:
            raise PermissionError(13, "Permission denied")
        return plain(self, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", strict)
    moves.move(source, other_disk / "c.wav")
    assert sha256(other_disk / "c.wav") == content and not source.exists()
    assert not (other_disk / "c.wav").stat().st_mode & 0o222


def test_a_copy_that_comes_out_different_is_not_trusted(tmp_path: Path, other_disk: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    source = wav(tmp_path / "c.wav")
    plain = moves.shutil.copy2  # type: ignore[attr-defined]

    def bad(a: Path, b: Path, **options: Any) -> None:
        plain(a, b, **options)
        Path(b).write_bytes(Path(b).read_bytes()[:-1] + b"?")

    monkeypatch.setattr(moves.shutil, "copy2", bad)  # type: ignore[attr-defined]
    before = sha256(source)
    with pytest.raises(OutputError, match="came out different"):
        moves.move(source, other_disk / "c.wav")
    assert sha256(source) == before and list(other_disk.iterdir()) == []
