"""Small trainings on frames near a curved surface, and what tells two of them apart."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands
from lts_batch.models import vae
from lts_batch.models.checkpoint import Model
from lts_batch.training.course import Report
from lts_batch.training.dataset import Dataset
from lts_batch.training.schedule import Schedule
from lts_batch.training.train import Training

BANDS = Bands()
SCHEDULE = Schedule(steps=30, batch=64, rate=1e-3, latent=4, width=32, seed=5)


def frames(count: int = 2500, seed: int = 0) -> Dataset:
    """Frames near a curved surface of few dimensions, which a linear code of width 4 cannot hold."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(50, 400, (count, 3))
    peaks = np.exp(-0.5 * ((np.arange(len(BANDS)) - centres[..., None]) / 12.0) ** 2).sum(1)
    _, shapes = features.split(torch.from_numpy(peaks.astype(np.float32)))
    validation = np.arange(count) >= count * 9 // 10
    return Dataset(shapes.half().numpy(), np.ones(count, np.float32), validation, 10, 7.0, (), f"content {seed}")


@pytest.fixture(scope="module")
def sounds() -> Dataset:
    """The same for all tests of a module."""
    return frames()


def started(dataset: Dataset, out: Path, schedule: Schedule = SCHEDULE) -> Training:
    training = Training(dataset, BANDS, schedule, out, device="cpu")
    training.start()
    return training


def resumed(dataset: Dataset, out: Path, schedule: Schedule = SCHEDULE) -> Training:
    training = Training(dataset, BANDS, schedule, out, device="cpu")
    training.resume()
    return training


def held_out_loss(model: Model, dataset: Dataset) -> float:
    shapes = torch.from_numpy(dataset.shapes[dataset.part(validation=True)].astype(np.float32))
    with torch.no_grad():
        mean, log_variance = model.network.encode(shapes)
        terms = vae.loss(model.network.decode(mean), shapes, mean, log_variance,
                         linear_weight=SCHEDULE.linear_weight, peak_weight=SCHEDULE.peak_weight,
                         kl_weight=SCHEDULE.kl_weight)
    return float(terms[0] + terms[1] + terms[2])


def timeless(history: list[Report]) -> list[Report]:
    return [dataclasses.replace(figures, seconds=0.0) for figures in history]


def same_weights(one: Training, two: Training) -> bool:
    states = one.network.state_dict(), two.network.state_dict()
    return states[0].keys() == states[1].keys() and all(torch.equal(states[0][name], states[1][name]) for name in states[0])
