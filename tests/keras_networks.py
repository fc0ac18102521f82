"""Networks of the original Latent Timbre Synthesis for tests, and what they compute, in plain numpy and loops."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Layers = list[tuple[str, dict[str, Any]]]  # class names and configs, in the order of computation


# ---------------------------------------------------------------- the three architectures


def dense(units: int, activation: str = "linear") -> tuple[str, dict[str, Any]]:
    return "Dense", {"units": units, "activation": activation, "use_bias": True}


def picture(kind: str, filters: int, activation: str = "relu", strides: int = 2, kernel: int = 3, padding: str = "same",
            **more: Any) -> tuple[str, dict[str, Any]]:
    return kind, {"filters": filters, "kernel_size": [kernel, kernel], "strides": [strides, strides], "padding": padding,
                  "data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1, "activation": activation,
                  "use_bias": True, **more}


def batch_norm() -> tuple[str, dict[str, Any]]:
    return "BatchNormalization", {"axis": [1], "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True}


RELU: tuple[str, dict[str, Any]] = ("ReLU", {"max_value": None, "negative_slope": 0.0, "threshold": 0.0})
LATENT = 4
VAE: tuple[Layers, Layers] = ([dense(16, "relu")], [dense(16, "relu"), dense(384, "relu")])
VAE2: tuple[Layers, Layers] = ([dense(16, "relu"), dense(12), batch_norm(), RELU, dense(8), batch_norm(), RELU],
                               [dense(8, "relu"), dense(12), batch_norm(), RELU, dense(16), batch_norm(), RELU,
                                dense(384, "sigmoid")])
CVAE: tuple[Layers, Layers] = (
    [("Reshape", {"target_shape": [24, 16, 1]}), picture("Conv2D", 4), picture("Conv2D", 6), picture("Conv2D", 5),
     ("Flatten", {"data_format": "channels_last"}), dense(10, "relu")],
    [dense(10, "relu"), dense(30, "relu"), ("Reshape", {"target_shape": [3, 2, 5]}),
     picture("Conv2DTranspose", 6, output_padding=None), picture("Conv2DTranspose", 4, output_padding=None),
     picture("Conv2DTranspose", 1, "linear", output_padding=None), ("Flatten", {"data_format": "channels_last"})])
ARCHITECTURES = {"timbre-vae": VAE, "timbre-vae2": VAE2, "timbre-cvae": CVAE}


@dataclass
class Named:
    """A layer with a name and weights."""

    name: str
    kind: str
    config: dict[str, Any]
    weights: dict[str, Array]


def named(layers: Layers, shape: tuple[int, ...], rng: np.random.Generator, counts: dict[str, int]) -> list[Named]:
    """Names as Keras gives them, and random weights."""
    found = []
    for kind, config in layers:
        stem = {"Conv2D": "conv2d", "Conv2DTranspose": "conv2d_transpose", "BatchNormalization": "batch_normalization",
                "ReLU": "re_lu"}.get(kind, kind.lower())
        number = counts[stem] = counts.get(stem, -1) + 1
        weights: dict[str, Array] = {}
        if kind == "Dense":
            weights = {"kernel": rng.normal(0, shape[-1] ** -0.5, (shape[-1], config["units"])),
                       "bias": rng.normal(0, 0.3, config["units"])}
        elif kind == "BatchNormalization":
            weights = {"gamma": rng.uniform(0.5, 2, shape[-1]), "beta": rng.normal(0, 0.3, shape[-1]),
                       "moving_mean": rng.normal(0, 0.3, shape[-1]), "moving_variance": rng.uniform(0.1, 2, shape[-1])}
        elif kind.startswith("Conv2D"):
            inner = (shape[-1], config["filters"]) if kind == "Conv2D" else (config["filters"], shape[-1])
            weights = {"kernel": rng.normal(0, 0.3, (*config["kernel_size"], *inner)),
                       "bias": rng.normal(0, 0.3, config["filters"])}
        one = Named(stem if number == 0 else f"{stem}_{number}", kind, config,
                    {name: value.astype(np.float32) for name, value in weights.items()})
        shape = computed([one], np.zeros((1, *shape))).shape[1:]
        found.append(one)
    return found


# ---------------------------------------------------------------- what they compute


ACTIVATIONS = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0), "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
               "tanh": np.tanh}


def computed(layers: list[Named], x: Array) -> Array:
    """A chain of layers in double precision."""
    x = np.asarray(x, np.float64)
    for one in layers:
        w, config = one.weights, one.config
        if one.kind == "Dense":
            x = x @ w["kernel"].astype(np.float64) + w["bias"]
        elif one.kind == "BatchNormalization":
            x = w["gamma"] * (x - w["moving_mean"]) / np.sqrt(w["moving_variance"].astype(np.float64) + config["epsilon"])
            x = x + w["beta"]
        elif one.kind == "ReLU":
            x = np.maximum(x, 0)
        elif one.kind == "Reshape":
            x = x.reshape(len(x), *config["target_shape"])
        elif one.kind == "Flatten":
            x = x.reshape(len(x), -1)
        elif one.kind == "Conv2D":
            x = convolved(x, w["kernel"], config["strides"][0], config["padding"]) + w["bias"]
        elif one.kind == "Conv2DTranspose":
            more = config.get("output_padding")
            x = spread(x, w["kernel"], config["strides"][0], config["padding"], more) + w["bias"]
        x = ACTIVATIONS[config.get("activation", "linear")](x)
    return x


def convolved(x: Array, kernel: Array, stride: int, padding: str) -> Array:
    """Convolution as TensorFlow documents it, number by number (tf.nn.convolution, "SAME" and "VALID")."""
    size = kernel.shape[0]
    lengths = [-(-n // stride) if padding == "same" else -(-(n - size + 1) // stride) for n in x.shape[1:3]]
    before = [max((length - 1) * stride + size - n, 0) // 2 if padding == "same" else 0
              for length, n in zip(lengths, x.shape[1:3], strict=True)]
    out = np.zeros((len(x), *lengths, kernel.shape[3]))
    for i in range(lengths[0]):
        for j in range(lengths[1]):
            for a in range(size):
                for b in range(size):
                    row, column = i * stride + a - before[0], j * stride + b - before[1]
                    if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                        out[:, i, j] += x[:, row, column] @ kernel[a, b].astype(np.float64)
    return out


def spread(x: Array, kernel: Array, stride: int, padding: str, output_padding: list[int] | None = None) -> Array:
    """The transpose of ``convolved``, which is what TensorFlow calls by that name: every number of x goes to where the
    convolution of a picture of the output's size would have taken it from."""
    size = kernel.shape[0]
    if output_padding is None:
        lengths = [n * stride if padding == "same" else n * stride + max(size - stride, 0) for n in x.shape[1:3]]
    else:
        cut = size // 2 if padding == "same" else 0
        lengths = [(n - 1) * stride + size - 2 * cut + more for n, more in zip(x.shape[1:3], output_padding, strict=True)]
    before = [max((n - 1) * stride + size - length, 0) // 2 if padding == "same" else 0
              for length, n in zip(lengths, x.shape[1:3], strict=True)]
    out = np.zeros((len(x), *lengths, kernel.shape[2]))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            for a in range(size):
                for b in range(size):
                    row, column = i * stride + a - before[0], j * stride + b - before[1]
                    if 0 <= row < lengths[0] and 0 <= column < lengths[1]:
                        out[:, row, column] += x[:, i, j] @ kernel[a, b].astype(np.float64).T
    return out


@dataclass
class Network:
    """The layers of a network of the original."""

    encoder: list[Named]
    mean: Named
    log_variance: Named
    decoder: list[Named]

    @classmethod
    def random(cls, encoder: Layers, decoder: Layers, bands: int = 384, latent: int = LATENT, seed: int = 0) -> "Network":
        rng, counts = np.random.default_rng(seed), dict[str, int]()
        body = named(encoder, (bands,), rng, counts)
        width = computed(body, np.zeros((1, bands))).shape[1:]
        heads = [named([dense(latent)], width, rng, {})[0] for _ in range(2)]
        heads[0].name, heads[1].name = "z_mean", "z_log_var"
        return cls(body, heads[0], heads[1], named(decoder, (latent,), rng, counts))

    def encode(self, frames: Array) -> tuple[Array, Array]:
        hidden = computed(self.encoder, frames)
        return computed([self.mean], hidden), computed([self.log_variance], hidden)

    def decode(self, latents: Array) -> Array:
        return computed(self.decoder, latents)
