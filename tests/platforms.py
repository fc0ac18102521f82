"""What not every system has: tests that need it, and programs that run out of it."""

import os
import subprocess
import sys
import textwrap

import pytest

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs limits, signals, pipes, links or terminals of POSIX")

_SMALL_FILES = """
import resource, signal
from pathlib import Path
from lts_batch.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
{body}
except OutputError as error:
    print(error)
"""


def with_small_files(body: str) -> str:
    """Runs lines of Python in a program of its own, where no file may grow beyond 100 kB as on a disk that is full.

    Returns the sentence of the ``OutputError`` that they end with; nothing but that may be said.
    """
    script = _SMALL_FILES.format(body=textwrap.indent(textwrap.dedent(body).strip(), "    "))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout
