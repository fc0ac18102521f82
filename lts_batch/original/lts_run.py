"""A run folder of the original Latent Timbre Synthesis, as its training scripts left it, becomes a model.

    config.ini                  the settings of sound, network and training
    model/mymodel_last.h5       the network: Keras HDF5 (architecture in ``model_config``, weights in ``model_weights``)

The file's own description decides what is built, not the names of the original's three architectures (timbre-vae, timbre-vae2,
timbre-cvae; github.com/ktatar/latent-timbre-synthesis). Nothing of the run is executed, and TensorFlow is not needed.
"""

import configparser
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lts_batch.errors import ModelError
from lts_batch.original import classic, classic_model, keras_graph
from lts_batch.original.classic import Layout
from lts_batch.original.classic_model import ClassicModel, ClassicVAE

if TYPE_CHECKING:
    import h5py

CONFIG, NETWORK = "config.ini", "model/mymodel_last.h5"
AGAIN = "copy the run again, or let the original's script write it again"
_LIMITS = {"sample_rate": (1000, 768000), "hop_length": (1, 1 << 20), "bins_per_octave": (1, 1200), "num_octaves": (1, 16)}
_KEPT = ("VAE", "CVAE", "training", "extra")  # sections that go into the record; those with paths do not


def read_run(run: Path) -> ClassicModel:
    """The model of a run folder, with what is known of it in ``record`` under ``provenance`` and ``training``.

    Raises:
        ModelError: a file is missing or damaged, or describes what is not known here; the sentence says which.
    """
    if not run.is_dir():
        raise ModelError(f"there is no folder {run}: give a run of Latent Timbre Synthesis, the folder with {CONFIG} in it")
    for name in (CONFIG, NETWORK):
        if not (run / name).is_file():
            raise ModelError(f"{run} has no {name}, so it is no run of Latent Timbre Synthesis: give the folder that has"
                             f" {CONFIG} and {NETWORK} in it")
    config = _config(run / CONFIG)
    graph, weights, versions = _network(run / NETWORK)
    layout = _layout(config, graph.bands, run / CONFIG)
    try:
        network = ClassicVAE(graph, weights).eval().requires_grad_(False)
    except ModelError as error:
        raise ModelError(f"{run / NETWORK}: {error}") from None
    kept = {name: dict(config[name]) for name in _KEPT if config.has_section(name)}
    record = {"provenance": {"imported_from": run.resolve().name, "network_sha256": _sha256(run / NETWORK), **versions,
                             "frames": config.get("dataset", "total_frames", fallback=None)},
              "training": kept}
    model = ClassicModel(network, layout, _number(config, run / CONFIG, "n_iter", (1, 1000), 1), record)
    _try(model, run)
    return model


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---------------------------------------------------------------- config.ini


def _config(path: Path) -> configparser.ConfigParser:
    config = configparser.ConfigParser(allow_no_value=True, interpolation=None)  # paths may hold %
    try:
        config.read_string(path.read_text(encoding="utf-8-sig", errors="replace"), str(path))
    except (configparser.Error, OSError) as error:
        raise ModelError(f"{path} cannot be read ({' '.join(str(error).split())}); {AGAIN}") from None
    if not config.has_section("audio"):
        raise ModelError(f"{path} has no section [audio], which says how frames are computed; {AGAIN}")
    return config


def _number(config: configparser.ConfigParser, path: Path, key: str, limits: tuple[int, int], default: int | None = None
            ) -> int:
    text = config.get("audio", key, fallback=None)
    if text is None and default is not None:
        return default
    if text is None:
        raise ModelError(f"{path} has no {key} in [audio]; {AGAIN}")
    try:
        value = int(text)
    except ValueError:
        raise ModelError(f"{path}: {key} = {text} is no whole number; {AGAIN}") from None
    if not limits[0] <= value <= limits[1]:
        raise ModelError(f"{path}: {key} = {value} is out of range, it goes from {limits[0]} to {limits[1]}")
    return value


def _layout(config: configparser.ConfigParser, bands: int, path: Path) -> Layout:
    """The transform. The original takes 8 octaves in some scripts, whatever num_octaves says: the network decides."""
    rate, hop, per_octave, octaves = (_number(config, path, key, limits) for key, limits in _LIMITS.items())
    if bands not in (octaves * per_octave, 8 * per_octave):
        raise ModelError(f"{path} says {octaves} octaves of {per_octave} bins, which is {octaves * per_octave} bands, and the"
                         f" network in {NETWORK} takes {bands}: they do not belong together")
    return Layout(rate, hop, per_octave, bands)


