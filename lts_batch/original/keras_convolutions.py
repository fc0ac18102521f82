"""The convolutions of Keras, for pictures ``[height, width, channels]``: the strided one and its transpose.

TensorFlow does not pad alike on both sides, which torch does, so padding and cutting are done here by its rules, as the
documentation of ``tf.nn`` gives them.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from lts_batch.errors import ModelError
from lts_batch.original.keras_layers import FUNCTIONS, Layer, Shape, Weights, activation_name, only


def _pair(config: Mapping[str, Any], key: str) -> tuple[int, int]:
    """Height and width, which Keras writes as one number where they are the same; 1 where nothing is written."""
    value = config.get(key, 1)
    first, second = value if isinstance(value, list | tuple) else (value, value)
    if int(first) < 1 or int(second) < 1:
        raise ModelError(f"{key} = {value!r} must be 1 or more")
    return int(first), int(second)


@dataclass(frozen=True)
class _Strided(Layer):
    """What both convolutions have."""

    filters: int
    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str = "valid"
    activation: str = "linear"
    bias: bool = True

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        only(config, "data_format", "channels_last", None)
        only(config, "padding", "same", "valid")
        only(config, "groups", 1)
        if _pair(config, "dilation_rate") != (1, 1):
            raise ModelError(f"dilation_rate = {config['dilation_rate']!r} is not supported, only 1")
        return cls(int(config["filters"]), _pair(config, "kernel_size"), _pair(config, "strides"),
                   str(config.get("padding", "valid")), activation_name(config.get("activation")),
                   bool(config.get("use_bias", True)))

    def weights(self, shape: Shape) -> dict[str, Shape]:
        return {"kernel": (*self.kernel, *self._kernel_ends(shape[-1]))} | ({"bias": (self.filters,)} if self.bias else {})

    def output(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ModelError(f"it takes pictures [height, width, channels], and its input has the shape {list(shape)}")
        found = (self._length(0, shape[0]), self._length(1, shape[1]))
        if min(found) < 1:
            raise ModelError(f"nothing is left of its input of the shape {list(shape)}")
        return (*found, self.filters)

    @abstractmethod
    def _kernel_ends(self, channels: int) -> tuple[int, int]:
        """The last two lengths of the kernel, for so many channels coming in."""

    @abstractmethod
    def _length(self, axis: int, n: int) -> int:
        """Length of the output along an axis, for n numbers coming in."""


@dataclass(frozen=True)
class Conv2D(_Strided):
    """Strided convolution of pictures ``[height, width, channels]``; the kernel is ``[height, width, in, out]``.

    With padding "same" and n numbers along an axis the output has ceil(n / stride), and of the
    p = max((ceil(n / stride) - 1) stride + kernel - n, 0) zeros floor(p / 2) come before and the rest after.
    """

    def _kernel_ends(self, channels: int) -> tuple[int, int]:
        return channels, self.filters

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
        return FUNCTIONS[self.activation](found.permute(0, 2, 3, 1))


@dataclass(frozen=True)
class Conv2DTranspose(_Strided):
    """The transpose of a strided convolution; the kernel is ``[height, width, out, in]``.

    It is the gradient of the convolution that leads from the output back to the input, so it is cut where that one pads:
    of the (n - 1) stride + kernel numbers the first floor(p / 2) fall away, p = max((n - 1) stride + kernel - length, 0),
    and what is missing at the end is zero. The length is n stride with padding "same", and with ``output_padding``
    (n - 1) stride + kernel - 2 floor(kernel / 2) + output_padding.
    """

    output_padding: tuple[int, int] | None = None

    @classmethod
    def from_keras(cls, config: Mapping[str, Any]) -> Self:
        layer, more = super().from_keras(config), config.get("output_padding")
        if more is None:
            return layer
        first, second = more if isinstance(more, list | tuple) else (more, more)
        return replace(layer, output_padding=(int(first), int(second)))

    def _kernel_ends(self, channels: int) -> tuple[int, int]:
        return self.filters, channels

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
        return FUNCTIONS[self.activation](found + w["bias"] if self.bias else found)
