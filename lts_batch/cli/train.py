"""``lts-batch train``: a folder of sounds becomes a model."""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lts_batch.cli.messages import bar
from lts_batch.errors import LtsError, OutputError
from lts_batch.training import schedule as plans

if TYPE_CHECKING:
    from lts_batch.training.course import Report
    from lts_batch.training.dataset import Dataset
    from lts_batch.training.train import Training

_LEAST_SHARE = 0.5  # of a time is for training, however long the sounds took to analyse


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder of the model.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted training, exactly.")
@click.option("--preset", type=click.Choice(tuple(plans.PRESETS)), help="Size and architecture. small, standard and large are"
              " ours; dense, deep and convolutional follow the networks of the original. [standard]")
@click.option("--start", metavar="MODEL", help="Begin where a model ended (a shipped name or a folder), with its sizes: the"
              " best that few sounds can give. By itself a training begins with PCA of the sounds.")
@click.option("--time", "time_text", metavar="TIME", help="Choose width, batch and steps to be done in this time on this"
              " machine, analysis included: 90s, 10m, 2h.")
@click.option("--steps", type=click.IntRange(1), help="Number of steps. [7500]")
@click.option("--batch", type=click.IntRange(8), help="Frames a step. [512]")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Highest learning rate. [2e-3]")
@click.option("--latent", type=click.IntRange(1, 467), help="Width of the latent space. [64]")
@click.option("--width", type=click.IntRange(1), help="Width of the network, if not the preset's. [1024]")
@click.option("--blocks", type=click.IntRange(0), help="Hidden blocks on each side, if not the preset's. [1]")
@click.option("--kl-weight", type=click.FloatRange(0), help="Weight of the divergence from the prior. [1e-6]")
@click.option("--linear-weight", type=click.FloatRange(0), help="Weight of the error of linear shapes. [0.005]")
@click.option("--peak-weight", type=click.FloatRange(0), help="Weight of the error of log shapes where the energy is. [0.1]")
@click.option("--transport-weight", type=click.FloatRange(0), help="Weight of the error of mixes, against frames whose envelope"
              " was moved. [0]")
@click.option("--seed", type=click.IntRange(0), help="Seed of everything random. [0]")
@click.option("--every", type=click.IntRange(1), help="Steps between figures on the held-out files; by itself a fifteenth of"
              " all, from 50 to 500.")
@click.option("--device", help="cpu, cuda or mps; a GPU is used by itself where there is one.")
@click.option("--threads", type=click.IntRange(1), help="Threads on the CPU. [all cores]")
@click.option("--cache", type=click.Path(path_type=Path), help="Where to keep analysed frames.")
@click.option("--force", is_flag=True, help="Begin anew over an existing model.")
@click.option("--json", "as_json", is_flag=True, help="Print figures as lines of JSON.")
def train(folder: Path, out: Path, resume: bool, preset: str | None, start: str | None, time_text: str | None,
          every: int | None, device: str | None, threads: int | None, cache: Path | None, force: bool, as_json: bool,
          **options: Any) -> None:
    """Train a model on all sounds in FOLDER.

    Files that cannot be read are listed and skipped, silence is dropped, and one file in twelve is held back to judge
    by. The best model so far is always in OUT; Ctrl-C keeps it, and --resume goes on.
    """
    begun = time.monotonic()
    chosen = {key: value for key, value in options.items() if value is not None}
    for option, given in (("--force", force), ("--time", time_text), ("--preset", preset), ("--start", start)):
        if resume and given:
            raise click.UsageError(f"--resume goes on with a training as it was planned: leave out {option}")
    for option in ("preset", "latent", "width", "blocks"):
        if start and (chosen.get(option) or (option == "preset" and preset)):
            raise click.UsageError(f"--start takes kind and sizes from the model: leave out --{option}, or leave out --start")
    if time_text and "steps" in chosen:
        raise click.UsageError("--time chooses the number of steps: leave out --steps, or leave out --time")
    budget = plans.seconds(time_text) if time_text else None
    wanted = plans.preset(preset or "standard", **chosen)

    import torch

    from lts_batch.frame.filterbank import Bands
    from lts_batch.models.checkpoint import load_frame_model
    from lts_batch.training.dataset import open_dataset
    from lts_batch.training.state import saved_schedule
    from lts_batch.training.train import Training

    _check_place(out, resume or force)
    if threads:
        torch.set_num_threads(threads)
    with bar("frames", quiet=as_json) as show:
        dataset = open_dataset(folder, Bands(), cache=cache,
                               progress=lambda done, total: show(done / total, f"{done} of {total} files"))
    for name, why in dataset.skipped:
        click.echo(f"Skipped {name}: {why}", err=True)
    if dataset.alike and not as_json:
        click.echo(f"{sum(map(len, dataset.alike))} files sound like others ({', '.join(dataset.alike[0][:3])}, ...): such"
                   " files are either all trained on or all held back", err=True)
    schedule = dataclasses.replace(saved_schedule(out), **chosen) if resume else wanted
    provenance, first, free = _provenance(folder), None, frozenset(("width", "batch")) - set(chosen)
    if start:
        first, free = load_frame_model(start), free - {"width"}
        sizes = {key: value for key, value in first.network.architecture.as_dict().items() if key != "bands"}
        schedule = dataclasses.replace(schedule, **sizes)
        provenance["started_from"] = {"model": start, "sha256": first.record["sha256"]}
    if budget is not None:
        left = max(budget - (time.monotonic() - begun), _LEAST_SHARE * budget)
        schedule = _fitted(schedule, left, dataset, device, free, as_json)
    training = Training(dataset, Bands(), schedule, out, provenance=provenance, device=device)
    training.resume() if resume else training.start(first)
    if not as_json:
        click.echo(f"{dataset.files} files, {dataset.seconds / 60:.1f} minutes, {len(dataset.levels)} frames;"
                   f" {schedule.kind}, width {schedule.width}, {schedule.steps} steps of {schedule.batch} frames on"
                   f" {training.device}{' in bfloat16' if training.mixed else ''}")
    _run(training, every or schedule.figures_every, as_json)


