"""Level and shape: what the VAE sees of a frame, and the way back.

A frame of magnitudes m has a level, its norm ||m|| (an amplitude, see filterbank.py), and a shape u = m / ||m||. The
VAE sees the shape on a logarithmic scale, s = log(1 + u/e) / log(1 + 1/e) with e = 1e-3: 0 is silence, 1 is all the
energy in one band, and what lies 60 dB below the frame no longer counts. Loudness never takes up room in the latent
space that timbre needs.
"""

import math

import torch
from torch import Tensor

SHAPE_FLOOR = 1e-3
LEAST_NORM = 1e-15  # far below, the squares of float32 vanish and a norm no longer tells of its frame
_SCALE = math.log1p(1.0 / SHAPE_FLOOR)


def split(magnitudes: Tensor) -> tuple[Tensor, Tensor]:
    """Frames ``[frames, bands]`` to level ``[frames]`` and log shape ``[frames, bands]`` in 0..1.

    A silent frame has level 0 and shape 0.

    >>> level, shape = split(torch.tensor([[0.0, 3.0, 4.0]]))
    >>> level.item(), shape.shape
    (5.0, torch.Size([1, 3]))
    """
    level = torch.linalg.vector_norm(magnitudes, dim=-1)
    return level, log_shape(magnitudes, level)


def log_shape(magnitudes: Tensor, level: Tensor) -> Tensor:
    """Log shape ``[frames, bands]`` of frames whose level ``[frames]`` is known."""
    return compress(magnitudes / level.clamp_min(LEAST_NORM)[..., None])


def join(level: Tensor, shape: Tensor) -> Tensor:
    """The inverse of ``split``: level ``[frames]`` and log shape ``[frames, bands]`` to magnitudes ``[frames, bands]``.

    A decoded shape need not be of unit norm; it is made so, for the level alone says how loud a frame is.

    >>> join(*split(torch.tensor([[0.0, 3.0, 4.0]]))).round(decimals=4).tolist()
    [[0.0, 3.0, 4.0]]
    """
    linear = _expanded(shape)
    gain = level / torch.linalg.vector_norm(linear, dim=-1).clamp_min(LEAST_NORM)
    return linear.mul_(gain[..., None])


def compress(unit: Tensor) -> Tensor:
    """Linear shapes to log shapes, elementwise."""
    return torch.log1p(unit / SHAPE_FLOOR) / _SCALE


def expand(shape: Tensor) -> Tensor:
    """Log shapes to linear shapes, elementwise; below silence there is only silence."""
    return SHAPE_FLOOR * torch.expm1(shape.clamp(0.0, 1.0) * _SCALE)


def _expanded(shape: Tensor) -> Tensor:
    """``expand`` in the memory of one result: what it takes to decode minutes is mostly memory."""
    return shape.clamp(0.0, 1.0).mul_(_SCALE).expm1_().mul_(SHAPE_FLOOR)


def unit_norm(shapes: Tensor) -> Tensor:
    """Linear shapes ``[frames, bands]`` scaled to unit norm; a silent frame stays silent."""
    norm = torch.linalg.vector_norm(shapes, dim=-1, keepdim=True)
    unit: Tensor = shapes / norm.clamp_min(LEAST_NORM)
    return unit
