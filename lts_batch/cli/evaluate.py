"""``lts-batch evaluate``: what a model is worth, in figures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lts_batch.cli.messages import bar, counted
from lts_batch.files.whole import check_room
from lts_batch.settings import Settings, change

_JUDGES = {"frames": "Magnitudes in our frame", "audio": "Stems that sound, by an STFT"}
_BETWEEN = 7  # so many figures are about what lies between, the others about steps and ends


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--pairs", type=click.IntRange(1), default=20, show_default=True, help="How many pairs to judge by, at most.")
@click.option("--frames-only", is_flag=True, help="Leave out what has to sound: minutes become seconds.")
@click.option("--against", metavar="MODEL", help="Put a second model into the same tables.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the figures into this PNG.")
@click.option("--force", is_flag=True, help="Replace a picture of that name.")
@click.option("--workers", type=click.IntRange(1), help="How many stems are made at a time. [all cores]")
@click.option("--device", default="auto", show_default=True, help="Where to compute: auto, cpu, cuda, mps.")
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON, and show no progress.")
def evaluate(model: str, folder: Path | None, pairs: int, frames_only: bool, against: str | None, picture: Path | None,
             force: bool, workers: int | None, device: str, as_json: bool) -> None:
    """Measure what MODEL (a shipped name or a folder) is worth.

    How well it rebuilds single clips, and how its morphs lie between the clips of some pairs: beside crossfades and plain
    interpolation, which need no model. Pairs are neighbours among the sounds in FOLDER; without FOLDER they are those of the
    fixed evaluation list, if the package sonic-pi-samples is installed.
    """
    change(Settings(), {"device": device}, "command line")
    if picture is not None:
        check_room(picture, overwrite=force)
    from lts_batch.evaluation import clip_pairs
    from lts_batch.evaluation import evaluate as study
    from lts_batch.models.checkpoint import load_frame_model

    chosen = clip_pairs.choose(folder, pairs)
    given = dict.fromkeys((model, *([against] if against else [])))
    short = {name: Path(name).name or name for name in given}
    names = short if len(set(short.values())) == len(given) else {name: name for name in given}
    models = {names[name]: load_frame_model(name).on(device) for name in given}
    with bar("evaluation", quiet=as_json) as show:
        results = study.run(models, chosen, frames_only=frames_only, workers=workers, progress=show)
    if picture is not None:
        from lts_batch.stems import plots

        plots.evaluation(picture, results, overwrite=force)
    if as_json:
        click.echo(json.dumps(results, indent=1))
        return
    _print(results)
    for name, why in results["skipped"]:
        click.echo(f"Skipped {name}: {why}", err=True)


def _print(results: Mapping[str, Any]) -> None:
    from rich.console import Console

    from lts_batch.evaluation.evaluate import REBUILT
    from lts_batch.metrics.judge import FIGURES

    console = Console(highlight=False)
    clips = results["reconstruction"]["mean"]
    title = f"Single clips without detail (mean over {counted(len(results['reconstruction']['clips']), 'clip')}, dB)"
    _show(console, _table(title, "model", [REBUILT[name] for name in next(iter(clips.values()))],
                          {label: [f"{value:.2f}" for value in row.values()] for label, row in clips.items()}))
    for kind, who in _JUDGES.items():
        if kind not in results:
            continue
        summary, pairs = results[kind]["summary"], f"median/mean over {counted(len(results['pairs']), 'pair')}"
        shown = list(FIGURES)
        for what, names in (("how moments lie between", shown[:_BETWEEN]), ("steps and ends", shown[_BETWEEN:])):
            rows = {way: [_cell(row[name], FIGURES[name].digits) for name in names] for way, row in summary.items()}
            _show(console, _table(f"{who}: {what} ({pairs})", "way", [FIGURES[name].title for name in names], rows))
        for label, sides in results[kind]["verdict"].items():
            console.print(f"{results['default'][label]}, beside log-magnitude interpolation, in the mean: better in"
                          f" {', '.join(sides['better']) or 'nothing'}; not better in"
                          f" {', '.join(sides['not better']) or 'nothing'}.\n", soft_wrap=True, markup=False)


def _show(console: Any, table: Any) -> None:
    """As wide as it has to be: figures that are cut off are none."""
    needed = console.measure(table, options=console.options.update(width=10_000)).maximum
    type(console)(highlight=False, width=max(console.width, needed)).print(table, crop=False)


def _cell(found: Mapping[str, float | None], digits: int) -> str:
    if found["median"] is None or found["mean"] is None:
        return "-"
    return f"{found['median']:.{digits}f}/{found['mean']:.{digits}f}"


def _table(title: str, first: str, headings: list[str], rows: Mapping[str, list[str]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # a title stands on a line of its own, however narrow the figures are
    table = Table(title=Text(title), title_justify="left", min_width=len(title),
                  box=box.SIMPLE_HEAD, padding=0, collapse_padding=True)
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, cells in rows.items():
        table.add_row(Text(name), *cells)  # names of folders may hold [brackets]
    return table
