"""The graph of a variational autoencoder out of the ``model_config`` of a Keras model, as two flat lists of layers.

Only what leads to the output counts, so the terms of the training loss that Keras keeps in the graph fall away. The latent
space is where two tensors, mean and log-variance, go into a layer that draws from them (a Lambda, or a class of its own that
says so in its name): what lies before is the encoder, what lies after is the decoder. Models inside the model are opened.
Keras 2 and Keras 3 write the links between layers in different ways; both are read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lts_batch.errors import ModelError
from lts_batch.original import keras_kinds
from lts_batch.original.keras_layers import Layer, Shape

FRAMES, LATENT = "frames", "latent"  # the names of what goes into the encoder and the decoder
_MODELS = ("Functional", "Model", "Sequential")
_DRAWING = re.compile("sampl|repar", re.IGNORECASE)

Link = tuple[str, int, int]  # a layer's name, which of its calls, which of its outputs


@dataclass(frozen=True)
class Step:
    """A layer in its place.

    Attributes:
        name: the path to the layer, ``decoder/dense_1``; its weights lie under the first and the last part of it.
        source: the step, or the input, that it takes.
    """

    name: str
    source: str
    layer: Layer


@dataclass(frozen=True)
class Graph:
    """Encoder and decoder, each in the order of computation.

    Attributes:
        bands: width of a frame.
        mean, log_variance, output: the steps that give them.
    """

    bands: int
    encoder: tuple[Step, ...]
    mean: str
    log_variance: str
    decoder: tuple[Step, ...]
    output: str


def read(description: Mapping[str, Any]) -> Graph:
    """The graph of a ``model_config``.

    Raises:
        ModelError: an unknown layer, or no autoencoder with a latent space that is drawn from.
    """
    try:
        reader = _Reader(_Scope.of("", description))
        return reader.graph()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ModelError(f"its model_config does not describe a network as Keras does ({error!r})") from None
    except RecursionError:
        raise ModelError("the layers of its model_config go in a circle") from None


def shapes(steps: Sequence[Step], given: str, shape: Shape) -> dict[str, Shape]:
    """The shape that each step gives, without the batch. Raises ``ModelError`` where one does not fit.

    >>> from lts_batch.original.keras_layers import Dense
    >>> shapes([Step("dense", "frames", Dense(3))], "frames", (5,))
    {'frames': (5,), 'dense': (3,)}
    """
    found = {given: shape}
    for step in steps:
        if step.source not in found:
            raise ModelError(f"layer {step.name} takes {step.source}, which is not computed before it")
        try:
            found[step.name] = step.layer.output(found[step.source])
        except ModelError as error:
            raise ModelError(f"layer {step.name}: {error}") from None
    return found


@dataclass
class _Scope:
    """A model and what goes into it."""

    path: str
    layers: dict[str, dict[str, Any]]
    inputs: list[str]
    outputs: list[Link]
    bound: list[str] = field(default_factory=list)  # the steps that go in, for a model inside another

    @classmethod
    def of(cls, path: str, model: Mapping[str, Any], bound: Sequence[str] = ()) -> "_Scope":
        if model["class_name"] not in _MODELS:
            raise ModelError(f"its model_config is of the class {model['class_name']}, which is no network of layers")
        config = model["config"]
        layers = {str(one["config"]["name"]): one for one in config["layers"]}
        if model["class_name"] == "Sequential":
            inner = [name for name, one in layers.items() if one["class_name"] != "InputLayer"]
            layers = {"": {"class_name": "InputLayer", "config": {}},
                      **{name: {**layers[name], "inbound_nodes": [[[before, 0, 0, {}]]]}
                         for before, name in zip(["", *inner], inner, strict=False)}}
            return cls(path, layers, [""], [(inner[-1], 0, 0)], list(bound))
        return cls(path, layers, [link[0] for link in _links(config["input_layers"])], _links(config["output_layers"]),
                   list(bound))


def _links(value: Any) -> list[Link]:
    """Links to tensors in whatever nesting they come, the history of a Keras 3 tensor included."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return _links(value["config"]["keras_history"])
        return [link for inner in value.values() for link in _links(inner)]
    if not isinstance(value, list | tuple):
        return []
    if len(value) >= 3 and isinstance(value[0], str) and all(isinstance(n, int) for n in value[1:3]):
        return [(value[0], value[1], value[2])]
    return [link for inner in value for link in _links(inner)]


