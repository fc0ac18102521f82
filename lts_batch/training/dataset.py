"""Training frames of a folder of sounds: found, analysed once, and kept in a memory map.

The cache lies in the user's cache folder. What is there for a folder is known again by its files (name, size, time) and the
band layout; where that changed, frames of files whose content was seen before, under any name and in any folder, are copied
from what is there, and only the others are analysed. Which are trained on and which are held back is said in ``sides.py``.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.errors import ClipError, CorpusError
from lts_batch.files import audio
from lts_batch.files.whole import output_error
from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands, Grid, filterbank
from lts_batch.training import alike, sides

SUFFIXES = {".wav", ".aif", ".aiff", ".flac", ".ogg", ".mp3", ".w64", ".rf64", ".caf", ".au"}
SILENCE_DB = -60.0  # frames this far below their file's loudest frame so far are left out
SLICE_SECONDS = 20.0
LEAST_FRAMES = 2000  # about 6 s: fewer cannot fill a latent space

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Dataset:
    """Log shapes and levels of all frames of a folder.

    Attributes:
        shapes: float16 ``[frames, bands]``, a memory map.
        levels: float32 ``[frames]``.
        validation: bool ``[frames]``.
        files: number of files used; seconds: their length.
        skipped: (file, why) of those that could not be used.
        alike: groups of files that sound alike, each on one side of the split.
        content: SHA-256 over the hashes of the files used: the same sounds, wherever they lie.
    """

    shapes: NDArray[np.float16]
    levels: NDArray[np.float32]
    validation: NDArray[np.bool_]
    files: int
    seconds: float
    skipped: tuple[tuple[str, str], ...]
    content: str
    alike: tuple[tuple[str, ...], ...] = ()

    def part(self, *, validation: bool) -> NDArray[np.int64]:
        """Rows of one side of the split."""
        return np.flatnonzero(self.validation == validation)


def open_dataset(folder: Path, bands: Bands, *, cache: Path | None = None, progress: Progress | None = None) -> Dataset:
    """The frames of every sound in ``folder``, from the cache where it holds them.

    Raises:
        CorpusError: no folder, no sounds, or too few frames.
        OutputError: the cache cannot be written.
    """
    paths = find_sounds(folder)
    place = _shelf(cache, bands) / _fingerprint(folder, paths)
    if not (place / "index.json").is_file():
        try:
            _build(folder, paths, bands, place, progress)
        except BaseException as error:  # half a cache is none
            shutil.rmtree(place, ignore_errors=True)
            if isinstance(error, OSError):
                raise output_error(place, error) from None
            raise
        _clear_before(folder, place)
    return _read(place, bands)


def cached(content: str, bands: Bands, *, cache: Path | None = None) -> Dataset | None:
    """The frames of a training by the hash of its sounds, where the cache still holds them."""
    for place, index in _indexes(_shelf(cache, bands)):
        if index["content"] == content:
            return _read(place, bands)
    return None


def _shelf(cache: Path | None, bands: Bands) -> Path:
    """Where the frames of a band layout lie; other limits of silence are other frames."""
    layout = hashlib.sha256(json.dumps([bands.as_dict(), SILENCE_DB, SLICE_SECONDS]).encode()).hexdigest()[:16]
    return (cache or Path(platformdirs.user_cache_dir("lts-batch", appauthor=False)) / "frames") / layout


def _indexes(shelf: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(shelf.glob("*/index.json")):
        with suppress(OSError, ValueError):  # another training may have cleared it away
            yield path.parent, json.loads(path.read_text(encoding="utf-8"))


def _read(place: Path, bands: Bands) -> Dataset:
    index = json.loads((place / "index.json").read_text(encoding="utf-8"))
    return Dataset(
        np.memmap(place / "shapes.f16", dtype=np.float16, mode="r", shape=(index["frames"], len(bands))),
        np.fromfile(place / "levels.f32", dtype=np.float32), np.fromfile(place / "validation.bool", dtype=np.bool_),
        index["files"], index["seconds"], tuple((name, why) for name, why in index["skipped"]), index["content"],
        tuple(map(tuple, index["alike"])))


def _clear_before(folder: Path, place: Path) -> None:
    """What an earlier state of the same folder left; what another training still reads stays until it is done."""
    for other, index in _indexes(place.parent):
        if other != place and index.get("folder") == str(folder.resolve()):
            with suppress(OSError):
                (other / "index.json").unlink()  # first, so that no half of a cache is taken for a whole
                shutil.rmtree(other, ignore_errors=True)


def find_sounds(folder: Path) -> list[Path]:
    """All audio files below a folder, sorted, hidden ones left out."""
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder; give a folder of sounds to train on")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
                   and not path.name.startswith("."))
    if not paths:
        raise CorpusError(f"{folder} holds no sounds; it may hold {', '.join(sorted(SUFFIXES))} at any depth")
    return paths


def frames_of(path: Path, bands: Bands) -> Iterator[tuple[Tensor, Tensor]]:
    """Level ``[frames]`` and log shape ``[frames, bands]`` of each slice of a sound file's mono mix, silence dropped."""
    with audio.open_reader(path) as reader:
        length = int(min(reader.samples, SLICE_SECONDS * reader.sample_rate))
        samples, frames = Grid(reader.sample_rate, bands.frame_rate).covering(length)
        bank = filterbank(bands, reader.sample_rate, samples, frames)
        loudest = 0.0
        for start in range(0, reader.samples, length):
            mono = torch.from_numpy(reader.read(start, min(length, reader.samples - start)).mean(0, keepdims=True))
            kept = int(mono.shape[1] * bands.frame_rate / reader.sample_rate) + 1
            rows = bank.forward(mono)[0, :bank.model_rows, :kept].abs().T  # [frames, rows]
            magnitudes = torch.nn.functional.pad(rows, (0, len(bands) - bank.model_rows))
            level, shape = features.split(magnitudes)
            loudest = max(loudest, float(level.max()))
            heard = (level > loudest * 10 ** (SILENCE_DB / 20)) & (level > 1e-6)
            yield level[heard], shape[heard]


