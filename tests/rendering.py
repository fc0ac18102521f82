"""Clips to render, and what comes of them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lts_batch.files import audio, wav
from lts_batch.settings import presets_folder
from lts_batch.stems.manifest import Manifest
from lts_batch.stems.render import Clip

DEMO = [presets_folder() / "demo" / name for name in ("choir.flac", "piano.flac")]
TRUE_END_DB = -90.0


def clip(path: Path, seconds: float, rate: int, channels: int = 1, *, hz: float = 220.0, peak: float = 0.5,
         subtype: wav.Subtype = "PCM_24") -> Path:
    """A struck tone with a noisy attack, another one on each channel."""
    rng = np.random.default_rng(round(hz))
    times = np.arange(round(seconds * rate)) / rate
    rows = [sum(np.sin(2 * np.pi * hz * (1 + channel / 7) * k * times) / k for k in range(1, 9)) * np.exp(-3 * times)
            + rng.normal(0, 0.5, len(times)) * np.exp(-60 * times) for channel in range(channels)]
    samples = np.stack(rows)
    audio.write(path, np.asarray(peak * samples / np.abs(samples).max(), np.float32), rate, subtype=subtype)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> list[Clip]:
    """Two short mono clips of different lengths."""
    folder = tmp_path / "clips"
    folder.mkdir()
    return [Clip(clip(folder / "low.wav", 0.30, 44100, hz=110)), Clip(clip(folder / "high.wav", 0.21, 44100, hz=500))]


def residual_db(stem: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """How far the difference lies below what was wanted."""
    assert stem.shape == wanted.shape
    left = float(np.square(stem.astype(np.float64) - wanted).mean())
    return 10 * np.log10(max(left, 1e-30) / float(np.square(wanted.astype(np.float64)).mean()))


def stems(out: Path, manifest: Manifest) -> list[NDArray[np.float32]]:
    return [audio.read(out / stem.file)[0] for stem in manifest.stems]
