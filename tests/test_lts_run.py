"""Runs of the original: the imported network computes what TensorFlow computed, and every damage is told by name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras_runs
import numpy as np
import pytest
import torch
from keras_runs import ARCHITECTURES, Network, convolved, picture, spread, write_run

from lts_batch.errors import ModelError
from lts_batch.models import checkpoint
from lts_batch.models.checkpoint import load_model
from lts_batch.original import keras_convolutions, keras_kinds, lts_run
from lts_batch.original.classic import Layout
from lts_batch.original.classic_model import ClassicModel
from lts_batch.original.lts_run import read_run

REAL = Path(__file__).parent / "data" / "lts_run" / "timbre-vae"


def apart(found: Any, wanted: Any) -> float:
    assert found.shape == wanted.shape
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.fixture(autouse=True, scope="module")
def _no_trial() -> Any:
    """The trial of the transform takes a second, and is tested on its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lts_run, "_try", lambda model, run: None)
        yield


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
    frames, latents = rng.uniform(0, 1, (3, 384)), rng.normal(0, 1, (3, keras_runs.LATENT))
    for found, wanted in zip(model.encode(frames), network.encode(frames), strict=True):
        assert apart(found, wanted) < 1e-5
    assert apart(model.decode(latents), network.decode(latents)) < 1e-5
    assert model.iterations == 2


@pytest.mark.parametrize("drawing", ["Lambda", "Custom>Sampling", "Reparameterize"])
def test_the_layer_that_draws_is_known_by_what_goes_in(drawing: str, tmp_path: Path) -> None:
    network = Network.random(*keras_runs.VAE)
    model = read_run(write_run(tmp_path / "run", network, drawing=drawing))
    frames = np.ones((2, 384))
    assert apart(model.encode(frames)[0], network.encode(frames)[0]) < 1e-5


def test_wrapped_tuples_and_numbers_are_read(tmp_path: Path) -> None:
    network = Network.random(*keras_runs.CVAE)
    run = write_run(tmp_path / "run", network)
    with h5py.File(run / H5, "r+") as file:
        text = file.attrs["model_config"]
        wrapped = text.replace("[24, 16, 1]", '{"class_name": "__tuple__", "items": [24, 16, 1]}').replace(
            '"units": 10', '"units": {"class_name": "__numpy__", "config": {"value": 10, "dtype": "int64"}}')
        assert wrapped.count("__tuple__") == 1 and wrapped.count("__numpy__") == 2
        file.attrs["model_config"] = wrapped
    latents = np.ones((2, keras_runs.LATENT))
    assert apart(read_run(run).decode(latents), network.decode(latents)) < 1e-5


def test_another_size_than_the_published_one(tmp_path: Path) -> None:
    network = Network.random([keras_runs.dense(6)], [keras_runs.dense(24)], bands=24)
    config = keras_runs.CONFIG.replace("= 48", "= 12").replace("octaves = 8", "octaves = 2").replace("= 44100", "= 22050")
    model = read_run(write_run(tmp_path / "run", network, config=config))
    assert model.layout == Layout(22050, 128, 12, 24)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (3, 1), (2, 2), (4, 2), (5, 3), (1, 2), (2, 3)])
def test_convolutions_pad_and_cut_as_tensorflow(kernel: int, stride: int, padding: str) -> None:
    rng = np.random.default_rng(kernel * 10 + stride)
    for height, width in ((5, 6), (7, 8), (9, 5)):
        x = rng.normal(0, 1, (2, height, width, 3))
        for kind, compute, shape in (("Conv2D", convolved, (kernel, kernel, 3, 4)),
                                     ("Conv2DTranspose", spread, (kernel, kernel, 4, 3))):
            w = rng.normal(0, 1, shape)
            layer = keras_kinds.from_keras(kind, picture(kind, 4, "linear", stride, kernel, padding)[1])
            assert layer.weights((height, width, 3))["kernel"] == shape
            found = layer.compute(torch.from_numpy(x), {"kernel": torch.from_numpy(w), "bias": torch.zeros(4).double()}).numpy()
            assert found.shape[1:] == layer.output((height, width, 3))
            np.testing.assert_allclose(found, compute(x, w, stride, padding), atol=1e-12)


