"""Folders of tones to train on, and what is found in them."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lts_batch.files import audio
from lts_batch.frame.filterbank import Bands
from lts_batch.training.dataset import Dataset, open_dataset

BANDS = Bands()
RATE = 22050


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
