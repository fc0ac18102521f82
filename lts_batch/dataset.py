"""Training frames of a folder of sounds: found, analysed once, and kept in a memory map.

The cache lies in the user's cache folder, keyed by the files (name, size, time) and the band layout. Files are split
into training and validation by a hash of their name, so that a file never has frames on both sides.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch import audio, features
from lts_batch.errors import ClipError, CorpusError
from lts_batch.filterbank import Bands, Grid, filterbank
from lts_batch.whole import output_error

SUFFIXES = {".wav", ".aif", ".aiff", ".flac", ".ogg", ".mp3", ".w64", ".rf64", ".caf", ".au"}
VALIDATION_SHARE = 0.08
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
        content: SHA-256 over the hashes of the files used: the same sounds, wherever they lie.
    """

    shapes: NDArray[np.float16]
    levels: NDArray[np.float32]
    validation: NDArray[np.bool_]
    files: int
    seconds: float
    skipped: tuple[tuple[str, str], ...]
    content: str

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
    fingerprint = _fingerprint(folder, paths, bands)
    place = (cache or Path(platformdirs.user_cache_dir("lts-batch", appauthor=False)) / "frames") / fingerprint
    if not (place / "index.json").is_file():
        try:
            _build(folder, paths, bands, place, progress)
        except BaseException as error:  # half a cache is none
            shutil.rmtree(place, ignore_errors=True)
            if isinstance(error, OSError):
                raise output_error(place, error) from None
            raise
    index = json.loads((place / "index.json").read_text(encoding="utf-8"))
    dataset = Dataset(
        np.memmap(place / "shapes.f16", dtype=np.float16, mode="r", shape=(index["frames"], len(bands))),
        np.fromfile(place / "levels.f32", dtype=np.float32), np.fromfile(place / "validation.bool", dtype=np.bool_),
        index["files"], index["seconds"], tuple((name, why) for name, why in index["skipped"]), index["content"])
    return dataset


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


def _build(folder: Path, paths: list[Path], bands: Bands, place: Path, progress: Progress | None) -> None:
    place.mkdir(parents=True, exist_ok=True)
    levels: list[NDArray[np.float32]] = []
    validation: list[NDArray[np.bool_]] = []
    skipped: list[tuple[str, str]] = []
    seen: set[str] = set()
    seconds = 0.0
    with (place / "shapes.f16.part").open("wb") as shapes_file:
        for number, path in enumerate(paths):
            name = path.relative_to(folder).as_posix()
            place_before, slices_before = shapes_file.tell(), len(levels)
            try:
                digest = _content(path)
                if digest in seen:
                    raise ClipError("the same audio as another file")
                for level, shape in frames_of(path, bands):
                    shapes_file.write(shape.half().numpy().tobytes())
                    levels.append(level.numpy())
                    validation.append(np.full(len(level), _is_validation(name)))
                info = audio.info(path)
                seconds += info.samples / info.sample_rate
                seen.add(digest)
            except ClipError as error:
                skipped.append((name, str(error)))
                shapes_file.truncate(shapes_file.seek(place_before))
                del levels[slices_before:], validation[slices_before:]
            if progress is not None:
                progress(number + 1, len(paths))
    all_levels = np.concatenate(levels) if levels else np.zeros(0, np.float32)
    all_validation = np.concatenate(validation) if validation else np.zeros(0, np.bool_)
    if len(all_levels) < LEAST_FRAMES:
        raise CorpusError(f"{folder} gives {len(all_levels)} frames that are not silent; training needs at least"
                          f" {LEAST_FRAMES} (about 6 seconds of sound): add sounds")
    if all_validation.all() or not all_validation.any():  # few files: hold back the last frames of all
        all_validation[:] = False
        all_validation[-max(1, int(VALIDATION_SHARE * len(all_validation))):] = True
    (place / "shapes.f16.part").replace(place / "shapes.f16")
    all_levels.tofile(place / "levels.f32")
    all_validation.tofile(place / "validation.bool")
    index = {"frames": len(all_levels), "files": len(seen), "seconds": round(seconds, 3), "skipped": skipped,
             "content": hashlib.sha256("".join(sorted(seen)).encode()).hexdigest()}
    part = place / "index.json.part"
    part.write_text(json.dumps(index), encoding="utf-8")
    part.replace(place / "index.json")


def _is_validation(name: str) -> bool:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") < VALIDATION_SHARE * 2**32


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ClipError(f"{path} cannot be read ({error.strerror})") from None


def _fingerprint(folder: Path, paths: list[Path], bands: Bands) -> str:
    digest = hashlib.sha256(json.dumps(bands.as_dict()).encode())
    for path in paths:
        status = path.stat()
        digest.update(f"{path.relative_to(folder).as_posix()}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]
