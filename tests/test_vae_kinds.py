"""Kinds of networks: dense, deep, convolutional, each against what its layers say."""

import pytest
import torch
from small_networks import BANDS, LATENT, shapes

from lts_batch.models import vae


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