def _try(model: ClassicModel, run: Path) -> None:
    """One short tone goes through, so that what librosa cannot compute is said now."""
    import librosa

    time = np.arange(model.layout.sample_rate_hz // 10) / model.layout.sample_rate_hz
    try:
        frames = classic.frames(np.sin(2.0 * np.pi * 440.0 * time).astype(np.float32), model.layout)
    except (librosa.ParameterError, ValueError) as error:
        raise ModelError(f"{run / CONFIG} describes a transform that cannot be computed: {error}") from None
    if not np.isfinite(model.decode(model.encode(frames)[0])).all():
        raise ModelError(f"{run / NETWORK} makes no finite numbers of a tone: the training went wrong; train it again")


# ---------------------------------------------------------------- mymodel_last.h5


def _network(path: Path) -> tuple[keras_graph.Graph, dict[str, torch.Tensor], dict[str, str]]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            graph = keras_graph.read(_description(file))
            versions = {name: _text(file.attrs[name]) for name in ("keras_version", "backend") if name in file.attrs}
            return graph, _weights(file, graph), versions
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeDecodeError) as error:  # h5py has many ways
        raise ModelError(f"{path} is damaged or no HDF5 file ({' '.join(str(error).split())}); {AGAIN}") from None


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _description(file: "h5py.File") -> dict[str, Any]:
    if "model_config" not in file.attrs:
        raise ModelError("it has no model_config, which describes the network: it holds weights alone, or something else")
    try:
        found = json.loads(_text(file.attrs["model_config"]))
    except (json.JSONDecodeError, RecursionError) as error:  # also thousands of brackets
        raise ModelError(f"its model_config is not JSON ({error}); {AGAIN}") from None
    if not isinstance(found, dict):
        raise ModelError("its model_config does not describe a network")
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    """JSON without the wrappers that some versions of Keras put around tuples and numpy's numbers."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__tuple__":
        return _plain(value.get("items"))
    if value.get("class_name") == "__numpy__":
        return _plain(value["config"]["value"])
    return {name: _plain(one) for name, one in value.items()}


def _weights(file: "h5py.File", graph: keras_graph.Graph) -> dict[str, torch.Tensor]:
    """Weights by the names of the graph. Keras has a group for each layer of the outermost model, and in it names like
    ``dense_1/kernel:0``, with more before them in some versions, and without the ``:0`` in Keras 3."""
    import h5py

    root = file.get("model_weights")
    if not isinstance(root, h5py.Group):
        raise ModelError(f"it has no group model_weights; {AGAIN}")
    found: dict[str, torch.Tensor] = {}
    for name, shape in classic_model.wanted_weights(graph).items():
        *path, weight = name.split("/")
        group = root.get(path[0])
        here = _datasets(group) if isinstance(group, h5py.Group) else {}
        fitting = _fitting(here, path[-1], weight)
        if not fitting:
            raise ModelError(f"the weights {name} are missing; {AGAIN}")
        if len(fitting) > 1:
            raise ModelError(f"the weights {name} are there more than once ({', '.join(sorted(fitting))})")
        dataset = here[fitting[0]]
        if tuple(dataset.shape) != shape:  # before they are read: a damaged shape may be huge
            raise ModelError(f"the weights {name} have the shape {list(dataset.shape)}, and their layer takes {list(shape)};"
                             f" {AGAIN}")
        if dataset.dtype.kind != "f":
            raise ModelError(f"the weights {name} are of type {dataset.dtype}, not floating point")
        found[name] = torch.from_numpy(np.asarray(dataset[()], dtype=np.float32).copy())
    return found


def _datasets(group: "h5py.Group") -> dict[str, "h5py.Dataset"]:
    import h5py

    found: dict[str, h5py.Dataset] = {}
    group.visititems(lambda name, one: found.update({_text(name): one}) if isinstance(one, h5py.Dataset) else None)
    return found


def _fitting(names: Mapping[str, Any], layer: str, weight: str) -> list[str]:
    """Which names are of this weight of this layer; a layer's name may itself hold slashes only in the graph's path."""
    parts = {name: name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() else name for name in names}
    exact = [name for name, plain in parts.items() if f"/{plain}".endswith(f"/{layer}/{weight}")]
    return exact or [name for name, plain in parts.items() if plain == weight]
