"""``lts-batch watch`` and ``lts-batch allow``: the watched folder."""

import math
import signal
import threading
from pathlib import Path
from types import FrameType

import click

from lts_batch.cli.messages import bar
from lts_batch.errors import OutputError, SettingsError


def finite(settle_seconds: float) -> None:
    """Raises ``SettingsError`` for what is a float and no time."""
    if not math.isfinite(settle_seconds):
        raise SettingsError(f"settle_seconds = {settle_seconds} is not a finite number: give seconds, for example 2")


@click.command()
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Handle what is there, print a summary, and end; 7 if a job failed.")
@click.option("--model", default="general", show_default=True, metavar="NAME|FOLDER",
              help="A shipped model, or the folder of your own.")
@click.option("--settle-seconds", type=click.FloatRange(0.0), default=2.0, show_default=True,
              help="How long dropped clips must stand still before they are taken.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the summary as JSON.")
def watch(root: Path, once: bool, model: str, settle_seconds: float, as_json: bool) -> None:
    """Watch the folder ROOT and turn every pair of clips that lands in ROOT/inbox into stems in ROOT/outbox.

    Pairs are clips named NAME_A and NAME_B, or two clips in a folder of their own. See docs/protocol.md.
    """
    finite(settle_seconds)
    from lts_batch.watch.daemon import Daemon

    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)
    if root.is_file():
        raise OutputError(f"{root} is a file: give a folder to watch; it is made where it is missing")
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    with bar(str(root), quiet=as_json) as show:
        daemon = Daemon(root, model=model, settle_seconds=settle_seconds,
                        log=lambda line: None if as_json else click.echo(line),
                        progress=lambda job, fraction, message: show(fraction, f"{job}: {message}"))
        if not once:
            daemon.run(stop)
            return
        summary = daemon.run_once(stop)
    if as_json:
        click.echo(summary.to_json())
    else:  # how each job ended was said when it ended
        click.echo("\n".join(summary.lines()[len(summary.outcomes):]))
    summary.check()


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def allow(folder: Path | None) -> None:
    """Let job files read clips in FOLDER (and below); without FOLDER, list what is allowed."""
    from lts_batch.files import allowed

    if folder is not None:
        click.echo(f"Job files may now read clips in {allowed.allow(folder)}")
        return
    for place in allowed.allowed_folders():
        click.echo(place)
