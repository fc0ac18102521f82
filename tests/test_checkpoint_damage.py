"""Damaged bundles: every damage is told by name, before anything runs."""

import hashlib
import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bundles
import pytest
import safetensors.torch
import torch
from bundles import BANDS, describe, untrained

from lts_batch.errors import ModelError
from lts_batch.frame.filterbank import Bands
from lts_batch.models import checkpoint
from lts_batch.models.checkpoint import load_model

folder = bundles.folder


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
