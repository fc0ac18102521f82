"""A job as every study runs it: ``lts_batch.morph`` with one worker, so that seconds of computing mean the same everywhere."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import lts_batch
from lts_batch.models.checkpoint import Model

Audio = NDArray[np.float32]  # [channels, samples]


def stems(clips: Sequence[Audio], sample_rate: int, model: Model, workers: int = 1, **settings: Any) -> list[Audio]:
    """The stems of some clips."""
    return lts_batch.morph(clips, sample_rate, model=model, workers=workers, **settings)
