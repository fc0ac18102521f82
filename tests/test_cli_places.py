"""Places that a command cannot write to: told in a sentence before the work, and nothing left behind."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import commanding
import numpy as np
import pytest
from commanding import RATE, process, refused
from platforms import POSIX
from trees import Tree

from lts_batch import errors
from lts_batch.files import audio, whole

one_model = commanding.one_model
as_before = commanding.as_before
here = commanding.here


@pytest.mark.parametrize("place", ["a.wav", "a.wav/deeper/model"])
def test_a_model_that_cannot_be_written_is_not_trained(place: str, here: Path, tree: Tree) -> None:
    before = tree(here)
    assert refused(errors.OutputError, "train", ".", "-o", place) == \
        "a.wav is a file, and a model needs a folder: choose another name for it"
    assert tree(here) == before


@pytest.mark.parametrize("name", ["song.wav", "training.png", "model.safetensors"])
def test_a_model_is_not_trained_among_other_files(name: str, here: Path, tree: Tree) -> None:
    (here / "full").mkdir()
    (here / "full" / name).write_bytes(b"mine")
    before = tree(here)
    assert refused(errors.OutputError, "train", ".", "-o", "full") == \
        f"full already holds {name}, and a model lies in a folder of its own: choose a new one"
    assert tree(here) == before


@pytest.mark.parametrize(("picture", "sentence"), [
    ("a.wav", "a.wav exists already, and nothing is overwritten unasked: choose another name, or say --force"),
    ("no/figures.png", f"{Path('no/figures.png')} cannot be written, there is no folder no: make it, or choose another"),
    (".", ". is a folder: give the name of a file in it"),
])
def test_a_picture_that_cannot_be_drawn_is_told_before_the_work(picture: str, sentence: str, here: Path, tree: Tree) -> None:
    before = tree(here)
    assert refused(errors.OutputError, "evaluate", "general", ".", "--picture", picture) == sentence
    assert refused(errors.OutputError, "map", "general", "a.wav", "-o", picture) == sentence
    if picture != "a.wav":
        assert refused(errors.OutputError, "evaluate", "general", ".", "--picture", picture, "--force") == sentence
    assert tree(here) == before


def test_a_device_that_there_is_not_is_told_before_the_work(here: Path) -> None:
    assert refused(errors.SettingsError, "evaluate", "general", ".", "--device", "gpu") == (
        "command line: device = 'gpu' is not known: choose one of auto, cpu, cuda, mps (did you mean 'cpu'?)")


@pytest.mark.parametrize("place", ["a.wav", "a.wav/deeper/out"])
def test_an_output_folder_that_is_a_file(place: str, here: Path, tree: Tree) -> None:
    before = tree(here)
    assert refused(errors.OutputError, "render", "a.wav", "b.wav", "-o", place) == \
        "a.wav is a file, and stems need a folder: choose another name for it"
    assert refused(errors.OutputError, "watch", "a.wav", "--once") == \
        "a.wav is a file: give a folder to watch; it is made where it is missing"
    assert tree(here) == before


@pytest.mark.parametrize("name", ["inbox", "outbox", "failed", "archive", "status", ".lts"])
def test_a_file_where_a_watched_folder_has_a_folder(name: str, here: Path, tree: Tree) -> None:
    (here / "root").mkdir()
    (here / "root" / name).write_text("mine", encoding="utf-8")
    before = tree(here)
    sentence = refused(errors.OutputError, "watch", "root", "--once")
    assert sentence == (f"{here.resolve() / 'root' / name} is a file, and a watched folder has a folder of that name: move the"
                        " file away, or give another folder to watch")
    assert tree(here) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a place where not even root may write")
def test_an_output_folder_that_may_not_be_written_to(here: Path, tree: Tree) -> None:
    (here / "locked").mkdir(mode=0o500)
    place = Path("/sys/stems") if os.geteuid() == 0 else Path("locked/stems")
    before = tree(here)
    sentence = refused(errors.OutputError, "render", "a.wav", "b.wav", "-o", place)
    assert sentence == f"{place} cannot be written, it may not be written to: choose another folder, or change its permissions"
    assert tree(here) == before


def test_a_disk_that_is_full(here: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(here)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(whole.os, "fsync", full)
    sentence = refused(errors.OutputError, "render", "a.wav", "b.wav", "-o", "new/out", "--x", "0")
    assert sentence == (f"{Path('new/out/a~b_01_x+0.00.wav')} cannot be written, the disk is full: make room on it, or choose"
                        " another folder")
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert tree(here) == before


@POSIX
@pytest.mark.parametrize("limit_bytes", [1000, 15000], ids=["while it is rendered", "when it is written"])
def test_files_that_may_grow_no_further(limit_bytes: int, here: Path, tree: Tree) -> None:
    """The system's own refusal, at a moment of its choosing."""
    import resource

    before = tree(here)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    done = process("render", "a.wav", "b.wav", "-o", "new/out", "--steps", "2", cwd=here, preexec_fn=limit)
    assert done.returncode == errors.OutputError.exit_code, done.stderr
    assert re.fullmatch(r"Error: new/out\S* cannot be written, the file would grow larger than this disk or account allows:"
                        r" choose another folder or shorter stems\n", done.stderr), done.stderr
    assert tree(here) == before


@POSIX
def test_more_stems_than_files_may_be_open(here: Path) -> None:
    import resource

    done = process("render", "a.wav", "b.wav", "-o", "out", "--steps", "80", cwd=here,
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    assert done.returncode == 0, done.stderr
    assert len(list((here / "out").glob("*.wav"))) == 80


@POSIX
def test_an_interrupted_render_leaves_nothing(here: Path, tree: Tree) -> None:
    rng = np.random.default_rng(0)
    audio.write(here / "long.wav", rng.uniform(-0.5, 0.5, (1, 20 * RATE)).astype(np.float32), RATE)
    before = tree(here)
    running = subprocess.Popen([sys.executable, "-m", "lts_batch", "render", "long.wav", "long.wav", "-o", "out"], cwd=here,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not list(here.glob("out/.*/*")) and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err.split()) == (1, "", ["Aborted!"])
    assert tree(here) == before
