"""``lts-batch train`` from outside: what it prints, what it leaves, and how it is stopped and taken up again."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from lts_batch import cli
from lts_batch.cli import commands
from lts_batch.files import audio
from lts_batch.models.checkpoint import load_frame_model
from lts_batch.training.train import Training

RATE = 22050
SMALL = ("--latent", 4, "--threads", 1, "--batch", 64)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds of chords in nine files, two of which are one, and a text."""
    root = tmp_path_factory.mktemp("training")
    (root / "sounds").mkdir()
    time = np.arange(RATE) / RATE
    for number in range(8):
        chord = sum(np.sin(2 * np.pi * 90.0 * 1.19**number * k * time + k) / k for k in range(1, 8)) * np.exp(-time)
        audio.write(root / "sounds" / f"{number}.wav", (0.1 * chord).astype(np.float32)[None], RATE)
    audio.write(root / "sounds" / "half.wav", audio.read(root / "sounds" / "3.wav")[0] / 2, RATE)
    (root / "sounds" / "notes.wav").write_text("no sound", encoding="utf-8")
    return root


def train(here: Path, out: Path, *words: object) -> Result:
    given = ["train", here / "sounds", "-o", out, "--cache", here / "cache", *SMALL, *words]
    return CliRunner().invoke(commands, [str(word) for word in given])


def test_a_time_is_kept_and_explained(here: Path, tmp_path: Path) -> None:
    result = train(here, tmp_path / "m", "--time", "4s")
    assert result.exit_code == 0, result.output
    explained = (r"\d seconds for training: width \d+, \d+ steps of 64 frames, at \d+ frames a second each frame of the corpus"
                 r" [\d.]+ times\. The widest network is taken that sees 1 million frames, and each of the corpus 3 times")
    assert re.search(explained, result.stdout)
    assert re.search(r"frames a second, which is \d+% of the rate at which this machine multiplies matrices", result.stdout)
    assert "Skipped notes.wav: " in result.stderr
    assert re.search(r"2 files sound like others \((3\.wav, half\.wav|half\.wav, 3\.wav)", result.stderr)
    record = load_frame_model(tmp_path / "m").record["training"]
    assert record["schedule"]["width"] < 1024 and record["schedule"]["batch"] == 64, "what was said stays"
    assert record["seconds"] < 12.0  # machines have their moods
    assert record["speed"]["frames_per_second"] > 0.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


@pytest.mark.parametrize(("preset", "kind"), [("small", "residual"), ("dense", "dense"), ("deep", "deep"),
                                              ("convolutional", "convolutional")])
def test_a_preset_chooses_the_network(here: Path, tmp_path: Path, preset: str, kind: str) -> None:
    result = train(here, tmp_path / "m", "--preset", preset, "--width", 24, "--steps", 4, "--json")
    assert result.exit_code == 0, result.output
    model = load_frame_model(tmp_path / "m")
    assert (model.network.architecture.kind, model.network.architecture.width) == (kind, 24)
    assert [json.loads(line)["step"] for line in result.stdout.splitlines()] == [4]


def test_what_does_not_fit_is_told_before_anything_is_read(here: Path, tmp_path: Path) -> None:
    for words, sentence in ((("--preset", "dense", "--blocks", 2), "one hidden layer"), (("--time", "soon"), "90s, 10m or 2h")):
        result = train(here, tmp_path / "m", *words)
        assert result.exit_code == 4 and sentence in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("preset", ["small", "deep"])
def test_ctrl_c_and_resume_end_in_the_same_model(here: Path, tmp_path: Path, preset: str,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--width", 24, "--steps", 24, "--every", 10)
    assert train(here, tmp_path / "whole", "--preset", preset, *words).exit_code == 0
    real = Training.one_step

    def interrupted(training: Training) -> float:
        if training.course.step == 13:
            raise KeyboardInterrupt
        return real(training)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "one_step", interrupted)
        stopped = train(here, tmp_path / "m", "--preset", preset, *words)
    assert stopped.exit_code == 130
    assert "Stopped at step 13 of 24. The best model so far is in" in stopped.stderr
    assert load_frame_model(tmp_path / "m").record["training"]["step"] == 10
    again = train(here, tmp_path / "m", "--resume", "--every", 10)
    assert again.exit_code == 0, again.output
    models = [load_frame_model(tmp_path / name) for name in ("whole", "m")]
    assert models[0].record["sha256"] == models[1].record["sha256"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "whole"]


