"""Runs of the original: the imported network computes what TensorFlow computed, also as a bundle."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras_runs
import numpy as np
import pytest
from keras_networks import ARCHITECTURES, CVAE, LATENT, VAE, Network, dense
from keras_runs import CONFIG, H5, write_run

from lts_batch.errors import ModelError
from lts_batch.models import checkpoint
from lts_batch.models.checkpoint import load_model
from lts_batch.original.classic import Layout
from lts_batch.original.classic_model import ClassicModel
from lts_batch.original.lts_run import read_run

no_trial = keras_runs.no_trial
REAL = Path(__file__).parent / "data" / "lts_run" / "timbre-vae"


def apart(found: Any, wanted: Any) -> float:
    assert found.shape == wanted.shape
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


# ---------------------------------------------------------------- a real run


def test_a_real_run_computes_what_tensorflow_computed() -> None:
    reference, model = np.load(REAL / "reference.npz"), read_run(REAL)
    mean, log_variance = model.encode(reference["frames"])
    assert apart(mean, reference["z_mean"]) < 1e-5
    assert apart(log_variance, reference["z_log_var"]) < 1e-5
    assert apart(model.decode(mean), reference["decoded"]) < 1e-5
    mixed = mean[:8] - 0.3 * (mean[8:16] - mean[:8])
    assert apart(model.decode(mixed), reference["extrapolated"]) < 1e-5


def test_a_real_run_brings_its_settings() -> None:
    model = read_run(REAL)
    assert model.layout == Layout(44100, 128, 48, 384)
    assert model.iterations == 1 and model.network.latent == 32
    origin = model.record["provenance"]
    assert (origin["imported_from"], origin["frames"], origin["keras_version"]) == ("timbre-vae", "6259", "2.15.0")
    assert model.record["training"]["VAE"]["kl_beta"] == "0.0005"


# ---------------------------------------------------------------- all architectures, as several versions write them


@pytest.mark.parametrize("nested", [False, True], ids=["", "nested encoder"])
@pytest.mark.parametrize("style", ["tf 2.0", "keras 2", "keras 3"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures(name: str, style: str, nested: bool, tmp_path: Path) -> None:
    network = Network.random(*ARCHITECTURES[name])
    model = read_run(write_run(tmp_path / "run", network, style, nested_encoder=nested))
    rng = np.random.default_rng(1)
    frames, latents = rng.uniform(0, 1, (3, 384)), rng.normal(0, 1, (3, LATENT))
    for found, wanted in zip(model.encode(frames), network.encode(frames), strict=True):
        assert apart(found, wanted) < 1e-5
    assert apart(model.decode(latents), network.decode(latents)) < 1e-5
    assert model.iterations == 2


@pytest.mark.parametrize("drawing", ["Lambda", "Custom>Sampling", "Reparameterize"])
def test_the_layer_that_draws_is_known_by_what_goes_in(drawing: str, tmp_path: Path) -> None:
    network = Network.random(*VAE)
    model = read_run(write_run(tmp_path / "run", network, drawing=drawing))
    frames = np.ones((2, 384))
    assert apart(model.encode(frames)[0], network.encode(frames)[0]) < 1e-5


def test_wrapped_tuples_and_numbers_are_read(tmp_path: Path) -> None:
    network = Network.random(*CVAE)
    run = write_run(tmp_path / "run", network)
    with h5py.File(run / H5, "r+") as file:
        text = file.attrs["model_config"]
        wrapped = text.replace("[24, 16, 1]", '{"class_name": "__tuple__", "items": [24, 16, 1]}').replace(
            '"units": 10', '"units": {"class_name": "__numpy__", "config": {"value": 10, "dtype": "int64"}}')
        assert wrapped.count("__tuple__") == 1 and wrapped.count("__numpy__") == 2
        file.attrs["model_config"] = wrapped
    latents = np.ones((2, LATENT))
    assert apart(read_run(run).decode(latents), network.decode(latents)) < 1e-5


def test_another_size_than_the_published_one(tmp_path: Path) -> None:
    network = Network.random([dense(6)], [dense(24)], bands=24)
    config = CONFIG.replace("= 48", "= 12").replace("octaves = 8", "octaves = 2").replace("= 44100", "= 22050")
    model = read_run(write_run(tmp_path / "run", network, config=config))
    assert model.layout == Layout(22050, 128, 12, 24)


# ---------------------------------------------------------------- as a bundle


def test_a_bundle_computes_the_same_to_the_bit(tmp_path: Path) -> None:
    model = read_run(write_run(tmp_path / "run", Network.random(*CVAE)))
    checkpoint.save_classic(tmp_path / "m", model)
    again = load_model(tmp_path / "m")
    assert isinstance(again, ClassicModel)
    frames = np.random.default_rng(0).uniform(0, 1, (70, 384))
    assert np.array_equal(again.encode(frames)[0], model.encode(frames)[0])
    assert np.array_equal(again.decode(again.encode(frames)[0]), model.decode(model.encode(frames)[0]))
    assert (again.layout, again.iterations) == (model.layout, model.iterations)
    assert again.record["provenance"] == model.record["provenance"]
    assert np.array_equal(again.encode(frames[:1])[0], again.encode(frames)[0][:1]), "frames are coded alike in any company"
    with pytest.raises(ModelError, match="comes from the original"):
        checkpoint.load_frame_model(tmp_path / "m")
    for wrong in (np.zeros((2, 383)), np.full((2, 384), np.nan)):
        with pytest.raises(ModelError, match="frames"):
            again.encode(wrong)


def changed(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["architecture"].update(changes)


@pytest.mark.parametrize(("change", "why"), [
    (lambda record: record["architecture"]["encoder"][0].update({"class": "Mystery"}), "unknown class 'Mystery'"),
    (lambda record: record["architecture"]["encoder"][0].update(units=17), r"weights dense/bias have the shape \[16\]"),
    (lambda record: record["architecture"]["encoder"][0].update(activation="evil"), "activation 'evil'"),
    (lambda record: record["architecture"]["encoder"][0].update(command="rm"), "command"),
    (lambda record: record["architecture"]["encoder"][0].update(source="nowhere"), "nowhere"),
    (lambda record: record["architecture"]["decoder"].pop(), "KeyError|belong to no layer"),
    (changed(mean="nothing"), "nothing"), (changed(bands="many"), "many"),
    (lambda record: record["layout"].update(bands=383), "384 bands in the network, 383 in the layout"),
    (lambda record: record.update(layout=7), "cannot be rebuilt")])
def test_a_changed_description_is_refused(change: Callable[[dict[str, Any]], None], why: str, tmp_path: Path) -> None:
    checkpoint.save_classic(tmp_path / "m", read_run(write_run(tmp_path / "run", Network.random(*VAE))))
    path = tmp_path / "m" / "model.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ModelError, match=why):
        load_model(tmp_path / "m")
