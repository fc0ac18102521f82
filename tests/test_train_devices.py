"""Training does the same on every kind of device: what is for GPUs is tried on the processor too."""

import dataclasses
from pathlib import Path

import pytest
import torch
import trainings
from trainings import BANDS, SCHEDULE, same_weights, started

from lts_batch.errors import SettingsError
from lts_batch.training.dataset import Dataset
from lts_batch.training.schedule import KINDS
from lts_batch.training.train import Training

sounds = trainings.sounds


def test_frames_on_the_device_are_the_same_frames(sounds: Dataset, tmp_path: Path) -> None:
    """The way that frames take on a GPU, with the processor for a device: to the bit."""
    plain = started(sounds, tmp_path / "a")
    kept = Training(sounds, BANDS, SCHEDULE, tmp_path / "b", device="cpu", resident=True)
    kept.start()
    for training in (plain, kept):
        training.run(until=5, every=100)
    assert kept.record()["frames_on_device"] and not plain.record()["frames_on_device"]
    assert same_weights(plain, kept)


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_learns_nearly_the_same(sounds: Dataset, tmp_path: Path, kind: str) -> None:
    schedule = dataclasses.replace(SCHEDULE, kind=kind, blocks=int(kind != "dense"), transport_weight=0.1)
    plain = started(sounds, tmp_path / "a", schedule)
    mixed = Training(sounds, BANDS, schedule, tmp_path / "b", device="cpu", mixed=True)
    mixed.start()
    for training in (plain, mixed):
        training.run(every=30)
    assert mixed.record()["mixed_precision"] and not plain.record()["mixed_precision"]
    assert not same_weights(plain, mixed)
    assert mixed.course.history[-1].validation_loss == pytest.approx(plain.course.history[-1].validation_loss, rel=0.1)
    assert all(weight.dtype == torch.float32 for weight in mixed.network.parameters())


def test_a_gpu_trains_and_goes_on_as_if_it_had_not_stopped(sounds: Dataset, tmp_path: Path) -> None:
    """Where there is one; elsewhere it is said that there is none."""
    if not torch.cuda.is_available():
        with pytest.raises(SettingsError, match="device 'cuda' cannot be used here"):
            Training(sounds, BANDS, SCHEDULE, tmp_path / "m", device="cuda")
        return
    trainings = [Training(sounds, BANDS, SCHEDULE, tmp_path / name, device="cuda") for name in ("a", "b", "b")]
    trainings[0].start()
    trainings[0].run(every=10)
    trainings[1].start()
    trainings[1].run(until=13, every=10)
    trainings[2].resume()
    trainings[2].run(every=10)
    assert trainings[0].record()["mixed_precision"] and trainings[0].record()["frames_on_device"]
    losses = [[figures.validation_loss for figures in trainings[number].course.history] for number in (0, 2)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
