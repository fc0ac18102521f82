"""What the docs show runs: lines to be typed, Python, files."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from pages import PAGES, ROOT, fences

import lts_batch
from lts_batch.cli import commands
from lts_batch.engine.curves import read_curve
from lts_batch.engine.effects import build
from lts_batch.settings import Settings, change, load_preset
from lts_batch.watch.configuration import configuration
from lts_batch.watch.events import Event

# ---------------------------------------------------------------- what the daemon reads and writes


def test_the_file_of_the_daemon_is_taken(tmp_path: Path) -> None:
    (example,) = fences("docs/watch.md", "toml")
    (tmp_path / "watch.toml").write_text(example, encoding="utf-8")
    found = configuration(tmp_path, file=tmp_path / "watch.toml", environment={}, typed={})
    assert found.options.settle_seconds == 5.0 and found.options.notify[0] == "notify-send"


def test_a_line_of_the_log_is_as_it_is_told() -> None:
    (example,) = fences("docs/watch.md", "json")
    told = json.loads(example)
    event = Event(**{key: value for key, value in told.items() if key != "time"})
    assert event.to_json(datetime.fromisoformat(told["time"]).timestamp()) == example.strip()


# ---------------------------------------------------------------- lines to be typed


def typed() -> Iterator[tuple[str, str]]:
    """Every line of a shell example that runs this program, in what page."""
    for page in (path.relative_to(ROOT).as_posix() for path in PAGES):
        for language in ("sh", "bat"):
            for line in "".join(fences(page, language)).splitlines():
                for part in re.split(r"&&|;", line):
                    words = part.split()
                    if words and re.fullmatch(r"(\.venv[/\\](bin|Scripts)[/\\])?lts-batch", words[0]):
                        yield page, part.strip()


@pytest.mark.parametrize(("page", "line"), sorted(set(typed())))
def test_every_line_to_be_typed_is_understood(page: str, line: str) -> None:
    words = shlex.split(line.replace("\\", "/"), comments=True)[1:]
    command: click.Command = commands
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    try:
        command.make_context("lts-batch", words, parent=click.Context(commands, **commands.context_settings))
    except click.exceptions.Exit as end:
        assert end.exit_code == 0  # --help


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md"])
def test_lines_typed_one_after_the_other_do_not_meet_in_a_folder(page: str) -> None:
    """For the second one would be refused."""
    lines = [line for where, line in typed() if where == page and "--resume" not in line]
    folders = [found[1] for line in lines if (found := re.search(r"\s-o (\S+)", line))]
    assert len(folders) == len(set(folders)) > 5


# ---------------------------------------------------------------- Python, and files of the guide


@pytest.mark.parametrize("page", [page for path in PAGES if fences(page := path.relative_to(ROOT).as_posix(), "python")])
def test_python_examples_run(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    times = np.arange(4410) / 44100
    space: dict[str, Any] = {}
    if page == "README.md":  # there the clips are taken for granted
        space = {"choir": 0.1 * np.sin(2000 * times), "piano": 0.2 * np.sin(3000 * times),
                 "frames": np.ones((3, len(lts_batch.load_model().bands)))}
    for code in fences(page, "python"):
        exec(compile(code, page, "exec"), space)
    if page == "README.md":
        assert [stem.shape for stem in space["stems"]] == [(1, 4410)] * 3
        assert np.linalg.norm(space["shapes"], axis=1) == pytest.approx(1.0, abs=1e-5)


def test_files_of_the_guide_are_taken(tmp_path: Path) -> None:
    curves = [(language, code) for language in ("csv", "json") for code in fences("docs/guide.md", language)]
    assert len(curves) == 2
    for language, code in curves:
        path = tmp_path / f"curve.{language}"
        path.write_text(code, encoding="utf-8")
        assert change(Settings(), read_curve(path), "").curve is not None
    presets = []
    for preset in fences("docs/guide.md", "toml"):
        (tmp_path / "mine.toml").write_text(preset, encoding="utf-8")
        presets.append(load_preset(str(tmp_path / "mine.toml")))
    swell, room, soft = presets
    assert len(soft.amounts()) == 7
    assert swell.x_level is not None and swell.x_pitch is not None and swell.pitch == "glide"
    assert room.effects is not None and room.tail_seconds > 0.0
    assert [type(build(effect, "room.toml")).__name__ for effect in room.effects] == ["HighpassFilter", "Reverb"]
