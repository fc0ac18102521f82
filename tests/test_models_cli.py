"""``lts-batch models``: what is listed, shown, checked, imported and exported, and what is refused leaves nothing behind."""

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from keras_networks import LATENT, Network, dense
from keras_runs import CONFIG, write_run
from sounds import tone
from trees import Tree

from lts_batch.cli import commands
from lts_batch.files import audio
from lts_batch.models.checkpoint import load_model
from lts_batch.original.classic_model import ClassicModel


def run(*words: Any) -> Result:
    return CliRunner().invoke(commands, [str(word) for word in words])


def said(*words: Any) -> str:
    done = run(*words)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run: five octaves of twelve bands, so that all is quick."""
    config = CONFIG.replace("= 48", "= 12").replace("octaves = 8", "octaves = 5").replace("= 44100", "= 22050")
    network = Network.random([dense(16, "relu")], [dense(16, "relu"), dense(60, "relu")],
                             bands=60)
    return write_run(tmp_path_factory.mktemp("runs") / "run-007", network, config=config)


@pytest.fixture(scope="module")
def imported(original: Path) -> Path:
    said("models", "import", original, "-o", original.parent / "shelf" / "mine")
    return original.parent / "shelf" / "mine"


# ---------------------------------------------------------------- list, show


def test_shipped_models_are_listed() -> None:
    lines = said("models").splitlines()
    assert lines[0].split() == ["name", "kind", "bands", "latent", "MB", "trained", "on"]
    general = next(line for line in lines if line.startswith("general"))
    assert "frame VAE" in general and " 467 " in general and "150 min" in general


def test_a_folder_is_listed_with_what_is_broken_in_it(imported: Path, tmp_path: Path) -> None:
    shutil.copytree(imported.parent, tmp_path / "shelf")
    (tmp_path / "shelf" / "broken").mkdir()
    (tmp_path / "shelf" / "broken" / "model.json").write_text("{", encoding="utf-8")
    found = {Path(entry["name"]).name: entry for entry in
             json.loads(said("models", "--folder", tmp_path / "shelf", "--json"))}
    assert set(found) >= {"general", "mine", "broken"}
    mine = found["mine"]
    assert (mine["kind"], mine["bands"], mine["latent"], mine["problem"]) == ("classic", 60, LATENT, None)
    assert mine["trained_on"] == "imported from the run run-007, 77 frames"
    assert "model.json" in found["broken"]["problem"]
    assert "cannot be used" in said("models", "--folder", tmp_path / "shelf")


def test_show(imported: Path) -> None:
    assert said("models", "show", "general").startswith("# general")
    assert json.loads(said("models", "show", "general", "--json"))["bands"]["count"] == 467
    record = json.loads(said("models", "show", imported))
    assert record["layout"]["bins_per_octave"] == 12
    assert record == json.loads(said("models", "show", imported, "--json"))


# ---------------------------------------------------------------- check


def test_check_sends_a_tone_through(imported: Path) -> None:
    assert "general: right (frame VAE, 467 bands, 64 latents" in said("models", "check", "general")
    found = [json.loads(line) for line in said("models", "check", imported, imported, "--json").splitlines()]
    assert len(found) == 2 and found[0] == found[1]
    assert (found[0]["kind"], found[0]["bands"]) == ("classic", 60) and np.isfinite(found[0]["spectral_convergence_db"])


def test_check_names_a_damaged_model(imported: Path, tmp_path: Path) -> None:
    shutil.copytree(imported, tmp_path / "m")
    path = tmp_path / "m" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    done = run("models", "check", tmp_path / "m")
    assert done.exit_code == 5 and "SHA-256" in done.stderr and "Traceback" not in done.stderr


# ---------------------------------------------------------------- import


def test_import_makes_a_model_that_renders(imported: Path, tmp_path: Path) -> None:
    assert sorted(path.name for path in imported.iterdir()) == ["model.json", "model.safetensors"]
    model = load_model(imported)
    assert isinstance(model, ClassicModel) and model.layout.bands == 60
    for name, hz in (("a", 220.0), ("b", 330.0)):
        audio.write(tmp_path / f"{name}.wav", np.repeat(tone(0.2, hz), 2, axis=0), 44100)
    done = run("render", tmp_path / "a.wav", tmp_path / "b.wav", "-o", tmp_path / "out", "--model", imported, "--steps", 3)
    assert done.exit_code == 0, done.output
    assert "Note: clip 1 was mixed from 2 channels to mono" in done.stderr
    heard, rate = soundfile.read(tmp_path / "out" / "a~b_02_x+0.50.wav")
    assert rate == 22050 and heard.shape == (4410,) and np.abs(heard).max() > 1e-4


def test_import_tells_what_it_made(original: Path, tmp_path: Path) -> None:
    found = json.loads(said("models", "import", original, "-o", tmp_path / "a" / "m", "--json"))
    assert (found["bands"], found["latent"], found["folder"]) == (60, LATENT, str(tmp_path / "a" / "m"))


@pytest.mark.parametrize("damage", ["no config", "no network", "another file", "unknown layer", "no transform"])
def test_a_run_that_cannot_be_used_leaves_nothing(damage: str, original: Path, tmp_path: Path, tree: Tree) -> None:
    shutil.copytree(original, tmp_path / "run")
    network, config = tmp_path / "run" / "model" / "mymodel_last.h5", tmp_path / "run" / "config.ini"
    wanted = {"no config": "config.ini", "no network": "mymodel_last.h5", "another file": "no HDF5 file",
              "unknown layer": "its class LSTM is not known", "no transform": "describes a transform that cannot be computed"}
    if damage == "no config":
        config.unlink()
    elif damage == "no network":
        network.unlink()
    elif damage == "another file":
        network.write_bytes(b"something else")
    elif damage == "no transform":  # the top band lies above half the sample rate
        config.write_text(config.read_text(encoding="utf-8").replace("= 22050", "= 1000"), encoding="utf-8")
    else:
        with h5py.File(network, "r+") as file:
            file.attrs["model_config"] = file.attrs["model_config"].replace('"class_name": "Dense"', '"class_name": "LSTM"', 1)
    before = tree(tmp_path)
    done = run("models", "import", tmp_path / "run", "-o", tmp_path / "new" / "m")
    assert done.exit_code == 5 and wanted[damage] in done.stderr and done.stderr.count("\n") == 1
    assert tree(tmp_path) == before


# ---------------------------------------------------------------- export


def test_export_copies_a_model(tmp_path: Path) -> None:
    found = json.loads(said("models", "export", "general", "-o", tmp_path / "copy", "--json"))
    assert {"CARD.md", "model.json", "model.safetensors"} <= set(found["files"])
    copy, shipped = load_model(tmp_path / "copy"), load_model("general")
    assert copy.record == shipped.record


def test_nothing_is_overwritten(imported: Path, original: Path, tmp_path: Path, tree: Tree) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    before = tree(tmp_path)
    for out in (tmp_path / "there", tmp_path / "file"):
        for words in (("export", imported), ("import", original)):
            done = run("models", *words, "-o", out)
            assert done.exit_code == 6 and "nothing is overwritten" in done.stderr
    assert tree(tmp_path) == before


def test_a_damaged_model_is_not_exported(imported: Path, tmp_path: Path, tree: Tree) -> None:
    shutil.copytree(imported, tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").unlink()
    before = tree(tmp_path)
    assert run("models", "export", tmp_path / "m", "-o", tmp_path / "copy").exit_code == 5
    assert tree(tmp_path) == before


def test_options_of_the_list_stay_with_the_list(tmp_path: Path) -> None:
    assert run("models", "--json", "show", "general").exit_code == 2
    assert run("models", "--folder", tmp_path / "none").exit_code == 5
    assert run("models", "show", "generl").exit_code == 5
