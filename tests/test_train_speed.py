"""How fast a training is, told beside what the machine can do, and tried before it."""

import dataclasses
from pathlib import Path

import pytest
import trainings
from trainings import BANDS, SCHEDULE, started

from lts_batch.models.checkpoint import load_model
from lts_batch.training import trial
from lts_batch.training.dataset import Dataset
from lts_batch.training.train import Training

sounds = trainings.sounds


def test_speed_is_told_beside_what_the_machine_can_do(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m")
    assert training.speed.frames_per_second == 0.0
    training.run(every=30)
    speed = training.speed.as_dict()
    weights = sum(weight.numel() for name, weight in training.network.named_parameters() if name.endswith("weight"))
    assert speed["multiply_adds_per_frame"] == 3 * weights, "dense layers use every weight once a frame"
    assert speed["frames_per_second"] == pytest.approx(30 * 64 / training.speed.step_seconds, rel=1e-3)
    assert speed["matrix_multiply_adds_per_second"] > 1e8
    assert speed["share_of_matrix_rate"] == pytest.approx(
        speed["frames_per_second"] * 3 * weights / speed["matrix_multiply_adds_per_second"], abs=1e-4)
    training.finish()
    assert load_model(tmp_path / "m").record["training"]["speed"]["multiply_adds_per_frame"] == 3 * weights


def test_a_trial_measures_and_writes_nothing(sounds: Dataset, tmp_path: Path) -> None:
    plans = [dataclasses.replace(SCHEDULE, width=width) for width in (16, 1024)]
    small, wide = (trial.frames_per_second(Training(sounds, BANDS, plan, tmp_path / "m", device="cpu"), 0.1) for plan in plans)
    assert small > wide > 0
    assert list(tmp_path.iterdir()) == []
