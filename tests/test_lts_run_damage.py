"""Runs of the original that are damaged: every damage is told by name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras_runs
import numpy as np
import pytest
from keras_networks import VAE, Network
from keras_runs import H5, write_run

from lts_batch.errors import ModelError
from lts_batch.original.lts_run import read_run

no_trial = keras_runs.no_trial


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
    run = write_run(tmp_path / "run", Network.random(*VAE))
    damage(run)
    with pytest.raises(ModelError, match=why) as found:
        read_run(run)
    assert "\n" not in str(found.value) and str(run) in str(found.value)
