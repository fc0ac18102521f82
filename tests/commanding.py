"""Commands as people type them: a folder with two good clips, and what is answered."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import homes
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from lts_batch import errors
from lts_batch.cli import commands
from lts_batch.files import audio
from lts_batch.models import checkpoint
from lts_batch.settings import FIELDS, preset_paths

RATE = 44100
ENDS = {error: error.exit_code for error in errors.LtsError.__subclasses__()}
KNOWN = f"known are {', '.join(FIELDS)}"
PRESETS = ", ".join(preset_paths())


@pytest.fixture(autouse=True, scope="module")
def one_model() -> Iterator[None]:
    """The shipped model is read from disk once for all commands that run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "load_model", cache(checkpoint.load_model))
        yield


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Commands that run in this process give signals and threads back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of all commands, with two good clips in it."""
    monkeypatch.chdir(tmp_path)
    homes.redirect(tmp_path.parent / f"{tmp_path.name}-home", monkeypatch)
    for name, hz, seconds in (("a.wav", 220, 0.1), ("b.wav", 330, 0.08)):
        times = np.arange(round(seconds * RATE)) / RATE
        audio.write(tmp_path / name, np.asarray(0.3 * np.sin(2 * np.pi * hz * times), np.float32)[None], RATE)
    return tmp_path


def lts(*words: str | Path) -> Result:
    """A command in this process; whatever a user could not mend is raised again."""
    result = CliRunner().invoke(commands, list(map(str, words)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(error: type[errors.LtsError], *words: str | Path) -> str:
    """The one sentence that a mistake is answered with."""
    result = lts(*words)
    assert result.exit_code == ENDS[error], result.output
    assert result.stdout == ""
    found = re.fullmatch(r"Error: (.+)\n", result.stderr)
    assert found, result.stderr
    return found[1]


def process(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """The same as a program of its own."""
    return subprocess.run([sys.executable, "-m", "lts_batch", *map(str, words)], capture_output=True, text=True, check=False,
                          timeout=100, encoding="utf-8", **options)


def bad_clip(kind: str, path: Path) -> None:
    """Write a clip that cannot be used."""
    tone = np.full((1, 4410), 0.25, np.float32)
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("My song, take 2\n" * 50, encoding="utf-8")
    elif kind == "truncated":
        audio.write(path, tone, RATE)
        path.write_bytes(path.read_bytes()[:5000])
    elif kind == "zero samples":
        audio.write(path, tone[:, :0], RATE)
    elif kind == "not a number":
        audio.write(path, tone, RATE, subtype="FLOAT")
        data = bytearray(path.read_bytes())
        data[-400:-396] = b"\xff\xff\xff\x7f"
        path.write_bytes(data)
    elif kind == "silent":
        audio.write(path, tone * 0, RATE)
    elif kind == "one sample":
        audio.write(path, tone[:, :1], RATE)


BAD_CLIPS = {
    "missing": "is missing: check the name and the folder",
    "folder": "is a folder: give an audio file in it",
    "empty": "is empty (0 bytes): export it again from where it came",
    "text": "is not audio that can be read here: give a clip in one of WAV, AIFF, FLAC, OGG, MP3",
    "truncated": "is cut short: its header promises 13230 bytes of audio, 4956 are there; wait until it is fully copied, or"
                 " export it again from where it came",
    "zero samples": "has no samples: give a clip of at least 1 sample",
    "not a number": "holds a value that is not a number or infinite at sample 4310 (0.098 s): cut it out, or export it again"
                    " from where it came",
    "silent": "is silent: its peak is below -80 dBFS, and silence has no timbre; choose another part",
    "one sample": "is 1 sample long at 44100 Hz; a clip must last at least 3 ms: choose a longer part",
}


def walk(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, *path, name)


COMMANDS = dict(walk(commands))
