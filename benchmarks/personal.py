"""What ten minutes of audio and ten minutes of time are worth: a personal model beside the general one, on files of its kind.

    lts-batch corpus render other --seed 5
    python benchmarks/personal.py --sounds other/drums --json personal.json

As many files of the folder as make ten minutes are trained on by the command a user gives, ``lts-batch train FOLDER -o MODEL
--start general --time 10m``. Judged are the files that training held back, which neither model was trained on. Beside them
stands PCA of the same width, fitted on the same training frames.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import study
import torch
from study import OptionGroup, Results, say
from torch import Tensor

from lts_batch.frame import features
from lts_batch.metrics import measures
from lts_batch.models import vae
from lts_batch.models.checkpoint import load_frame_model
from lts_batch.training.dataset import Dataset, open_dataset
from lts_batch.training.sounds import find_sounds

TITLE = "A personal model: ten minutes of audio, ten minutes of training"
HEIGHT_INCHES = 3.0
MINUTES = 10.0
QUICK_MINUTES = 0.5
PERSONAL, GENERAL = "personal", "general"


def add_options(parser: OptionGroup) -> None:
    parser.add_argument("--sounds", type=Path, nargs="+", help="folders of one kind of sound each, not trained on before")
    parser.add_argument("--time", default="10m", help="time for the training, as lts-batch train takes it")
    parser.add_argument("--training-threads", type=int, default=os.cpu_count() or 1, help="threads of the training")


def run(options: argparse.Namespace) -> Results:
    """For each folder: minutes of audio and of training, and LSD and SC of each model on what was held back."""
    if not options.sounds:
        raise SystemExit("--sounds is missing: one or more folders of sounds, each of one kind")
    minutes = QUICK_MINUTES if options.quick else MINUTES
    with tempfile.TemporaryDirectory() as place:
        return {"minutes": minutes, "time": options.time, "threads": options.training_threads, "folders": {
            folder.name: _folder(folder, minutes, options, Path(place) / str(number))
            for number, folder in enumerate(options.sounds)}}


def _folder(folder: Path, minutes: float, options: argparse.Namespace, place: Path) -> Results:
    sounds, seconds, general = place / "sounds", 0.0, options.model
    sounds.mkdir(parents=True)
    for path in find_sounds(folder):
        if seconds >= 60.0 * minutes:
            break
        shutil.copy2(path, sounds)
        seconds += soundfile.info(path).duration
    say(f"personal, {folder.name}: {seconds / 60.0:.1f} minutes of sound")
    begun = time.monotonic()
    subprocess.run([sys.executable, "-m", "lts_batch", "train", sounds, "-o", place / "model", "--start", general, "--time",
                    options.time, "--threads", str(options.training_threads), "--cache", place / "cache"],
                   check=True, stdout=sys.stderr)
    taken = time.monotonic() - begun
    models = {GENERAL: load_frame_model(general), PERSONAL: load_frame_model(str(place / "model"))}
    dataset = open_dataset(sounds, models[GENERAL].bands, cache=place / "cache")
    ways = {name: _of(model) for name, model in models.items()} | {
        "PCA": _pca(dataset, models[GENERAL].network.architecture.latent)}
    return {"audio_seconds": seconds, "training_seconds": taken, "files": dataset.files,
            "held_out_frames": int(dataset.validation.sum()),
            "models": {name: _figures(dataset, way) for name, way in ways.items()}}


def _of(model: Any) -> Callable[[Tensor], Tensor]:
    return lambda shapes: model.decode_shapes(model.encode_shapes(shapes)[0])


def _pca(dataset: Dataset, width: int) -> Callable[[Tensor], Tensor]:
    shapes = torch.from_numpy(dataset.shapes[dataset.part(validation=False)].astype(np.float32))
    centre, axes, _ = vae.principal_axes(shapes, width)
    return lambda s: centre + (s - centre) @ axes @ axes.T


@torch.no_grad()
def _figures(dataset: Dataset, way: Callable[[Tensor], Tensor]) -> Results:
    """Shape LSD and SC over all frames held back."""
    rows = dataset.part(validation=True)
    shape, level = torch.from_numpy(dataset.shapes[rows].astype(np.float32)), torch.from_numpy(dataset.levels[rows])
    true, other = (features.join(level, one).numpy() for one in (shape, torch.cat([way(part) for part in shape.split(4096)])))
    return {"lsd_db": measures.shape_lsd_db(true, other), "sc_db": measures.spectral_convergence_db(true, other)}


def table(results: Results) -> str:
    rows = [[name, one["audio_seconds"] / 60.0, one["files"], one["training_seconds"] / 60.0,
             *(one["models"][model][key] for key in ("lsd_db", "sc_db") for model in (PERSONAL, GENERAL, "PCA"))]
            for name, one in results["folders"].items()]
    header = ["", "min of sound", "files", "min of training", "LSD, personal", GENERAL, "PCA", "SC, personal", GENERAL, "PCA"]
    return "shape LSD and SC in dB of files held back, at detail 0\n\n" + study.columns(header, rows)


def failures(results: Results) -> list[str]:
    lines = []
    for name, one in results["folders"].items():
        own, general = (one["models"][model] for model in (PERSONAL, GENERAL))
        lines += [f"{name}: {key} {own[key]:.2f} of the personal model, {general[key]:.2f} of the general one"
                  for key in ("lsd_db", "sc_db") if not own[key] < general[key]]
        if one["training_seconds"] > 60.0 * MINUTES:
            lines.append(f"{name}: {one['training_seconds']:.0f} s for the command, wanted at most {60 * MINUTES:.0f}")
    return lines


def picture(results: Results, figure: Any) -> None:
    """LSD and SC of each model, folder by folder."""
    names = list(results["folders"])
    for axis, key, title in zip(figure.subplots(1, 2), ("lsd_db", "sc_db"), ("shape LSD / dB", "SC / dB"), strict=True):
        for number, model in enumerate((PERSONAL, GENERAL, "PCA")):
            heights = [results["folders"][name]["models"][model][key] for name in names]
            axis.bar(np.arange(len(names)) + 0.25 * number, heights, 0.22, label=model)
        axis.set_xticks(np.arange(len(names)) + 0.25, names)
        axis.set_title(title, fontsize=9)
    axis.legend(fontsize=7)


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
