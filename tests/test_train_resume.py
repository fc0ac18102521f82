"""A training that is stopped goes on exactly where it was, and says so when it cannot."""

import dataclasses
from pathlib import Path

import pytest
import torch
import trainings
from trainings import SCHEDULE, frames, resumed, same_weights, started, timeless

from lts_batch.errors import ModelError
from lts_batch.models.checkpoint import load_model
from lts_batch.training.course import Report
from lts_batch.training.dataset import Dataset
from lts_batch.training.state import saved_schedule
from lts_batch.training.train import Training

sounds = trainings.sounds


@pytest.fixture(scope="module")
def uninterrupted(sounds: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Training:
    training = started(sounds, tmp_path_factory.mktemp("whole") / "m")
    training.run(every=10)
    return training


@pytest.mark.parametrize("stop", [1, 10, 13, 29])
def test_an_interrupted_training_ends_as_if_it_had_not_been(
        sounds: Dataset, tmp_path: Path, uninterrupted: Training, stop: int) -> None:
    first = started(sounds, tmp_path / "m")
    first.run(until=stop, every=10)
    assert first.course.step == stop
    torch.rand(7)  # what else used the common random numbers must not matter
    second = resumed(sounds, tmp_path / "m")
    assert second.course.step == stop
    second.run(every=10)
    assert same_weights(second, uninterrupted)
    assert timeless(second.course.history) == timeless(uninterrupted.course.history)
    assert second.course.best == uninterrupted.course.best
    second.finish()
    assert load_model(tmp_path / "m").record["sha256"] == load_model(uninterrupted.out).record["sha256"]


def test_ctrl_c_keeps_the_state(sounds: Dataset, tmp_path: Path, uninterrupted: Training) -> None:
    def interrupt(step: int, _: Report | None) -> None:
        if step == 17:
            raise KeyboardInterrupt

    training = started(sounds, tmp_path / "m")
    with pytest.raises(KeyboardInterrupt):
        training.run(every=10, report=interrupt)
    again = resumed(sounds, tmp_path / "m")
    assert again.course.step == 17
    assert load_model(tmp_path / "m"), "the best model so far is there already"
    again.run(every=10)
    assert same_weights(again, uninterrupted)
    assert timeless(again.course.history) == timeless(uninterrupted.course.history)


def test_ctrl_c_while_figures_are_made(sounds: Dataset, tmp_path: Path, uninterrupted: Training,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes longer than a step, so that is where most of them fall."""
    def interrupt(_: Training, __: float) -> Report:
        raise KeyboardInterrupt

    training = started(sounds, tmp_path / "m")
    with monkeypatch.context() as patch:
        patch.setattr(Training, "figures", interrupt)
        with pytest.raises(KeyboardInterrupt):
            training.run(every=10)
    again = resumed(sounds, tmp_path / "m")
    assert again.course.step == 10
    again.run(every=10)
    assert same_weights(again, uninterrupted)
    assert timeless(again.course.history) == timeless(uninterrupted.course.history)


def test_nothing_is_trained_up_to_step_0(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m")
    training.run(until=0)
    assert training.course.step == 0


def test_the_schedule_is_saved_with_the_state(sounds: Dataset, tmp_path: Path) -> None:
    started(sounds, tmp_path / "m").run(until=2)
    assert saved_schedule(tmp_path / "m") == SCHEDULE


def test_other_settings_or_sounds_are_no_resumption(sounds: Dataset, tmp_path: Path) -> None:
    started(sounds, tmp_path / "m").run(until=2)
    for dataset, schedule in ((sounds, dataclasses.replace(SCHEDULE, rate=2e-3)), (frames(seed=1), SCHEDULE)):
        with pytest.raises(ModelError, match=r"m\.training.*belongs to another training"):
            resumed(dataset, tmp_path / "m", schedule)


def test_no_state_or_a_damaged_one(sounds: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to resume"):
        resumed(sounds, tmp_path / "m")
    training = started(sounds, tmp_path / "m")
    training.run(until=2)
    state = training.state_folder / "state.safetensors"
    whole = state.read_bytes()
    for data in (whole[:-50], b"", b"{}", b"\xff" * 100):
        state.write_bytes(data)
        with pytest.raises(ModelError, match=r"state\.safetensors cannot be read"):
            resumed(sounds, tmp_path / "m")
    with pytest.raises(ModelError, match=r"state\.safetensors cannot be read"):
        saved_schedule(tmp_path / "m")
