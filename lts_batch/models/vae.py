"""The frame VAE (Kingma, Welling 2014; over constant-Q frames: Tatar, Bisig, Pasquier 2020).

Of four kinds, see ``networks.py``. The default, ``residual``, is a dense residual network around a linear path. The linear
path starts as PCA of the training shapes, whitened so that the latents begin with the unit variance of the prior, and the
network learns what a linear code misses: from its first step the model is no worse than PCA of its own width.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from lts_batch.frame import features
from lts_batch.models import networks

LOG_VARIANCE_RANGE = (-12.0, 6.0)  # keeps exp() finite whatever a frame looks like
START_LOG_VARIANCE = -5.0  # of every latent: a decoder hears little noise while it begins to learn
_INPUT_SCALE = 6.0  # about 1 / the standard deviation of log shapes


@dataclass(frozen=True)
class Architecture:
    """Kind and sizes of the network; stored in the bundle, so that it rebuilds itself. Those that name no kind are residual."""

    bands: int
    latent: int = 64
    width: int = 1024
    blocks: int = 1
    kind: str = "residual"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class FrameVAE(nn.Module):
    """Log shapes ``[frames, bands]`` to latents ``[frames, latent]`` and back."""

    centre: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.register_buffer("centre", torch.zeros(a.bands))
        # in this order weights have always been drawn
        self.encoder = networks.encoder(a.kind, a.bands, a.width, a.blocks)
        self.to_mean = networks.Linear(a.width, a.latent)
        self.to_log_variance = networks.Linear(a.width, a.latent)
        linear = a.kind == "residual"
        self.linear_mean = networks.Linear(a.bands, a.latent, bias=False) if linear else None
        self.decoder, self.to_shape = networks.decoder(a.kind, a.bands, a.latent, a.width, a.blocks)
        self.linear_shape = networks.Linear(a.latent, a.bands, bias=False) if linear else None

    @torch.no_grad()
    def start(self, shapes: Tensor) -> None:
        """Begins a training on ``shapes [frames, bands]``: from PCA where there is a linear path, else from random weights
        around the mean shape."""
        if self.linear_mean is not None:
            self.start_from_pca(shapes)
            return
        self.centre.copy_(shapes.double().mean(0))
        nn.init.zeros_(self.to_log_variance.weight)
        nn.init.constant_(self.to_log_variance.bias, START_LOG_VARIANCE)

    @torch.no_grad()
    def start_from_pca(self, shapes: Tensor) -> None:
        """Sets the linear path to whitened PCA of ``shapes [frames, bands]`` and the network's say to nothing."""
        assert self.linear_mean is not None and self.linear_shape is not None and isinstance(self.to_shape, nn.Linear)
        centre, axes, deviations = principal_axes(shapes, self.architecture.latent)
        self.centre.copy_(centre)
        self.linear_mean.weight.copy_((axes / deviations).T)
        self.linear_shape.weight.copy_(axes * deviations)
        for layer in (self.to_mean, self.to_shape, self.to_log_variance):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.to_log_variance.bias, START_LOG_VARIANCE)

    def encode(self, shapes: Tensor) -> tuple[Tensor, Tensor]:
        """Log shapes ``[frames, bands]`` to mean and log-variance, both ``[frames, latent]``."""
        centred = shapes - self.centre
        hidden = self.encoder(centred * _INPUT_SCALE)
        log_variance = self.to_log_variance(hidden).clamp(*LOG_VARIANCE_RANGE)
        mean = self.to_mean(hidden)
        return mean if self.linear_mean is None else self.linear_mean(centred) + mean, log_variance

    def decode(self, latents: Tensor) -> Tensor:
        """Latents ``[frames, latent]`` to log shapes ``[frames, bands]`` (not yet of unit norm)."""
        centre = self.centre if self.linear_shape is None else self.centre + self.linear_shape(latents)
        shapes: Tensor = centre + self.to_shape(self.decoder(latents))
        return shapes

    def forward(self, shapes: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reparameterised pass for training: decoded log shapes, mean, log-variance."""
        mean, log_variance = self.encode(shapes)
        return self.decode(draw(mean, log_variance, noise)), mean, log_variance


class WidenedVAE(FrameVAE):
    """A network with further latents for what it loses along some axes: they sit beside its own and are read off, not learnt.

        encode: (z, y) with z as before and y = (s - decode(z)) @ axes / deviations²
        decode: decode(z) + y @ axes.T

    with axes of length ``deviations``, so that y has the unit variance of the other latents. Without axes it is the network
    it was; with all of them it would lose nothing. Between two frames y lies on the straight line, as z does.

    Attributes:
        axes: orthogonal ``[bands, further latents]``.
    """

    axes: Tensor

    def __init__(self, architecture: Architecture, further: int) -> None:
        super().__init__(architecture)
        self.architecture = replace(architecture, latent=architecture.latent + further)
        self.register_buffer("axes", torch.zeros(architecture.bands, further))

    def encode(self, shapes: Tensor) -> tuple[Tensor, Tensor]:
        """As ``FrameVAE.encode``; of what is read off there is no doubt."""
        mean, log_variance = super().encode(shapes)
        found = (shapes - super().decode(mean)) @ (self.axes / self.axes.square().sum(0))
        sure = torch.full_like(found, LOG_VARIANCE_RANGE[0])
        return torch.cat((mean, found), dim=-1), torch.cat((log_variance, sure), dim=-1)

    def decode(self, latents: Tensor) -> Tensor:
        """As ``FrameVAE.decode``."""
        own = latents.shape[-1] - self.axes.shape[1]
        return super().decode(latents[..., :own]) + latents[..., own:] @ self.axes.T


@torch.no_grad()
def multiply_adds(network: FrameVAE) -> int:
    """Multiplications with an addition that one frame takes on its way to latents and back."""
    counted = 0

    def count(module: nn.Linear | nn.Conv1d | nn.ConvTranspose1d, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal counted
        # in a convolution every weight meets every place of the shorter side
        places = 1 if isinstance(module, nn.Linear) else min(inputs[0].shape[-1], output.shape[-1])
        counted += module.weight.numel() * places

    hooks = [module.register_forward_hook(count) for module in network.modules()
             if isinstance(module, nn.Linear | nn.Conv1d | nn.ConvTranspose1d)]
    was_training = network.training
    try:
        network.eval()
        network.decode(network.encode(network.centre[None])[0])
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return counted


def draw(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """A latent from the encoder's distribution, given standard normal noise of the same shape."""
    return mean + torch.exp(0.5 * log_variance) * noise


def loss(decoded: Tensor, shapes: Tensor, mean: Tensor, log_variance: Tensor, *, linear_weight: float,
         peak_weight: float, kl_weight: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The four terms of the training loss, weighted: their sum is minimised.

    1. mean squared error of log shapes (what shape LSD hears);
    2. squared error of linear shapes of unit norm (what spectral convergence hears), times ``linear_weight``;
    3. squared error of log shapes weighted by the true energy of each band, times ``peak_weight``: a peak that is
       missing altogether has next to no gradient in the second term, and is one band among hundreds in the first;
    4. Kullback-Leibler divergence from the standard normal, per frame, times ``kl_weight``.
    """
    difference = (decoded - shapes).square()
    true, rebuilt = features.unit_norm(features.expand(shapes)), features.unit_norm(features.expand(decoded))
    linear_error = (rebuilt - true).square().sum(-1).mean()
    peak_error = (true.square() * difference).sum(-1).mean()
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(-1).mean()
    return difference.mean(), linear_weight * linear_error, peak_weight * peak_error, kl_weight * divergence


def principal_axes(shapes: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """PCA of ``shapes [frames, bands]``: centre ``[bands]``, axes ``[bands, count]``, deviations ``[count]``.

    Computed in double precision from the covariance; for fewer frames than ``count`` the remaining axes have a tiny
    deviation, never zero.
    """
    total, square = 0.0, 0.0
    for chunk in shapes.split(65536):
        wide = chunk.double()
        total, square = total + wide.sum(0), square + wide.T @ wide
    centre = torch.as_tensor(total) / len(shapes)
    covariance = torch.as_tensor(square) / len(shapes) - torch.outer(centre, centre)
    values, vectors = torch.linalg.eigh(covariance)
    deviations = values.clamp_min(1e-10).sqrt().flip(0)[:count]
    return centre.float(), vectors.flip(1)[:, :count].contiguous().float(), deviations.float()
