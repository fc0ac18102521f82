"""The study of networks: each row trains what it says, a stopped study goes on, and nothing of a row stays behind."""

from pathlib import Path

import architectures
import pytest
import study
import torch
from trainings import BANDS, frames

from lts_batch.frame import features
from lts_batch.training import augment, feed

CLIPS = [features.join(torch.ones(40), torch.from_numpy(frames(40, seed).shapes.astype("float32"))) for seed in (7, 8)]


@pytest.mark.parametrize("name", ["latent 32", "no augmentation", "no bin shifts", "deep (timbre-vae2)"])
def test_a_row_is_trained_as_it_says(tmp_path: Path, name: str) -> None:
    found = architectures._trained(frames(), BANDS, CLIPS, name, 3, tmp_path)
    assert found["latents"] == (32 if name == "latent 32" else 64)
    assert 0.0 < found["lsd_db"] < 60.0 and 0.0 < found["held_out_lsd_db"] < 60.0
    assert augment.SHIFT_BANDS == 24 and feed.augment is augment.augment, "the next row is augmented as ever"


def test_without_augmentation_frames_are_seen_as_they_are() -> None:
    shapes = torch.randn(8, len(BANDS))
    with architectures._augmentation(0, False):
        assert feed.augment(shapes, BANDS, torch.Generator()) is shapes
    with architectures._augmentation(0, True):
        assert augment.SHIFT_BANDS == 0


def test_wider_codes_lose_less_and_neighbours_are_worth_little() -> None:
    dataset = frames(3000)
    rows = {**architectures._pca(dataset, CLIPS, 32), **architectures._pca(dataset, CLIPS, 64)}
    assert rows["PCA 64"]["lsd_db"] < rows["PCA 32"]["lsd_db"]
    assert "held_out_lsd_db" in rows["PCA 64"] and "PCA 64, decoded from three frames" in rows


def test_it_is_a_study_and_says_where_ours_is_not_worth_its_place() -> None:
    made = study.checked(architectures)
    row = {"held_out_lsd_db": 3.0, "held_out_sc_db": -11.0, "lsd_db": 3.1, "sc_db": -14.0, "latents": 64}
    results = {"steps": 3, "frames": 9, "recordings": 2, "rows": {
        "PCA 64": {**row, "held_out_lsd_db": 3.6}, "ours": row, "dense (timbre-vae)": {**row, "held_out_lsd_db": 2.9}}}
    (line,) = made.failures(results)
    assert "3.00" in line and "timbre-vae" in line
    assert "64 of 64" in made.table(results)
