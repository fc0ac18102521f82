"""Runs of the original Latent Timbre Synthesis for tests, written with h5py as Keras writes them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest
from keras_networks import Named, Network

from lts_batch.original import lts_run

H5 = "model/mymodel_last.h5"
CONFIG = """[audio]
sample_rate = 44100
hop_length = 128
bins_per_octave = 48
num_octaves = 8
n_iter = 2

[dataset]
datapath = D:\\somewhere\\100%
total_frames = 77

[VAE]
latent_dim = 4

[extra]
description = test
"""


@pytest.fixture(autouse=True, scope="module")
def no_trial() -> Iterator[None]:
    """The trial of the transform takes a second, and is tested on its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lts_run, "_try", lambda model, run: None)
        yield


def write_run(run: Path, network: Network, style: str = "keras 2", *, drawing: str = "Sampling",
              nested_encoder: bool = False, config: str = CONFIG) -> Path:
    """A run folder. Styles: ``tf 2.0``, ``keras 2``, ``keras 3``."""
    (run / "model").mkdir(parents=True)
    (run / "config.ini").write_text(config, encoding="utf-8")
    with h5py.File(run / H5, "w") as file:
        file.attrs["keras_version"] = {"tf 2.0": "2.2.4-tf", "keras 2": "2.15.0", "keras 3": "3.5.0"}[style]
        file.attrs["model_config"] = json.dumps(model_config(network, style, drawing, nested_encoder))
        _write_weights(file.create_group("model_weights"), network, style, nested_encoder)
    return run


def _write_weights(root: h5py.Group, network: Network, style: str, nested_encoder: bool) -> None:
    front = [*network.encoder, network.mean, network.log_variance]
    groups = {"encoder": front} if nested_encoder else {one.name: [one] for one in front}
    groups["decoder"] = network.decoder
    end = "" if style == "keras 3" else ":0"
    for name, layers in groups.items():
        scope = f"{name}/" if style == "tf 2.0" and len(layers) > 1 else ""
        weights = {f"{scope}{one.name}/{weight}{end}": value for one in layers for weight, value in one.weights.items()}
        group = root.create_group(name)
        group.attrs["weight_names"] = [weight.encode() for weight in weights]
        for weight, value in weights.items():
            group.create_dataset(weight, data=value)
    root.attrs["layer_names"] = [name.encode() for name in ("encoder_input", *groups, "sampling")]


def model_config(network: Network, style: str, drawing: str, nested_encoder: bool) -> dict[str, Any]:
    bands = network.encoder[0].weights["kernel"].shape[0] if network.encoder[0].weights else 384
    latent = network.mean.weights["bias"].shape[0]
    write = _Writer(style)
    body = write.chain("encoder_input", network.encoder)
    last = network.encoder[-1].name
    heads = [write.layer(one.kind, one.name, one.config, [(last, 0)]) for one in (network.mean, network.log_variance)]
    draw = write.layer(drawing, "sampling", {}, [("z_mean", 0), ("z_log_var", 0)])
    front = [write.input("encoder_input", bands), *body, *heads, draw]
    inner = [write.input("z_sampling", latent), *write.chain("z_sampling", network.decoder)]
    decoder = write.model("decoder", inner, "z_sampling", [(network.decoder[-1].name, 0)])
    if nested_encoder:
        encoder = write.model("encoder", front, "encoder_input", [("z_mean", 0), ("z_log_var", 0), ("sampling", 0)])
        layers = [write.input("frames", bands), write.called(encoder, [("frames", 0)]),
                  write.called(decoder, [("encoder", 2)])]
        return write.model("vae", layers, "frames", [("decoder", 0)])
    layers = [*front, write.called(decoder, [("sampling", 0)])]
    if style != "keras 3":  # terms of the loss are layers there
        layers.append({"class_name": "TFOpLambda", "name": "tf.math.square", "config": {"name": "tf.math.square",
                       "function": "math.square"}, "inbound_nodes": [["z_mean", 0, 0, {"name": None}]]})
        layers.append({"class_name": "AddLoss", "name": "add_loss", "config": {"name": "add_loss"},
                       "inbound_nodes": [[["tf.math.square", 0, 0, {}]]]})
    return write.model("vae", layers, "encoder_input", [("decoder", 0)])


class _Writer:
    """Layers, calls and models in the words of a version of Keras."""

    def __init__(self, style: str) -> None:
        self.style = style
        self.models: set[str] = set()

    def input(self, name: str, width: int) -> dict[str, Any]:
        key = "batch_shape" if self.style == "keras 3" else "batch_input_shape"
        return {"class_name": "InputLayer", "name": name, "config": {key: [None, width], "dtype": "float32", "name": name},
                "inbound_nodes": []}

    def layer(self, kind: str, name: str, config: dict[str, Any], sources: list[tuple[str, int]]) -> dict[str, Any]:
        dtype: Any = "float32"
        if self.style == "keras 3":
            dtype = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
            config = config | ({"axis": -1} if "axis" in config else {})
        one = {"class_name": kind, "name": name, "config": {"name": name, "trainable": True, "dtype": dtype, **config}}
        if self.style == "keras 3":
            one |= {"module": "keras.layers", "registered_name": None}
        return self.called(one, sources)

    def chain(self, first: str, layers: list[Named]) -> list[dict[str, Any]]:
        names = [first, *(one.name for one in layers)]
        return [self.layer(one.kind, one.name, one.config, [(before, 0)])
                for before, one in zip(names, layers, strict=False)]

    def called(self, one: dict[str, Any], sources: list[tuple[str, int]]) -> dict[str, Any]:
        """Models inside a model count their own building as the first call."""
        links = [[name, 1 if name in self.models else 0, place] for name, place in sources]
        if self.style != "keras 3":
            return one | {"inbound_nodes": [[[*link, {}] for link in links]]}
        tensors = [{"class_name": "__keras_tensor__", "config": {"shape": [None, 1], "dtype": "float32", "keras_history": link}}
                   for link in links]
        return one | {"inbound_nodes": [{"args": tensors if len(tensors) == 1 else [tensors], "kwargs": {"training": None}}]}

    def model(self, name: str, layers: list[dict[str, Any]], first: str, last: list[tuple[str, int]]) -> dict[str, Any]:
        outputs: list[Any] = [[layer, 1 if layer in self.models else 0, place if layer in self.models else 0]
                              for layer, place in last]
        inputs: list[Any] = [[first, 0, 0]]
        if self.style == "keras 3":  # a single one stands alone there
            inputs, outputs = inputs[0], outputs[0] if len(outputs) == 1 else outputs
        self.models.add(name)
        kind = "Model" if self.style == "tf 2.0" else "Functional"
        return {"class_name": kind, "name": name,
                "config": {"name": name, "layers": layers, "input_layers": inputs, "output_layers": outputs}}
