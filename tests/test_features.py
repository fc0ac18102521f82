"""Level and shape: what is split can be joined, and loudness never gets into a shape."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from lts_batch.frame import features

FRAMES = arrays.arrays(np.float32, (3, 7), elements=st.floats(0, 1, width=32) | st.just(0.0))


def frames(count: int = 20, bands: int = 467, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, bands, generator=generator) ** 8  # a few strong bands, many weak ones


@given(FRAMES)
def test_what_is_split_can_be_joined(values: np.ndarray) -> None:
    magnitudes = torch.from_numpy(values)
    level, shape = features.split(magnitudes)
    assert level.shape == (3,)
    assert shape.shape == magnitudes.shape
    rebuilt = features.join(level, shape)
    assert torch.allclose(rebuilt, magnitudes, rtol=1e-4, atol=1e-6 * float(magnitudes.max()) + 1e-12)


@given(FRAMES)
def test_the_level_is_the_norm(values: np.ndarray) -> None:
    level, _ = features.split(torch.from_numpy(values))
    assert np.allclose(level.numpy(), np.sqrt((values.astype(np.float64) ** 2).sum(1)), rtol=1e-5, atol=1e-15)


@given(FRAMES, st.floats(-38, 6))
def test_shapes_stay_in_range_at_any_level(values: np.ndarray, exponent: float) -> None:
    """Also where squares underflow: a reverb tail fades through the smallest numbers there are."""
    _, shape = features.split(torch.from_numpy(values) * 10.0**exponent)
    assert bool(torch.isfinite(shape).all())
    assert float(shape.min()) >= 0.0
    assert float(shape.max()) <= 1.0 + 1e-6


@pytest.mark.parametrize("gain", [1e-9, 1e-4, 0.3, 1e4])
def test_a_shape_does_not_change_with_level(gain: float) -> None:
    level, shape = features.split(frames())
    other_level, other_shape = features.split(gain * frames())
    assert torch.allclose(other_shape, shape, atol=1e-6)
    assert torch.allclose(other_level, gain * level)


def test_silence_is_silence() -> None:
    silent = torch.zeros(2, 467)
    level, shape = features.split(silent)
    assert not level.any()
    assert not shape.any()
    assert not features.join(level, shape).any()
    assert not features.join(torch.ones(2), shape).any(), "a level cannot fill a shape that holds nothing"
    assert not features.unit_norm(silent).any()


def test_the_scale_of_shapes() -> None:
    """0 is silence, 1 is everything in one band, the floor lies 60 dB below the frame."""
    assert float(features.compress(torch.tensor(1.0))) == pytest.approx(1)
    assert float(features.compress(torch.tensor(0.0))) == 0
    assert float(features.compress(torch.tensor(1e-3))) == pytest.approx(np.log(2) / np.log(1001), rel=1e-5)
    one_band = torch.zeros(1, 467)
    one_band[0, 100] = 0.02
    assert float(features.split(one_band)[1].max()) == pytest.approx(1)


@given(st.floats(0, 1, width=32))
def test_compress_and_expand_are_inverse(value: float) -> None:
    assert float(features.expand(features.compress(torch.tensor(value)))) == pytest.approx(value, rel=1e-5, abs=1e-9)


def test_what_a_network_may_decode_becomes_a_shape() -> None:
    """Below silence there is only silence, above everything only everything; the level alone says how loud."""
    wild = torch.tensor([[-0.5, 0.5, 3.0], [-1.0, -1.0, 0.2], [0.4, 0.4, 0.4]])
    joined = features.join(torch.tensor([2.0, 0.5, 1.0]), wild)
    assert torch.allclose(torch.linalg.vector_norm(joined, dim=1), torch.tensor([2.0, 0.5, 1.0]))
    assert joined[0, 0] == 0
    assert torch.equal(features.expand(wild)[0, 2], features.expand(torch.tensor(1.0)))


def test_gradients_are_finite_on_silent_frames() -> None:
    for shapes in (torch.zeros(2, 5), torch.full((2, 5), -1.0)):
        shapes.requires_grad_(True)
        features.unit_norm(features.expand(shapes)).sum().backward()
        assert shapes.grad is not None
        assert bool(torch.isfinite(shapes.grad).all())
