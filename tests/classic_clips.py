"""Clips and small models of the original, the stems they make, and what is heard in those."""

from typing import Any

import numpy as np
import pytest
import torch
from sounds import Audio, tone

from lts_batch.engine import pipeline
from lts_batch.files.sources import Excerpt
from lts_batch.original import classic
from lts_batch.original.classic_model import ClassicModel, ClassicVAE
from lts_batch.original.keras_graph import Graph, Step
from lts_batch.original.keras_layers import Dense
from lts_batch.settings import Settings

RATE = 22050
QUICK = classic.Layout(RATE, 128, 24, 144)  # six octaves: computed in a fraction of the time


def made_of(encoder: Any, decoder: Any, log_variance: float = -50.0, layout: classic.Layout = QUICK) -> ClassicModel:
    """A linear network with these matrices."""
    bands, latent = encoder.shape
    graph = Graph(bands, (Step("mean", "frames", Dense(latent, bias=False)), Step("spread", "frames", Dense(latent))),
                  "mean", "spread", (Step("out", "latent", Dense(bands, bias=False)),), "out")
    weights = {"mean/kernel": encoder, "spread/kernel": np.zeros((bands, latent)),
               "spread/bias": np.full(latent, log_variance), "out/kernel": decoder}
    tensors = {name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in weights.items()}
    return ClassicModel(ClassicVAE(graph, tensors).eval(), layout, 2, {"sha256": "0" * 64})


@pytest.fixture(scope="module")
def mirror() -> ClassicModel:
    """Magnitudes come back as they were: what is left is the original's transform."""
    return made_of(np.eye(144), np.eye(144))


def stems(clips: list[Audio], model: ClassicModel, rate: int | list[int] = RATE, **settings: Any) -> list[Audio]:
    rates = rate if isinstance(rate, list) else [rate] * len(clips)
    sources = [Excerpt(clip, one, 0, clip.shape[1]) for clip, one in zip(clips, rates, strict=True)]
    planned = pipeline.plan(sources, Settings(**settings), model)
    found = {block.stem: block for block in pipeline.blocks(planned)}
    assert [found[n].samples.shape for n in range(len(found))] == [(1, stem.samples) for stem in planned.stems]
    assert all(block.start == 0 and block.samples.dtype == np.float32 for block in found.values())
    return [found[number].samples for number in range(len(planned.stems))]


def notes(clips: list[Audio], model: ClassicModel, rate: list[int] | None = None, **settings: Any) -> str:
    rates = rate or [RATE] * len(clips)
    sources = [Excerpt(clip, one, 0, clip.shape[1]) for clip, one in zip(clips, rates, strict=True)]
    return "; ".join(pipeline.plan(sources, Settings(**settings), model).notes)


def strongest_hz(sound: Audio, rate: int = RATE) -> float:
    middle = sound[0, sound.shape[1] // 4:3 * sound.shape[1] // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    return float(np.argmax(spectrum)) * rate / (1 << 18)


def share_db(sound: Audio, hz: float) -> float:
    """Level of one partial over the middle half."""
    middle = sound[0, sound.shape[1] // 4:3 * sound.shape[1] // 4].astype(np.float64)
    window = np.hanning(len(middle))
    bar = (middle * window) @ np.exp(-2j * np.pi * hz * np.arange(len(middle)) / RATE)
    return float(20 * np.log10(2 * abs(bar) / window.sum() + 1e-12))


LOW, HIGH = tone(0.4, 440.0, 0.3, RATE), tone(0.4, 1318.5, 0.1, RATE)
