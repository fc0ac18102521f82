"""Which network, which loss, which augmentation: one thing changed at a time, each trained as long as the others.

    python benchmarks/architectures.py --corpus corpus --study-steps 1500 --json architectures.json

Every row is trained on the same frames for as many steps, on one thread. Held-out files of the corpus decide; the figures on
the recordings of evaluation.toml, which nothing is trained on, stand beside them. Rows that are done are kept in the folder
``--runs``, so that a study that was stopped goes on. PCA of the same width, fitted on the same frames, is a row; and so is PCA
whose decoder sees three frames at once, which says what neighbours would be worth.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import evaluation_clips
import numpy as np
import reconstruction
import study
import systems
import torch
from study import OptionGroup, Results, say
from torch import Tensor

from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands
from lts_batch.metrics import measures
from lts_batch.models import vae
from lts_batch.training import augment
from lts_batch.training.dataset import Dataset, open_dataset
from lts_batch.training.schedule import Schedule
from lts_batch.training.train import Training

TITLE = "Architectures and losses"
HEIGHT_INCHES = 5.0
STEPS = 1500
NEIGHBOUR_FRAMES = 3  # apart, as often as the network is asked in a render
BASE = "ours"
PCA = "PCA"
FITTED_FRAMES = 200_000
STARTED_FROM = {"rate": 8e-4, "linear_weight": 0.03, "peak_weight": 0.3}  # before the study was made
VARIANTS: dict[str, dict[str, Any]] = {
    BASE: {},
    "rate 2e-3": {"rate": 2e-3},
    "width 512": {"width": 512},
    "width 2048": {"width": 2048},
    "no hidden block": {"blocks": 0},
    "2 hidden blocks": {"blocks": 2},
    "latent 32": {"latent": 32},
    "latent 128": {"latent": 128},
    "KL weight 1e-4": {"kl_weight": 1e-4},
    "KL weight 1e-2": {"kl_weight": 1e-2},
    "log shapes alone": {"linear_weight": 0.0, "peak_weight": 0.0},
    "no peak term": {"peak_weight": 0.0},
    "no linear term": {"linear_weight": 0.0},
    "linear term x 3": {"linear_weight": 0.1},
    "a third of both terms": {"linear_weight": 0.01, "peak_weight": 0.1},
    "mixes supervised": {"transport_weight": 0.1},
    "no bin shifts": {"shift_bands": 0},
    "bin shifts x 2": {"shift_bands": 48},
    "no augmentation": {"augmented": False},
    "dense (timbre-vae)": {"kind": "dense", "width": 2048, "blocks": 0},
    "deep (timbre-vae2)": {"kind": "deep", "width": 1024, "blocks": 2},
    "convolutional (timbre-cvae)": {"kind": "convolutional", "width": 512, "blocks": 3},
}


def add_options(parser: OptionGroup) -> None:
    parser.add_argument("--corpus", type=Path, help="training sounds, as lts-batch corpus render makes them")
    parser.add_argument("--cache", type=Path, help="where analysed frames are kept")
    parser.add_argument("--runs", type=Path, default=Path("runs/architectures"), help="where trained rows are kept")
    parser.add_argument("--study-steps", type=int, default=STEPS, help="steps of each training")
    parser.add_argument("--variants", nargs="*", help="rows to train, if not all")


def run(options: argparse.Namespace) -> Results:
    """Figures of each row: on held-out files and on unseen recordings."""
    if options.corpus is None:
        raise SystemExit("--corpus is missing: a folder of sounds to train on")
    bands = Bands()
    dataset = open_dataset(options.corpus, bands, cache=options.cache)
    folder = evaluation_clips.find_folder(options.clips)
    names = [name for pair in evaluation_clips.pairs(20) for name in pair]
    clips = [reconstruction.magnitude_frames(evaluation_clips.load(folder, name), bands) for name in names]
    rows: Results = {}
    with systems.threads(1):
        for width in (32, 64, 128):
            rows |= _pca(dataset, clips, width)
        for name in options.variants or VARIANTS:
            kept = options.runs / f"{name.replace(' ', '-')}.{options.study_steps}.json"
            if not kept.is_file():
                say(f"architectures, {name}")
                options.runs.mkdir(parents=True, exist_ok=True)
                found = _trained(dataset, bands, clips, name, options.study_steps, options.runs)
                kept.write_text(json.dumps(found), encoding="utf-8")
            rows[name] = json.loads(kept.read_text(encoding="utf-8"))
    return {"steps": options.study_steps, "frames": len(dataset.levels), "recordings": len(names), "rows": rows}


def _trained(dataset: Dataset, bands: Bands, clips: list[Tensor], name: str, steps: int, runs: Path) -> Results:
    changes = dict(VARIANTS[name])
    shift_bands, augmented = changes.pop("shift_bands", augment.SHIFT_BANDS), changes.pop("augmented", True)
    training = Training(dataset, bands, replace(Schedule(steps=steps), **{**STARTED_FROM, **changes}), runs / "model")
    training.start()
    with _augmentation(shift_bands, augmented):
        training.run(every=steps)
    figures, network = training.course.history[-1], training.network.eval()
    with torch.no_grad():
        lsd, sc = reconstruction.figures(clips, lambda s: network.decode(network.encode(s)[0]))
    return {"held_out_lsd_db": figures.shape_lsd_db, "held_out_sc_db": figures.spectral_convergence_db,
            "lsd_db": lsd, "sc_db": sc, "active_latents": figures.active_latents, "latents": training.schedule.latent,
            "multiply_adds": vae.multiply_adds(network), "setbacks": len(training.course.setbacks)}


@contextmanager
def _augmentation(shift_bands: int, augmented: bool) -> Iterator[None]:
    from lts_batch.training import feed

    kept = augment.SHIFT_BANDS, feed.augment
    augment.SHIFT_BANDS = shift_bands
    if not augmented:
        feed.augment = lambda shapes, bands, generator: shapes
    try:
        yield
    finally:
        augment.SHIFT_BANDS, feed.augment = kept


def _pca(dataset: Dataset, clips: list[Tensor], width: int) -> Results:
    """PCA of a width, decoded from its own frame, and at 64 from three frames at once."""
    rows = dataset.part(validation=False)
    chosen = np.sort(np.random.default_rng(0).choice(rows, min(FITTED_FRAMES, len(rows)), replace=False))
    shapes = torch.from_numpy(dataset.shapes[chosen].astype(np.float32))
    centre, axes, _ = vae.principal_axes(shapes, width)
    held_out = np.sort(np.random.default_rng(1).choice(dataset.part(validation=True), 16_384))

    def row(rebuild: Callable[[Tensor], Tensor]) -> Results:
        shape = torch.from_numpy(dataset.shapes[held_out].astype(np.float32))
        level = torch.from_numpy(dataset.levels[held_out])
        true, other = (features.join(level, one).numpy() for one in (shape, rebuild(shape)))
        lsd, sc = reconstruction.figures(clips, rebuild)
        return {"held_out_lsd_db": measures.shape_lsd_db(true, other),
                "held_out_sc_db": measures.spectral_convergence_db(true, other),
                "lsd_db": lsd, "sc_db": sc, "latents": width, "multiply_adds": 2 * width * shapes.shape[1]}

    found = {f"{PCA} {width}": row(lambda s: centre + (s - centre) @ axes @ axes.T)}
    if width == Schedule().latent:
        inside = chosen[(chosen >= NEIGHBOUR_FRAMES) & (chosen < len(dataset.levels) - NEIGHBOUR_FRAMES)]

        def codes(at: Any) -> Tensor:
            return (torch.from_numpy(dataset.shapes[at].astype(np.float32)) - centre) @ axes

        seen = torch.cat([codes(inside + by) for by in (-NEIGHBOUR_FRAMES, 0, NEIGHBOUR_FRAMES)], dim=1)
        wanted = torch.from_numpy(dataset.shapes[inside].astype(np.float32)) - centre
        weights = torch.linalg.lstsq(seen.double(), wanted.double()).solution.float()  # neighbours are nearly alike

        def of_three(shapes: Tensor) -> Tensor:
            own = (shapes - centre) @ axes
            place = torch.arange(len(own))
            around = [own[(place + by).clamp(0, len(own) - 1)] for by in (-NEIGHBOUR_FRAMES, 0, NEIGHBOUR_FRAMES)]
            return centre + torch.cat(around, dim=1) @ weights

        lsd, sc = reconstruction.figures(clips, of_three)
        found[f"{PCA} {width}, decoded from three frames"] = {
            "lsd_db": lsd, "sc_db": sc, "latents": width, "multiply_adds": 4 * width * shapes.shape[1]}
    return found


def table(results: Results) -> str:
    header = ["", "held-out LSD", "SC", "recordings LSD", "SC", "active", "MMAC"]

    def cell(row: Results, key: str, of: str, scale: float = 1.0) -> str:
        return format(row[key] * scale, of) if key in row else ""

    rows = [[name, cell(row, "held_out_lsd_db", ".2f"), cell(row, "held_out_sc_db", ".2f"), cell(row, "lsd_db", ".2f"),
             cell(row, "sc_db", ".2f"), f"{row.get('active_latents', row['latents'])} of {row['latents']}",
             cell(row, "multiply_adds", ".2f", 1e-6)]
            for name, row in results["rows"].items()]
    return (f"{results['steps']} steps each on {results['frames']:,} frames, one thread; shape LSD and SC in dB, at detail 0:"
            f" held-out files of the corpus,\n{results['recordings']} recordings of the evaluation set\n\n"
            + study.columns(header, rows))


def failures(results: Results) -> list[str]:
    """Ours has to be worth its place: better than PCA of its width, and than the networks of the original."""
    rows = results["rows"]
    rivals = [name for name in rows if name == f"{PCA} {Schedule().latent}" or "(" in name]
    return [f"{BASE} has a shape LSD of {rows[BASE]['held_out_lsd_db']:.2f} dB on held-out files, {name}"
            f" {rows[name]['held_out_lsd_db']:.2f}" for name in rivals
            if BASE in rows and not rows[BASE]["held_out_lsd_db"] < rows[name]["held_out_lsd_db"]]


def picture(results: Results, figure: Any) -> None:
    """LSD against SC, held-out files and recordings."""
    axes = figure.subplots(1, 2)
    for axis, prefix, title in zip(axes, ("held_out_", ""), ("held-out files", "unseen recordings"), strict=True):
        for name, row in results["rows"].items():
            if f"{prefix}lsd_db" in row:
                axis.plot(row[f"{prefix}lsd_db"], row[f"{prefix}sc_db"], "s" if name.startswith(PCA) else "o", ms=4)
                axis.annotate(name, (row[f"{prefix}lsd_db"], row[f"{prefix}sc_db"]), fontsize=6, xytext=(3, 3),
                              textcoords="offset points")
        axis.set(title=title, xlabel="shape LSD / dB", ylabel="SC / dB")
        axis.grid(alpha=0.3)


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
