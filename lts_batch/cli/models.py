"""``lts-batch models``: what models there are, whether they are sound, and models from elsewhere."""

import dataclasses
import json
from pathlib import Path

import click


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--folder", type=click.Path(path_type=Path), help="List the models in this folder too.")
@click.option("--json", "as_json", is_flag=True, help="As data.")
def models(context: click.Context, folder: Path | None, as_json: bool) -> None:
    """List, show, check, import and export models."""
    if context.invoked_subcommand is not None:
        if folder is not None or as_json:
            raise click.UsageError(f"--folder and --json before {context.invoked_subcommand} belong to the list: leave them"
                                   " out, or write --json behind")
        return
    from lts_batch.models import shelf

    found = shelf.entries(folder)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(entry) for entry in found], indent=1))
        return
    rows = [("name", "kind", "bands", "latent", "MB", "trained on")]
    for entry in found:
        known = (entry.kind, str(entry.bands), str(entry.latent), f"{entry.megabytes}", entry.trained_on)
        rows.append((entry.name, *(known if entry.problem is None else ("cannot be used", "", "", "", entry.problem))))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        click.echo("  ".join([*(f"{cell:{width}}" for cell, width in zip(row[:5], widths, strict=True)), row[5]]).rstrip())


@models.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="All of its description as data.")
def show(name: str, as_json: bool) -> None:
    """The card of the model NAME (or a model folder): what it heard and how well it does."""
    from lts_batch.models import shelf

    click.echo(json.dumps(shelf.record(name), indent=1) + "\n" if as_json else shelf.card(name), nl=False)


@models.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="As lines of JSON.")
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Load the models NAMES and send a tone through each; the first damaged one is named."""
    from lts_batch.models import shelf

    for name in names:
        found = shelf.check(name)
        click.echo(json.dumps(dataclasses.asdict(found)) if as_json else
                   f"{name}: right ({found.kind}, {found.bands} bands, {found.latent} latents; a tone comes back with a shape"
                   f" LSD of {found.shape_lsd_db:.1f} dB and an SC of {found.spectral_convergence_db:.1f} dB)")


@models.command(name="import")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="New folder for the model.")
@click.option("--json", "as_json", is_flag=True, help="What was made, as data.")
def import_(run: Path, out: Path, as_json: bool) -> None:
    """Make a model of RUN, a run folder of the original Latent Timbre Synthesis.

    RUN has config.ini and model/mymodel_last.h5 in it. Neither TensorFlow nor the original is needed.
    """
    from lts_batch.models import shelf

    made = shelf.import_run(run, out)
    click.echo(json.dumps(dataclasses.asdict(made), indent=1) if as_json else
               f"{out}: {made.bands} bands, {made.latent} latents; render with --model {out}")


@models.command()
@click.argument("name")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="New folder for the copy.")
@click.option("--json", "as_json", is_flag=True, help="The files, as data.")
def export(name: str, out: Path, as_json: bool) -> None:
    """Copy the model NAME (or a model folder) into a new folder, to keep or to give away."""
    from lts_batch.models import shelf

    files = shelf.export(name, out)
    click.echo(json.dumps({"folder": str(out), "files": files}, indent=1) if as_json else f"{out}: {', '.join(files)}")
