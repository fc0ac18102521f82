"""Layers of Keras, each computed as TensorFlow documents it, and what is not known of one refused, not guessed."""

from typing import Any

import numpy as np
import pytest
import torch
from keras_networks import convolved, picture, spread

from lts_batch.errors import ModelError
from lts_batch.original import keras_convolutions, keras_kinds


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (3, 1), (2, 2), (4, 2), (5, 3), (1, 2), (2, 3)])
def test_convolutions_pad_and_cut_as_tensorflow(kernel: int, stride: int, padding: str) -> None:
    rng = np.random.default_rng(kernel * 10 + stride)
    for height, width in ((5, 6), (7, 8), (9, 5)):
        x = rng.normal(0, 1, (2, height, width, 3))
        for kind, compute, shape in (("Conv2D", convolved, (kernel, kernel, 3, 4)),
                                     ("Conv2DTranspose", spread, (kernel, kernel, 4, 3))):
            w = rng.normal(0, 1, shape)
            layer = keras_kinds.from_keras(kind, picture(kind, 4, "linear", stride, kernel, padding)[1])
            assert layer.weights((height, width, 3))["kernel"] == shape
            found = layer.compute(torch.from_numpy(x), {"kernel": torch.from_numpy(w), "bias": torch.zeros(4).double()}).numpy()
            assert found.shape[1:] == layer.output((height, width, 3))
            np.testing.assert_allclose(found, compute(x, w, stride, padding), atol=1e-12)


@pytest.mark.parametrize("more", [[0, 0], [1, 1], [0, 1]])
def test_output_padding_chooses_the_length(more: list[int]) -> None:
    rng = np.random.default_rng(3)
    x, w = rng.normal(0, 1, (1, 4, 5, 2)), rng.normal(0, 1, (3, 3, 3, 2))
    layer = keras_kinds.from_keras("Conv2DTranspose", picture("Conv2DTranspose", 3, output_padding=more,
                                                               activation="linear")[1])
    found = layer.compute(torch.from_numpy(x), {"kernel": torch.from_numpy(w), "bias": torch.zeros(3).double()}).numpy()
    assert found.shape == (1, 7 + more[0], 9 + more[1], 3)
    np.testing.assert_allclose(found, spread(x, w, 2, "same", more), atol=1e-12)


def test_the_transpose_is_the_adjoint_of_the_convolution() -> None:
    """<conv(x), y> = <x, transpose(y)>: what TensorFlow means by a transposed convolution, cut on the right side."""
    rng = np.random.default_rng(4)
    kernel = torch.from_numpy(rng.normal(0, 1, (3, 3, 2, 5)))  # [h, w, in, out] of one is [h, w, out, in] of the other
    forward = keras_convolutions.Conv2D(5, (3, 3), (2, 2), "same", bias=False)
    backward = keras_convolutions.Conv2DTranspose(2, (3, 3), (2, 2), "same", bias=False)
    x, y = torch.from_numpy(rng.normal(0, 1, (1, 8, 12, 2))), torch.from_numpy(rng.normal(0, 1, (1, 4, 6, 5)))
    there, back = forward.compute(x, {"kernel": kernel}), backward.compute(y, {"kernel": kernel})
    assert float((there * y).sum()) == pytest.approx(float((x * back).sum()), rel=1e-12)


@pytest.mark.parametrize(("kind", "config", "x", "wanted"), [
    ("LeakyReLU", {"alpha": 0.1}, [-2.0, 3.0], [-0.2, 3.0]), ("LeakyReLU", {"negative_slope": 0.2}, [-1.0], [-0.2]),
    ("ReLU", {"negative_slope": 0.5}, [-1.0, 1.0], [-0.5, 1.0]), ("Activation", {"activation": "tanh"}, [0.5], [np.tanh(0.5)]),
    ("Activation", {"activation": {"class_name": "function", "config": "softplus"}}, [0.0], [np.log(2)]),
    ("Activation", {"activation": "softmax"}, [0.0, 0.0], [0.5, 0.5]), ("Dropout", {"rate": 0.5}, [1.0], [1.0])])
def test_activations(kind: str, config: dict[str, Any], x: list[float], wanted: list[float]) -> None:
    found = keras_kinds.from_keras(kind, config).compute(torch.tensor([x]), {})
    assert found[0].tolist() == pytest.approx(wanted, abs=1e-6)


def test_dilation_and_the_like_are_refused_not_guessed() -> None:
    for change in ({"dilation_rate": [2, 2]}, {"data_format": "channels_first"}, {"groups": 2}, {"padding": "causal"}):
        with pytest.raises(ModelError, match=next(iter(change))):
            keras_kinds.from_keras("Conv2D", picture("Conv2D", 3)[1] | change)
    with pytest.raises(ModelError, match="max_value"):
        keras_kinds.from_keras("ReLU", {"max_value": 6.0})
