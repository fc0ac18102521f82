"""A fit is the same again from the same clips, and is made once: kept, found, and made anew where it is damaged."""

import dataclasses
import os
from pathlib import Path

import fitting
import pytest
import torch
from fitting import FIT, adapted, same

from lts_batch.engine import fit
from lts_batch.files.sources import Excerpt
from lts_batch.models import vae
from lts_batch.models.checkpoint import Model

cache = fitting.cache
pair = fitting.pair


def test_the_same_clips_give_the_same_bits(pair: list[Excerpt], model: Model, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    torch.manual_seed(1)
    one = adapted(pair, model, cache=tmp_path / "one")
    torch.manual_seed(2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        other = adapted(pair, model, cache=tmp_path / "other")
        assert torch.get_num_threads() == 2, "threads are given back"
    finally:
        torch.set_num_threads(threads)
    assert same(one.model, other.model) and one.after_db == other.after_db
    assert all(torch.equal(before[name], value) for name, value in model.network.state_dict().items()), "it was touched"


def test_a_fit_is_found_again(pair: list[Excerpt], model: Model, cache: Path) -> None:
    first = fit.fitted(pair, FIT, model)
    again = fit.fitted(pair, dataclasses.replace(FIT, steps=9, detail=0.0, align="onsets"), model)
    assert first.fresh and not again.fresh and len(list(cache.iterdir())) == 1
    assert isinstance(first.model, Model) and isinstance(again.model, Model) and same(first.model, again.model)
    assert first.note is not None and first.note.startswith("the model was fitted to the clips: shape LSD ")
    assert again.note == f"{first.note.rpartition(' in ')[0]}, by an earlier render"
    latents = again.model.encode_shapes(torch.zeros(3, len(model.bands)))[0]
    assert torch.equal(again.model.decode_shapes(latents), first.model.decode_shapes(latents))


def test_other_clips_parts_models_and_rates_are_fitted_anew(pair: list[Excerpt], model: Model, cache: Path) -> None:
    fit.fitted(pair, FIT, model)
    part = dataclasses.replace(pair[0], start=2000, samples=pair[0].samples - 2000)
    other = dataclasses.replace(model, network=vae.FrameVAE(model.network.architecture).requires_grad_(False))
    other.network.load_state_dict(model.network.state_dict() | {"centre": model.network.centre + 0.01})
    cases = [([part, pair[1]], FIT, model), (pair[::-1], FIT, model), (pair, FIT, other),
             (pair, dataclasses.replace(FIT, sample_rate=22050), model)]
    for clips, settings, network in cases:
        assert fit.fitted(clips, settings, network).fresh
    assert len(list(cache.iterdir())) == 1 + len(cases)


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "empty"])
def test_a_damaged_fit_is_made_again(damage: str, pair: list[Excerpt], model: Model, cache: Path) -> None:
    sound = adapted(pair, model)
    path, = cache.iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 64
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-1000], "flipped": bytes(data), "foreign": b"no tensors" * 100, "empty": b""}[damage])
    found = fit.fitted(pair, FIT, model)
    assert found.fresh and found.adapted is not None and same(found.adapted.model, sound.model)
    assert len(path.read_bytes()) == len(whole) and not fit.fitted(pair, FIT, model).fresh


def test_a_cache_that_cannot_be_written_stops_nothing(pair: list[Excerpt], model: Model, cache: Path) -> None:
    cache.write_text("a file where a folder should be", encoding="utf-8")
    found = fit.fitted(pair, FIT, model)
    assert found.adapted is not None and found.note is not None
    assert "not kept for the next time" in found.note and str(cache) in found.note


def test_the_oldest_fits_make_room(pair: list[Excerpt], model: Model, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "MOST_KEPT", 2)
    cache.mkdir()
    for age, name in enumerate(("new", "old", "older")):
        (cache / f"{name}.safetensors").write_bytes(b"")
        os.utime(cache / f"{name}.safetensors", (1e9 - age, 1e9 - age))
    fit.fitted(pair, FIT, model)
    left = {path.name for path in cache.iterdir()}
    assert len(left) == 2 and "new.safetensors" in left
