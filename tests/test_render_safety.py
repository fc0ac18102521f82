"""Renders overwrite nothing unasked, and leave nothing behind when they go wrong."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import rendering
from platforms import POSIX
from trees import Tree

from lts_batch.errors import ClipError, OutputError
from lts_batch.files import whole
from lts_batch.files.moves import sha256
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings
from lts_batch.stems.render import Cancelled, Clip, render

pair = rendering.pair


# ---------------------------------------------------------------- nothing overwritten


@pytest.mark.parametrize("name", ["manifest.json", "manifest.tsv", "low~high_02_x+1.00.wav", "preview.wav"])
def test_one_file_in_the_way_is_enough_to_refuse(name: str, pair: list[Clip], model: Model, tmp_path: Path,
                                                 tree: Tree) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine", encoding="utf-8")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match=f"out already holds {name.replace('+', '.')}, and nothing is overwritten unasked:"
                                          " choose another folder, or say --force"):
        render(pair, Settings(steps=2), out, model=model, preview=True)
    assert tree(tmp_path) == before


def test_force_replaces_its_own_names_and_leaves_the_rest(pair: list[Clip], model: Model, tmp_path: Path,
                                                          tree: Tree) -> None:
    out = tmp_path / "out"
    old = render(pair, Settings(steps=2), out, model=model)
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="and 3 more"):
        render(pair, Settings(steps=2), out, model=model)
    new = render([pair[0], Clip(pair[1].path, 500)], Settings(steps=2), out, model=model, overwrite=True)
    assert [stem.file for stem in new.stems] == [stem.file for stem in old.stems]
    assert new.stems[1].sha256 == sha256(out / new.stems[1].file) != old.stems[1].sha256
    assert (out / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert len(tree(out)) == 5


# ---------------------------------------------------------------- all or nothing


class Full:
    """A disk that is full from the n-th time on that something is forced to it; -1 counts only."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.at, self.count, self._real = at, 0, os.fsync
        monkeypatch.setattr(whole.os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        self.count += 1
        if self.count > self.at >= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._real(descriptor)


@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "over an old set"])
def test_a_disk_that_gets_full_leaves_all_as_it_was(overwrite: bool, pair: list[Clip], model: Model, tmp_path: Path,
                                                    tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "deep" / "out"
    if overwrite:
        render([pair[1], pair[0]], Settings(steps=2), out, model=model)
        for path in out.glob("high~low*"):
            path.rename(out / path.name.replace("high~low", "low~high"))
    before = tree(tmp_path)
    for at in (0, 3):  # the first stem, a manifest
        full = Full(monkeypatch, at)
        with pytest.raises(OutputError) as caught:
            render(pair, Settings(steps=2), out, model=model, overwrite=overwrite)
        assert full.count > at
        assert "the disk is full: make room on it, or choose another folder" in str(caught.value)
        assert str(out) in str(caught.value) and whole.TEMPORARY_SUFFIX not in str(caught.value)
        assert tree(tmp_path) == before
        monkeypatch.undo()


def test_a_file_that_comes_in_between_is_neither_replaced_nor_removed(pair: list[Clip], model: Model, tmp_path: Path,
                                                                      tree: Tree) -> None:
    out = tmp_path / "out"
    before = tree(tmp_path)

    def somebody_else(fraction: float, message: str) -> None:
        if fraction > 0.5:
            (out / "low~high_02_x+1.00.wav").write_text("theirs", encoding="utf-8")

    with pytest.raises(OutputError, match=r"02_x.1\.00\.wav cannot be written, it exists already"):
        render(pair, Settings(steps=2), out, model=model, progress=somebody_else)
    assert (out / "low~high_02_x+1.00.wav").read_text(encoding="utf-8") == "theirs"
    (out / "low~high_02_x+1.00.wav").unlink()
    out.rmdir()  # nothing else is in it
    assert tree(tmp_path) == before


@pytest.mark.parametrize(("moment", "end"), [(0.0, Cancelled), (0.4, KeyboardInterrupt), (0.95, Cancelled),
                                             (1.0, Cancelled), ("preview", Cancelled)])
def test_a_render_that_is_given_up_leaves_nothing(moment: Any, end: type[BaseException], pair: list[Clip], model: Model,
                                                  tmp_path: Path, tree: Tree) -> None:
    before = tree(tmp_path)

    def give_up(fraction: float, message: str) -> None:
        if message.startswith("preview") if moment == "preview" else fraction >= moment:
            raise end

    with pytest.raises(end):
        render(pair, Settings(steps=2), tmp_path / "new" / "out", model=model, progress=give_up, preview=moment == "preview")
    assert tree(tmp_path) == before


@POSIX  # elsewhere an open file cannot be taken away
def test_a_clip_that_vanishes_meanwhile_is_named(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    def take_away(fraction: float, message: str) -> None:
        pair[1].path.unlink(missing_ok=True)

    with pytest.raises(ClipError, match=r"high\.wav cannot be read any more \(.+\): leave clips where they are until"):
        render(pair, Settings(steps=1), tmp_path / "out", model=model, progress=take_away)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["clips/low.wav", "clips/low.wav/deeper", "x" * 300, "new/sub/" + "x" * 300])
def test_places_where_no_folder_can_be(place: str, pair: list[Clip], model: Model, tmp_path: Path, tree: Tree) -> None:
    before = tree(tmp_path)
    with pytest.raises(OutputError) as caught:
        render(pair, Settings(steps=1), tmp_path / place, model=model)
    if place.startswith("clips"):
        assert str(caught.value) == \
            f"{pair[0].path} is a file, and stems need a folder: choose another name for it"
    assert str(tmp_path) in str(caught.value)
    assert tree(tmp_path) == before
