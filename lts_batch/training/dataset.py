"""Training frames of a folder of sounds: found, analysed once, and kept in a memory map.

What is kept where is said in ``frame_cache.py``, which of it is trained on and which is held back in ``sides.py``.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lts_batch.errors import ClipError, CorpusError
from lts_batch.files import audio
from lts_batch.files.whole import output_error
from lts_batch.frame.filterbank import Bands
from lts_batch.training.frame_cache import Part, clear_before, complete, copied, fingerprint, indexes, shelf
from lts_batch.training.sounds import find_sounds, frames_of

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
    place = shelf(cache, bands) / fingerprint(folder, paths)
    if not (place / "index.json").is_file():
        try:
            _build(folder, paths, bands, place, progress)
        except BaseException as error:  # half a cache is none
            shutil.rmtree(place, ignore_errors=True)
            if isinstance(error, OSError):
                raise output_error(place, error) from None
            raise
        clear_before(folder, place)
    return _read(place, bands)


def cached(content: str, bands: Bands, *, cache: Path | None = None) -> Dataset | None:
    """The frames of a training by the hash of its sounds, where the cache still holds them."""
    for place, index in indexes(shelf(cache, bands)):
        if index["content"] == content:
            return _read(place, bands)
    return None


def _read(place: Path, bands: Bands) -> Dataset:
    index = json.loads((place / "index.json").read_text(encoding="utf-8"))
    return Dataset(
        np.memmap(place / "shapes.f16", dtype=np.float16, mode="r", shape=(index["frames"], len(bands))),
        np.fromfile(place / "levels.f32", dtype=np.float32), np.fromfile(place / "validation.bool", dtype=np.bool_),
        index["files"], index["seconds"], tuple((name, why) for name, why in index["skipped"]), index["content"],
        tuple(map(tuple, index["alike"])))


def _build(folder: Path, paths: list[Path], bands: Bands, place: Path, progress: Progress | None) -> None:
    """The cache of a folder: shapes are written as they come, levels and the rest at the end."""
    known = {part.content: (where, part) for where, index in indexes(place.parent)
             for part in (Part(**values) for values in index["parts"])}
    place.mkdir(parents=True, exist_ok=True)
    levels: list[NDArray[np.float32]] = []
    skipped: list[tuple[str, str]] = []
    parts: dict[str, Part] = {}
    frames = 0
    with (place / "shapes.f16.part").open("wb") as shapes_file:
        for number, path in enumerate(paths):
            name, begun = path.relative_to(folder).as_posix(), shapes_file.tell()
            try:
                digest = _content(path)
                if digest in parts:
                    raise ClipError(f"the same audio as {parts[digest].name}")
                own, seconds = _frames(path, known.get(digest), bands, shapes_file)
            except ClipError as error:
                skipped.append((name, str(error)))
                shapes_file.truncate(shapes_file.seek(begun))
            else:
                parts[digest] = Part(name, digest, frames, len(own), seconds)
                levels.append(own)
                frames += len(own)
            if progress is not None:
                progress(number + 1, len(paths))
    if frames < LEAST_FRAMES:
        raise CorpusError(f"{folder} gives {frames} frames that are not silent; training needs at least"
                          f" {LEAST_FRAMES} (about 6 seconds of sound): add sounds")
    (place / "shapes.f16.part").replace(place / "shapes.f16")
    complete(folder, place, list(parts.values()), np.concatenate(levels), skipped, bands)


def _frames(path: Path, known: tuple[Path, Part] | None, bands: Bands, shapes_file: BinaryIO
            ) -> tuple[NDArray[np.float32], float]:
    """Writes the shapes of a sound; gives its levels ``[frames]`` and its length in seconds.

    Args:
        known: a cache that holds them already, and where.

    Raises:
        ClipError: it cannot be read to its end; some of its shapes may have been written.
    """
    if known is not None:
        try:
            shapes, level = copied(*known, len(bands))
        except (OSError, ValueError):
            pass  # a cache that vanished or broke is made again
        else:
            shapes_file.write(shapes)
            return level, known[1].seconds
    levels = [np.zeros(0, np.float32)]
    for some, shape in frames_of(path, bands):
        shapes_file.write(shape.half().numpy().tobytes())
        levels.append(some.numpy())
    info = audio.info(path)
    return np.concatenate(levels), info.samples / info.sample_rate


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ClipError(f"{path} cannot be read ({error.strerror})") from None
