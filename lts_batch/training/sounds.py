"""Sound files to train on, and the frames of each."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from lts_batch.errors import CorpusError
from lts_batch.files import audio
from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands, Grid, filterbank

SUFFIXES = {".wav", ".aif", ".aiff", ".flac", ".ogg", ".mp3", ".w64", ".rf64", ".caf", ".au"}
SILENCE_DB = -60.0  # frames this far below their file's loudest frame so far are left out
SLICE_SECONDS = 20.0


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
