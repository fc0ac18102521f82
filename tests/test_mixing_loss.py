"""Mixes that are supervised: their targets are the clips at both ends, lie between them by centroid, and can be learned."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from trainings import BANDS, SCHEDULE, frames, started

from lts_batch.frame import features
from lts_batch.models import vae
from lts_batch.training import mixing_loss


def shapes(count: int = 200) -> Tensor:
    return torch.from_numpy(frames(count).shapes.astype(np.float32))


def centroid(log_shapes: Tensor) -> Tensor:
    """In bands, by energy."""
    energy = features.expand(log_shapes).square()
    return (energy * torch.arange(energy.shape[1])).sum(1) / energy.sum(1)


@pytest.mark.parametrize("x", [0.0, 1.0])
def test_at_the_ends_a_target_is_the_frame(x: float) -> None:
    one, two = shapes(100)[:50], shapes(100)[50:]
    found = mixing_loss.targets(one, two, torch.full((50,), x), BANDS)
    assert torch.allclose(found, (one, two)[int(x)], atol=2e-3)


def test_between_frames_the_centroid_lies_near_the_line_and_nearer_than_that_of_a_mean_of_logs() -> None:
    places = torch.tensor([[120.0], [340.0]])
    peaks = torch.exp(-0.5 * ((torch.arange(len(BANDS)) - places) / 40.0) ** 2)
    one, two = features.split(peaks)[1].split(1)
    x = torch.linspace(0.2, 0.8, 4)
    found = centroid(mixing_loss.targets(one.expand(4, -1), two.expand(4, -1), x, BANDS))
    line = torch.lerp(centroid(one), centroid(two), x)
    mean = centroid(torch.lerp(one, two, x[:, None]))
    assert (found - line).abs().max() < 8.0  # of 220 bands, seen through windows of 34
    assert (mean - line).abs().mean() > 40.0


def test_only_the_decoder_gets_a_gradient() -> None:
    torch.manual_seed(0)
    network, batch = vae.FrameVAE(vae.Architecture(len(BANDS), 4, 16)), shapes(32)
    mean, _ = network.encode(batch)
    mixing_loss.mixing_error(network, batch, mean, BANDS, torch.Generator().manual_seed(1)).backward()
    touched = {name.split(".")[0] for name, weight in network.named_parameters() if weight.grad is not None}
    assert touched == {"decoder", "to_shape", "linear_shape"}
    assert all(bool(torch.isfinite(weight.grad).all()) for weight in network.parameters() if weight.grad is not None)


def test_silent_frames_have_finite_targets() -> None:
    batch = torch.zeros(8, len(BANDS))
    batch[:4] = shapes(4)
    found = mixing_loss.targets(batch, batch.flip(0), torch.linspace(0, 1, 8), BANDS)
    assert bool(torch.isfinite(found).all())


def test_training_with_it_lowers_the_error_of_mixes_of_held_out_frames(tmp_path: Path) -> None:
    centres = np.random.default_rng(0).uniform(80, 380, (2500, 1))
    peaks = np.exp(-0.5 * ((np.arange(len(BANDS)) - centres) / 40.0) ** 2)  # half-way between two lies another of them
    sounds = dataclasses.replace(frames(), shapes=features.split(torch.from_numpy(peaks.astype(np.float32)))[1].half().numpy())
    held_out = torch.from_numpy(sounds.shapes[sounds.part(validation=True)].astype(np.float32))
    errors = {}
    for weight in (0.0, 3.0):
        schedule = dataclasses.replace(SCHEDULE, steps=120, rate=3e-3, width=64, transport_weight=weight)
        training = started(sounds, tmp_path / str(weight), schedule)
        training.run(every=120)
        network = training.model().network
        with torch.no_grad():
            mean, _ = network.encode(held_out)
            errors[weight] = float(mixing_loss.mixing_error(network, held_out, mean, BANDS, torch.Generator().manual_seed(9)))
    assert errors[3.0] < 0.85 * errors[0.0]


def test_the_error_counts_in_the_figures_that_choose_the_best(tmp_path: Path) -> None:
    """And is drawn alike every time, so that figures of two steps can be compared."""
    sounds = frames()
    found = []
    for weight in (0.0, 1.0):
        training = started(sounds, tmp_path / str(weight), dataclasses.replace(SCHEDULE, transport_weight=weight))
        found.append([training.figures(0.0).validation_loss for _ in range(2)])
    assert found[0][0] == found[0][1] < found[1][0] == found[1][1]
