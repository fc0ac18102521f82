"""A small frame VAE, and frames for it."""

import torch
from torch import Tensor

from lts_batch.frame import features
from lts_batch.models import vae

BANDS, LATENT = 40, 6


def shapes(count: int = 500, seed: int = 0) -> Tensor:
    """Log shapes of frames that lie near a space of low dimension, as those of sounds do."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.rand(count, 4, generator=generator) @ torch.rand(4, BANDS, generator=generator) ** 6
    return features.split(mixed + 0.02 * torch.rand(count, BANDS, generator=generator))[1]


def small(seed: int = 0, blocks: int = 1) -> vae.FrameVAE:
    torch.manual_seed(seed)
    return vae.FrameVAE(vae.Architecture(BANDS, LATENT, 32, blocks))
