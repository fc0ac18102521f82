"""Bundles of small untrained models, frames to code with them, and changes to their descriptions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lts_batch.frame.filterbank import Bands
from lts_batch.models import checkpoint, vae
from lts_batch.models.checkpoint import Model

BANDS = Bands()


def untrained(seed: int = 0, width: int = 16) -> Model:
    torch.manual_seed(seed)
    return Model(vae.FrameVAE(vae.Architecture(len(BANDS), 4, width)).eval(), BANDS)


def frames(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (count, len(BANDS))) ** 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved model of a small untrained network."""
    checkpoint.save(tmp_path / "m", untrained(), provenance={"corpus": "none"}, training={"seconds": 0})
    return tmp_path / "m"


def describe(folder: Path, **changes: Any) -> None:
    """Changes values of model.json."""
    record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps(record | changes), encoding="utf-8")
