"""Training: it learns, keeps the best, and ends with a model."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import trainings
from trainings import BANDS, SCHEDULE, held_out_loss, resumed, same_weights, started

from lts_batch.files import audio
from lts_batch.frame import features
from lts_batch.models import vae
from lts_batch.models.checkpoint import load_model
from lts_batch.training.dataset import Dataset, open_dataset
from lts_batch.training.schedule import Schedule
from lts_batch.training.train import Training

sounds = trainings.sounds


# ---------------------------------------------------------------- learning


def test_training_on_a_folder_of_sounds_lowers_the_held_out_loss(tmp_path: Path) -> None:
    rate, rng = 22050, np.random.default_rng(1)
    for number in range(20):
        time = np.arange(rate // 2) / rate
        partials = sum(np.sin(2 * math.pi * 110 * 1.3**number % 2000 * n * time) / n for n in range(1, 6))
        sound = 0.1 * partials * np.exp(-3 * time) + 0.003 * rng.standard_normal(len(time))
        (tmp_path / "sounds").mkdir(exist_ok=True)
        audio.write(tmp_path / "sounds" / f"{number:02d}.wav", sound.astype(np.float32)[None], rate)
    dataset = open_dataset(tmp_path / "sounds", BANDS, cache=tmp_path / "cache")
    training = started(dataset, tmp_path / "m")
    before = held_out_loss(training.model(), dataset)
    training.run(every=10)
    assert held_out_loss(training.model(), dataset) < before
    assert [figures.step for figures in training.course.history] == [10, 20, 30]
    assert training.course.history[-1].validation_loss == pytest.approx(held_out_loss(training.model(), dataset), rel=1e-4)
    training.finish()
    record = load_model(tmp_path / "m").record
    assert record["provenance"]["files"] == 20
    assert record["provenance"]["content"] == dataset.content


def test_more_steps_beat_pca(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m", dataclasses.replace(SCHEDULE, steps=150, rate=3e-3))
    pca = held_out_loss(training.model(), sounds)
    training.run(every=50)
    assert held_out_loss(training.model(), sounds) < 0.9 * pca


def test_a_training_starts_as_pca(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m")
    known = torch.from_numpy(sounds.shapes[sounds.part(validation=False)].astype(np.float32))
    other = vae.FrameVAE(vae.Architecture(len(BANDS), 4, 32))
    other.start_from_pca(known)
    with torch.no_grad():
        assert torch.allclose(training.model().network.decode(training.model().network.encode(known[:50])[0]),
                              other.decode(other.encode(known[:50])[0]), atol=1e-4)


def test_held_out_frames_are_never_trained_on(sounds: Dataset, tmp_path: Path) -> None:
    """Other held-out frames, the same weights."""
    changed = dataclasses.replace(sounds, shapes=sounds.shapes.copy())
    changed.shapes[changed.part(validation=True)] = 0.3
    one, two = started(sounds, tmp_path / "a"), started(changed, tmp_path / "b")
    for training in (one, two):
        training.run(until=5, every=100)
    assert same_weights(one, two)


def test_the_seed_decides(sounds: Dataset, tmp_path: Path) -> None:
    one, two = started(sounds, tmp_path / "a"), started(sounds, tmp_path / "b")
    other = started(sounds, tmp_path / "c", dataclasses.replace(SCHEDULE, seed=6))
    for training in (one, two, other):
        training.run(until=5, every=100)
    assert same_weights(one, two)
    assert not same_weights(one, other)


def test_the_best_step_is_kept(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m", dataclasses.replace(SCHEDULE, rate=1e-4))
    training.run(until=10, every=5)
    with torch.no_grad():
        training.network.centre += 1.0  # from here on it is worse
    training.run(every=5)
    losses = [figures.validation_loss for figures in training.course.history]
    assert min(losses) < losses[-1]
    training.finish()
    assert held_out_loss(load_model(tmp_path / "m"), sounds) == pytest.approx(min(losses), rel=1e-4)


def test_the_training_loss_is_the_mean_since_the_last_figures(sounds: Dataset, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    real = Training.one_step

    def noted(training: Training) -> float:
        losses.append(real(training))
        return losses[-1]

    monkeypatch.setattr(Training, "one_step", noted)
    training = started(sounds, tmp_path / "m")
    training.run(every=10)
    expected = [np.mean(losses[start:start + 10]) for start in (0, 10, 20)]
    assert [figures.training_loss for figures in training.course.history] == pytest.approx(expected)


def test_the_cycle_of_the_rate() -> None:
    schedule = Schedule(steps=1000, rate=8e-4)
    rates = [schedule.rate_at(step) for step in range(1000)]
    assert max(rates) == rates[99] == pytest.approx(8e-4)
    assert (np.diff(rates[:100]) > 0).all()
    assert (np.diff(rates[99:]) <= 0).all()
    assert rates[0] == pytest.approx(8e-6)
    assert 0 < rates[-1] < 1e-8
    assert rates[100 + 450] == pytest.approx(4e-4)


# ---------------------------------------------------------------- ends


def test_finish_leaves_a_model_and_no_state(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m")
    training.run(every=10)
    assert training.state_folder.is_dir()
    training.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    model = load_model(tmp_path / "m")
    assert model.network.architecture == vae.Architecture(len(BANDS), 4, 32)
    record = model.record["training"]
    assert record["step"] == 30
    assert record["schedule"] == dataclasses.asdict(SCHEDULE)
    assert [figures["step"] for figures in record["history"]] == [10, 20, 30]
    assert json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8")) == model.record


def test_finish_leaves_what_the_user_put_there(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m")
    training.run(every=30)
    (training.state_folder / "notes.txt").write_text("mine", encoding="utf-8")
    training.finish()
    assert [path.name for path in training.state_folder.iterdir()] == ["notes.txt"]


def test_latents_that_say_nothing_are_told(sounds: Dataset, tmp_path: Path) -> None:
    heavy = started(sounds, tmp_path / "a", dataclasses.replace(SCHEDULE, kl_weight=10.0, rate=1e-2, steps=60))
    heavy.run(every=60)
    assert heavy.course.history[-1].active_latents < 2
    assert "of 4 latents are active" in str(heavy.course.warning()) and "--kl-weight below 10" in str(heavy.course.warning())
    fine = started(sounds, tmp_path / "b")
    assert fine.course.warning() is None
    fine.run(every=30)
    assert fine.course.history[-1].active_latents == 4 and fine.course.warning() is None


def test_denormals_are_flushed_in_training_only(sounds: Dataset, tmp_path: Path) -> None:
    """Another render in the same process must give the same bits before and after a training."""
    torch.set_flush_denormal(False)
    smallest = torch.full((64,), 1e-39)
    before = smallest * 1.0
    assert bool(before.all())
    started(sounds, tmp_path / "m").run(until=1)
    assert torch.equal(smallest * 1.0, before)


# ---------------------------------------------------------------- kinds


@pytest.mark.parametrize("kind", ["dense", "deep", "convolutional"])
def test_every_kind_learns_resumes_and_codes_alike_in_any_company(sounds: Dataset, tmp_path: Path, kind: str) -> None:
    schedule = dataclasses.replace(SCHEDULE, kind=kind, blocks=0 if kind == "dense" else 2, rate=3e-3, steps=60)
    whole = started(sounds, tmp_path / "a", schedule)
    before = held_out_loss(whole.model(), sounds)
    whole.run(every=20)
    started(sounds, tmp_path / "b", schedule).run(until=27, every=20)
    second = resumed(sounds, tmp_path / "b", schedule)
    second.run(every=20)
    assert same_weights(second, whole)
    for training in (whole, second):
        training.finish()
    model = load_model(tmp_path / "a")
    assert model.record["sha256"] == load_model(tmp_path / "b").record["sha256"]
    assert model.record["architecture"]["kind"] == kind
    assert held_out_loss(model, sounds) < 0.8 * before
    values = features.expand(torch.from_numpy(sounds.shapes[:300].astype(np.float32))).numpy()
    mean, _ = model.encode(values)
    decoded = model.decode(mean)
    for start, stop in ((0, 1), (3, 200), (130, 300)):
        assert np.array_equal(model.encode(values[start:stop])[0], mean[start:stop])
        assert np.array_equal(model.decode(mean[start:stop]), decoded[start:stop])
