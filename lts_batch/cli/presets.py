"""``lts-batch presets``: what settings are ready to be used, what they change, whether a file of one's own is right."""

import json
from pathlib import Path

import click

from lts_batch.settings import Settings, as_dict, load_preset, preset_about, preset_paths


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--json", "as_json", is_flag=True, help="As data.")
def presets(context: click.Context, as_json: bool) -> None:
    """List, show and check presets."""
    if context.invoked_subcommand is not None:
        return
    about = {name: preset_about(path) for name, path in preset_paths().items()}
    if as_json:
        click.echo(json.dumps(about, indent=1))
        return
    width = max(map(len, about), default=0)
    for name, sentence in about.items():
        click.echo(f"{name:{width}}  {sentence}")


@presets.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="All settings as data.")
def show(name: str, as_json: bool) -> None:
    """All settings of the preset NAME (or a TOML file); what it changes is marked with a star."""
    settings, plain = as_dict(load_preset(name)), as_dict(Settings())
    if as_json:
        click.echo(json.dumps(settings, indent=1))
        return
    for key, value in settings.items():
        click.echo(f"{'*' if value != plain[key] else ' '} {key} = {json.dumps(value)}")


def _check_effects(settings: Settings, path: Path) -> None:
    """Names and parameters of effects are known to what plays them, and to nothing that loads as quickly as the rest."""
    if settings.effects:
        from lts_batch.engine.chain import Chain

        Chain(settings.effects, f"preset {path.name}")


@presets.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Check preset FILES; the first wrong key or value is named."""
    for path in files:
        _check_effects(load_preset(str(path)), path)
        click.echo(f"{path}: right")
