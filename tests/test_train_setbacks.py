"""A training that breaks goes back to what was good, to the bit, and is given up with a sentence."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch
import trainings
from trainings import SCHEDULE, held_out_loss, resumed, same_weights, started, timeless

from lts_batch.errors import CorpusError
from lts_batch.models.checkpoint import load_model
from lts_batch.training.course import Report
from lts_batch.training.dataset import Dataset
from lts_batch.training.train import Training

sounds = trainings.sounds


def test_divergence_is_told(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m", dataclasses.replace(SCHEDULE, rate=1e25))
    with pytest.raises(CorpusError, match=r"training diverged at step [1-9]\d?: the loss is (nan|inf).*below 1e\+25"):
        training.run(every=10)


def test_a_diverging_training_is_given_up_after_three_halvings(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m", dataclasses.replace(SCHEDULE, rate=1e25))
    with pytest.raises(CorpusError, match="diverged"):
        training.run(every=10)
    assert [setback.rate for setback in training.course.setbacks] == [5e24, 2.5e24, 1.25e24]
    assert {setback.back_to for setback in training.course.setbacks} == {0}


class Breaks:
    """Makes the loss of some attempts at some steps something else, once each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, losses: dict[int, list[float]]) -> None:
        self.left = {step: list(values) for step, values in losses.items()}
        real = Training._loss
        outer = self

        def broken(training: Training, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
            found = real(training, *tensors)
            values = outer.left.get(training.course.step)
            if values and training.network.training:
                return (found[0] * values.pop(0), *found[1:])
            return found

        monkeypatch.setattr(Training, "_loss", broken)


@pytest.mark.parametrize("factor", [math.nan, math.inf, 1e6])
def test_a_training_that_breaks_goes_back_and_halves_its_rate(sounds: Dataset, tmp_path: Path, factor: float,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    Breaks(monkeypatch, {17: [factor]})
    training = started(sounds, tmp_path / "m")
    told: list[int] = []
    training.run(every=10, report=lambda step, _: told.append(step))
    assert told == [*range(1, 18), 10, *range(11, 31)]
    setback, = training.course.setbacks
    assert (setback.step, setback.back_to, setback.rate) == (17, 10, SCHEDULE.rate / 2)
    assert [figures.halvings for figures in training.course.history] == [0, 1, 1]
    training.finish()
    record = load_model(tmp_path / "m").record["training"]
    assert [one["step"] for one in record["setbacks"]] == [17]
    assert "NaN" not in json.dumps(record) and "Infinity" not in json.dumps(record)
    assert math.isfinite(held_out_loss(load_model(tmp_path / "m"), sounds))


def test_going_back_is_to_the_bit(sounds: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came between the last figures and the break leaves no trace: as if the rate had been halved at those figures."""
    Breaks(monkeypatch, {17: [math.nan]})
    broken = started(sounds, tmp_path / "a")
    broken.run(every=10)
    plain = started(sounds, tmp_path / "b")
    plain.run(until=10, every=10)
    plain.course.setbacks = broken.course.setbacks
    plain.run(every=10)
    assert same_weights(broken, plain)


@pytest.mark.parametrize("stop", [13, 16, 17, 20, 25])
def test_a_training_that_breaks_resumes_to_the_bit(sounds: Dataset, tmp_path: Path, stop: int,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is stopped before the break, after the last good state."""
    losses = {17: [math.nan], 25: [1e6]}
    Breaks(monkeypatch, losses)
    whole = started(sounds, tmp_path / "a")
    whole.run(every=10)
    Breaks(monkeypatch, losses)
    first = started(sounds, tmp_path / "b")

    def interrupt(step: int, _: Report | None) -> None:
        if step == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.run(every=10, report=interrupt)
    second = resumed(sounds, tmp_path / "b")
    second.run(every=10)
    assert len(whole.course.setbacks) == 2
    assert second.course.setbacks == whole.course.setbacks
    assert same_weights(second, whole)
    assert timeless(second.course.history) == timeless(whole.course.history)


def test_figures_that_are_no_numbers_are_a_break_too(sounds: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = Training.figures, []

    def once(training: Training, loss: float) -> Report:
        made.append(training.course.step)
        figures = real(training, loss)
        return dataclasses.replace(figures, validation_loss=math.nan) if len(made) == 2 else figures

    monkeypatch.setattr(Training, "figures", once)
    training = started(sounds, tmp_path / "m")
    training.run(every=10)
    assert made == [10, 20, 20, 30]
    assert [(one.step, one.back_to) for one in training.course.setbacks] == [(20, 10)]
    assert [figures.step for figures in training.course.history] == [10, 20, 30]
