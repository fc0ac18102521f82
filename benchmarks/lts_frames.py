"""The training material of the LTS model: constant-Q magnitudes of a corpus, kept in one file on disk.

    python benchmarks/lts_frames.py CORPUS CACHE

As the original does, every file is analysed on its own and the frames of all files are put in one long array. Half
precision (11 bits) rounds at -66 dB, far below what the model can rebuild, and halves the file.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from evaluation_clips import SAMPLE_RATE_HZ, mono_44100, samples_44100
from numpy.typing import NDArray

from lts_batch.files.whole import write_whole
from lts_batch.original import classic

AUDIO = {".flac", ".wav", ".aif", ".aiff", ".ogg"}


def cached_frames(corpus: Path | None, cache: Path) -> tuple[NDArray[np.float16], dict[str, Any]]:
    """Frames ``[frames, 384]`` as a memory map, and what they were made from; computed only when the corpus changed.

    Args:
        corpus: folder of audio files; ``None`` takes the cache as it is.
        cache: folder of frames.npy and frames.json.
    """
    record_path = cache / "frames.json"
    known = json.loads(record_path.read_text(encoding="utf-8")) if record_path.is_file() else None
    if corpus is not None and (known is None or known["sha256"] != _fingerprint(_files(corpus), corpus)):
        known = _compute(corpus, cache)
        write_whole(record_path, json.dumps(known, indent=1) + "\n", overwrite=True)
    if known is None:
        raise SystemExit(f"{cache} holds no frames yet: give the corpus folder to compute them from")
    return np.load(cache / "frames.npy", mmap_mode="r"), known


def _compute(corpus: Path, cache: Path) -> dict[str, Any]:
    files = _files(corpus)
    counts = [1 + _samples(path) // classic.HOP_SAMPLES for path in files]
    cache.mkdir(parents=True, exist_ok=True)
    temporary = cache / "frames.npy.part"
    frames = np.lib.format.open_memmap(temporary, "w+", np.float16, (sum(counts), classic.BANDS))
    start = 0
    for number, (path, count) in enumerate(zip(files, counts, strict=True), 1):
        frames[start:start + count] = classic.frames(mono_44100(path))
        start += count
        if number % 50 == 0 or number == len(files):
            print(f"{number} of {len(files)} files, {start / classic.FRAME_RATE_HZ / 60:.1f} minutes", file=sys.stderr)
    frames.flush()
    del frames  # Windows renames no file that is mapped
    temporary.replace(cache / "frames.npy")
    return {"sha256": _fingerprint(files, corpus), "files": len(files), "frames": start,
            "minutes": sum(_samples(path) for path in files) / SAMPLE_RATE_HZ / 60}


def _files(corpus: Path) -> list[Path]:
    found = sorted(path for path in corpus.rglob("*") if path.suffix.lower() in AUDIO and path.is_file())
    if not found:
        raise SystemExit(f"corpus {corpus} holds no audio files: give the folder that lts-batch corpus render wrote")
    return found


def _samples(path: Path) -> int:
    info = soundfile.info(path)
    return samples_44100(info.frames, info.samplerate)


def _fingerprint(files: list[Path], corpus: Path) -> str:
    """Hash over the names and sizes of the files: enough to see that a corpus is another one."""
    listed = "\n".join(f"{path.relative_to(corpus).as_posix()} {path.stat().st_size}" for path in files)
    return hashlib.sha256(listed.encode()).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compute the constant-Q frames of a corpus for the LTS model.")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("cache", type=Path)
    options = parser.parse_args()
    print(json.dumps(cached_frames(options.corpus, options.cache)[1], indent=1))
