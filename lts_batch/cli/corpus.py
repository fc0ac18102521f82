"""``lts-batch corpus render``: training material that is free to use and can be made again."""

import dataclasses
import json
from pathlib import Path

import click

from lts_batch.cli.messages import bar


@click.group()
def corpus() -> None:
    """Training material."""


@corpus.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--minutes", type=float, default=60.0, show_default=True, help="How much to render.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed renders the same sounds.")
@click.option("--soundfont", type=click.Path(path_type=Path), help="A General MIDI SoundFont; found by itself if installed.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def render(out: Path, minutes: float, seed: int, soundfont: Path | None, as_json: bool) -> None:
    """Render a training corpus into OUT: all instruments and drum kits of a SoundFont, and our own synthesis.

    Needs fluidsynth and a SoundFont for the instruments; without them only the synthesis is rendered.
    """
    from lts_batch.material import corpus as material

    with bar("corpus", quiet=as_json) as show:
        report = material.render(out, seed=seed, minutes=minutes, soundfont=soundfont,
                                 progress=lambda done, total: show(done / total, f"{done} of {total} clips"))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(report), indent=1, default=str))
        return
    click.echo(f"{out}: {sum(report.files.values())} files, {sum(report.seconds.values()) / 60:.1f} minutes")
    if report.note:
        click.echo(f"Note: {report.note}", err=True)
