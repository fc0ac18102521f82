"""``lts-batch render``: two to four clips, one command."""

from pathlib import Path
from typing import Any

import click

from lts_batch.cli.messages import bar
from lts_batch.engine.mixes import mixes
from lts_batch.errors import SettingsError
from lts_batch.settings import LEAST_CLIPS, MOST_CLIPS, Settings, change, load_preset
from lts_batch.settings import table as schema

# each says which stems there are, so the others have nothing to say beside it
_RIVALS = {"curve": "makes one stem that moves", "grid": "places every stem", "weights": "names every stem",
           "x": "names every stem"}


def _amounts(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(f"--x {text!r} is not a list of numbers; write for example --x 0,0.25,0.5,0.75,1") from None


def _rows(texts: tuple[str, ...]) -> list[list[float]] | None:
    try:
        return [[float(part) for part in text.split(",")] for text in texts] or None
    except ValueError:
        raise SettingsError(f"--weights {' '.join(texts)!r} is not a list of numbers; write for example"
                            " --weights 0.5,0.25,0.25, once for each stem") from None


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for the stems.")
@click.option("--x", metavar="LIST", help="Amounts, one stem each: 0 is clip 1, 1 is clip 2. Example: 0,0.5,1")
@click.option("--steps", type=int, help="So many stems from clip 1 to clip 2. [5]")
@click.option("--beyond", type=float, help="Go on past the clips by so much, in the same steps. [0]")
@click.option("--spacing", help=f"What is even between stems: {', '.join(schema.SPACINGS)} (to the ear). [even-x]")
@click.option("--curve", "curve_file", type=click.Path(path_type=Path), help="JSON or CSV of time, x: one moving stem.")
@click.option("--grid", metavar="CxR", help="Four clips in the corners, stems over the square between. Example: 3x3")
@click.option("--weights", multiple=True, metavar="LIST", help="A weight for each clip, summing to 1: one stem. May be given"
              " more than once. Example: 0.5,0.25,0.25")
@click.option("--preset", metavar="NAME|FILE", help="Settings to start from; see lts-batch presets.")
@click.option("--model", metavar="NAME|FOLDER", help="A shipped model, or a model folder; see lts-batch models. [general]")
@click.option("--detail", type=float, help="How much of what the model lost is put back, 0 to 1. [1]")
@click.option("--fit", is_flag=True, default=None, help="Let the model learn the clips first, so that it loses less of them.")
@click.option("--align", help=f"How clips of different lengths meet: {', '.join(schema.ALIGNMENTS)}. [stretch]")
@click.option("--length", help=f"Duration of stems: {', '.join(schema.LENGTHS)}. [interpolate]")
@click.option("--loop", help=f"Whether the clips are seamless loops: {', '.join(schema.LOOPS)}. [auto]")
@click.option("--level", help=f"Loudness of stems: {', '.join(schema.LEVELS)}. [follow]")
@click.option("--pitch", help=f"What becomes of pitch: {', '.join(schema.PITCHES)}. [keep]")
@click.option("--envelope", help=f"How spectral envelopes get from clip to clip: {', '.join(schema.ENVELOPES)}. [transport]")
@click.option("--path", help=f"The way through the latent space: {', '.join(schema.PATHS)}. [linear]")
@click.option("--phase", help=f"Where phase comes from: {', '.join(schema.PHASES)}. [source]")
@click.option("--repair", type=int, help="Griffin-Lim steps after the first phase. [32 with griffinlim, 4 with pghi, 16"
              " where a clip is far from its own speed, else 0]")
@click.option("--quality", help=f"How finely stems are computed: {', '.join(schema.QUALITIES)}. [standard]")
@click.option("--draft", is_flag=True, help="The same as --quality draft.")
@click.option("--sample", is_flag=True, default=None, help="Draw latents from the encoder instead of taking its mean.")
@click.option("--temperature", type=float, help="How widely --sample draws. [1]")
@click.option("--seed", type=int, help="Seed of everything random. [0]")
@click.option("--sample-rate", type=int, help="Output rate in Hz. [clip 1's]")
@click.option("--bit-depth", type=int, help="Bits of the files: 16, 24, or 32 for floating point. [24]")
@click.option("--naming", help=f"Names of stems: {', '.join(schema.NAMINGS)}. [steps]")
@click.option("--device", help=f"Where to compute: {', '.join(schema.DEVICES)}. [auto]")
@click.option("--workers", type=click.IntRange(1), help="How many stems are made at a time. [all cores]")
@click.option("--set", "others", multiple=True, metavar="KEY=VALUE",
              help="Any other setting, as in a preset: --set fade_out_seconds=0.05. May be given more than once.")
@click.option("--preview", is_flag=True, help="Write the middle stem first, in draft quality, as preview.wav.")
@click.option("--map", "with_map", is_flag=True, help="Draw the clips and the stems in the latent space: map.png and map.json.")
@click.option("--picture", is_flag=True, help="Draw the stems side by side, as spectrograms: stems.png.")
@click.option("--force", is_flag=True, help="Replace files of the same names.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON, and show no progress.")
def render(clips: tuple[Path, ...], out: Path, preset: str | None, curve_file: Path | None, x: str | None,
           weights: tuple[str, ...], others: tuple[str, ...], draft: bool, workers: int | None, preview: bool, with_map: bool,
           picture: bool, force: bool, as_json: bool, **options: Any) -> None:
    """Make stems between two CLIPS, or over the square between four (--grid).

    Stems go from clip 1 (x = 0) to clip 2 (x = 1), and past both with --beyond. A manifest beside them says how each
    was made.
    """
    _check_count(len(clips), x)
    given = {"x": _amounts(x), "weights": _rows(weights), **options}
    differences = {key: value for key, value in given.items() if value is not None} | _others(others)
    if draft and differences.setdefault("quality", "draft") != "draft":
        raise SettingsError(f"--draft and --quality {differences['quality']} exclude each other: leave one of them out")
    _check_rivals({*differences} | ({"curve"} if curve_file is not None else set()), differences.get("spacing"))
    wanted = change(load_preset(preset) if preset else Settings(), differences, "command line")
    if curve_file is not None:
        from lts_batch.engine.curves import read_curve

        drawn = {key: value for key, value in read_curve(curve_file).items() if key not in differences}
        wanted = change(wanted, drawn, f"curve {curve_file}")
    mixes(wanted, len(clips))  # what does not fit so many clips is said before a model is read

    from lts_batch.models.checkpoint import load_model
    from lts_batch.stems import render as engine

    with bar("stems", quiet=as_json) as show:
        manifest = engine.render([engine.Clip(path) for path in clips], wanted, out, model=load_model(wanted.model),
                                 overwrite=force, preview=preview, draw_map=with_map, draw_stems=picture, progress=show,
                                 workers=workers)
    if as_json:
        click.echo(manifest.to_json(), nl=False)
        return
    pictures = [*(["map.png"] if with_map else []), *(["stems.png"] if picture else [])]
    for name in [*(["preview.wav"] if preview else []), *(stem.file for stem in manifest.stems), *pictures]:
        click.echo(out / name)
    for note in manifest.notes:
        click.echo(f"Note: {note}.", err=True)


def _check_count(clips: int, x: str | None) -> None:
    if LEAST_CLIPS <= clips <= (MOST_CLIPS if x is None else LEAST_CLIPS):
        return
    hint = " (amounts are written without blanks: --x 0,0.5,1)" if x is not None and clips > LEAST_CLIPS else ""
    raise SettingsError(f"render takes two to four clips, and two with --x, and {clips} {'were' if clips > 1 else 'was'}"
                        f" given{hint}; write for example: lts-batch render A.wav B.wav -o stems")


def _check_rivals(given: set[str], spacing: str | None) -> None:
    for name, does in _RIVALS.items():
        others = [other for other in ("x", "steps", "beyond", "spacing", "grid", "weights") if other in given - {name}
                  and (other != "beyond" or name != "grid") and (other != "spacing" or spacing == "even-distance")]
        if name in given and others:
            options = " and ".join(f"--{other}" for other in others)
            raise SettingsError(f"--{name} {does}; leave out {options}, or leave out --{name}")


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
