"""What a layer of Keras is here, and the layers of networks of the original Latent Timbre Synthesis but its convolutions.

A layer is data (a frozen dataclass that goes to JSON and back) and what it does to a batch, computed with torch. Tensors keep
Keras' order of axes, ``[batch, height, width, channels]`` for pictures, and weights their Keras names and shapes. What the
layers compute is written in the documentation of Keras (keras.io/api/layers); batch normalisation is in its inference form.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from lts_batch.errors import ModelError

Shape = tuple[int, ...]
Weights = Mapping[str, Tensor]

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x, "relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "exponential": torch.exp,
    "softplus": torch.nn.functional.softplus, "softsign": torch.nn.functional.softsign, "elu": torch.nn.functional.elu,
    "selu": torch.nn.functional.selu, "swish": torch.nn.functional.silu, "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu, "softmax": lambda x: torch.softmax(x, -1),
}


def activation_name(value: Any) -> str:
    """The name of an activation, by which Keras 2 and 3 write it, or the data that Keras 3 writes for one."""
    if isinstance(value, dict):
        value = value.get("config")
        value = value.get("name") if isinstance(value, dict) else value
    name = "linear" if value is None else value
    if name not in FUNCTIONS:
        raise ModelError(f"activation {name!r} is not known; known are {', '.join(FUNCTIONS)}")
    return str(name)


def only(config: Mapping[str, Any], key: str, *allowed: Any) -> None:
    """Refuses, as a ``ModelError``, what no network of the original has: nothing is guessed."""
    if key in config and config[key] not in allowed:
        raise ModelError(f"{key} = {config[key]!r} is not supported, only {' or '.join(map(repr, allowed))}")


@dataclass(frozen=True)
class Layer(ABC):
    """What all layers have. Shapes are without the batch."""

    @classmethod
    @abstractmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        """The layer that a Keras ``config`` describes. Raises ``ModelError`` for what is not supported."""

    def weights(self, shape: Shape) -> dict[str, Shape]:
        """Names and shapes of the weights for an input of ``shape``."""
        return {}

    def output(self, shape: Shape) -> Shape:
        """Shape of the output for an input of ``shape``. Raises ``ModelError`` where it does not fit."""
        return shape

    @abstractmethod
    def compute(self, x: Tensor, w: Weights) -> Tensor:
        """The output for a batch ``[batch, *shape]``."""


@dataclass(frozen=True)
class Dense(Layer):
    """``activation(x @ kernel + bias)`` over the last axis."""

    units: int
    activation: str = "linear"
    bias: bool = True

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        return cls(int(config["units"]), activation_name(config.get("activation")), bool(config.get("use_bias", True)))

    def weights(self, shape: Shape) -> dict[str, Shape]:
        return {"kernel": (shape[-1], self.units)} | ({"bias": (self.units,)} if self.bias else {})

    def output(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.units)

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        found = x @ w["kernel"]
        return FUNCTIONS[self.activation](found + w["bias"] if self.bias else found)


@dataclass(frozen=True)
class Activation(Layer):
    """A function of every number; ``slope`` is that of a leaky ``relu`` below zero."""

    function: str = "linear"
    slope: float = 0.0

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        return cls(activation_name(config.get("activation")))

    @classmethod
    def from_relu(cls, config: Mapping[str, Any]) -> Self:
        """The same for Keras' class ``ReLU``."""
        only(config, "max_value", None)
        only(config, "threshold", None, 0, 0.0)
        return cls("relu", float(config.get("negative_slope") or 0.0))

    @classmethod
    def from_leaky_relu(cls, config: Mapping[str, Any]) -> Self:
        """The same for Keras' class ``LeakyReLU``; Keras 2 says ``alpha`` for the slope."""
        return cls("relu", float(config.get("alpha", config.get("negative_slope", 0.3))))

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        return torch.nn.functional.leaky_relu(x, self.slope) if self.slope else FUNCTIONS[self.function](x)


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """``gamma (x - moving_mean) / sqrt(moving_variance + epsilon) + beta`` over the last axis (Ioffe, Szegedy 2015)."""

    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    axis: int = -1

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        axis = config.get("axis", -1)
        axes = axis if isinstance(axis, list | tuple) else [axis]
        if len(axes) != 1:
            raise ModelError(f"axis = {axis!r} is not supported, only the last one")
        return cls(float(config.get("epsilon", 1e-3)), bool(config.get("center", True)), bool(config.get("scale", True)),
                   int(axes[0]))

    def weights(self, shape: Shape) -> dict[str, Shape]:
        names = ["gamma"] * self.scale + ["beta"] * self.center + ["moving_mean", "moving_variance"]
        return dict.fromkeys(names, shape[-1:])

    def output(self, shape: Shape) -> Shape:
        if self.axis not in (-1, len(shape)):
            raise ModelError(f"axis = {self.axis} is not supported, only the last one, {len(shape)}")
        return shape

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        found = (x - w["moving_mean"]) * torch.rsqrt(w["moving_variance"] + self.epsilon)
        found = found * w["gamma"] if self.scale else found
        return found + w["beta"] if self.center else found


@dataclass(frozen=True)
class Reshape(Layer):
    """Another shape for the same numbers in the same order; one length may be -1."""

    target: Shape

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        return cls(tuple(int(n) for n in config["target_shape"]))

    def output(self, shape: Shape) -> Shape:
        size, known = math.prod(shape), math.prod(n for n in self.target if n != -1)
        found = tuple(size // max(1, known) if n == -1 else n for n in self.target)
        if math.prod(found) != size or min(found, default=1) < 1:
            raise ModelError(f"{list(shape)} does not go into the shape {list(self.target)}")
        return found

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        return x.reshape(len(x), *self.output(tuple(x.shape[1:])))


@dataclass(frozen=True)
class Flatten(Layer):
    """All numbers in a row, channels fastest."""

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        only(config, "data_format", "channels_last", None)
        return cls()

    def output(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        return x.reshape(len(x), -1)
