"""The judge of models: pairs of clips are chosen and compared, its command prints it all, its benchmark brings rivals."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import lts_model
import matplotlib.image
import morph
import numpy as np
import pytest
import soundfile
import study
import torch
from click.testing import CliRunner
from clip_pair import ONE, RATE, TWO

from lts_batch.cli import commands
from lts_batch.errors import ClipError
from lts_batch.evaluation import clip_pairs, evaluate, summary
from lts_batch.metrics import judge
from lts_batch.models.checkpoint import Model
from lts_batch.stems import plots

# ---------------------------------------------------------------- the study


def write(path: Path, clip: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, clip, rate)
    return path


def test_neighbours_are_paired_first(tmp_path: Path) -> None:
    for name in ("c", "a", "sub/b"):
        write(tmp_path / f"{name}.wav", ONE)
    titles = [(one.stem, two.stem) for one, two in clip_pairs.choose(tmp_path, 20)]
    assert titles == [("a", "c"), ("c", "b"), ("a", "b")]
    assert clip_pairs.choose(tmp_path, 2) == clip_pairs.choose(tmp_path, 20)[:2]


def test_a_folder_with_the_clips_of_the_list_is_judged_by_the_list(tmp_path: Path) -> None:
    for name in {name for pair in clip_pairs.fixed_pairs() for name in pair}:
        (tmp_path / f"{name}.flac").touch()
    (tmp_path / "another.flac").touch()
    assert [(one.stem, two.stem) for one, two in clip_pairs.choose(tmp_path)] == clip_pairs.fixed_pairs()
    assert len(clip_pairs.fixed_pairs()) == clip_pairs.PAIRS


def test_folders_without_pairs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClipError, match="is not a folder"):
        clip_pairs.choose(tmp_path / "none")
    write(tmp_path / "one.wav", ONE)
    with pytest.raises(ClipError, match="holds 1 sounds: give a folder with two or more"):
        clip_pairs.choose(tmp_path)
    monkeypatch.setattr(clip_pairs, "PACKAGE_FOLDER", tmp_path / "none")
    with pytest.raises(ClipError, match="give a FOLDER of sounds, or install"):
        clip_pairs.choose(None)


def test_clips_are_loaded_mono_at_one_rate_and_no_longer_than_ten_seconds(tmp_path: Path) -> None:
    time = np.arange(48000) / 48000
    both = np.stack((np.sin(2000 * time), np.zeros(48000)), axis=1)
    found = clip_pairs.load(write(tmp_path / "stereo.wav", both, 48000))
    inner = slice(4000, 40000)
    np.testing.assert_allclose(found[inner], 0.5 * np.sin(2000 * np.arange(44100) / 44100)[inner], atol=2e-4)
    assert found.shape == (44100,)
    assert clip_pairs.load(write(tmp_path / "long.wav", np.zeros(12 * 8000), 8000)).shape == (441000,)


class Halves:
    """A rival that knows nothing between: each half of the way is one clip."""

    name = "halves"

    def frames(self, clips: Sequence[np.ndarray], x: Sequence[float]) -> None:
        return None

    def stems(self, clips: Sequence[np.ndarray], x: Sequence[float]) -> list[np.ndarray]:
        return [clips[0] if amount < 0.5 else clips[1] for amount in x]


def test_a_study_with_a_rival_a_clip_that_is_silent_and_a_pair_of_twins(model: Model, tmp_path: Path) -> None:
    one, two, twin, silent = (write(tmp_path / f"{name}.wav", clip) for name, clip in
                              (("one", ONE), ("two", TWO[:15000]), ("twin", ONE), ("silent", np.zeros(RATE))))
    told: list[float] = []
    results = evaluate.run({"general": model}, [(one, two), (one, twin), (two, silent)], rivals=[Halves()], workers=1,
                           progress=lambda fraction, message: told.append(fraction))
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert results["pairs"] == ["one~two", "one~twin"]
    assert [name for name, _ in results["skipped"]] == ["silent.wav"] and "is silent" in results["skipped"][0][1]
    assert told == sorted(told) and told[0] == 0.0 and told[-1] < 1.0

    rows = [*evaluate.our_ways(), "waveform crossfade", "magnitude crossfade", evaluate.LOG_LERP]
    assert list(results["frames"]["summary"]) == [*rows, evaluate.MOVED]
    assert list(results["audio"]["summary"]) == [*rows, "halves"]
    halves = results["audio"]["pairs"]["one~two"]["halves"]
    assert halves["step_cv"] == pytest.approx(3.0, abs=1e-6)  # one step of ten moves: sqrt(10 - 1)
    assert halves["r2_centroid"] < 0.5 and halves["end_sc_db"] == -300.0
    twins = results["audio"]["pairs"]["one~twin"]["waveform crossfade"]
    assert twins["r2_centroid"] is None and twins["step_max_to_mean"] >= 1.0
    assert results["frames"]["summary"][evaluate.default_name()]["r2_centroid"]["pairs"] == 1
    for kind in ("frames", "audio"):
        default = results[kind]["summary"][evaluate.default_name()]
        assert default["end_sc_db"]["mean"] < -90 < results[kind]["summary"]["detail 0"]["end_sc_db"]["mean"] < -3
        told_of = results[kind]["verdict"]["general"]
        assert sorted(told_of["better"] + told_of["not better"]) == sorted(
            figure.title for name, figure in judge.FIGURES.items() if not name.startswith("end_"))
    plots.evaluation(tmp_path / "figures.png", results)
    seen = matplotlib.image.imread(tmp_path / "figures.png")
    assert seen.shape[1] > seen.shape[0] > 1000 and seen[..., :3].std() > 0.05  # two columns
    _, pairs, _ = clip_pairs.load_pairs([(one, two), (one, twin)])
    assert evaluate.frame_figures(model, pairs, 0.0) == results["frames"]["summary"]["detail 0"]
    clips = results["reconstruction"]["clips"]
    assert set(clips) == {"one", "two", "twin"} and clips["one"] == clips["twin"]
    assert 0.0 < clips["one"]["general"]["shape_lsd_db"] < 10.0 and clips["one"]["general"]["mr_stft_sc_db"] < -5.0


def test_nothing_that_can_be_judged_is_an_error(model: Model, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.wav", np.zeros(RATE)) for name in "ab"]
    with pytest.raises(ClipError, match=r"none of 1 pairs could be judged: .*a\.wav is silent"):
        evaluate.run({"general": model}, [(paths[0], paths[1])], frames_only=True)


def test_a_verdict_goes_by_what_is_best() -> None:
    alike = {name: {"mean": 1.0} for name in judge.FIGURES}
    ours = alike | {"step_cv": {"mean": 0.5}, "monotony": {"mean": 0.9}, "r2_centroid": {"mean": 1.1}}
    rival = alike | {"path_length": {"mean": 0.7}, "direction": {"mean": None}}
    sides = summary.verdict(ours, rival)
    assert sides["better"] == ["centroid", "step CV", "path"]  # a path shorter than straight is none
    assert "monotony" in sides["not better"]
    assert not {"onward", "ends SC", "ends mel"} & {*sides["better"], *sides["not better"]}  # not known, and not compared


# ---------------------------------------------------------------- the command


def test_the_command_prints_json_and_draws(tmp_path: Path) -> None:
    write(tmp_path / "sounds" / "one.wav", ONE)
    write(tmp_path / "sounds" / "two.wav", TWO)
    picture = tmp_path / "figures.png"
    done = CliRunner().invoke(commands, ["evaluate", "general", str(tmp_path / "sounds"), "--pairs", "1", "--frames-only",
                                         "--json", "--picture", str(picture)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["pairs"] == ["one~two"] and {"frames", "reconstruction"} <= found.keys() and "audio" not in found
    seen = matplotlib.image.imread(picture)
    assert seen.shape[0] > seen.shape[1] > 500 and seen[..., :3].std() > 0.05


def test_the_command_prints_tables_of_two_models(tmp_path: Path) -> None:
    write(tmp_path / "one.wav", ONE)
    write(tmp_path / "two.wav", TWO)
    write(tmp_path / "zero.wav", np.zeros(RATE))
    other = tmp_path / "model" / "another"
    shipped = Path(evaluate.__file__).parents[2] / "presets" / "models" / "general"
    other.mkdir(parents=True)
    for name in ("model.json", "model.safetensors"):
        (other / name).write_bytes((shipped / name).read_bytes())
    done = CliRunner().invoke(commands, ["evaluate", "general", str(tmp_path), "--frames-only", "--against", str(other)])
    assert done.exit_code == 0, done.output
    assert "Skipped zero.wav" in done.stderr and "Stems that sound" not in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    rows = {" ".join(words[:3]): words[3:] for words in lines if words and words[0] in ("general:", "another:")}
    assert rows["general: detail 0"] == rows["another: detail 0"]
    assert all("/" in cell for cell in rows["general: detail 0"]) and "…" not in done.stdout


def test_a_wrong_model_or_folder_is_a_sentence(tmp_path: Path) -> None:
    for words, sentence in ((["none"], "no model 'none'"), (["general", str(tmp_path / "gone")], "is not a folder")):
        done = CliRunner().invoke(commands, ["evaluate", *words, "--pairs", "1"])
        assert done.exit_code not in (0, 1) and sentence in done.stderr


# ---------------------------------------------------------------- the benchmark


def test_the_benchmark_brings_its_rivals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for pair in clip_pairs.fixed_pairs():
        for name, clip in zip(pair, (ONE, TWO), strict=True):
            write(tmp_path / "clips" / f"{name}.flac", clip)
    torch.manual_seed(0)
    small = lts_model.Settings(units=8, latent=4)
    lts_model.save(tmp_path / "lts", lts_model.LtsModel(lts_model.LtsVAE(small).eval(), {"settings": vars(small)}))
    out, drawn = tmp_path / "morph.json", tmp_path / "morph.png"
    study.main(sys.modules["morph"], ["--clips", str(tmp_path / "clips"), "--pairs", "1", "--rival-lts", str(tmp_path / "lts"),
                                      "--morph-frames-only", "--json", str(out), "--picture", str(drawn)])
    found = json.loads(out.read_text(encoding="utf-8"))
    row = found["results"]["frames"]["pairs"]["ambi_choir~guit_em9"][morph.Lts.name]
    assert row["end_sc_db"] > -3.0 and -2.0 <= row["r2_centroid"] <= 1.0  # it never learned anything
    assert "LTS-style dense model" in capsys.readouterr().out and drawn.read_bytes().startswith(b"\x89PNG")
    assert set(found["failures"]) == set(morph.failures(found["results"]))
