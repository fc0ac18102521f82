"""``lts-batch render``: two clips, one command."""

from pathlib import Path
from typing import Any

import click

from lts_batch import settings as schema
from lts_batch.cli.messages import bar
from lts_batch.errors import SettingsError
from lts_batch.settings import Settings, change, load_preset


def _amounts(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(f"--x {text!r} is not a list of numbers; write for example --x 0,0.25,0.5,0.75,1") from None


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for the stems.")
@click.option("--x", metavar="LIST", help="Amounts, one stem each: 0 is clip 1, 1 is clip 2. Example: 0,0.5,1")
@click.option("--steps", type=int, help="So many stems from clip 1 to clip 2. [5]")
@click.option("--beyond", type=float, help="Go on past both clips by so much, in the same steps.")
@click.option("--curve", "curve_file", type=click.Path(path_type=Path), help="JSON or CSV of time, x: one moving stem.")
@click.option("--preset", metavar="NAME|FILE", help="Settings to start from; see lts-batch presets.")
@click.option("--model", metavar="NAME|FOLDER", help="A shipped model, or the folder of your own. [general]")
@click.option("--detail", type=float, help="How much of what the model lost is put back, 0 to 1. [1]")
@click.option("--align", help=f"How clips of different lengths meet: {', '.join(schema.ALIGNMENTS)}. [stretch]")
@click.option("--length", help=f"Duration of stems: {', '.join(schema.LENGTHS)}. [interpolate]")
@click.option("--phase", help=f"Where phase comes from: {', '.join(schema.PHASES)}. [source]")
@click.option("--naming", help=f"Names of stems: {', '.join(schema.NAMINGS)}. [steps]")
@click.option("--sample", is_flag=True, default=None, help="Draw latents from the encoder instead of taking its mean.")
@click.option("--seed", type=int, help="Seed of everything random. [0]")
@click.option("--sample-rate", type=int, help="Output rate in Hz. [clip 1's]")
@click.option("--set", "others", multiple=True, metavar="KEY=VALUE",
              help="Any other setting, as in a preset: --set fade_out_seconds=0.05. May be given more than once.")
@click.option("--preview", is_flag=True, help="Write the middle stem first, in draft quality, as preview.wav.")
@click.option("--force", is_flag=True, help="Replace files of the same names.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON, and show no progress.")
def render(clips: tuple[Path, ...], out: Path, preset: str | None, curve_file: Path | None, x: str | None,
           others: tuple[str, ...], preview: bool, force: bool, as_json: bool, **options: Any) -> None:
    """Make stems between two CLIPS.

    Stems go from clip 1 (x = 0) to clip 2 (x = 1), and past both with --beyond. A manifest beside them says how each
    was made.
    """
    if len(clips) != 2:
        hint = " (amounts are written without blanks: --x 0,0.5,1)" if len(clips) > 2 and x is not None else ""
        raise SettingsError(f"render takes two clips, and {len(clips)} {'were' if len(clips) > 1 else 'was'} given{hint};"
                            " write for example: lts-batch render A.wav B.wav -o stems")
    differences = {key: value for key, value in options.items() if value is not None} | _others(others)
    if x is not None:
        differences["x"] = _amounts(x)
    rivals = [f"--{key}" for key in ("x", "steps", "beyond") if differences.get(key) is not None]
    if curve_file is not None and rivals:
        raise SettingsError(f"--curve makes one stem that moves; leave out {' and '.join(rivals)}, or leave out --curve")
    if "--x" in rivals and len(rivals) > 1:
        raise SettingsError(f"--x names every stem; leave out {' and '.join(rivals[1:])}, or leave out --x")
    wanted = change(load_preset(preset) if preset else Settings(), differences, "command line")
    if curve_file is not None:
        from lts_batch.curves import read_curve

        wanted = change(wanted, read_curve(curve_file), f"curve {curve_file}")

    from lts_batch import render as engine
    from lts_batch.checkpoint import load_model

    with bar("stems", quiet=as_json) as show:
        manifest = engine.render([engine.Clip(path) for path in clips], wanted, out, model=load_model(wanted.model),
                                 overwrite=force, preview=preview, progress=show)
    if as_json:
        click.echo(manifest.to_json(), nl=False)
        return
    for name in [*(["preview.wav"] if preview else []), *(stem.file for stem in manifest.stems)]:
        click.echo(out / name)
    for note in manifest.notes:
        click.echo(f"Note: {note}.", err=True)


def _others(pairs: tuple[str, ...]) -> dict[str, Any]:
    """KEY=VALUE with the value in TOML; a bare word is taken for text."""
    import tomllib

    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(f"--set {pair!r} has no '='; write for example --set fade_out_seconds=0.05")
        try:
            found[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except ValueError:
            found[key.strip()] = value.strip()
    return found
