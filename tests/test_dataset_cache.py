"""Training frames that are kept: nothing is analysed twice, whatever it is called, and no damage is copied."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tone_folders
from tone_folders import BANDS, opened, tone, write

from lts_batch.frame.filterbank import Bands
from lts_batch.training import dataset
from lts_batch.training.dataset import open_dataset

sounds = tone_folders.sounds


def test_a_second_opening_analyses_nothing(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []
    first = open_dataset(sounds, BANDS, cache=sounds.parent / "cache", progress=lambda done, of: calls.append((done, of)))
    assert calls == [(number + 1, 24) for number in range(24)]

    def fail(*_: object) -> None:
        raise AssertionError("analysed again")

    monkeypatch.setattr(dataset, "frames_of", fail)
    again = opened(sounds)
    assert np.array_equal(first.shapes, again.shapes)
    assert np.array_equal(first.levels, again.levels)
    assert (first.files, first.seconds, first.content) == (again.files, again.seconds, again.content)
    (sounds / "tone_03.wav").unlink()
    write(sounds / "tone_03.wav", tone(123.0, 0.5))
    with pytest.raises(AssertionError, match="analysed again"):
        opened(sounds)


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are analysed from here on."""
    names: list[str] = []
    real = dataset.frames_of

    def frames_of(path: Path, bands: Bands) -> object:
        names.append(path.name)
        return real(path, bands)

    monkeypatch.setattr(dataset, "frames_of", frames_of)
    return names


def test_what_moved_or_came_leaves_the_others_analysed(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are known by the content of their file: not by its name, its time or its folder."""
    before = opened(sounds)
    names = noted(monkeypatch)
    (sounds / "tone_00.wav").rename(sounds / "zzz.wav")
    os.utime(sounds / "tone_03.wav", (1, 1))
    (sounds / "tone_05.wav").unlink()
    write(sounds / "new.wav", tone(99.0, 0.5))
    after = opened(sounds)
    assert names == ["new.wav"]
    assert after.files == 24 and after.seconds == pytest.approx(before.seconds)
    fresh = open_dataset(sounds, BANDS, cache=sounds.parent / "another cache")
    assert np.array_equal(after.shapes, fresh.shapes) and np.array_equal(after.levels, fresh.levels)
    assert np.array_equal(after.validation, fresh.validation) and after.content == fresh.content
    names.clear()
    shutil.copytree(sounds, sounds.parent / "a copy")
    assert opened(sounds.parent / "a copy").content == after.content
    assert names == []


def test_only_the_latest_state_of_a_folder_is_kept(sounds: Path) -> None:
    opened(sounds)
    shutil.copytree(sounds, sounds.parent / "other")
    (sounds.parent / "other" / "tone_09.wav").unlink()
    opened(sounds.parent / "other")
    (sounds / "tone_00.wav").unlink()
    opened(sounds)
    assert len(list((sounds.parent / "cache").rglob("index.json"))) == 2
    assert len(list((sounds.parent / "cache").rglob("shapes.f16"))) == 2


def test_a_cache_that_was_cut_off_is_not_copied_from(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = np.array(opened(sounds).shapes)
    (where,) = (sounds.parent / "cache").rglob("shapes.f16")
    where.write_bytes(where.read_bytes()[:-1000])
    names = noted(monkeypatch)
    (sounds / "tone_23.wav").rename(sounds / "tone_24.wav")
    after = opened(sounds)
    assert names == ["tone_24.wav"]
    assert np.array_equal(after.shapes, before)


def test_another_layout_has_its_own_cache(sounds: Path) -> None:
    other = Bands(gamma_hz=40.0)
    assert open_dataset(sounds, other, cache=sounds.parent / "cache").shapes.shape[1] == len(other)
    assert opened(sounds).shapes.shape[1] == len(BANDS)


def test_the_content_does_not_depend_on_names(sounds: Path, tmp_path: Path) -> None:
    shutil.copytree(sounds, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "tone_00.wav").rename(tmp_path / "elsewhere" / "renamed.wav")
    assert opened(sounds).content == opened(tmp_path / "elsewhere").content
    (tmp_path / "elsewhere" / "tone_01.wav").unlink()
    assert opened(sounds).content != opened(tmp_path / "elsewhere").content
