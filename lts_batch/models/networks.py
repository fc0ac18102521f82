"""The bodies of a frame VAE, by kind: an encoder to a hidden layer, a decoder back to one, and the step to log shapes.

``residual`` is ours. The others follow the three networks of Latent Timbre Synthesis (Tatar, Bisig, Pasquier 2020), on log
shapes where the original has linear magnitudes:

- ``dense`` (timbre-vae): one hidden layer, ReLU, on each side.
- ``deep`` (timbre-vae2): a layer, then ``blocks`` times layer, batch normalisation, ReLU; mirrored in the decoder.
- ``convolutional`` (timbre-cvae): 1 + ``blocks`` strided convolutions, a dense layer; mirrored with transposed ones. The
  original folds its bands into a picture of 24 x 16 and convolves that by 3 x 3, so that neighbours in it are half an octave
  apart. 467 bands fold into nothing as even, so that here convolutions run along the bands alone, five at a time: a note that
  is transposed moves along them, and its pattern stays.
"""

import itertools

from torch import Tensor, nn

KERNEL, PADDING, STRIDE = 5, 2, 2
MOST_CHANNELS = 64
_FIRST_CHANNELS = 16
_LEAST_COLUMNS = 16


class Linear(nn.Linear):
    """A layer that treats every row of a block alike, wherever in the block it is.

    Matrix products with a few columns round rows near the end of a block differently. In evaluation such a layer is computed
    with columns of zeros beside it, which are thrown away.
    """

    def forward(self, rows: Tensor) -> Tensor:
        """``[frames, inputs]`` to ``[frames, outputs]``."""
        missing = _LEAST_COLUMNS - self.out_features
        if self.training or missing <= 0:
            return super().forward(rows)
        pad = nn.functional.pad
        bias = None if self.bias is None else pad(self.bias, (0, missing))
        return nn.functional.linear(rows, pad(self.weight, (0, 0, 0, missing)), bias)[:, :self.out_features]


class Residual(nn.Module):
    """h + silu(W h + b)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """``[frames, width]`` to the same."""
        return hidden + nn.functional.silu(self.linear(hidden))


def encoder(kind: str, bands: int, width: int, blocks: int) -> nn.Module:
    """``[frames, bands]`` to ``[frames, width]``.

    Raises:
        ValueError: a kind that is not known, or sizes that make no network.
    """
    if min(bands, width) < 1 or blocks < 0 or (kind == "dense" and blocks):
        raise ValueError(f"a {kind} network of {bands} bands, width {width} and {blocks} blocks is none")
    if kind == "residual":
        return _residual(bands, width, blocks)
    if kind == "dense":
        return _relu(bands, width)
    if kind == "deep":
        return nn.Sequential(_relu(bands, width), *(_normalised(width, width) for _ in range(blocks)))
    if kind == "convolutional":
        return _convolutions(bands, width, blocks)
    raise ValueError(f"a network of kind {kind!r} is not known")


def decoder(kind: str, bands: int, latent: int, width: int, blocks: int) -> tuple[nn.Module, nn.Module]:
    """``[frames, latent]`` to ``[frames, width]``, and from there to ``[frames, bands]``; of a kind that ``encoder`` knows."""
    if kind == "residual":
        return _residual(latent, width, blocks), Linear(width, bands)
    if kind == "dense":
        return _relu(latent, width), Linear(width, bands)
    if kind == "deep":
        widths = [latent, *[width] * blocks]
        mirrored = (_normalised(inputs, outputs) for inputs, outputs in itertools.pairwise(widths))
        return nn.Sequential(*mirrored, _relu(widths[-1], width)), Linear(width, bands)
    return _relu(latent, width), _transposed(bands, width, blocks)


def _residual(inputs: int, width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(Linear(inputs, width), nn.SiLU(), *(Residual(width) for _ in range(blocks)))


def _relu(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(Linear(inputs, outputs), nn.ReLU())


def _normalised(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU())


def _pyramid(bands: int, blocks: int) -> tuple[list[int], list[int]]:
    """Places and channels before, between and after the strided convolutions."""
    places, channels = [bands], [1]
    for number in range(1 + blocks):
        places.append((places[-1] + 2 * PADDING - KERNEL) // STRIDE + 1)
        channels.append(min(MOST_CHANNELS, _FIRST_CHANNELS * 2**number))
    return places, channels


def _convolutions(bands: int, width: int, blocks: int) -> nn.Sequential:
    places, channels = _pyramid(bands, blocks)
    down: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(channels):
        down += [nn.Conv1d(inputs, outputs, KERNEL, STRIDE, PADDING), nn.ReLU()]
    return nn.Sequential(nn.Unflatten(1, (1, bands)), *down, nn.Flatten(), _relu(channels[-1] * places[-1], width))


def _transposed(bands: int, width: int, blocks: int) -> nn.Sequential:
    places, channels = _pyramid(bands, blocks)
    up: list[nn.Module] = []
    for number in range(blocks + 1, 0, -1):
        # what a stride of 2 rounded away on the way down comes back here
        missing = places[number - 1] - ((places[number] - 1) * STRIDE - 2 * PADDING + KERNEL)
        up += [nn.ConvTranspose1d(channels[number], channels[number - 1], KERNEL, STRIDE, PADDING, missing), nn.ReLU()]
    folded = nn.Unflatten(1, (channels[-1], places[-1]))
    return nn.Sequential(_relu(width, channels[-1] * places[-1]), folded, *up[:-1], nn.Flatten())
