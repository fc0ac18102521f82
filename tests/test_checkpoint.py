"""Models on disk: what is saved comes back to the bit, and every damage is told by name, before anything runs."""

import hashlib
import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from lts_batch.errors import ModelError, OutputError
from lts_batch.frame.filterbank import Bands
from lts_batch.models import checkpoint, vae
from lts_batch.models.checkpoint import Model, load_model

BANDS = Bands()


def untrained(seed: int = 0, width: int = 16) -> Model:
    torch.manual_seed(seed)
    return Model(vae.FrameVAE(vae.Architecture(len(BANDS), 4, width)).eval(), BANDS)


def frames(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (count, len(BANDS))) ** 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved model of a small untrained network."""
    checkpoint.save(tmp_path / "m", untrained(), provenance={"corpus": "none"}, training={"seconds": 0})
    return tmp_path / "m"


def describe(folder: Path, **changes: Any) -> None:
    """Changes values of model.json."""
    record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps(record | changes), encoding="utf-8")


# ---------------------------------------------------------------- save and load


def test_a_saved_model_comes_back_to_the_bit(folder: Path) -> None:
    before, after = untrained(), load_model(folder)
    assert after.bands == before.bands
    assert after.record["provenance"] == {"corpus": "none"}
    for name, tensor in before.network.state_dict().items():
        assert torch.equal(after.network.state_dict()[name], tensor), name
    values = frames(700)
    assert np.array_equal(after.encode(values)[0], before.encode(values)[0])
    assert np.array_equal(after.decode(after.encode(values)[0]), before.decode(before.encode(values)[0]))
    assert not after.network.training
    assert not any(weight.requires_grad for weight in after.network.parameters())


def test_a_bundle_that_names_no_kind_is_residual(folder: Path) -> None:
    record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    del record["architecture"]["kind"]
    describe(folder, architecture=record["architecture"])
    assert load_model(folder).network.architecture == untrained().network.architecture
    assert load_model("general").network.architecture.kind == "residual"


@pytest.mark.parametrize(("kind", "blocks"), [("residual", 2), ("dense", 0), ("deep", 2), ("deep", 0), ("convolutional", 3),
                                              ("convolutional", 0)])
def test_every_kind_comes_back_to_the_bit_and_codes_alike_in_any_company(tmp_path: Path, kind: str, blocks: int) -> None:
    torch.manual_seed(0)
    network = vae.FrameVAE(vae.Architecture(len(BANDS), 4, 24, blocks, kind))
    network.train()
    network(torch.rand(64, len(BANDS)), torch.zeros(64, 4))  # moves what batch normalisation remembers
    checkpoint.save(tmp_path / "m", Model(network.eval(), BANDS), provenance={}, training={})
    after, values = load_model(tmp_path / "m"), frames(300)
    mean, log_variance = after.encode(values)
    decoded = after.decode(mean)
    before = Model(network.eval().requires_grad_(False), BANDS)
    assert np.array_equal(before.encode(values)[0], mean) and np.array_equal(before.decode(mean), decoded)
    for start, stop in ((0, 1), (3, 200), (130, 300)):
        for found, wanted in zip(after.encode(values[start:stop]), (mean, log_variance), strict=True):
            assert np.array_equal(found, wanted[start:stop])
        assert np.array_equal(after.decode(mean[start:stop]), decoded[start:stop])


def test_a_bundle_holds_two_files_and_can_be_written_again(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]
    checkpoint.save(folder, untrained(1), provenance={}, training={})
    assert torch.equal(load_model(folder).network.centre, untrained(1).network.centre)
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]


def test_companions_may_lie_beside_a_model(folder: Path) -> None:
    for name in ("CARD.md", "notes.txt", "training.png", ".DS_Store"):
        (folder / name).write_bytes(b"")
    assert load_model(folder).bands == BANDS


def test_the_shipped_model_is_found_by_name() -> None:
    model = load_model("general")
    assert model.network.architecture.latent <= 64
    assert model.bands == BANDS
    assert sum(path.stat().st_size for path in checkpoint.find("general").iterdir()) < 20e6
    assert "corpus" in model.record["provenance"]


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ModelError, match=r"no model 'generl'.*general"):
        load_model("generl")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="file"):
        checkpoint.save(tmp_path / "file" / "m", untrained(), provenance={}, training={})


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


# ---------------------------------------------------------------- damage


def truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-9] ^= 1
    (folder / "model.safetensors").write_bytes(data)


def swap(folder: Path) -> None:
    checkpoint.save(folder.with_name("other"), untrained(1), provenance={}, training={})
    shutil.copy(folder.with_name("other") / "model.safetensors", folder / "model.safetensors")


def rehash(folder: Path, data: bytes) -> None:
    """Tensors with a fitting hash, so that only what they hold can be wrong."""
    (folder / "model.safetensors").write_bytes(data)
    describe(folder, sha256=hashlib.sha256(data).hexdigest())


def lose_a_tensor(folder: Path) -> None:
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    del tensors["to_mean.bias"]
    rehash(folder, safetensors.torch.save(tensors))


def add_a_tensor(folder: Path) -> None:
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    rehash(folder, safetensors.torch.save(tensors | {"surprise": torch.zeros(3)}))


def architecture(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        describe(folder, architecture=record["architecture"] | changes)
    return change


def layout(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: describe(folder, bands=BANDS.as_dict() | changes)


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no description": (lambda folder: (folder / "model.json").unlink(), "model.json"),
    "no tensors": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
    "empty tensors": (lambda folder: (folder / "model.safetensors").write_bytes(b""), "model.safetensors"),
    "truncated tensors": (truncate, "model.safetensors"),
    "one bit": (flip_a_bit, "model.safetensors"),
    "tensors of another model": (swap, "model.safetensors"),
    "tensors that are none": (lambda folder: rehash(folder, b"not tensors at all"), "model.safetensors"),
    "a tensor too few": (lose_a_tensor, r"to_mean\.bias"),
    "a tensor too many": (add_a_tensor, "surprise"),
    "a foreign file": (lambda folder: (folder / "weights.pt").write_bytes(b"x"), r"weights\.pt"),
    "a script": (lambda folder: (folder / "model.py").write_bytes(b"x"), r"model\.py"),
    "a folder inside": (lambda folder: (folder / "old").mkdir(), "old"),
    "another format": (lambda folder: describe(folder, format_version=2), r"model\.json has format version 2"),
    "no JSON": (lambda folder: (folder / "model.json").write_text("{", encoding="utf-8"), r"model\.json"),
    "JSON of another thing": (lambda folder: (folder / "model.json").write_text("[1]", encoding="utf-8"), r"model\.json"),
    "binary description": (lambda folder: (folder / "model.json").write_bytes(b"\xff\xfe\x00"), r"model\.json"),
    "wrong width": (architecture(width=17), "model.json"),
    "wrong latent": (architecture(latent=5), "model.json"),
    "wrong bands": (architecture(bands=466), "model.json"),
    "negative width": (architecture(width=-1), "model.json"),
    "enormous width": (architecture(width=3_000_000), "model.json"),
    "width that is no number": (architecture(width="wide"), "model.json"),
    "unknown part": (architecture(heads=8), "model.json"),
    "unknown kind": (architecture(kind="quantum"), "quantum"),
    "kind that is no word": (architecture(kind=3), "model.json"),
    "another kind": (architecture(kind="convolutional"), "model.json"),
    "wrong count": (layout(count=466), "model.json"),
    "other layout": (layout(**Bands(bands_per_octave=24).as_dict()), "bands"),
    "endless layout": (layout(lowest_hz=0.0), "model.json"),
    "layout that is no number": (layout(gamma_hz="much"), "model.json"),
    "description of another thing": (lambda folder: describe(folder, format="a recipe"), "'a recipe'"),
    "version that is no number": (lambda folder: describe(folder, format_version="1"), "format version '1'"),
    "provenance that is no table": (lambda folder: describe(folder, provenance=5), "provenance is no table"),
    "training that is no table": (lambda folder: describe(folder, training=[1]), "training is no table"),
    "description that is no table": (lambda folder: describe(folder, bands=7), "model.json"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.timeout(20)
def test_damage_is_told(folder: Path, damage: str) -> None:
    harm, named = DAMAGE[damage]
    assert load_model(folder)
    harm(folder)
    with pytest.raises(ModelError, match=named) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_of_tensors_that_do_not_fit_the_first_is_named(folder: Path) -> None:
    architecture(latent=5)(folder)
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    found = re.fullmatch(r"model (.+) cannot be rebuilt from its model\.json: (\S+) is \[(.+)\] in model\.safetensors and"
                         r" \[(.+)\] there; copy the model again", str(caught.value))
    assert found and found[1] == str(folder)
    assert found[3].replace("4", "5") == found[4]


class Trap:
    """What a hostile pickle would do: run code when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def test_a_pickle_is_never_unpickled(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "code has run"
    bait = pickle.dumps({"state_dict": Trap(marker)})
    rehash(folder, bait)
    with pytest.raises(ModelError, match=str(folder.name)):
        load_model(folder)
    torch.save({"state_dict": Trap(marker)}, folder / "model.safetensors")
    rehash(folder, (folder / "model.safetensors").read_bytes())
    with pytest.raises(ModelError):
        load_model(folder)
    (folder / "model.json").write_bytes(bait)
    with pytest.raises(ModelError):
        load_model(folder)
    assert not marker.exists()
    pickle.loads(bait)  # the trap would have worked
    assert marker.exists()
