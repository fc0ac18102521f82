"""The frame VAE against closed forms: PCA by SVD, moments of its draws; and what it makes of odd frames."""

import math

import numpy as np
import pytest
import torch
from small_networks import BANDS, LATENT, shapes, small

from lts_batch.models import vae

# ---------------------------------------------------------------- the linear path


def test_a_new_network_is_pca() -> None:
    frames = shapes()
    network = small()
    network.start_from_pca(frames)
    values = frames.double().numpy()
    centre = values.mean(0)
    _, _, axes = np.linalg.svd(values - centre, full_matrices=False)
    expected = centre + (values - centre) @ axes[:LATENT].T @ axes[:LATENT]
    with torch.no_grad():
        mean, log_variance = network.encode(frames)
        decoded = network.decode(mean)
    assert np.abs(decoded.numpy() - expected).max() < 1e-5
    assert np.allclose(mean.mean(0), 0, atol=1e-4)
    assert np.allclose(mean.numpy().std(0), 1, rtol=1e-3), "latents begin with the variance of the prior"
    assert np.allclose(np.cov(mean.numpy().T), np.eye(LATENT), atol=5e-3)
    assert torch.allclose(log_variance, torch.full_like(log_variance, -5.0))


def test_principal_axes_are_ordered_and_orthonormal() -> None:
    _, axes, deviations = vae.principal_axes(shapes(), LATENT)
    assert torch.allclose(axes.T @ axes, torch.eye(LATENT), atol=1e-5)
    assert bool((deviations.diff() <= 0).all())
    singular = np.linalg.svd(shapes().double().numpy() - shapes().double().numpy().mean(0), compute_uv=False)
    assert np.allclose(deviations.numpy(), singular[:LATENT] / math.sqrt(len(shapes())), rtol=1e-4)


def test_fewer_frames_than_latents_are_rebuilt_exactly() -> None:
    frames = shapes(4)
    network = small()
    network.start_from_pca(frames)
    with torch.no_grad():
        mean, _ = network.encode(frames)
        assert bool(torch.isfinite(mean).all())
        assert torch.allclose(network.decode(mean), frames, atol=1e-4)


def test_an_untrained_network_is_no_longer_pca() -> None:
    """The bracket around the test above: with random weights the network has its say."""
    network = small()
    with torch.no_grad():
        decoded = network.decode(network.encode(shapes())[0])
    assert (decoded - shapes()).abs().max() > 0.1


# ---------------------------------------------------------------- draws


def test_draws_have_the_moments_they_were_given() -> None:
    count, mean, log_variance = 200_000, 0.4, 2 * math.log(0.3)
    noise = torch.randn(count, generator=torch.Generator().manual_seed(1))
    drawn = vae.draw(torch.full((count,), mean), torch.full((count,), log_variance), noise)
    assert float(drawn.mean()) == pytest.approx(mean, abs=5 * 0.3 / math.sqrt(count))
    assert float(drawn.std()) == pytest.approx(0.3, rel=0.01)


def test_a_training_pass_is_encode_draw_decode() -> None:
    network, frames = small(), shapes(5)
    noise = torch.randn(5, LATENT, generator=torch.Generator().manual_seed(1))
    decoded, mean, log_variance = network(frames, noise)
    assert torch.equal(decoded, network.decode(mean + torch.exp(0.5 * log_variance) * noise))
    assert torch.equal(network(frames, torch.zeros(5, LATENT))[0], network.decode(mean)), "no noise: the mean path"


def test_the_gradient_of_a_draw_reaches_mean_and_variance() -> None:
    mean, log_variance = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    noise = torch.tensor([-1.0, 0.0, 0.5, 2.0])
    vae.draw(mean, log_variance, noise).sum().backward()
    assert torch.equal(mean.grad, torch.ones(4))
    assert torch.allclose(log_variance.grad, 0.5 * noise)  # d/dv exp(v/2) n = n/2 exp(v/2)


# ---------------------------------------------------------------- robustness


@pytest.mark.parametrize("kind", ["silent", "one band", "far outside"])
def test_gradients_are_finite_on_odd_frames(kind: str) -> None:
    frames = torch.zeros(8, BANDS)
    if kind == "one band":
        frames[:, 0] = 1.0
    elif kind == "far outside":
        frames[:] = 100.0
    network = small()
    network.start_from_pca(shapes())
    decoded, mean, log_variance = network(frames, torch.ones(8, LATENT))
    total = sum(vae.loss(decoded, frames, mean, log_variance, linear_weight=0.03, peak_weight=0.3, kl_weight=1e-5),
                torch.zeros(()))
    total.backward()
    assert bool(torch.isfinite(total))
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert bool(torch.isfinite(weight.grad).all()), name


def test_the_variance_stays_finite() -> None:
    network = small()
    torch.nn.init.constant_(network.to_log_variance.bias, 1e6)
    assert float(network.encode(shapes(3))[1].detach().max()) == vae.LOG_VARIANCE_RANGE[1]


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_an_architecture_rebuilds_its_network(blocks: int) -> None:
    network = small(blocks=blocks)
    other = vae.FrameVAE(vae.Architecture(**network.architecture.as_dict()))
    other.load_state_dict(network.state_dict(), strict=True)
    assert torch.equal(other.decode(other.encode(shapes(3))[0]), network.decode(network.encode(shapes(3))[0]))
