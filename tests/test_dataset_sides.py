"""The two sides of a folder of sounds: no file on both, nor two that sound alike on different ones."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import tone_folders
from numpy.typing import NDArray
from tone_folders import BANDS, RATE, opened, tone, write

from lts_batch.training import alike, sides
from lts_batch.training.dataset import Dataset

sounds = tone_folders.sounds


def loudest_bands(found: Dataset, *, validation: bool) -> set[int]:
    rows = found.part(validation=validation)
    steady = rows[np.abs(found.levels[rows] - 0.3) < 0.003]  # the middles of tones, not their ends
    return set(np.round((np.asarray(found.shapes[steady], dtype=np.float32).argmax(1) - 60) / 12).astype(int).tolist())


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


def test_of_few_files_a_whole_one_is_held_back(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / "f" / f"{number}.wav", tone(BANDS.centres_hz[100 + 40 * number], 2.0))
    found = opened(tmp_path / "f")
    steady = np.abs(found.levels - 0.3) < 0.003  # the middles of tones, not their ends
    loudest = np.asarray(found.shapes, np.float32).argmax(1)
    assert [len(set(loudest[steady & (found.validation == side)])) for side in (True, False)] == [1, 4]


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