@pytest.mark.parametrize("more", [[0, 0], [1, 1], [0, 1]])
def test_output_padding_chooses_the_length(more: list[int]) -> None:
    rng = np.random.default_rng(3)
    x, w = rng.normal(0, 1, (1, 4, 5, 2)), rng.normal(0, 1, (3, 3, 3, 2))
    layer = keras_kinds.from_keras("Conv2DTranspose", picture("Conv2DTranspose", 3, output_padding=more,
                                                               activation="linear")[1])
    found = layer.compute(torch.from_numpy(x), {"kernel": torch.from_numpy(w), "bias": torch.zeros(3).double()}).numpy()
    assert found.shape == (1, 7 + more[0], 9 + more[1], 3)
    np.testing.assert_allclose(found, spread(x, w, 2, "same", more), atol=1e-12)


def test_the_transpose_is_the_adjoint_of_the_convolution() -> None:
    """<conv(x), y> = <x, transpose(y)>: what TensorFlow means by a transposed convolution, cut on the right side."""
    rng = np.random.default_rng(4)
    kernel = torch.from_numpy(rng.normal(0, 1, (3, 3, 2, 5)))  # [h, w, in, out] of one is [h, w, out, in] of the other
    forward = keras_convolutions.Conv2D(5, (3, 3), (2, 2), "same", bias=False)
    backward = keras_convolutions.Conv2DTranspose(2, (3, 3), (2, 2), "same", bias=False)
    x, y = torch.from_numpy(rng.normal(0, 1, (1, 8, 12, 2))), torch.from_numpy(rng.normal(0, 1, (1, 4, 6, 5)))
    there, back = forward.compute(x, {"kernel": kernel}), backward.compute(y, {"kernel": kernel})
    assert float((there * y).sum()) == pytest.approx(float((x * back).sum()), rel=1e-12)


@pytest.mark.parametrize(("kind", "config", "x", "wanted"), [
    ("LeakyReLU", {"alpha": 0.1}, [-2.0, 3.0], [-0.2, 3.0]), ("LeakyReLU", {"negative_slope": 0.2}, [-1.0], [-0.2]),
    ("ReLU", {"negative_slope": 0.5}, [-1.0, 1.0], [-0.5, 1.0]), ("Activation", {"activation": "tanh"}, [0.5], [np.tanh(0.5)]),
    ("Activation", {"activation": {"class_name": "function", "config": "softplus"}}, [0.0], [np.log(2)]),
    ("Activation", {"activation": "softmax"}, [0.0, 0.0], [0.5, 0.5]), ("Dropout", {"rate": 0.5}, [1.0], [1.0])])
def test_activations(kind: str, config: dict[str, Any], x: list[float], wanted: list[float]) -> None:
    found = keras_kinds.from_keras(kind, config).compute(torch.tensor([x]), {})
    assert found[0].tolist() == pytest.approx(wanted, abs=1e-6)


# ---------------------------------------------------------------- as a bundle


def test_a_bundle_computes_the_same_to_the_bit(tmp_path: Path) -> None:
    model = read_run(write_run(tmp_path / "run", Network.random(*keras_runs.CVAE)))
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
    checkpoint.save_classic(tmp_path / "m", read_run(write_run(tmp_path / "run", Network.random(*keras_runs.VAE))))
    path = tmp_path / "m" / "model.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ModelError, match=why):
        load_model(tmp_path / "m")


# ---------------------------------------------------------------- damage

H5 = "model/mymodel_last.h5"


def in_file(change: Callable[[h5py.File], Any]) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        with h5py.File(run / H5, "r+") as file:
            change(file)

    return damage


