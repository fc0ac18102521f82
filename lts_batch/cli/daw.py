"""``lts-batch daw``: the scripts for REAPER and Ardour."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lts_batch.daw.hosts import Host

_NAMES = click.Choice(["reaper", "ardour"])
_FOLDER = click.option("--folder", type=click.Path(path_type=Path, exists=True, file_okay=False),
                       help="The DAW's configuration folder, where it is not the usual one.")


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100  (links stay: the user's words for the place)


def _hosts(names: tuple[str, ...], folder: Path | None) -> list[tuple["Host", Path]]:
    from lts_batch.daw.hosts import HOSTS, chosen

    if folder is None:
        return chosen(names)
    if len(names) != 1:
        raise click.UsageError("--folder is for one DAW: name it as well")
    return [(HOSTS[names[0]], _absolute(folder))]


@click.group()
def daw() -> None:
    """Put the scripts into REAPER and Ardour that send clips and bring stems back."""


@daw.command()
@click.argument("names", metavar="[reaper] [ardour]", nargs=-1, type=_NAMES)
@click.option("--root", type=click.Path(path_type=Path), default=Path("~/LTS"), show_default=True,
              help="The watched folder that the scripts send to.")
@click.option("--allow", "allowed", type=click.Path(path_type=Path), multiple=True,
              help="A folder with projects, whose clips jobs may read. Asked for on a terminal. May be given several times.")
@_FOLDER
@click.option("--dry-run", is_flag=True, help="Show what would be written; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON, and ask nothing.")
def install(names: tuple[str, ...], root: Path, allowed: tuple[Path, ...], folder: Path | None, dry_run: bool,
            as_json: bool) -> None:
    """Install the scripts into the DAWs that are named, or into all that are found. Said again, it brings up to date."""
    from lts_batch.daw import scripts
    from lts_batch.errors import OutputError
    from lts_batch.files.allowed import allow
    from lts_batch.settings.presets import preset_paths

    root = _absolute(root)
    if root.is_file():
        raise OutputError(f"{root} is a file: give a folder to watch; it is made where it is missing")
    plans = [(host, scripts.plan(host, place, root, list(preset_paths()))) for host, place in _hosts(names, folder)]
    places = [] if dry_run else [allow(place) for place in allowed]
    if not dry_run:
        for _, plan in plans:
            plan.carry_out()
        if not allowed and not as_json and sys.stdin.isatty():
            places = _asked()
    if as_json:
        click.echo(json.dumps({"root": str(root), "dry_run": dry_run, "hosts": [
            {"host": host.name, "files": [str(path) for path in plan.files], "removed": [str(path) for path in plan.old]}
            for host, plan in plans]}))
        return
    for host, plan in plans:
        where = os.path.commonpath([path.parent for path in plan.files])
        click.echo(f"{host.title}: {len(plan.files)} files {'would go' if dry_run else 'went'} below {where}")
        for path in (*plan.files, *plan.old) if dry_run else ():
            click.echo(f"  {path}{' (no more: would be removed)' if path in plan.old else ''}")
    if dry_run:
        return
    for place in places:
        click.echo(f"Jobs may read clips in {place}")
    for host, plan in plans:
        click.echo(f"Now in {host.title}:")
        entries = next(path.parent for path in plan.files if path.name.startswith("lts_"))
        for number, click_ in enumerate(host.clicks, 1):
            click.echo(f"  {number}. {click_.format(folder=entries)}")
    click.echo(f'And let the folder be watched: lts-batch service install "{root}"   (or: lts-batch watch "{root}")')


def _asked() -> list[Path]:
    """Folders that the user names and thereby allows, one after another, until nothing is said."""
    from lts_batch.errors import JobError
    from lts_batch.files.allowed import allow

    found: list[Path] = []
    click.echo("The scripts name clips by where they lie. Which folders hold your projects? Jobs may read clips there.")
    while answer := click.prompt("Folder (Enter: no more)", default="", show_default=False):
        try:
            found.append(allow(Path(answer)))
        except JobError as error:
            click.echo(str(error))
    return found


@daw.command()
@click.argument("names", metavar="[reaper] [ardour]", nargs=-1, type=_NAMES)
@_FOLDER
@click.option("--dry-run", is_flag=True, help="Show what would be removed; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON.")
def uninstall(names: tuple[str, ...], folder: Path | None, dry_run: bool, as_json: bool) -> None:
    """Remove the scripts again: just those, and none that somebody has changed."""
    from lts_batch.daw import scripts

    found = [(host, *scripts.remove(host, place, dry_run=dry_run)) for host, place in _hosts(names, folder)]
    if as_json:
        click.echo(json.dumps([{"host": host.name, "removed": [str(path) for path in removed],
                                "left": [str(path) for path in left]} for host, removed, left in found]))
        return
    for host, removed, left in found:
        click.echo(f"{host.title}: {len(removed)} files {'would be removed' if dry_run else 'removed'}")
        for path in left:
            click.echo(f"  {path} was changed since, and is left")


@daw.command()
@click.argument("url")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
def index(url: str, out: Path) -> None:
    """Write an index of the REAPER scripts for ReaPack, for those who publish them: URL is where daw_scripts can be read."""
    from lts_batch.daw import reapack
    from lts_batch.files.whole import write_whole

    write_whole(out, reapack.index(url))
    click.echo(f"{out}: put it on a page, and give its address to Extensions > ReaPack > Import repositories")
