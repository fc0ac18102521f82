"""Training: it learns, it goes on exactly where it was stopped, and it says so when it cannot."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from lts_batch.errors import CorpusError, ModelError, SettingsError
from lts_batch.files import audio
from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands
from lts_batch.models import vae
from lts_batch.models.checkpoint import Model, load_model
from lts_batch.training.course import Report
from lts_batch.training.dataset import Dataset, open_dataset
from lts_batch.training.schedule import KINDS, Schedule
from lts_batch.training.state import saved_schedule
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
    schedule = dataclasses.replace(SCHEDULE, kind=kind, blocks=0 if kind == "dense" else 2, rate=3e-3, steps=40)
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


# ---------------------------------------------------------------- what is for GPUs, on the processor


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
    small, wide = (Training(sounds, BANDS, plan, tmp_path / "m", device="cpu").measured(0.1) for plan in plans)
    assert small > wide > 0
    assert list(tmp_path.iterdir()) == []
