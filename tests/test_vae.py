"""The frame VAE against closed forms: PCA by SVD, the divergence of two normal distributions, moments of its draws."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

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


# ---------------------------------------------------------------- the loss


def terms(decoded: Tensor, frames: Tensor, mean: Tensor | None = None, log_variance: Tensor | None = None, *,
          linear: float = 1.0, peak: float = 1.0, kl: float = 1.0) -> list[float]:
    """Log, linear and peak error and divergence; that of the prior itself where no distribution is given."""
    zero = torch.zeros(len(frames), LATENT)
    found = vae.loss(decoded, frames, zero if mean is None else mean, zero if log_variance is None else log_variance,
                     linear_weight=linear, peak_weight=peak, kl_weight=kl)
    return [float(term) for term in found]


@pytest.mark.parametrize(("centre", "deviation"), [(0.0, 1.0), (0.7, 1.0), (0.0, 0.1), (-1.5, 2.0)])
def test_divergence_from_the_prior(centre: float, deviation: float) -> None:
    mean = torch.full((3, LATENT), centre)
    log_variance = torch.full((3, LATENT), 2 * math.log(deviation))
    expected = LATENT * float(kl_divergence(Normal(centre, deviation), Normal(0.0, 1.0)))
    assert terms(shapes(3), shapes(3), mean, log_variance)[3] == pytest.approx(expected, abs=1e-5)
    assert terms(shapes(3), shapes(3), mean, log_variance, kl=1e-3)[3] == pytest.approx(1e-3 * expected, abs=1e-8)


def test_error_of_log_shapes() -> None:
    assert terms(shapes(10) + 0.25, shapes(10))[0] == pytest.approx(0.0625, rel=1e-4)


def test_error_of_linear_shapes() -> None:
    true, other = torch.zeros(2, BANDS), torch.zeros(2, BANDS)
    true[:, 3] = 1.0  # all in one band
    other[:, 9] = 1.0  # all in another: two unit vectors at a right angle
    assert terms(other, true)[1] == pytest.approx(2.0)
    assert terms(other, true, linear=0.03)[1] == pytest.approx(0.06)
    assert terms(true, true)[:3] == [0.0, 0.0, 0.0]
    assert terms(true * 0.5, true)[1] == pytest.approx(0.0, abs=1e-6), "a decoded norm does not count"


def test_error_of_peaks_counts_where_the_energy_is() -> None:
    assert terms(shapes(10) + 0.25, shapes(10))[2] == pytest.approx(0.0625, rel=1e-3), "the weights of a frame sum to 1"
    true = torch.zeros(2, BANDS)
    true[:, 3] = 1.0
    beside, missing = true.clone(), true.clone()
    beside[:, 20] = 0.8
    missing[:, 3] = 0.6
    assert terms(beside, true)[2] == 0.0
    assert terms(missing, true)[2] == pytest.approx(0.16)
    assert terms(missing, true, peak=0.3)[2] == pytest.approx(0.048)


def test_a_missing_peak_has_a_gradient() -> None:
    """That the second term does not give: on a band decoded as silent it is nearly flat."""
    true = torch.zeros(1, BANDS)
    true[0, 3] = true[0, 9] = 0.95
    decoded = true.clone()
    decoded[0, 9] = 0.02
    decoded.requires_grad_(True)
    gradients = []
    for term in vae.loss(decoded, true, torch.zeros(1, LATENT), torch.zeros(1, LATENT), linear_weight=1.0,
                         peak_weight=1.0, kl_weight=1.0)[1:3]:
        (gradient,) = torch.autograd.grad(term, decoded, retain_graph=True)
        gradients.append(abs(float(gradient[0, 9])))
    assert gradients[1] > 0.3
    assert gradients[1] > 10 * gradients[0]


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


# ---------------------------------------------------------------- kinds


def test_the_dense_kind_is_one_hidden_layer_on_each_side() -> None:
    """Against the layers written out."""
    torch.manual_seed(0)
    network = vae.FrameVAE(vae.Architecture(BANDS, LATENT, 16, 0, "dense"))
    network.start(shapes())
    weights = network.state_dict()
    assert sorted({name.split(".")[0] for name in weights}) == ["centre", "decoder", "encoder", "to_log_variance", "to_mean",
                                                                "to_shape"]
    hidden = torch.relu(6.0 * (shapes(5) - shapes().mean(0)) @ weights["encoder.0.weight"].T + weights["encoder.0.bias"])
    mean = hidden @ weights["to_mean.weight"].T + weights["to_mean.bias"]
    hidden = torch.relu(mean @ weights["decoder.0.weight"].T + weights["decoder.0.bias"])
    decoded = shapes().mean(0) + hidden @ weights["to_shape.weight"].T + weights["to_shape.bias"]
    with torch.no_grad():
        assert torch.allclose(network.encode(shapes(5))[0], mean, atol=1e-5)
        assert torch.allclose(network.decode(mean), decoded, atol=1e-5)


def test_convolutions_see_a_transposed_frame_transposed() -> None:
    """Four bands further on, two strides of two later: what comes out of them has moved by one place."""
    torch.manual_seed(0)
    network = vae.FrameVAE(vae.Architecture(400, LATENT, 16, 1, "convolutional"))
    frame = torch.zeros(2, 400)
    frame[0, 100:140] = frame[1, 104:144] = torch.rand(40)
    convolutions = network.encoder[:-2]
    with torch.no_grad():
        one, two = convolutions(frame)
    assert torch.allclose(one[:, 20:45], two[:, 21:46], atol=1e-6)
    assert (one[:, 20:45] - two[:, 20:45]).abs().max() > 1e-3


@pytest.mark.parametrize("bands", [40, 63, 64, 467])
@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_convolutions_give_as_many_bands_as_they_took(bands: int, blocks: int) -> None:
    network = vae.FrameVAE(vae.Architecture(bands, LATENT, 16, blocks, "convolutional"))
    assert network.decode(network.encode(torch.zeros(3, bands))[0]).shape == (3, bands)


def test_batch_normalisation_rests_in_evaluation() -> None:
    network = vae.FrameVAE(vae.Architecture(BANDS, LATENT, 16, 2, "deep"))
    network.train()
    moved = network.encode(shapes(8))[0][0]
    network.eval()
    with torch.no_grad():
        alone, among = network.encode(shapes(8)[:1])[0][0], network.encode(shapes(8))[0][0]
    assert torch.allclose(alone, among, atol=1e-6)
    assert not torch.allclose(moved, among, atol=1e-3)


def test_multiplications_are_counted() -> None:
    dense = vae.FrameVAE(vae.Architecture(40, 6, 16, 0, "dense"))
    assert vae.multiply_adds(dense) == 40 * 16 + 2 * 16 * 6 + 6 * 16 + 16 * 40
    assert dense.training
    convolved = vae.FrameVAE(vae.Architecture(40, 6, 8, 0, "convolutional"))
    layers = 20 * 16 * 5 + 320 * 8 + 2 * 8 * 6  # 20 places, 16 channels, 5 bands
    assert vae.multiply_adds(convolved) == 2 * layers - 8 * 6


@pytest.mark.parametrize(("kind", "sizes"), [("round", (40, 6, 16, 0)), ("dense", (40, 6, 16, 1)), ("deep", (40, 6, 0, 1)),
                                             ("residual", (40, 6, 16, -1))])
def test_a_network_that_is_none(kind: str, sizes: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=kind):
        vae.FrameVAE(vae.Architecture(*sizes, kind))


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


# ---------------------------------------------------------------- further latents


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