def test_a_training_that_is_stopped_at_once_says_that_there_is_no_model(here: Path, tmp_path: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(training: Training) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "one_step", interrupted)
    stopped = train(here, tmp_path / "m", "--width", 24, "--steps", 9)
    assert stopped.exit_code == 130 and "There is no model yet" in stopped.stderr


def test_a_setback_and_silent_latents_are_told(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, broken = Training.one_step, []

    def breaks(training: Training) -> float:
        if training.course.step == 47 and not broken:
            broken.append(training.course.step)
            for weight in training.network.parameters():
                weight.data.fill_(float("nan"))
        return real(training)

    monkeypatch.setattr(Training, "one_step", breaks)
    result = train(here, tmp_path / "m", "--width", 24, "--steps", 120, "--every", 40, "--kl-weight", 50, "--rate", 0.02)
    assert result.exit_code == 0, result.output
    assert "The loss rose to nan at step 47: back to step 40, at half the rate (0.01)" in result.stderr
    assert "of 4 latents are active, the others carry nothing: train again with a --kl-weight below 50" in result.stderr


def test_every_preset_of_training_is_told_of_in_the_guide() -> None:
    from lts_batch.training.schedule import PRESETS

    guide = (Path(cli.__file__).parent.parent.parent / "docs" / "guide.md").read_text(encoding="utf-8")
    assert [name for name in PRESETS if f"| `{name}` |" not in guide] == []


def test_a_model_that_begins_where_another_ended_is_never_worse_on_held_out_files(here: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(here, first, "--width", 24, "--steps", 40).exit_code == 0
    result = CliRunner().invoke(commands, [str(word) for word in (
        "train", here / "sounds", "-o", second, "--cache", here / "cache", "--start", first, "--steps", 60, "--batch", 64,
        "--every", 20, "--json", "--threads", 1)])
    assert result.exit_code == 0, result.output
    one, two = load_frame_model(first), load_frame_model(second)
    assert two.network.architecture == one.network.architecture, "sizes are the model's"
    history = two.record["training"]["history"]
    assert history[0]["step"] == 0
    assert history[0]["validation_loss"] == pytest.approx(one.record["training"]["history"][-1]["validation_loss"], rel=1e-4)
    kept = min(figures["validation_loss"] for figures in history)
    assert kept < history[0]["validation_loss"], "it has learnt more"
    assert two.record["provenance"]["started_from"] == {"model": str(first), "sha256": one.record["sha256"]}


def test_a_start_that_does_not_help_leaves_the_model_as_it_was(here: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(here, first, "--width", 24, "--steps", 40).exit_code == 0
    worse = CliRunner().invoke(commands, [str(word) for word in (
        "train", here / "sounds", "-o", second, "--cache", here / "cache", "--start", first, "--steps", 3, "--every", 3,
        "--batch", 64, "--rate", 0.1, "--threads", 1)])
    assert worse.exit_code == 0, worse.output
    one, two = load_frame_model(first), load_frame_model(second)
    history = two.record["training"]["history"]
    assert history[-1]["validation_loss"] > history[0]["validation_loss"], "else this shows nothing"
    assert all(torch.equal(value, two.network.state_dict()[name]) for name, value in one.network.state_dict().items())


@pytest.mark.parametrize("option", [("--latent", 8), ("--width", 32), ("--blocks", 2), ("--preset", "small")])
def test_a_start_has_its_own_sizes(here: Path, tmp_path: Path, option: tuple[str, object]) -> None:
    result = CliRunner().invoke(commands, [str(word) for word in (
        "train", here / "sounds", "-o", tmp_path / "m", "--start", "general", *option)])
    assert result.exit_code == 2
    assert f"leave out {option[0]}" in result.stderr
    assert list(tmp_path.iterdir()) == []
