"""Layers by name: read from the configurations that Keras writes, and to JSON and back for the project's own files."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from lts_batch.errors import ModelError
from lts_batch.original.keras_convolutions import Conv2D, Conv2DTranspose
from lts_batch.original.keras_layers import Activation, BatchNormalization, Dense, Flatten, Layer, Reshape, activation_name

KINDS: dict[str, type[Layer]] = {kind.__name__: kind for kind in (Dense, Activation, BatchNormalization, Reshape, Flatten,
                                                                  Conv2D, Conv2DTranspose)}
_READERS: dict[str, Callable[[Mapping[str, Any]], Layer]] = {
    **{name: kind.from_keras for name, kind in KINDS.items()},
    "ReLU": Activation.from_relu, "LeakyReLU": Activation.from_leaky_relu, "Dropout": lambda config: Activation(),
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
            activation_name(getattr(layer, name))
    return layer
