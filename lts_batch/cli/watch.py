"""``lts-batch watch`` and ``lts-batch allow``: the watched folder."""

import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from lts_batch.cli.messages import bar
from lts_batch.errors import OutputError

if TYPE_CHECKING:
    from lts_batch.watch.options import Options


@click.command()
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Handle what is there, print a summary, and end; 7 if a job failed.")
@click.option("--model", metavar="NAME|FOLDER", help="A shipped model, or the folder of your own. [general]")
@click.option("--jobs", type=int, metavar="N", help="How many jobs are worked on at a time, each in a process of its own. [1]")
@click.option("--settle-seconds", type=float, help="How long dropped clips must stand still before they are taken. [2]")
@click.option("--patience-seconds", type=float,
              help="How long clips that stand still, but are not whole, are waited for. [10 settle times, at least 20]")
@click.option("--scan-seconds", type=float, help="How often to look where nothing tells of changes. [1]")
@click.option("--lease-seconds", type=float, help="How long to watch for another daemon on the same folder. [3]")
@click.option("--stuck-seconds", type=float, help="How long a job may use no processor time before it is tried again. [300]")
@click.option("--log-file", metavar="FILE|none", help="Where the log is kept. [in your log folder, one for each ROOT]")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Lines for people or JSON, on screen and in the file."
              " [text]")
@click.option("--log-json", is_flag=True, help="The same as --log-format json: an object a line.")
@click.option("--log-bytes", type=int, help="How large the log file may grow before a new one is begun. [1000000]")
@click.option("--log-files", type=int, help="How many older log files are kept beside it. [4]")
@click.option("--notify", metavar="LIST", help="A program and its arguments as a list in JSON, run when a job is done or has"
              " failed. [none]")
@click.option("--notify-seconds", type=float, help="How long that program may take. [30]")
@click.option("--config", "config", type=click.Path(path_type=Path), metavar="FILE",
              help="Take values from this TOML file. [watch.toml in your configuration folder]")
@click.option("--show-config", is_flag=True, help="Print all these values and where they come from, and end.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the summary as JSON. With --show-config: the values.")
def watch(root: Path, once: bool, config: Path | None, show_config: bool, as_json: bool, log_json: bool,
          **typed: Any) -> None:
    """Watch the folder ROOT and turn every pair of clips that lands in ROOT/inbox into stems in ROOT/outbox.

    Pairs are clips named NAME_A and NAME_B, or two clips in a folder of their own. See docs/protocol.md.
    """
    from lts_batch.watch.configuration import configuration

    if as_json and not (once or show_config):
        raise click.UsageError("--json goes with --once or --show-config")
    if log_json and typed["log_format"] == "text":
        raise click.UsageError("--log-json and --log-format text exclude each other: leave one of them out")
    if log_json:
        typed["log_format"] = "json"
    found = configuration(root, file=config, environment=os.environ,
                          typed={key: value for key, value in typed.items() if value is not None})
    if show_config:
        click.echo(found.to_json() if as_json else "\n".join(found.lines()))
    elif root.is_file():
        raise OutputError(f"{root} is a file: give a folder to watch; it is made where it is missing")
    else:
        _run(root, found.options, once=once, as_json=as_json, log_needed=found.sources["log_file"] != "default")


def _run(root: Path, options: "Options", *, once: bool, as_json: bool, log_needed: bool) -> None:
    from lts_batch.watch.daemon import Daemon
    from lts_batch.watch.events import Event
    from lts_batch.watch.listeners import Listeners
    from lts_batch.watch.processes import process_hands

    stop = _stopped_by_signals()
    show: Callable[[str], None] = (lambda line: None) if as_json else click.echo
    summary = None
    with Listeners(options, root, show, log_needed=log_needed, stop=stop) as tell, bar(str(root), quiet=as_json) as draw:
        daemon = Daemon(root, model=options.model, settle_seconds=options.settle_seconds,
                        patience_seconds=options.patience_seconds, scan_seconds=options.scan_seconds,
                        lease_seconds=options.lease_seconds, stuck_seconds=options.stuck_seconds, log=tell,
                        hands=partial(process_hands, options.jobs),
                        progress=lambda job, fraction, message: draw(fraction, f"{job}: {message}"))
        if once:
            summary = daemon.run_once(stop)
            for line in summary.lines()[len(summary.outcomes):]:  # how each job ended was said when it ended
                tell(Event(line))
        else:
            daemon.run(stop)
    if summary is not None and as_json:
        click.echo(summary.to_json())
    if summary is not None:
        summary.check()


def _stopped_by_signals() -> threading.Event:
    """Set by Ctrl-C and by whoever ends us kindly."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)
    return stop


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
