"""The shipped model against PCA of the same width, on recordings that neither has seen.

    python benchmarks/reconstruction.py --corpus CORPUS [--model general] [--json FILE]

Frames of the evaluation clips (benchmarks/evaluation.toml) are encoded and decoded without detail; shape LSD and SC are
means over the clips. PCA is fitted on the same training frames of the corpus that the model saw.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import evaluation_clips
import numpy as np
import torch
from numpy.typing import NDArray

from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands, Grid, filterbank
from lts_batch.metrics import measures
from lts_batch.models import checkpoint, vae
from lts_batch.training.dataset import open_dataset


def magnitude_frames(clip: NDArray[np.float32], bands: Bands) -> torch.Tensor:
    """Magnitudes ``[frames, bands]`` of a mono clip ``[samples]``."""
    rate = evaluation_clips.SAMPLE_RATE_HZ
    length, frames = Grid(rate, bands.frame_rate).covering(len(clip))
    kept = int(len(clip) * bands.frame_rate / rate) + 1
    bank = filterbank(bands, rate, length, frames)
    return bank.forward(torch.from_numpy(clip)[None])[0, :bank.model_rows, :kept].abs().T


def figures(clips: list[torch.Tensor], rebuild: Callable[[torch.Tensor], torch.Tensor]) -> tuple[float, float]:
    """Mean shape LSD and SC over the clips, for a function from log shapes to log shapes."""
    lsd, sc = [], []
    for magnitudes in clips:
        level, shape = features.split(magnitudes)
        other = features.join(level, rebuild(shape)).numpy()
        lsd.append(measures.shape_lsd_db(magnitudes.numpy(), other))
        sc.append(measures.spectral_convergence_db(magnitudes.numpy(), other))
    return float(np.mean(lsd)), float(np.mean(sc))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--model", default="general")
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = checkpoint.load_model(options.model)
    width = model.network.architecture.latent
    dataset = open_dataset(options.corpus, model.bands, cache=options.cache)
    if dataset.content != model.record["provenance"].get("content"):
        print("note: the model was trained on another rendering of the corpus")
    shapes = torch.from_numpy(dataset.shapes[dataset.part(validation=False)].astype(np.float32))
    centre, axes, _ = vae.principal_axes(shapes, width)
    folder = evaluation_clips.find_folder(options.clips)
    names = [name for pair in evaluation_clips.pairs(20) for name in pair]
    clips = [magnitude_frames(evaluation_clips.load(folder, name), model.bands) for name in names]
    table = {
        f"PCA, width {width}": figures(clips, lambda s: centre + (s - centre) @ axes @ axes.T),
        f"{options.model}, width {width}": figures(clips, lambda s: model.decode_shapes(model.encode_shapes(s)[0])),
    }
    print(f"{len(clips)} unseen recordings           shape LSD / dB    SC / dB")
    for name, (lsd, sc) in table.items():
        print(f"{name:32}{lsd:14.2f}{sc:11.2f}")
    if options.json:
        rows_json = [{"method": n, "shape_lsd_db": a, "sc_db": b} for n, (a, b) in table.items()]
        options.json.write_text(json.dumps(rows_json, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
