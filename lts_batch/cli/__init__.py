"""The command line: parses, calls, prints. Nothing else; and nothing heavy is imported before it is needed."""

import errno
import sys

import click

from lts_batch import __version__
from lts_batch.cli.corpus import corpus
from lts_batch.cli.daw import daw
from lts_batch.cli.demo import demo
from lts_batch.cli.evaluate import evaluate
from lts_batch.cli.jobs import cancel, clean, retry, status
from lts_batch.cli.map import map_
from lts_batch.cli.messages import fail
from lts_batch.cli.models import models
from lts_batch.cli.presets import presets
from lts_batch.cli.render import render
from lts_batch.cli.service import service
from lts_batch.cli.train import train
from lts_batch.cli.watch import allow, watch
from lts_batch.errors import LtsError


class _Group(click.Group):
    """Turns the errors a user can mend into one sentence and their exit code."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except LtsError as error:
            fail(str(error), error.exit_code)
        except OSError as error:  # what the system says of files and folders needs no traceback either
            if error.errno == errno.EPIPE:  # whoever read our output has gone; click ends in silence
                raise
            where = f"{error.filename}: " if error.filename else ""
            fail(f"{where}{error.strerror or error}; check the names of files and folders, and that you may use them",
                 LtsError.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="lts-batch")
def commands() -> None:
    """Makes the sounds between two sounds, and beyond them.

    Start with `lts-batch demo`. Then `lts-batch render A.wav B.wav -o stems` for two clips of your own, or `lts-batch
    watch FOLDER` to have every pair that lands in a folder made into stems.
    """


for command in (demo, render, watch, status, retry, cancel, clean, allow, service, daw, presets, train, evaluate, map_, models,
                corpus):
    commands.add_command(command)


def main() -> None:
    """The entry point ``lts-batch``."""
    for stream in (sys.stdout, sys.stderr):  # file names may hold what a Windows console's code page does not
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    commands()
