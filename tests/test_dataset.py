"""Training frames of a folder: every sound once, silence not at all, and what cannot be used is listed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tone_folders
import torch
from tone_folders import BANDS, RATE, opened, tone, write

from lts_batch.errors import CorpusError
from lts_batch.frame import features
from lts_batch.training.dataset import open_dataset
from lts_batch.training.sounds import find_sounds

FRAME_RATE = float(BANDS.frame_rate)
sounds = tone_folders.sounds


def test_frames_are_the_shapes_and_levels_of_the_sounds(sounds: Path) -> None:
    found = opened(sounds)
    assert found.files == 24
    assert found.seconds == pytest.approx(12.0)
    assert found.shapes.shape == (len(found.levels), len(BANDS))
    assert found.validation.shape == found.levels.shape
    assert len(found.levels) == pytest.approx(12.0 * FRAME_RATE, rel=0.02)
    assert float(found.shapes.max()) <= 1.0
    assert np.median(found.levels) == pytest.approx(0.3, rel=0.02), "the level of a sine is its amplitude"
    linear = features.unit_norm(features.expand(torch.from_numpy(found.shapes[:100].astype(np.float32))))
    assert torch.allclose(features.compress(linear), torch.from_numpy(found.shapes[:100].astype(np.float32)), atol=2e-3)
    assert found.skipped == ()


def test_silence_is_left_out(tmp_path: Path) -> None:
    quiet = tone(3000.0, 3.0, 0.3 * 10 ** (-66 / 20))
    audible = tone(3000.0, 3.0, 0.3 * 10 ** (-54 / 20))
    gap = np.zeros((1, 3 * RATE), np.float32)
    write(tmp_path / "f" / "a.wav", np.concatenate((tone(440.0, 7.0), quiet, gap), axis=1))
    assert len(opened(tmp_path / "f").levels) == pytest.approx(7.0 * FRAME_RATE, abs=0.2 * FRAME_RATE)
    write(tmp_path / "g" / "a.wav", np.concatenate((tone(440.0, 7.0), audible, gap), axis=1))
    assert len(opened(tmp_path / "g").levels) == pytest.approx(10.0 * FRAME_RATE, abs=0.2 * FRAME_RATE)


def test_a_silent_file_gives_nothing_and_spoils_nothing(sounds: Path) -> None:
    before = opened(sounds)
    write(sounds / "silent.wav", np.zeros((1, RATE), np.float32))
    assert len(opened(sounds).levels) == len(before.levels)


def test_slices_give_the_frames_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "f" / "a.wav", tone(440.0, 7.0))
    whole = opened(tmp_path / "f")
    monkeypatch.setattr("lts_batch.training.sounds.SLICE_SECONDS", 2.0)
    sliced = open_dataset(tmp_path / "f", BANDS, cache=tmp_path / "cache of slices")
    assert len(sliced.levels) == pytest.approx(len(whole.levels), abs=4)
    for found in (whole, sliced):
        assert np.median(found.levels) == pytest.approx(0.3, rel=0.01)


def test_what_cannot_be_used_is_listed_and_skipped(sounds: Path) -> None:
    before = opened(sounds)
    shutil.copy(sounds / "tone_05.wav", sounds / "tone_05 again.wav")
    (sounds / "text.wav").write_text("this is no sound", encoding="utf-8")
    (sounds / "empty.flac").write_bytes(b"")
    write(sounds / "no samples.wav", np.zeros((1, 0), np.float32))
    whole = (sounds / "tone_07.wav").read_bytes()
    (sounds / "torn.wav").write_bytes(whole[:len(whole) // 2])
    (sounds / "notes.txt").write_text("not looked at", encoding="utf-8")
    write(sounds / ".hidden.wav", tone(70.0, 0.5))
    steps: list[int] = []
    found = open_dataset(sounds, BANDS, cache=sounds.parent / "cache", progress=lambda done, _: steps.append(done))
    assert steps == list(range(1, 30))
    reasons = dict(found.skipped)
    assert set(reasons) == {"tone_05.wav", "text.wav", "empty.flac", "no samples.wav", "torn.wav"}
    assert reasons["tone_05.wav"] == "the same audio as tone_05 again.wav"  # which sorts before it
    assert "no samples.wav" in reasons["no samples.wav"]
    assert found.files == before.files == 24
    assert len(found.levels) == len(before.levels)
    assert found.content == before.content, "the same sounds were used"


def test_a_file_that_breaks_off_in_the_middle_leaves_no_frames(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = opened(sounds)
    monkeypatch.setattr("lts_batch.training.sounds.SLICE_SECONDS", 0.5)
    bad = tone(777.0, 2.0)
    bad[0, -10] = np.nan
    soundfile.write(sounds / "bad.wav", bad.T, RATE, subtype="FLOAT")
    found = opened(sounds)
    assert [name for name, _ in found.skipped] == ["bad.wav"]
    assert found.files == 24
    assert len(found.shapes) == len(found.levels) == len(before.levels)
    assert np.array_equal(found.shapes, before.shapes)


def test_a_folder_is_left_as_it_was(sounds: Path, tree) -> None:  # type: ignore[no-untyped-def]
    before = tree(sounds)
    opened(sounds)
    assert tree(sounds) == before


def test_a_file_that_may_not_be_read_is_skipped(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def guarded(path: Path, *args: object, **options: object) -> object:
        if path.name == "tone_09.wav":
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", guarded)
    found = opened(sounds)
    assert [name for name, _ in found.skipped] == ["tone_09.wav"]
    assert found.files == 23


def test_too_little_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "short" / "a.wav", tone(440.0, 1.0))
    with pytest.raises(CorpusError, match=r"gives 3\d\d frames.*at least 2000 \(about 6 seconds"):
        opened(tmp_path / "short")
    write(tmp_path / "short" / "b.wav", tone(550.0, 7.0))
    assert opened(tmp_path / "short").files == 2, "the failed attempt is not in the way"


def test_a_folder_without_sounds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"empty holds no sounds.*\.wav"):
        find_sounds(tmp_path / "empty")
    with pytest.raises(CorpusError, match="missing is not a folder"):
        find_sounds(tmp_path / "missing")
