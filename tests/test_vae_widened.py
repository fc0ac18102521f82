"""Further latents: what lies along their axes is not lost, and the rest stays as it was."""

import pytest
import torch
from small_networks import BANDS, LATENT, shapes, small
from torch import Tensor

from lts_batch.models import vae


def widened(network: vae.FrameVAE, axes: Tensor) -> vae.WidenedVAE:
    wide = vae.WidenedVAE(network.architecture, axes.shape[1])
    wide.load_state_dict({**network.state_dict(), "axes": axes})
    return wide.requires_grad_(False)


@pytest.mark.parametrize("count", [0, 5, BANDS])
def test_what_lies_along_the_axes_is_not_lost_and_the_rest_as_before(count: int) -> None:
    network, frames = small().requires_grad_(False), shapes()
    units = torch.linalg.qr(torch.randn(BANDS, BANDS, generator=torch.Generator().manual_seed(1)))[0][:, :count]
    wide = widened(network, units * torch.linspace(0.1, 3.0, count))
    latents = wide.encode(frames)[0]
    assert latents.shape[1] == wide.architecture.latent == LATENT + count
    lost, less = frames - network.decode(network.encode(frames)[0]), frames - wide.decode(latents)
    torch.testing.assert_close(less, lost - lost @ units @ units.T, atol=1e-5, rtol=0)


def test_further_latents_lie_on_straight_lines_beside_the_others() -> None:
    network, frames = small().requires_grad_(False), shapes(2)
    axes = torch.eye(BANDS)[:, :3]
    wide = widened(network, axes)
    one, other = wide.encode(frames)[0]
    middle = ((one + other) / 2)[None]
    torch.testing.assert_close(wide.decode(middle), network.decode(middle[:, :LATENT]) + middle[:, LATENT:] @ axes.T)