class _Reader:
    """Walks from the output up to the input, and notes each layer once, in the order of computation."""

    def __init__(self, top: _Scope) -> None:
        self._top = top
        self._steps: dict[str, Step] = {}
        self._drawn: tuple[str, str] | None = None

    def graph(self) -> Graph:
        bands = self._bands()
        if len(self._top.outputs) != 1:
            raise ModelError(f"its network has {len(self._top.outputs)} outputs; an autoencoder has one")
        output = self._step(self._top, self._top.outputs[0])
        if self._drawn is None:
            raise ModelError("its network has no layer that draws latents from a mean and a log-variance")
        mean, log_variance = self._drawn
        decoder = self._between(LATENT, [output])
        if not decoder or decoder[0].source != LATENT:
            raise ModelError("the output of its network does not come from latents alone")
        return Graph(bands, self._between(FRAMES, [mean, log_variance]), mean, log_variance, decoder, output)

    def _bands(self) -> int:
        if len(self._top.inputs) != 1:
            raise ModelError(f"its network has {len(self._top.inputs)} inputs; an autoencoder has one")
        config = self._top.layers[self._top.inputs[0]]["config"]
        shape = config.get("batch_input_shape", config.get("batch_shape"))
        if not isinstance(shape, list | tuple) or len(shape) != 2 or not isinstance(shape[1], int) or shape[1] < 1:
            raise ModelError(f"its network takes input of the shape {shape!r}; it should take frames [any number, bands]")
        return shape[1]

    def _between(self, given: str, wanted: Sequence[str]) -> tuple[Step, ...]:
        """The steps that lead from an input to what is wanted."""
        needed: set[str] = set()
        for last in wanted:
            name = last
            while name != given and name not in needed and name in self._steps:
                needed.add(name)
                name = self._steps[name].source
        return tuple(step for name, step in self._steps.items() if name in needed)

    def _step(self, scope: _Scope, link: Link) -> str:
        """The name of the step that gives a tensor; it and all before it are noted."""
        name, call, place = link
        if name not in scope.layers:
            raise ModelError(f"a layer {name!r} is named in its network and not described")
        one = scope.layers[name]
        kind, path = str(one["class_name"]), f"{scope.path}{name}"
        if kind == "InputLayer":
            return scope.bound[scope.inputs.index(name)] if scope is not self._top else FRAMES
        before = self._inputs(one, call, kind in _MODELS)
        own = kind.rpartition(">")[2]  # classes that were registered have a package before their name
        if kind in _MODELS:
            inner = _Scope.of(f"{path}/", one, [self._step(scope, link) for link in before])
            return self._step(inner, inner.outputs[place])
        if len(before) == 2 and (own == "Lambda" or _DRAWING.search(own)):
            found = (self._step(scope, before[0]), self._step(scope, before[1]))
            if self._drawn not in (None, found):
                raise ModelError(f"layer {path} draws latents, and another layer does so too")
            self._drawn = found
            return LATENT
        try:
            layer = keras_kinds.from_keras(own, one["config"])
        except ModelError as error:
            raise ModelError(f"layer {path}: {error}") from None
        if len(before) != 1:
            raise ModelError(f"layer {path} of the class {own} takes {len(before)} tensors, where one is known")
        source = self._step(scope, before[0])
        step = Step(path, source, layer)
        if self._steps.setdefault(path, step) != step:
            raise ModelError(f"layer {path} is used twice, on different tensors, which is not supported")
        return path

    def _inputs(self, one: Mapping[str, Any], call: int, is_model: bool) -> list[Link]:
        """What goes into a layer at one of its calls. Models inside count the call by which they were built as the first,
        and do not write it down."""
        calls = one["inbound_nodes"]
        if not calls:
            raise ModelError(f"layer {one['config']['name']} is not connected")
        first = 1 if is_model and call > 0 else 0
        return _links(calls[0] if len(calls) == 1 else calls[call - first])
