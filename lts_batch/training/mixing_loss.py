"""Mixes that are supervised: what the decoder makes half-way between two latents is pulled towards what lies between their
frames.

A VAE learns to rebuild frames; nothing tells it what a straight line between two latents should sound like. Here that is said,
for random pairs of a batch and random x: the mean of their log magnitudes, with its envelope moved by optimal transport, as
``envelope.py`` defines and renders do it. The gradient runs through the decoder alone: latents stay where frames put them.
"""

import math

import torch
from torch import Tensor

from lts_batch.frame import envelope, features
from lts_batch.frame.filterbank import Bands
from lts_batch.models.vae import FrameVAE


@torch.no_grad()
def targets(one: Tensor, two: Tensor, x: Tensor, bands: Bands) -> Tensor:
    """Log shapes ``[pairs, bands]`` that lie at ``x [pairs]`` between log shapes ``one`` and ``two``, of unit norm.

    At x = 0 and 1 they are those of the two.
    """
    linear = [features.unit_norm(features.expand(shapes.float())).T[None] for shapes in (one, two)]  # [1, bands, pairs]
    logs = [(magnitudes + features.SHAPE_FLOOR).log() for magnitudes in linear]
    mixed = (torch.lerp(logs[0], logs[1], x).exp() - features.SHAPE_FLOOR).clamp_min(0.0)
    form = envelope.envelope(bands, len(bands))
    wanted = envelope.transported([form.of(magnitudes) for magnitudes in linear], torch.stack((1.0 - x, x)))
    gains_db = form.gains_db(form.of(mixed), wanted)
    moved = mixed * (gains_db * (math.log(10.0) / 20.0)).exp()
    return features.compress(features.unit_norm(moved[0].T))


def mixing_error(network: FrameVAE, shapes: Tensor, mean: Tensor, bands: Bands, generator: torch.Generator) -> Tensor:
    """Mean squared error of the log shapes of decoded mixes of random pairs, half as many as there are frames.

    Args:
        shapes: log shapes ``[frames, bands]``; mean: their latents ``[frames, latent]``, from which no gradient is taken.
        generator: draws pairs and amounts.
    """
    pairs, device = len(shapes) // 2, generator.device
    order = torch.randperm(len(shapes), generator=generator, device=device)
    x = torch.rand(pairs, generator=generator, device=device).to(shapes.device)
    one, two = (half.to(shapes.device) for half in (order[:pairs], order[pairs:2 * pairs]))
    with torch.no_grad():
        latents = torch.lerp(mean[one], mean[two], x[:, None].to(mean))
    decoded = network.decode(latents).float()
    error: Tensor = (decoded - targets(shapes[one], shapes[two], x, bands)).square().mean()
    return error
