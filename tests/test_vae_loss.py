"""The loss of the frame VAE, term by term: the divergence of two normal distributions, errors known in closed form."""

import math

import pytest
import torch
from small_networks import BANDS, LATENT, shapes
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lts_batch.models import vae


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