@dataclass(frozen=True)
class _Part:
    """The frames of one file: rows ``start`` to ``start + frames`` of a cache."""

    name: str
    content: str
    start: int
    frames: int
    seconds: float


def _build(folder: Path, paths: list[Path], bands: Bands, place: Path, progress: Progress | None) -> None:
    known = {part.content: (where, part) for where, index in _indexes(place.parent)
             for part in (_Part(**values) for values in index["parts"])}
    place.mkdir(parents=True, exist_ok=True)
    levels: list[NDArray[np.float32]] = []
    skipped: list[tuple[str, str]] = []
    parts: dict[str, _Part] = {}
    frames = 0
    with (place / "shapes.f16.part").open("wb") as shapes_file:
        for number, path in enumerate(paths):
            name, place_before, slices_before = path.relative_to(folder).as_posix(), shapes_file.tell(), len(levels)
            try:
                digest = _content(path)
                if digest in parts:
                    raise ClipError(f"the same audio as {parts[digest].name}")
                seconds = 0.0
                with suppress(OSError, ValueError):  # a cache that vanished or broke is made again
                    if digest in known:
                        shapes, level = _copied(*known[digest], len(bands))
                        shapes_file.write(shapes)
                        levels.append(level)
                        seconds = known[digest][1].seconds
                if not seconds:
                    for level_, shape in frames_of(path, bands):
                        shapes_file.write(shape.half().numpy().tobytes())
                        levels.append(level_.numpy())
                    info = audio.info(path)
                    seconds = info.samples / info.sample_rate
                count = sum(map(len, levels[slices_before:]))
                parts[digest] = _Part(name, digest, frames, count, seconds)
                frames += count
            except ClipError as error:
                skipped.append((name, str(error)))
                shapes_file.truncate(shapes_file.seek(place_before))
                del levels[slices_before:]
            if progress is not None:
                progress(number + 1, len(paths))
    if frames < LEAST_FRAMES:
        raise CorpusError(f"{folder} gives {frames} frames that are not silent; training needs at least"
                          f" {LEAST_FRAMES} (about 6 seconds of sound): add sounds")
    (place / "shapes.f16.part").replace(place / "shapes.f16")
    _index(folder, place, list(parts.values()), np.concatenate(levels), skipped, bands)


def _copied(place: Path, part: _Part, bands: int) -> tuple[bytes, NDArray[np.float32]]:
    """Shapes and levels of a file from another cache."""
    with (place / "shapes.f16").open("rb") as file:
        file.seek(part.start * bands * 2)
        shapes = file.read(part.frames * bands * 2)
    level = np.fromfile(place / "levels.f32", dtype=np.float32, count=part.frames, offset=part.start * 4)
    if len(shapes) != part.frames * bands * 2 or len(level) != part.frames:
        raise ValueError(f"{place} was cut off")
    return shapes, level


def _index(folder: Path, place: Path, parts: list[_Part], levels: NDArray[np.float32], skipped: list[tuple[str, str]],
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


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ClipError(f"{path} cannot be read ({error.strerror})") from None


def _fingerprint(folder: Path, paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        status = path.stat()
        digest.update(f"{path.relative_to(folder).as_posix()}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]
