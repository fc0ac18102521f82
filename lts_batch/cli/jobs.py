"""``lts-batch status``, ``retry``, ``cancel`` and ``clean``: what people ask of a watched folder."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lts_batch.cli.messages import counted
from lts_batch.errors import JobError

if TYPE_CHECKING:
    from lts_batch.client.cleaning import Rendered
    from lts_batch.client.overview import Overview

_ENDED = 10
_LOOK_SECONDS = 1.0

_root = click.argument("root", type=click.Path(path_type=Path))


@click.command()
@_root
@click.option("--follow", is_flag=True, help="Go on showing what changes, until Ctrl-C.")
@click.option("--all", "every", is_flag=True, help=f"All jobs that are over, not the last {_ENDED}.")
@click.option("--json", "as_json", is_flag=True, help="As data, and of all jobs; with --follow a line for each change.")
def status(root: Path, follow: bool, every: bool, as_json: bool) -> None:
    """Show what waits in the watched folder ROOT, what runs, what is done, and what failed and why."""
    from lts_batch.client.overview import overview

    ended = sys.maxsize if every else _ENDED
    found = overview(root)
    _show(found, ended, as_json, fresh=follow and not as_json)
    try:
        while follow:
            before, found = found, overview(root)
            if found != before:
                _show(found, ended, as_json, fresh=not as_json)
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        pass


def _show(found: "Overview", ended: int, as_json: bool, *, fresh: bool) -> None:
    if fresh and sys.stdout.isatty():
        click.clear()
    click.echo(found.to_json() if as_json else "\n".join(found.lines(ended)))


@click.command()
@_root
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--all", "every", is_flag=True, help="All jobs that failed or were cancelled.")
@click.option("--json", "as_json", is_flag=True, help="Print what was put back as data.")
def retry(root: Path, jobs: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Put the clips of failed JOBs back into the inbox of ROOT, and their job files, so that they are tried again.

    A JOB is named by its folder in ROOT/failed.
    """
    from lts_batch.client.again import failed_jobs, put_back
    from lts_batch.client.overview import watched

    if every == bool(jobs):
        raise click.UsageError("name the jobs to try again, or give --all")
    spool = watched(root)
    wrong: list[JobError] = []
    for job in failed_jobs(spool) if every else jobs:
        try:
            files = put_back(root, job)
        except JobError as error:  # the others are none the worse for it
            wrong.append(error)
            continue
        if as_json:
            click.echo(json.dumps({"job": job, "files": [str(path) for path in files]}))
        else:
            click.echo(f"{job}: {counted(len(files), 'file')} put back into {spool.inbox}")
    if wrong:
        raise JobError("; besides, ".join(map(str, wrong)))


@click.command()
@_root
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...")
def cancel(root: Path, jobs: tuple[str, ...]) -> None:
    """Take back JOBs that wait or run in ROOT. Their clips go to ROOT/failed."""
    from lts_batch.client import cancelling

    for job in jobs:
        cancelling.cancel(root, job)
        click.echo(f"{job}: the daemon was asked to cancel it")


@click.command()
@_root
@click.option("--older-than", required=True, metavar="AGE", help="How long ago the job ended, at least: 12h, 30d or 8w.")
@click.option("--yes", is_flag=True, help="Remove them. Without it they are only listed.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as data.")
def clean(root: Path, older_than: str, yes: bool, as_json: bool) -> None:
    """List, and with --yes remove, audio in ROOT that a DAW script rendered for a job alone, and whose job is long over.

    Clips of your own are never among it, nor are stems.
    """
    from lts_batch.client.cleaning import age_seconds, remove_clips, rendered_clips

    clips = rendered_clips(root, age_seconds(older_than))
    if yes:
        remove_clips(clips)
    if as_json:
        values = [asdict(clip) | {"path": str(clip.path)} for clip in clips]
        click.echo(json.dumps({"removed": yes, "clips": values}, indent=1))
        return
    for clip in clips:
        click.echo(f"{clip.path}  {clip.size_bytes / 1e6:.1f} MB, {clip.age_seconds / 86400:.0f} days")
    click.echo(_sum(clips, yes))


def _sum(clips: "list[Rendered]", removed: bool) -> str:
    size = f"{counted(len(clips), 'file')}, {sum(clip.size_bytes for clip in clips) / 1e6:.1f} MB"
    if removed:
        return f"{size}: removed"
    return f"{size}: nothing is removed without --yes" if clips else f"{size}: there is nothing to clean"
