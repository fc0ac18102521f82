"""``lts-batch train``: a folder of sounds becomes a model."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click

from lts_batch.cli.messages import bar
from lts_batch.errors import LtsError, OutputError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder of the model.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted training, exactly.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True),
              help="Choose the number of steps to fit this time on this machine.")
@click.option("--steps", type=click.IntRange(1), help="Number of steps. [7500]")
@click.option("--batch", type=click.IntRange(8), help="Frames a step. [512]")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Highest learning rate. [8e-4]")
@click.option("--latent", type=click.IntRange(1, 467), help="Width of the latent space. [64]")
@click.option("--width", type=click.IntRange(1), help="Width of the network. [1024]")
@click.option("--blocks", type=click.IntRange(0), help="Residual blocks on each side. [1]")
@click.option("--kl-weight", type=click.FloatRange(0), help="Weight of the divergence from the prior. [1e-6]")
@click.option("--linear-weight", type=click.FloatRange(0), help="Weight of the error of linear shapes. [0.03]")
@click.option("--peak-weight", type=click.FloatRange(0), help="Weight of the error of log shapes where the energy is. [0.3]")
@click.option("--seed", type=click.IntRange(0), help="Seed of everything random. [0]")
@click.option("--every", type=click.IntRange(1), default=500, show_default=True,
              help="Steps between figures on the held-out files.")
@click.option("--device", help="cpu, cuda or mps; a GPU is used by itself where there is one.")
@click.option("--threads", type=click.IntRange(1), help="Threads on the CPU. [all cores]")
@click.option("--cache", type=click.Path(path_type=Path), help="Where to keep analysed frames.")
@click.option("--force", is_flag=True, help="Begin anew over an existing model.")
@click.option("--json", "as_json", is_flag=True, help="Print figures as lines of JSON.")
def train(folder: Path, out: Path, resume: bool, minutes: float | None, every: int, device: str | None,
          threads: int | None, cache: Path | None, force: bool, as_json: bool, **options: Any) -> None:
    """Train a model on all sounds in FOLDER.

    Files that cannot be read are listed and skipped, silence is dropped, and one file in twelve is held back to judge
    by. The best model so far is always in OUT; Ctrl-C keeps it, and --resume goes on.
    """
    for option, given in (("--force", force), ("--minutes", minutes is not None)):
        if resume and given:
            raise click.UsageError(f"--resume goes on with a training as it was planned: leave out {option}")

    import torch

    from lts_batch import plots
    from lts_batch.dataset import open_dataset
    from lts_batch.filterbank import Bands
    from lts_batch.train import Report, Schedule, Training, saved_schedule

    if (out / "model.json").exists() and not (resume or force):
        raise OutputError(f"{out} already holds a model: say --resume to go on with it, --force to begin anew, or choose"
                          " another folder")
    if threads:
        torch.set_num_threads(threads)
    with bar("frames", quiet=as_json) as show:
        dataset = open_dataset(folder, Bands(), cache=cache,
                               progress=lambda done, total: show(done / total, f"{done} of {total} files"))
    for name, why in dataset.skipped:
        click.echo(f"Skipped {name}: {why}", err=True)
    chosen = {key: value for key, value in options.items() if value is not None}
    schedule = dataclasses.replace(saved_schedule(out) if resume else Schedule(), **chosen)
    provenance = _provenance(folder)
    if minutes is not None:
        schedule = Training(dataset, Bands(), schedule, out, device=device).fitted_to(minutes)
    training = Training(dataset, Bands(), schedule, out, provenance=provenance, device=device)
    training.resume() if resume else training.start()
    if not as_json:
        click.echo(f"{dataset.files} files, {dataset.seconds / 60:.1f} minutes, {len(dataset.levels)} frames;"
                   f" {schedule.steps} steps on {training.device}")

    with bar("training", quiet=as_json) as show:
        def report(step: int, figures: Report | None) -> None:
            show(step / schedule.steps, f"step {step}")
            if figures is not None:
                click.echo(json.dumps(dataclasses.asdict(figures)) if as_json else
                           f"step {step}: held-out loss {figures.validation_loss:.5f}, shape LSD"
                           f" {figures.shape_lsd_db:.2f} dB, SC {figures.spectral_convergence_db:.2f} dB,"
                           f" {figures.active_latents} of {schedule.latent} latents active")

        try:
            training.run(every=every, report=report)
        except KeyboardInterrupt:
            click.echo(f"Stopped at step {training.step} of {schedule.steps}. The best model so far is in {out}; go on"
                       " with the same command and --resume.", err=True)
            sys.exit(130)
    training.finish()
    plots.training(out / "training.png", training.record()["history"])
    if not as_json:
        click.echo(f"{out}: done in {training.seconds / 60:.1f} minutes")


def _provenance(folder: Path) -> dict[str, Any]:
    """What is known of the sounds: the record that ``lts-batch corpus render`` leaves, or the folder's name."""
    record = folder / "corpus.json"
    if not record.is_file():
        return {"corpus": folder.name}
    try:
        return {"corpus": json.loads(record.read_text(encoding="utf-8"))}
    except (OSError, ValueError) as error:
        raise LtsError(f"{record} cannot be read ({error}); render the corpus again, or remove that file") from None
