"""Each clip is analysed once, and bits do not depend on who does the work."""

from typing import Any

import numpy as np
import pytest
from sounds import Audio, pluck

from lts_batch.engine import pipeline
from lts_batch.engine.arrays import morph
from lts_batch.errors import ModelError
from lts_batch.files.sources import Excerpt
from lts_batch.frame import filterbank
from lts_batch.models.checkpoint import Model, load_model
from lts_batch.settings import Settings


def stems(clips: list[Audio], settings: Settings, workers: int, rate: int = 44100) -> list[Audio]:
    sources = [Excerpt(clip, rate, 0, clip.shape[1]) for clip in clips]
    planned = pipeline.plan(sources, settings, load_model("general"))
    found = [np.empty((planned.channels, stem.samples), np.float32) for stem in planned.stems]
    for block in pipeline.blocks(planned, workers):
        found[block.stem][:, block.start:block.start + block.samples.shape[1]] = block.samples
    return found


@pytest.mark.parametrize("settings", [Settings(), Settings(beyond=0.5), Settings(quality="draft"), Settings(domain="stft"),
                                      Settings(sample=True, detail=0.0), Settings(phase="pghi", x=(0.5, 0.7))])
def test_the_same_bits_however_many_work(settings: Settings) -> None:
    clips = [pluck(0.5, 220), pluck(0.7, 331)]
    one, two, five = (stems(clips, settings, workers) for workers in (1, 2, 5))
    for alone, pair, many in zip(one, two, five, strict=True):
        assert alone.tobytes() == pair.tobytes() == many.tobytes()


def test_the_same_bits_in_slices() -> None:
    clips = [pluck(13.0, 220, rate=8000), pluck(17.0, 331, rate=8000)]
    one, two = (stems(clips, Settings(steps=3), workers, 8000) for workers in (1, 3))
    for alone, many in zip(one, two, strict=True):
        assert alone.tobytes() == many.tobytes()


@pytest.mark.parametrize(("seconds", "slices"), [(1.0, 1), (26.0, 5)])
def test_each_clip_is_analysed_and_encoded_once(monkeypatch: pytest.MonkeyPatch, seconds: float, slices: int) -> None:
    forward: list[int] = []
    encoded: list[int] = []
    real_forward, real_encode = filterbank.Filterbank.forward, Model.encode_shapes

    def count_forward(self: Any, *arguments: Any, **more: Any) -> Any:
        forward.append(1)
        return real_forward(self, *arguments, **more)

    def count_encode(self: Any, shapes: Any) -> Any:
        encoded.append(len(shapes))
        return real_encode(self, shapes)

    monkeypatch.setattr(filterbank.Filterbank, "forward", count_forward)
    monkeypatch.setattr(Model, "encode_shapes", count_encode)
    rate = 44100 if seconds < 2 else 8000
    clips = [pluck(seconds, 220, rate=rate), pluck(seconds, 331, rate=rate)]
    stems(clips, Settings(steps=7), 2, rate)
    assert len(forward) == len(encoded) == 2 * slices


def test_a_device_that_is_not_there_is_refused() -> None:
    import torch

    clips = [pluck(0.3, 220), pluck(0.3, 331)]
    named, found = (morph(clips, 44100, x=0.5, device=device)[0] for device in ("cpu", "auto"))
    assert np.array_equal(named, found) or torch.cuda.is_available()
    missing = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(ModelError, match=missing):
        morph(clips, 44100, device=missing)
