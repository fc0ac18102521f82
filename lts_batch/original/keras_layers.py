"""The layers of Keras that networks of the original Latent Timbre Synthesis are made of, computed with torch.

A layer is data (a frozen dataclass that goes to JSON and back) and what it does to a batch. Tensors keep Keras' order of
axes, ``[batch, height, width, channels]`` for pictures, and weights their Keras names and shapes. What the layers compute is
written in the documentation of Keras (keras.io/api/layers) and of tf.nn; batch normalisation is in its inference form.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor

from lts_batch.errors import ModelError

Shape = tuple[int, ...]
Weights = Mapping[str, Tensor]

_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x, "relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "exponential": torch.exp,
    "softplus": torch.nn.functional.softplus, "softsign": torch.nn.functional.softsign, "elu": torch.nn.functional.elu,
    "selu": torch.nn.functional.selu, "swish": torch.nn.functional.silu, "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu, "softmax": lambda x: torch.softmax(x, -1),
}


def _function(value: Any) -> str:
    """The name of an activation, by which Keras 2 and 3 write it, or the data that Keras 3 writes for one."""
    if isinstance(value, dict):
        value = value.get("config")
        value = value.get("name") if isinstance(value, dict) else value
    name = "linear" if value is None else value
    if name not in _FUNCTIONS:
        raise ModelError(f"activation {name!r} is not known; known are {', '.join(_FUNCTIONS)}")
    return str(name)


def _pair(config: Mapping[str, Any], key: str, default: int = 1) -> tuple[int, int]:
    value = config.get(key, default)
    first, second = value if isinstance(value, list | tuple) else (value, value)
    if int(first) < 1 or int(second) < 1:
        raise ModelError(f"{key} = {value!r} must be 1 or more")
    return int(first), int(second)


def _only(config: Mapping[str, Any], key: str, *allowed: Any) -> None:
    """What is not in a network of the original is refused, not guessed."""
    if key in config and config[key] not in allowed:
        raise ModelError(f"{key} = {config[key]!r} is not supported, only {' or '.join(map(repr, allowed))}")


@dataclass(frozen=True)
class Layer:
    """What all layers have. Shapes are without the batch."""

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        """The layer that a Keras ``config`` describes. Raises ``ModelError`` for what is not supported."""
        raise NotImplementedError

    def weights(self, shape: Shape) -> dict[str, Shape]:
        """Names and shapes of the weights for an input of ``shape``."""
        return {}

    def output(self, shape: Shape) -> Shape:
        """Shape of the output for an input of ``shape``. Raises ``ModelError`` where it does not fit."""
        return shape

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        """The output for a batch ``[batch, *shape]``."""
        raise NotImplementedError


@dataclass(frozen=True)
class Dense(Layer):
    """``activation(x @ kernel + bias)`` over the last axis."""

    units: int
    activation: str = "linear"
    bias: bool = True

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        return cls(int(config["units"]), _function(config.get("activation")), bool(config.get("use_bias", True)))

    def weights(self, shape: Shape) -> dict[str, Shape]:
        return {"kernel": (shape[-1], self.units)} | ({"bias": (self.units,)} if self.bias else {})

    def output(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.units)

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        found = x @ w["kernel"]
        return _FUNCTIONS[self.activation](found + w["bias"] if self.bias else found)


@dataclass(frozen=True)
class Activation(Layer):
    """A function of every number; ``slope`` is that of a leaky ``relu`` below zero."""

    function: str = "linear"
    slope: float = 0.0

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        return cls(_function(config.get("activation")))

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        return torch.nn.functional.leaky_relu(x, self.slope) if self.slope else _FUNCTIONS[self.function](x)


def _relu(config: Mapping[str, Any]) -> Activation:
    _only(config, "max_value", None)
    _only(config, "threshold", None, 0, 0.0)
    return Activation("relu", float(config.get("negative_slope") or 0.0))


def _leaky(config: Mapping[str, Any]) -> Activation:
    return Activation("relu", float(config.get("alpha", config.get("negative_slope", 0.3))))


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
        _only(config, "data_format", "channels_last", None)
        return cls()

    def output(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        return x.reshape(len(x), -1)


@dataclass(frozen=True)
class Conv2D(Layer):
    """Strided convolution of pictures ``[height, width, channels]``; the kernel is ``[height, width, in, out]``.

    With padding "same" and n numbers along an axis the output has ceil(n / stride), and of the
    p = max((ceil(n / stride) - 1) stride + kernel - n, 0) zeros floor(p / 2) come before and the rest after: TensorFlow
    does not pad alike on both sides.
    """

    filters: int
    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str = "valid"
    activation: str = "linear"
    bias: bool = True

    @classmethod
    def _checked(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        _only(config, "data_format", "channels_last", None)
        _only(config, "padding", "same", "valid")
        _only(config, "groups", 1)
        if _pair(config, "dilation_rate") != (1, 1):
            raise ModelError(f"dilation_rate = {config['dilation_rate']!r} is not supported, only 1")
        return {"filters": int(config["filters"]), "kernel": _pair(config, "kernel_size"), "strides": _pair(config, "strides"),
                "padding": str(config.get("padding", "valid")), "activation": _function(config.get("activation")),
                "bias": bool(config.get("use_bias", True))}

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        return cls(**cls._checked(config))

    def weights(self, shape: Shape) -> dict[str, Shape]:
        return {"kernel": (*self.kernel, shape[-1], self.filters)} | ({"bias": (self.filters,)} if self.bias else {})

    def output(self, shape: Shape) -> Shape:
        return (*_lengths(shape, self._length), self.filters)

    def _length(self, axis: int, n: int) -> int:
        return -(-(n if self.padding == "same" else n - self.kernel[axis] + 1) // self.strides[axis])

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        if self.padding == "same":
            before_after = []
            for axis in (1, 0):  # torch pads the last axis first
                n = x.shape[1 + axis]
                padded = max((self._length(axis, n) - 1) * self.strides[axis] + self.kernel[axis] - n, 0)
                before_after += [padded // 2, padded - padded // 2]
            x = torch.nn.functional.pad(x, (0, 0, *before_after))
        found = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), w["kernel"].permute(3, 2, 0, 1),
                                           w["bias"] if self.bias else None, self.strides)
        return _FUNCTIONS[self.activation](found.permute(0, 2, 3, 1))


@dataclass(frozen=True)
class Conv2DTranspose(Layer):
    """The transpose of a strided convolution; the kernel is ``[height, width, out, in]``.

    It is the gradient of the convolution that leads from the output back to the input, so it is cut where that one pads:
    of the (n - 1) stride + kernel numbers the first floor(p / 2) fall away, p = max((n - 1) stride + kernel - length, 0),
    and what is missing at the end is zero. The length is n stride with padding "same", and with ``output_padding``
    (n - 1) stride + kernel - 2 floor(kernel / 2) + output_padding.
    """

    filters: int
    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str = "valid"
    activation: str = "linear"
    bias: bool = True
    output_padding: tuple[int, int] | None = None

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        more = config.get("output_padding")
        first, second = more if isinstance(more, list | tuple) else (more, more)
        return cls(**Conv2D._checked(config), output_padding=None if more is None else (int(first), int(second)))

    def weights(self, shape: Shape) -> dict[str, Shape]:
        return {"kernel": (*self.kernel, self.filters, shape[-1])} | ({"bias": (self.filters,)} if self.bias else {})

    def output(self, shape: Shape) -> Shape:
        return (*_lengths(shape, self._length), self.filters)

    def _length(self, axis: int, n: int) -> int:
        kernel, stride = self.kernel[axis], self.strides[axis]
        if self.output_padding is None:
            return n * stride if self.padding == "same" else n * stride + max(kernel - stride, 0)
        return (n - 1) * stride + kernel - 2 * (kernel // 2) * (self.padding == "same") + self.output_padding[axis]

    def compute(self, x: Tensor, w: Weights) -> Tensor:
        full = torch.nn.functional.conv_transpose2d(x.permute(0, 3, 1, 2), w["kernel"].permute(3, 2, 0, 1),
                                                    stride=self.strides)
        for axis in (0, 1):
            wanted, there = self._length(axis, x.shape[1 + axis]), full.shape[2 + axis]
            before = max(there - wanted, 0) // 2 if self.padding == "same" else 0
            full = full.narrow(2 + axis, before, min(wanted, there - before))
            missing = wanted - full.shape[2 + axis]
            full = torch.nn.functional.pad(full, (0, 0, 0, missing) if axis == 0 else (0, missing))
        found = full.permute(0, 2, 3, 1)
        return _FUNCTIONS[self.activation](found + w["bias"] if self.bias else found)


def _lengths(shape: Shape, length: Callable[[int, int], int]) -> Shape:
    if len(shape) != 3:
        raise ModelError(f"it takes pictures [height, width, channels], and its input has the shape {list(shape)}")
    found = tuple(length(axis, shape[axis]) for axis in (0, 1))
    if min(found) < 1:
        raise ModelError(f"nothing is left of its input of the shape {list(shape)}")
    return found


KINDS: dict[str, type[Layer]] = {kind.__name__: kind for kind in (Dense, Activation, BatchNormalization, Reshape, Flatten,
                                                                  Conv2D, Conv2DTranspose)}
_READERS: dict[str, Callable[[Mapping[str, Any]], Layer]] = {
    **{name: kind.from_keras for name, kind in KINDS.items()},
    "ReLU": _relu, "LeakyReLU": _leaky, "Dropout": lambda config: Activation(),
}


def from_keras(class_name: str, config: Mapping[str, Any]) -> Layer:
    """The layer that a class name and config of Keras describe.

    Raises:
        ModelError: an unknown class, or a known one with what is not supported here.

    >>> from_keras("Dense", {"units": 3, "activation": "relu"})
    Dense(units=3, activation='relu', bias=True)
    """
    if class_name not in _READERS:
        raise ModelError(f"its class {class_name} is not known; known are {', '.join(sorted(_READERS))}")
    try:
        return _READERS[class_name](config)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"its configuration does not describe a {class_name} ({error!r})") from None


def as_dict(layer: Layer) -> dict[str, Any]:
    """For JSON."""
    return {"class": type(layer).__name__, **asdict(layer)}


def from_dict(values: Mapping[str, Any]) -> Layer:
    """The layer that ``as_dict`` described. Raises ``ModelError``.

    >>> from_dict(as_dict(Reshape((24, 16, 1))))
    Reshape(target=(24, 16, 1))
    """
    rest = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items() if key != "class"}
    kind = KINDS.get(str(values.get("class")))
    try:
        layer = kind(**rest) if kind is not None else None
    except TypeError as error:
        raise ModelError(f"a layer is not described as it should be: {error}") from None
    if layer is None:
        raise ModelError(f"a layer of an unknown class {values.get('class')!r}; known are {', '.join(KINDS)}")
    for name in ("activation", "function"):
        if hasattr(layer, name):
            _function(getattr(layer, name))
    return layer
