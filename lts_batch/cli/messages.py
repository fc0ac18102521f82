"""How the command line speaks: errors, and progress that goes to standard error and stays out of data."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, Protocol

import click

from lts_batch.protocol import one_line


def fail(sentence: str, exit_code: int) -> NoReturn:
    """One sentence on standard error, and the end."""
    click.echo(f"Error: {one_line(sentence)}", err=True)
    sys.exit(exit_code)


def counted(number: int, thing: str) -> str:
    """So many of a thing.

    >>> counted(1, "pair"), counted(20, "pair")
    ('1 pair', '20 pairs')
    """
    return f"{number} {thing}{'s' * (number != 1)}"


class Bar(Protocol):
    """Takes the fraction done and what is being done."""

    def __call__(self, fraction: float, message: str) -> None: ...


@contextmanager
def bar(title: str, *, quiet: bool = False) -> Iterator[Bar]:
    """A progress bar with time left on standard error; none where that is not a terminal, or where quiet."""
    if quiet or not sys.stderr.isatty():
        yield lambda fraction, message: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
               TextColumn("{task.fields[message]}", markup=False))  # names of files may hold [brackets]
    # what is printed meanwhile goes above the bar on a terminal, and stays on standard output where that is a file
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=sys.stdout.isatty()) as progress:
        task = progress.add_task(title, total=1.0, message="")
        yield lambda fraction, message: progress.update(task, completed=fraction, message=message)
