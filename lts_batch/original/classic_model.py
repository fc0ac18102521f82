"""A network of the original Latent Timbre Synthesis: linear constant-Q magnitudes to latents and back.

It is what an import of a run leaves: layers as data and their weights, without any code of the run. Unlike models that are
trained here it sees magnitudes as they are, with their level, of a mono clip at its own sample rate (see classic.py).
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from lts_batch import devices
from lts_batch.errors import ModelError
from lts_batch.original import classic, keras_graph, keras_kinds
from lts_batch.original.keras_graph import FRAMES, LATENT, Graph, Step
from lts_batch.original.keras_layers import Shape

BLOCK_FRAMES = 64  # the network always sees blocks of this shape: other shapes change the last bits


class ClassicVAE(nn.Module):
    """Computes a graph of Keras layers. Weights are buffers named ``decoder/dense_1/kernel``, with Keras' shapes."""

    def __init__(self, graph: Graph, weights: Mapping[str, Tensor]) -> None:
        """Raises ``ModelError`` for weights that are missing, foreign, or of another shape."""
        super().__init__()
        self.graph = graph
        wanted = wanted_weights(graph)
        for name in sorted({*wanted, *weights}):
            if name not in weights:
                raise ModelError(f"the weights {name} are missing")
            if name not in wanted:
                raise ModelError(f"the weights {name} belong to no layer")
            if tuple(weights[name].shape) != wanted[name]:
                raise ModelError(f"the weights {name} have the shape {list(weights[name].shape)}, and their layer takes"
                                 f" {list(wanted[name])}")
            if not bool(torch.isfinite(weights[name]).all()):
                raise ModelError(f"the weights {name} hold numbers that are not finite: the training went wrong")
            self.register_buffer(_buffer(name), weights[name])
        self.latent = latent_width(graph)

    def weights(self) -> dict[str, Tensor]:
        """All weights by name."""
        return {name: self.get_buffer(_buffer(name)) for name in wanted_weights(self.graph)}

    def encode(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitudes ``[frames, bands]`` to mean and log-variance, both ``[frames, latent]``."""
        found = self._run(self.graph.encoder, {FRAMES: frames})
        return found[self.graph.mean], found[self.graph.log_variance]

    def decode(self, latents: Tensor) -> Tensor:
        """Latents ``[frames, latent]`` to magnitudes ``[frames, bands]``, of either sign if the last layer lets them."""
        return self._run(self.graph.decoder, {LATENT: latents})[self.graph.output]

    def _run(self, steps: Sequence[Step], found: dict[str, Tensor]) -> dict[str, Tensor]:
        for step in steps:
            given = found[step.source]
            w = {name: self.get_buffer(_buffer(f"{step.name}/{name}"))
                 for name in step.layer.weights(tuple(given.shape[1:]))}
            found[step.name] = step.layer.compute(given, w)
        return found


def _buffer(name: str) -> str:
    """A name that torch takes: there a dot leads into another module."""
    return name.replace(".", "·")


def wanted_weights(graph: Graph) -> dict[str, Shape]:
    """Names and shapes of all weights of a graph. Raises ``ModelError`` where its layers do not fit each other."""
    found: dict[str, Shape] = {}
    encoded = keras_graph.shapes(graph.encoder, FRAMES, (graph.bands,))
    if len(encoded[graph.mean]) != 1 or encoded[graph.mean] != encoded[graph.log_variance]:
        raise ModelError(f"mean and log-variance of its network have the shapes {list(encoded[graph.mean])} and"
                         f" {list(encoded[graph.log_variance])}; both should be the width of the latent space")
    decoded = keras_graph.shapes(graph.decoder, LATENT, encoded[graph.mean])
    if decoded[graph.output] != (graph.bands,):
        raise ModelError(f"its network takes frames of {graph.bands} bands and gives {list(decoded[graph.output])}")
    for steps, sizes in ((graph.encoder, encoded), (graph.decoder, decoded)):
        for step in steps:
            found |= {f"{step.name}/{name}": shape for name, shape in step.layer.weights(sizes[step.source]).items()}
    return found


def latent_width(graph: Graph) -> int:
    """Numbers in a latent."""
    return keras_graph.shapes(graph.encoder, FRAMES, (graph.bands,))[graph.mean][0]


@dataclass(frozen=True)
class ClassicModel:
    """A network of the original with the transform it was trained on.

    Attributes:
        iterations: Griffin-Lim steps of its configuration.
        record: all of model.json: where it came from, what its configuration said, hash of the tensors.
    """

    network: ClassicVAE
    layout: classic.Layout
    iterations: int = 1
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return next(self.network.buffers()).device

    def on(self, device: str) -> "ClassicModel":
        """The same model on another device: ``cpu``, ``cuda``, ``mps`` or ``auto``. Raises ``ModelError``."""
        device = devices.chosen(device)
        if self.device.type == device:
            return self
        return ClassicModel(copy.deepcopy(self.network).to(device), self.layout, self.iterations, self.record)

    def encode(self, frames: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Magnitude frames ``[frames, bands]`` to mean and log-variance, both ``[frames, latent]``.

        Raises:
            ModelError: frames of another width, or not finite.
        """
        values = _rows(frames, "frames", self.layout.bands)
        pairs = [self.network.encode(block) for block in self._blocks(values)]
        mean, log_variance = (torch.cat(half)[:len(values)].cpu().numpy() for half in zip(*pairs, strict=True))
        return mean, log_variance

    def decode(self, latents: ArrayLike) -> NDArray[np.float32]:
        """Latents ``[frames, latent]`` to magnitudes ``[frames, bands]``, as the network gives them: with their level, and
        below 0 where its last layer lets them."""
        values = _rows(latents, "latents", self.network.latent)
        return torch.cat([self.network.decode(block) for block in self._blocks(values)])[:len(values)].cpu().numpy()

    def _blocks(self, rows: NDArray[np.float32]) -> Sequence[Tensor]:
        count = max(1, -(-len(rows) // BLOCK_FRAMES))
        padded = np.pad(rows, ((0, count * BLOCK_FRAMES - len(rows)), (0, 0)))
        return tuple(torch.from_numpy(padded).to(self.device).split(BLOCK_FRAMES))


def _rows(values: ArrayLike, what: str, width: int) -> NDArray[np.float32]:
    rows = np.asarray(values, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ModelError(f"{what} of shape {rows.shape} do not fit this model: it takes [frames, {width}]")
    if not np.isfinite(rows).all():
        raise ModelError(f"{what} must be finite numbers")
    return rows


# ---------------------------------------------------------------- to data and back


def describe(model: ClassicModel) -> dict[str, Any]:
    """Layers and layout as data for JSON."""
    graph = model.network.graph
    sides = {side: [{"name": step.name, "source": step.source, **keras_kinds.as_dict(step.layer)} for step in steps]
             for side, steps in (("encoder", graph.encoder), ("decoder", graph.decoder))}
    return {"layout": model.layout.as_dict(), "iterations": model.iterations,
            "architecture": {"bands": graph.bands, "latent": model.network.latent, **sides, "mean": graph.mean,
                             "log_variance": graph.log_variance, "output": graph.output}}


def rebuild(record: Mapping[str, Any], weights: Mapping[str, Tensor]) -> ClassicModel:
    """The model that ``describe`` described.

    Raises:
        ModelError: data that describe no model, or weights that do not fit.
    """
    try:
        sides = record["architecture"]
        steps = [tuple(Step(str(one["name"]), str(one["source"]),
                            keras_kinds.from_dict({key: value for key, value in one.items() if key not in ("name", "source")}))
                       for one in sides[side]) for side in ("encoder", "decoder")]
        graph = Graph(int(sides["bands"]), steps[0], sides["mean"], sides["log_variance"], steps[1], sides["output"])
        layout = classic.Layout(**record["layout"])
        model = ClassicModel(ClassicVAE(graph, weights).eval().requires_grad_(False), layout, int(record["iterations"]),
                             dict(record))
        if layout.bands != graph.bands:
            raise ModelError(f"{graph.bands} bands in the network, {layout.bands} in the layout")
        model.decode(model.encode(np.zeros((1, graph.bands)))[0])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, ZeroDivisionError) as error:
        raise ModelError(f"its description cannot be computed ({' '.join(repr(error).split())})") from None
    return model