def in_network(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def damage(file: h5py.File) -> None:
        description = json.loads(file.attrs["model_config"])
        change(description)
        file.attrs["model_config"] = json.dumps(description)

    return in_file(damage)


def in_config(old: str, new: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        text = (run / "config.ini").read_text(encoding="utf-8")
        assert old in text
        (run / "config.ini").write_text(text.replace(old, new), encoding="utf-8")

    return damage


def replace(name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = value

    return change


def layers(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in description["config"]["layers"]}


def truncate(run: Path) -> None:
    data = (run / H5).read_bytes()
    (run / H5).write_bytes(data[:len(data) // 2])


def cycle(description: dict[str, Any]) -> None:
    layers(description)["dense"]["inbound_nodes"] = [[["z_mean", 0, 0, {}]]]


KERNEL = "model_weights/dense/dense/kernel:0"
DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no folder": (shutil.rmtree, "no folder"),
    "no config": (lambda run: (run / "config.ini").unlink(), r"has no config\.ini"),
    "no network": (lambda run: (run / H5).unlink(), r"has no model/mymodel_last\.h5"),
    "config that is none": (lambda run: (run / "config.ini").write_text("hello", encoding="utf-8"), r"config\.ini cannot be"),
    "no audio": (in_config("[audio]", "[radio]"), r"config\.ini has no section \[audio\]"),
    "no hop": (in_config("hop_length = 128", ""), r"config\.ini has no hop_length"),
    "rate in words": (in_config("44100", "fast"), "sample_rate = fast is no whole number"),
    "rate of nothing": (in_config("44100", "0"), "sample_rate = 0 is out of range"),
    "other bands": (in_config("per_octave = 48", "per_octave = 24"), "192 bands, and the network .* takes 384"),
    "cut short": (truncate, r"mymodel_last\.h5 is damaged"),
    "another file": (lambda run: (run / H5).write_bytes(b"RIFF"), r"mymodel_last\.h5 is damaged or no HDF5 file"),
    "empty": (lambda run: (run / H5).write_bytes(b""), "is damaged or no HDF5 file"),
    "weights alone": (in_file(lambda file: file.attrs.pop("model_config")), "no model_config"),
    "no JSON": (in_file(lambda file: file.attrs.__setitem__("model_config", "{")), "model_config is not JSON"),
    "JSON of another thing": (in_file(lambda file: file.attrs.__setitem__("model_config", "[1]")), "does not describe"),
    "no weights": (in_file(lambda file: file.pop("model_weights")), "no group model_weights"),
    "a lost weight": (in_file(lambda file: file.pop(KERNEL)), "weights dense/kernel are missing"),
    "a lost group": (in_file(lambda file: file.pop("model_weights/decoder")), "weights decoder/dense_1/kernel are missing"),
    "another shape": (in_file(replace(KERNEL, np.zeros((384, 15), np.float32))), r"dense/kernel have the shape \[384, 15\]"),
    "another type": (in_file(replace(KERNEL, np.zeros((384, 16), int))), "dense/kernel are of type int64"),
    "not finite": (in_file(replace(KERNEL, np.full((384, 16), np.nan, np.float32))), "dense/kernel hold numbers that are not"),
    "an unknown layer": (in_network(lambda d: layers(d)["dense"].update(class_name="LSTM")),
                         "layer dense: its class LSTM is not known"),
    "an unknown layer inside": (in_network(lambda d: layers(d)["decoder"]["config"]["layers"][1].update(class_name="GRU")),
                                "layer decoder/dense_1: its class GRU is not known"),
    "an unknown activation": (in_network(lambda d: layers(d)["dense"]["config"].update(activation="mish2")),
                              "layer dense: activation 'mish2'"),
    "no units": (in_network(lambda d: layers(d)["dense"]["config"].pop("units")), "layer dense: .* does not describe a Dense"),
    "nothing drawn": (in_network(lambda d: layers(d)["sampling"].update(class_name="Add")), "sampling: its class Add"),
    "a circle": (in_network(cycle), "go in a circle"),
    "a link to nothing": (in_network(lambda d: layers(d)["dense"].update(inbound_nodes=[[["ghost", 0, 0, {}]]])),
                          "'ghost' is named in its network and not described"),
    "another latent": (in_network(lambda d: layers(d)["z_log_var"]["config"].update(units=5)), "mean and log-variance"),
    "another model": (in_network(lambda d: d.update(class_name="Forest")), "class Forest"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_told_in_a_sentence(damage: Callable[[Path], Any], why: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", Network.random(*keras_runs.VAE))
    damage(run)
    with pytest.raises(ModelError, match=why) as found:
        read_run(run)
    assert "\n" not in str(found.value) and str(run) in str(found.value)


def test_dilation_and_the_like_are_refused_not_guessed() -> None:
    for change in ({"dilation_rate": [2, 2]}, {"data_format": "channels_first"}, {"groups": 2}, {"padding": "causal"}):
        with pytest.raises(ModelError, match=next(iter(change))):
            keras_kinds.from_keras("Conv2D", picture("Conv2D", 3)[1] | change)
    with pytest.raises(ModelError, match="max_value"):
        keras_kinds.from_keras("ReLU", {"max_value": 6.0})
