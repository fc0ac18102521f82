"""Training frames of a folder: every sound once, silence not at all, no file on both sides, nothing analysed twice."""

import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from lts_batch import audio, dataset, features
from lts_batch.dataset import Dataset, find_sounds, open_dataset
from lts_batch.errors import CorpusError
from lts_batch.filterbank import Bands

BANDS = Bands()
RATE = 22050
FRAME_RATE = float(BANDS.frame_rate)


def tone(hz: float, duration_seconds: float, amplitude: float = 0.3) -> NDArray[np.float32]:
    time = np.arange(round(duration_seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * math.pi * hz * time)).astype(np.float32)[None]


def write(path: Path, samples: NDArray[np.float32]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, samples, RATE)
    return path


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """24 tones of half a second, each of its own pitch."""
    for number in range(24):
        write(tmp_path / "sounds" / f"tone_{number:02d}.wav", tone(BANDS.centres_hz[60 + 12 * number], 0.5))
    return tmp_path / "sounds"


def opened(folder: Path) -> Dataset:
    return open_dataset(folder, BANDS, cache=folder.parent / "cache")


def loudest_bands(found: Dataset, *, validation: bool) -> set[int]:
    rows = found.part(validation=validation)
    steady = rows[np.abs(found.levels[rows] - 0.3) < 0.003]  # the middles of tones, not their ends
    return set(np.round((np.asarray(found.shapes[steady], dtype=np.float32).argmax(1) - 60) / 12).astype(int).tolist())


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


def test_no_file_lies_on_both_sides(sounds: Path) -> None:
    found = opened(sounds)
    training, held_out = (loudest_bands(found, validation=side) for side in (False, True))
    assert held_out
    assert len(training) + len(held_out) == 24
    assert not training & held_out
    assert len(found.part(validation=True)) + len(found.part(validation=False)) == len(found.levels)


def test_the_sides_depend_on_names_alone(sounds: Path) -> None:
    before = loudest_bands(opened(sounds), validation=True)
    write(sounds / "a_new_one.wav", tone(90.0, 0.5))
    write(sounds / "deeper" / "another.wav", tone(95.0, 0.5))
    assert before <= loudest_bands(opened(sounds), validation=True)


def test_with_few_files_the_last_frames_are_held_back(tmp_path: Path) -> None:
    write(tmp_path / "one" / "a.wav", tone(440.0, 7.0))
    found = opened(tmp_path / "one")
    share = len(found.part(validation=True)) / len(found.levels)
    assert share == pytest.approx(dataset.VALIDATION_SHARE, abs=0.01)
    assert found.part(validation=True).min() > found.part(validation=False).max()


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
    monkeypatch.setattr(dataset, "SLICE_SECONDS", 2.0)
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
    assert reasons["tone_05.wav"] == "the same audio as another file"  # "tone_05 again.wav" sorts before it
    assert "no samples.wav" in reasons["no samples.wav"]
    assert found.files == before.files == 24
    assert len(found.levels) == len(before.levels)
    assert found.content == before.content, "the same sounds were used"


def test_a_file_that_breaks_off_in_the_middle_leaves_no_frames(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = opened(sounds)
    monkeypatch.setattr(dataset, "SLICE_SECONDS", 0.5)
    bad = tone(777.0, 2.0)
    bad[0, -10] = np.nan
    soundfile.write(sounds / "bad.wav", bad.T, RATE, subtype="FLOAT")
    found = opened(sounds)
    assert [name for name, _ in found.skipped] == ["bad.wav"]
    assert found.files == 24
    assert len(found.shapes) == len(found.levels) == len(before.levels)
    assert np.array_equal(found.shapes, before.shapes)


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
    os.utime(sounds / "tone_03.wav", (1, 1))
    with pytest.raises(AssertionError, match="analysed again"):
        opened(sounds)


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
