"""Models on disk: what is saved comes back to the bit, under its name or from its folder."""

import json
from pathlib import Path

import bundles
import numpy as np
import pytest
import torch
from bundles import BANDS, describe, frames, untrained

from lts_batch.errors import ModelError, OutputError
from lts_batch.models import checkpoint, vae
from lts_batch.models.bundle import find
from lts_batch.models.checkpoint import Model, load_model

folder = bundles.folder


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
    assert sum(path.stat().st_size for path in find("general").iterdir()) < 20e6
    assert "corpus" in model.record["provenance"]


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ModelError, match=r"no model 'generl'.*general"):
        load_model("generl")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="file"):
        checkpoint.save(tmp_path / "file" / "m", untrained(), provenance={}, training={})
