"""What a model computes: the same in any company and on any device, and nothing from what are no frames."""

import numpy as np
import pytest
import torch
from bundles import BANDS, frames, untrained

from lts_batch.errors import ModelError
from lts_batch.models.checkpoint import Model, load_model

# ---------------------------------------------------------------- blocks


def test_frames_are_coded_alike_in_any_company() -> None:
    """To the bit: a frame's latent must not depend on how many others were asked for."""
    model, values = load_model("general"), frames(1300)
    mean, log_variance = model.encode(values)
    decoded = model.decode(mean)
    for start, stop in ((0, 1), (0, 511), (3, 515), (512, 1300), (1299, 1300)):
        part = model.encode(values[start:stop])
        assert np.array_equal(part[0], mean[start:stop])
        assert np.array_equal(part[1], log_variance[start:stop])
        assert np.array_equal(model.decode(mean[start:stop]), decoded[start:stop])


def test_no_frames_give_no_latents() -> None:
    model = untrained()
    mean, log_variance = model.encode(np.zeros((0, len(BANDS))))
    assert mean.shape == log_variance.shape == (0, 4)
    assert model.decode(mean).shape == (0, len(BANDS))


def test_latents_do_not_know_the_level_and_frames_have_unit_norm() -> None:
    model, values = untrained(), frames(20)
    mean, _ = model.encode(values)
    assert np.allclose(model.encode(values * 1e-3)[0], mean, atol=1e-5)
    decoded = model.decode(mean)
    assert decoded.dtype == np.float32
    assert (decoded >= 0).all()
    assert np.allclose(np.linalg.norm(decoded, axis=1), 1, atol=1e-5)


def test_frames_that_are_none_are_refused() -> None:
    model = untrained()
    for wrong in (frames(3)[:, 1:], frames(3)[0], frames(3)[None]):
        with pytest.raises(ModelError, match=r"frames of shape .*\[frames, 467\]"):
            model.encode(wrong)
    for value in (np.nan, np.inf, -0.1):
        values = frames(3)
        values[1, 7] = value
        with pytest.raises(ModelError, match="finite magnitudes of 0 or more"):
            model.encode(values)


def test_latents_that_are_none_are_refused() -> None:
    model = untrained()
    with pytest.raises(ModelError, match=r"latents of shape \(3, 5\).*\[frames, 4\]"):
        model.decode(np.zeros((3, 5)))
    with pytest.raises(ModelError, match="finite"):
        model.decode(np.full((3, 4), np.nan))


# ---------------------------------------------------------------- devices


def test_a_model_is_where_its_weights_are() -> None:
    model = untrained()
    assert model.device == torch.device("cpu")
    assert model.on("cpu") is model, "nothing to copy"


def test_another_device_gets_a_copy() -> None:
    """The meta device, which every machine has, stands in for a GPU."""
    model = Model(untrained().network, BANDS, {"provenance": "none"})
    weights = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    other = model.on("meta")
    assert other.device.type == "meta"
    assert {tensor.device.type for tensor in other.network.state_dict().values()} == {"meta"}
    assert (other.bands, other.record) == (model.bands, model.record)
    assert not other.network.training
    assert other.on("meta") is other
    # the model that others use stays where and what it is
    assert model.device.type == "cpu"
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.network.state_dict().items())
    assert other.encode_shapes(torch.zeros(3, len(BANDS), device="meta"))[0].shape == (3, 4)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_told(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ModelError, match=f"device = '{device}' is not to be had on this machine: say cpu, or auto"):
        untrained().on(device)


def test_auto_is_the_processor_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = untrained()
    assert model.on("auto") is model


def test_a_gpu_codes_like_the_processor() -> None:
    """Where there is one; elsewhere it is said that there is none."""
    model, values = load_model("general"), frames(600)
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="cuda"):
            model.on("cuda")
        return
    gpu = model.on("auto")
    mean, decoded = model.encode(values)[0], model.decode(model.encode(values)[0])
    assert np.allclose(gpu.encode(values)[0], mean, atol=1e-3)
    assert 20 * np.log10(np.linalg.norm(gpu.decode(mean) - decoded) / np.linalg.norm(decoded)) < -80
