"""Figures on the held-out files: what a network has learned, told by frames it was never trained on."""

import torch

from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands
from lts_batch.metrics import measures
from lts_batch.models import vae
from lts_batch.training.course import Course, Report
from lts_batch.training.feed import Feed
from lts_batch.training.mixing_loss import mixing_error

ACTIVE_NATS = 0.1  # of divergence from the prior: a latent with less says nothing


@torch.no_grad()
def figures(network: vae.FrameVAE, feed: Feed, bands: Bands, course: Course, training_loss: float) -> Report:
    """The figures of the step that a training stands at, all in float32.

    Args:
        training_loss: the mean over the steps since the last figures.
    """
    network.eval()
    s = course.schedule
    shapes, level = feed.held_out()
    mean, log_variance = network.encode(shapes)
    decoded = network.decode(mean)
    terms = vae.loss(decoded, shapes, mean, log_variance, **s.loss_weights)
    validation = float(terms[0] + terms[1] + terms[2])
    if s.transport_weight:  # the same pairs and amounts every time
        generator = torch.Generator().manual_seed(s.seed)
        validation += s.transport_weight * float(mixing_error(network, shapes, mean, bands, generator))
    true, rebuilt = (features.unit_norm(features.expand(one)).cpu().numpy() for one in (shapes, decoded))
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean(0)
    network.train()
    return Report(course.step, round(course.seconds, 1), training_loss, validation, measures.shape_lsd_db(true, rebuilt),
                  measures.spectral_convergence_db(true * level, rebuilt * level), int((divergence > ACTIVE_NATS).sum()),
                  len(course.setbacks))
