"""Models fitted to clips in little time, and kept apart from the user's own."""

from pathlib import Path
from typing import Any

import pytest
import torch
from sounds import Audio, harmonic, pluck

from lts_batch.engine import fit
from lts_batch.files.sources import Excerpt
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings
from lts_batch.training.adapt import Adapted

RATE = 44100
STEPS = 6  # what the tests let the decoder learn
FIT = Settings(fit=True)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test writes into the user's cache, and none learns for long."""
    monkeypatch.setattr(fit, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setitem(fit.fitted.__kwdefaults__, "steps", STEPS)
    return tmp_path / "cache"


@pytest.fixture
def pair() -> list[Excerpt]:
    return sources(pluck(0.3, 220), harmonic(0.2, 500))


def sources(*clips: Audio, rate: int = RATE) -> list[Excerpt]:
    return [Excerpt(clip, rate, 0, clip.shape[1]) for clip in clips]


def adapted(clips: list[Excerpt], model: Model, settings: Settings = FIT, **more: Any) -> Adapted:
    found = fit.fitted(clips, settings, model, **more)
    assert found.adapted is not None and found.model is found.adapted.model
    return found.adapted


def same(one: Model, other: Model) -> bool:
    tensors, others = one.network.state_dict(), other.network.state_dict()
    return set(tensors) == set(others) and all(torch.equal(tensors[name], others[name]) for name in tensors)
