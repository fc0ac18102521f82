"""Training frames on disk: a folder for each state of a folder of sounds.

    shapes.f16        log shapes, float16 [frames, bands]
    levels.f32        levels, float32 [frames]
    validation.bool   what is held back [frames]
    index.json        which rows are whose, and what became of the other files; written last, it makes the cache one

It lies in the user's cache folder. What is there for a folder is known again by its files (name, size, time) and the band
layout; frames of files whose content was seen before, under any name and in any folder, are copied from what is there.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from lts_batch.frame.filterbank import Bands
from lts_batch.training import alike, sides, sounds


def shelf(cache: Path | None, bands: Bands) -> Path:
    """Where the frames of a band layout lie; other limits of silence are other frames."""
    layout = hashlib.sha256(json.dumps([bands.as_dict(), sounds.SILENCE_DB, sounds.SLICE_SECONDS]).encode()).hexdigest()[:16]
    return (cache or Path(platformdirs.user_cache_dir("lts-batch", appauthor=False)) / "frames") / layout


def indexes(place: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The caches on a shelf, each with its description."""
    for path in sorted(place.glob("*/index.json")):
        with suppress(OSError, ValueError):  # another training may have cleared it away
            yield path.parent, json.loads(path.read_text(encoding="utf-8"))


def clear_before(folder: Path, place: Path) -> None:
    """What an earlier state of the same folder left; what another training still reads stays until it is done."""
    for other, index in indexes(place.parent):
        if other != place and index.get("folder") == str(folder.resolve()):
            with suppress(OSError):
                (other / "index.json").unlink()  # first, so that no half of a cache is taken for a whole
                shutil.rmtree(other, ignore_errors=True)


@dataclass(frozen=True)
class Part:
    """The frames of one file: rows ``start`` to ``start + frames`` of a cache."""

    name: str
    content: str
    start: int
    frames: int
    seconds: float


def copied(place: Path, part: Part, bands: int) -> tuple[bytes, NDArray[np.float32]]:
    """Shapes and levels of a file from another cache.

    Raises:
        OSError, ValueError: it vanished, or was cut off.
    """
    with (place / "shapes.f16").open("rb") as file:
        file.seek(part.start * bands * 2)
        shapes = file.read(part.frames * bands * 2)
    level = np.fromfile(place / "levels.f32", dtype=np.float32, count=part.frames, offset=part.start * 4)
    if len(shapes) != part.frames * bands * 2 or len(level) != part.frames:
        raise ValueError(f"{place} was cut off")
    return shapes, level


def complete(folder: Path, place: Path, parts: list[Part], levels: NDArray[np.float32], skipped: list[tuple[str, str]],
             bands: Bands) -> None:
    """The two sides, and the description, which makes the cache one."""
    shapes = np.memmap(place / "shapes.f16", dtype=np.float16, mode="r", shape=(len(levels), len(bands)))
    runs = [slice(part.start, part.start + part.frames) for part in parts]
    groups = alike.groups([alike.signature(shapes[run], levels[run], bands.centres_hz) for run in runs],
                          [part.frames for part in parts])
    validation = sides.held_back([part.name for part in parts], [part.frames for part in parts], groups)
    levels.tofile(place / "levels.f32")
    validation.tofile(place / "validation.bool")
    content = hashlib.sha256("".join(sorted(part.content for part in parts)).encode()).hexdigest()
    index = {"frames": len(levels), "files": len(parts), "seconds": round(sum(part.seconds for part in parts), 3),
             "skipped": skipped, "content": content,
             "alike": [[parts[number].name for number in group] for group in groups if len(group) > 1],
             "folder": str(folder.resolve()), "parts": [asdict(part) for part in parts]}
    part_path = place / "index.json.part"
    part_path.write_text(json.dumps(index), encoding="utf-8")
    part_path.replace(place / "index.json")


def fingerprint(folder: Path, paths: list[Path]) -> str:
    """The name of a cache: the files of a folder by name, size and time."""
    digest = hashlib.sha256()
    for path in paths:
        status = path.stat()
        digest.update(f"{path.relative_to(folder).as_posix()}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]
