"""``lts-batch service``: the daemon started by the system at login."""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lts_batch.cli.watch import watch
from lts_batch.protocol import one_line

if TYPE_CHECKING:
    from lts_batch.service.system import Step


def _absolute(path: Path | str) -> str:
    return os.path.abspath(path)  # noqa: PTH100  (links stay: the user's words for the place)


@click.group()
def service() -> None:
    """Watch a folder at every login, without a window (systemd, launchd, Windows Task Scheduler)."""


@service.command()
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--model", metavar="NAME|FOLDER", help="As for watch; if not given, that of watch.toml.")
@click.option("--settle-seconds", type=float, help="As for watch; if not given, those of watch.toml.")
@click.option("--dry-run", is_flag=True, help="Show the file and the commands; write and run nothing.")
def install(root: Path, model: str | None, settle_seconds: float | None, dry_run: bool) -> None:
    """Start watching the folder ROOT now and at every login. Said again, with other options or not, it brings up to date."""
    from lts_batch.errors import OutputError
    from lts_batch.models.bundle import find
    from lts_batch.service import install as services
    from lts_batch.service.place import here, interpreter, system_of
    from lts_batch.service.wanted import Service
    from lts_batch.settings import presets_folder
    from lts_batch.watch.configuration import configuration

    typed = {key: value for key, value in (("model", model), ("settle_seconds", settle_seconds)) if value is not None}
    # variables of this terminal are not there at login
    used = find(configuration(root, file=None, environment={}, typed=typed).options.model)
    place = here()
    system = system_of(place, _absolute(root))
    if root.is_file():
        raise OutputError(f"{root} is a file: give a folder to watch; it is made where it is missing")
    if not Path(_absolute(root)).parent.is_dir():
        raise OutputError(f"{root} cannot be made: there is no folder {Path(_absolute(root)).parent}; make that first")
    words = [] if model is None else ["--model", model if used == presets_folder() / "models" / model else _absolute(model)]
    words += [] if settle_seconds is None else ["--settle-seconds", f"{settle_seconds:g}"]
    config = os.environ.get("LTS_BATCH_CONFIG")
    wanted = Service(_absolute(root), interpreter(), tuple(words), _absolute(config) if config else None)
    path = system.path(wanted.name, place)
    if dry_run:
        click.echo(f"{path} would hold:\n\n{system.describe(wanted, place)}")
        _would_run(system.enable(wanted.name, place), place.platform)
        return
    updated = services.install(wanted, system, place)
    click.echo(f"{wanted.root} is watched from now on, and from every login ({'brought up to date' if updated else 'new'}:"
               f" {path})")
    click.echo(f"What the daemon says: {system.log(wanted.name, place)}")


@service.command()
@click.argument("root", required=False, type=click.Path(path_type=Path))
@click.option("--all", "every", is_flag=True, help="All that are installed.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed and run; change nothing.")
def uninstall(root: Path | None, every: bool, dry_run: bool) -> None:
    """Stop watching ROOT, now and at login; without ROOT, the one root there is. The folder and its clips stay."""
    if root is not None and every:
        raise click.UsageError("give ROOT or --all, not both")
    from lts_batch.errors import ServiceError
    from lts_batch.service import install as services
    from lts_batch.service.place import here, system_of
    from lts_batch.service.wanted import name_of

    place = here()
    system = system_of(place, "ROOT")
    known = services.roots(system, place)
    if root is None and not every and len(known) > 1:
        raise ServiceError(f"services are installed for {', '.join(known)}: say which, or --all")
    chosen = known if root is None else (_absolute(root),)
    if not chosen:
        click.echo("No service is installed.")
    for one in chosen:
        if dry_run:
            if name_of(one) not in map(name_of, known):
                raise ServiceError(f"no service is installed for {one} (installed: {', '.join(known) or 'none'}): there is"
                                   " nothing to remove")
            _would_run(system.disable(name_of(one), place), place.platform)
            click.echo(f"{system.path(name_of(one), place)} would be removed")
            _would_run(system.forget(name_of(one), place), place.platform)
            continue
        services.uninstall(one, system, place)
        click.echo(f"{one} is no longer watched; the folder is as it was")


@service.command()
@click.argument("root", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As data.")
def status(root: Path | None, as_json: bool) -> None:
    """Whether ROOT is watched by the system, and whether the daemon runs; without ROOT, all that are installed."""
    from lts_batch.service import install as services
    from lts_batch.service.place import here, system_of

    place = here()
    system = system_of(place, "ROOT")
    chosen = services.roots(system, place) if root is None else (_absolute(root),)
    found = [services.status(one, system, place) for one in chosen]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) for one in found], indent=1))
        return
    if not found:
        click.echo("No service is installed.")
    for one in found:
        click.echo(f"{one.root}: {'installed, ' if one.installed else ''}{one.state}"
                   + (f" ({one.log})" if one.installed else ""))


@service.command(hidden=True)
@click.pass_context
@click.option("--log", type=click.Path(path_type=Path), help="Say everything into this file.")
@click.option("--config", help="The folder of the user's choices.")
@click.option("--again", "again_seconds", type=click.FloatRange(1.0), help="Seconds to the next try. [left to the system]")
@click.option("--coded", is_flag=True, help="Words are free of what the Windows Task Scheduler would take for variables.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def run(context: click.Context, log: Path | None, config: str | None, again_seconds: float | None, coded: bool,
        words: tuple[str, ...]) -> None:
    """What launchd and the Task Scheduler start: ``watch`` with WORDS; mistakes that last end it with exit code 0."""
    from lts_batch.errors import SettingsError
    from lts_batch.service.supervise import log_to, supervise
    from lts_batch.service.windows import decoded

    if coded:
        log = Path(decoded(str(log))) if log else None
        config = decoded(config) if config else None
        words = tuple(map(decoded, words))
    if log is not None:
        log_to(log)
    if config is not None:
        os.environ["LTS_BATCH_CONFIG"] = config

    def work() -> None:
        try:
            with watch.make_context("watch", list(words), parent=context) as inner:
                watch.invoke(inner)
        except click.UsageError as error:  # of a version that knew other options
            raise SettingsError(f"lts-batch watch does not understand what it is told: {error.format_message()}; say"
                                " lts-batch service install once more") from None

    sys.exit(supervise(work, lambda sentence: click.echo(f"Error: {one_line(sentence)}", err=True),
                       again_seconds=again_seconds))


def _would_run(steps: "tuple[Step, ...]", platform: str) -> None:
    from lts_batch.service.system import Expect
    from lts_batch.service.tools import said

    notes = {Expect.SUCCESS: "", Expect.ANYTHING: "   (may fail)", Expect.FAILURE: "   (until it fails)"}
    for step in steps:
        click.echo(f"would run: {said(step.words, platform)}{notes[step.expect]}")
