"""Training: it learns, it goes on exactly where it was stopped, and it says so when it cannot."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from lts_batch import audio, features, vae
from lts_batch.checkpoint import Model, load_model
from lts_batch.dataset import Dataset, open_dataset
from lts_batch.errors import CorpusError, ModelError
from lts_batch.filterbank import Bands
from lts_batch.train import Report, Schedule, Training, saved_schedule

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
    assert [figures.step for figures in training.history] == [10, 20, 30]
    assert training.history[-1].validation_loss == pytest.approx(held_out_loss(training.model(), dataset), rel=1e-4)
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
    losses = [figures.validation_loss for figures in training.history]
    assert min(losses) < losses[-1]
    training.finish()
    assert held_out_loss(load_model(tmp_path / "m"), sounds) == pytest.approx(min(losses), rel=1e-4)


def test_the_training_loss_is_the_mean_since_the_last_figures(sounds: Dataset, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    real = Training._one_step

    def noted(training: Training) -> float:
        losses.append(real(training))
        return losses[-1]

    monkeypatch.setattr(Training, "_one_step", noted)
    training = started(sounds, tmp_path / "m")
    training.run(every=10)
    expected = [np.mean(losses[start:start + 10]) for start in (0, 10, 20)]
    assert [figures.training_loss for figures in training.history] == pytest.approx(expected)


def test_the_cycle_of_the_rate() -> None:
    schedule = Schedule(steps=1000, rate=8e-4)
    rates = [schedule.rate_at(step) for step in range(1000)]
    assert max(rates) == rates[99] == pytest.approx(8e-4)
    assert (np.diff(rates[:100]) > 0).all()
    assert (np.diff(rates[99:]) <= 0).all()
    assert rates[0] == pytest.approx(8e-6)
    assert 0 < rates[-1] < 1e-8
    assert rates[100 + 450] == pytest.approx(4e-4)


# ---------------------------------------------------------------- interruption


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
    assert first.step == stop
    torch.rand(7)  # what else used the common random numbers must not matter
    second = resumed(sounds, tmp_path / "m")
    assert second.step == stop
    second.run(every=10)
    assert same_weights(second, uninterrupted)
    assert timeless(second.history) == timeless(uninterrupted.history)
    assert second.best == uninterrupted.best
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
    assert again.step == 17
    assert load_model(tmp_path / "m"), "the best model so far is there already"
    again.run(every=10)
    assert same_weights(again, uninterrupted)
    assert timeless(again.history) == timeless(uninterrupted.history)


def test_ctrl_c_while_figures_are_made(sounds: Dataset, tmp_path: Path, uninterrupted: Training,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes longer than a step, so that is where most of them fall."""
    def interrupt(_: Training, __: float) -> Report:
        raise KeyboardInterrupt

    training = started(sounds, tmp_path / "m")
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_evaluate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            training.run(every=10)
    again = resumed(sounds, tmp_path / "m")
    assert again.step == 10
    again.run(every=10)
    assert same_weights(again, uninterrupted)
    assert timeless(again.history) == timeless(uninterrupted.history)


def test_nothing_is_trained_up_to_step_0(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m")
    training.run(until=0)
    assert training.step == 0


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


def test_divergence_is_told(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m", dataclasses.replace(SCHEDULE, rate=1e25))
    with pytest.raises(CorpusError, match=r"training diverged at step [1-9]\d?: the loss is (nan|inf).*below 1e\+25"):
        training.run(every=10)


def test_denormals_are_flushed_in_training_only(sounds: Dataset, tmp_path: Path) -> None:
    """Another render in the same process must give the same bits before and after a training."""
    torch.set_flush_denormal(False)
    smallest = torch.full((64,), 1e-39)
    before = smallest * 1.0
    assert bool(before.all())
    started(sounds, tmp_path / "m").run(until=1)
    assert torch.equal(smallest * 1.0, before)


def test_a_schedule_that_fits_a_time(sounds: Dataset, tmp_path: Path) -> None:
    training = started(sounds, tmp_path / "m")
    short, long = training.fitted_to(0.2, trial_steps=5), training.fitted_to(20.0, trial_steps=5)
    assert dataclasses.replace(short, steps=30) == SCHEDULE
    assert 100 <= short.steps < long.steps
    assert not (tmp_path / "m").exists()