def _check_place(out: Path, overwrite: bool) -> None:
    """What would keep a model from being written or read is said before hours go into it. Raises ``OutputError``."""
    from lts_batch.models.bundle import foreign_name

    inner = next((place for place in (out, *out.parents) if place.exists()), out)
    if inner.exists() and not inner.is_dir():
        raise OutputError(f"{inner} is a file, and a model needs a folder: choose another name for it")
    if (out / "model.json").exists() and not overwrite:
        raise OutputError(f"{out} already holds a model: say --resume to go on with it, --force to begin anew, or choose"
                          " another folder")
    if out.is_dir():
        ours = () if overwrite else ("model.safetensors", "training.png")
        if name := foreign_name(out) or next((one for one in ours if (out / one).exists()), None):
            raise OutputError(f"{out} already holds {name}, and a model lies in a folder of its own: choose a new one")


def _fitted(schedule: plans.Schedule, left: float, dataset: "Dataset", device: str | None, free: frozenset[str],
            as_json: bool) -> plans.Schedule:
    """Width, batch and steps for the time that is left, see ``schedule.fit``; trials and figures are taken off it."""
    from lts_batch import devices
    from lts_batch.frame.filterbank import Bands
    from lts_batch.training import trial
    from lts_batch.training.train import Training

    trial_seconds = min(1.0, 0.02 * left)

    def training(one: plans.Schedule) -> "Training":
        return Training(dataset, Bands(), dataclasses.replace(one, rate=1e-6), Path(), device=device)

    if (device or devices.best()).startswith("cuda") and "batch" in free:
        schedule = dataclasses.replace(schedule, batch=plans.GPU_BATCH)
    begun = time.monotonic()
    found = plans.fit(schedule, left, len(dataset.part(validation=False)),
                      lambda one: trial.frames_per_second(training(one), trial_seconds), free=free)
    figures = trial.figures_seconds(training(found.schedule)) * (found.schedule.steps // found.schedule.figures_every + 1)
    found = found.shortened(time.monotonic() - begun + figures)
    if not as_json:
        click.echo(f"{found.sentence()}.")
    return found.schedule


def _run(training: "Training", every: int, as_json: bool) -> None:
    from lts_batch.stems import plots
    from lts_batch.training.board import Board

    schedule, out, course = training.schedule, training.out, training.course
    told = len(course.setbacks)
    with bar("training", quiet=as_json) as show, Board(out.with_name(out.name + ".tensorboard"), course.step) as board:
        def report(step: int, figures: "Report | None") -> None:
            nonlocal told
            latest = f", loss {course.recent[-1]:.4f}" if course.recent else ""
            show(step / schedule.steps, f"step {step}{latest}, {training.speed.frames_per_second:.0f} frames/s")
            for setback in course.setbacks[told:]:
                click.echo(f"The loss rose to {setback.loss} at step {setback.step}: back to step {setback.back_to}, at"
                           f" half the rate ({setback.rate:g})", err=True)
            told = len(course.setbacks)
            if figures is not None:
                board.figures(figures, course.rate)
                click.echo(json.dumps(dataclasses.asdict(figures)) if as_json else
                           f"step {step}: loss {figures.training_loss:.5f}, held out {figures.validation_loss:.5f}, shape LSD"
                           f" {figures.shape_lsd_db:.2f} dB, SC {figures.spectral_convergence_db:.2f} dB,"
                           f" {figures.active_latents} of {schedule.latent} latents active")

        try:
            training.run(every=every, report=report)
        except KeyboardInterrupt:
            kept = f"The best model so far is in {out}" if (out / "model.json").exists() else "There is no model yet"
            click.echo(f"Stopped at step {course.step} of {schedule.steps}. {kept}; go on with the same command, and"
                       " --resume in place of --time, --preset or --force.", err=True)
            sys.exit(130)
    training.finish()
    plots.training(out / "training.png", training.record()["history"])
    if warning := course.warning():
        click.echo(f"Note: {warning}.", err=True)
    if not as_json:
        speed = training.speed.as_dict()
        click.echo(f"{out}: done in {plans.spoken(course.seconds)}; {speed['frames_per_second']:.0f} frames a second,"
                   f" which is {speed['share_of_matrix_rate']:.0%} of the rate at which this machine multiplies matrices"
                   f" ({speed['matrix_multiply_adds_per_second'] / 1e9:.0f} billion multiply-adds a second)")


def _provenance(folder: Path) -> dict[str, Any]:
    """What is known of the sounds: the record that ``lts-batch corpus render`` leaves, or the folder's name."""
    record = folder / "corpus.json"
    if not record.is_file():
        return {"corpus": folder.name}
    try:
        return {"corpus": json.loads(record.read_text(encoding="utf-8"))}
    except (OSError, ValueError) as error:
        raise LtsError(f"{record} cannot be read ({error}); render the corpus again, or remove that file") from None
