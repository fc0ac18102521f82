"""Training frames of a folder: every sound once, silence not at all, no file on both sides, nothing analysed twice."""

import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from numpy.typing import NDArray

from lts_batch.errors import CorpusError
from lts_batch.files import audio
from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands
from lts_batch.training import alike, dataset, sides
from lts_batch.training.dataset import Dataset, find_sounds, open_dataset

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
    assert share == pytest.approx(sides.VALIDATION_SHARE, abs=0.01)
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
    assert reasons["tone_05.wav"] == "the same audio as tone_05 again.wav"  # which sorts before it
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


def test_of_few_files_a_whole_one_is_held_back(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / "f" / f"{number}.wav", tone(BANDS.centres_hz[100 + 40 * number], 2.0))
    found = opened(tmp_path / "f")
    steady = np.abs(found.levels - 0.3) < 0.003  # the middles of tones, not their ends
    loudest = np.asarray(found.shapes, np.float32).argmax(1)
    assert [len(set(loudest[steady & (found.validation == side)])) for side in (True, False)] == [1, 4]


# ---------------------------------------------------------------- files that sound alike


def rich(hz: float, seed: int = 0) -> NDArray[np.float32]:
    """A note with partials that dies away, and some noise."""
    time = np.arange(RATE) / RATE
    partials = sum(np.sin(2 * math.pi * hz * k * time + k) / k * np.exp(-time * (1 + 0.3 * k)) for k in range(1, 20))
    return (0.2 * partials + 0.002 * np.random.default_rng(seed).standard_normal(RATE)).astype(np.float32)[None]


def test_copies_in_other_formats_and_levels_are_on_one_side(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    for number in range(14):
        write(folder / f"note_{number:02d}.wav", rich(110 * 2 ** (number / 12)))
    copies = []
    for number in range(14):  # names of their own, so that chance would put some of them on the other side
        sound = rich(110 * 2 ** (number / 12))[0]
        for name, samples, rate in ((f"{number}_c.flac", sound, RATE), (f"{number}_half.wav", sound / 2, RATE),
                                    (f"{number}_d.ogg", sound, RATE),
                                    (f"{number}_e.wav", soxr.resample(sound, RATE, 48000), 48000)):
            soundfile.write(folder / name, samples, rate)
        copies.append({f"note_{number:02d}.wav", *(f"{number}_{end}" for end in ("c.flac", "half.wav", "d.ogg", "e.wav"))})
    found = opened(folder)
    assert sorted(map(sorted, found.alike)) == sorted(map(sorted, copies))
    (index,) = (tmp_path / "cache").rglob("index.json")
    rows = {part["name"]: slice(part["start"], part["start"] + part["frames"])
            for part in json.loads(index.read_text(encoding="utf-8"))["parts"]}
    sides = [set(np.concatenate([found.validation[rows[name]] for name in group]).tolist()) for group in copies]
    assert all(len(side) == 1 for side in sides)
    assert {True} in sides and {False} in sides


def test_other_notes_and_other_noises_are_not_alike(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    for number in range(6):
        write(folder / f"note_{number}.wav", rich(220 * 2 ** (number / 12)))
        write(folder / f"noise_{number}.wav", 0.1 * np.random.default_rng(number).standard_normal((1, RATE)).astype(np.float32))
    assert opened(folder).alike == ()


def test_groups_are_as_long_as_the_chain() -> None:
    """What is like something that is like a third is on its side too; silent files are like nothing."""
    signatures = [np.full(4, value, np.float32) for value in (0.0, 0.01, 0.02, 0.5, 0.0, 0.0)]
    assert alike.groups(signatures, [100, 101, 100, 100, 200, 0]) == [[0, 1, 2], [3], [4], [5]]
    assert alike.groups([], []) == []


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
