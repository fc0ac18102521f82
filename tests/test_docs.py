"""The docs name everything there is, promise nothing there is not, and their examples run."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

import lts_batch
from lts_batch.cli import commands
from lts_batch.engine.curves import read_curve
from lts_batch.engine.effects import build
from lts_batch.settings import FIELDS, Settings, change, load_preset, preset_paths
from lts_batch.watch.configuration import configuration
from lts_batch.watch.events import Event
from lts_batch.watch.notify import ENVIRONMENT, PLACES
from lts_batch.watch.options import OPTIONS

ROOT = Path(__file__).parent.parent
PAGES = sorted(path for folder in (ROOT, *(ROOT / name for name in ("docs", "benchmarks", "presets", "daw_scripts")))
               for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md")))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def for_people() -> str:
    return text("README.md") + text("docs/guide.md") + text("docs/settings.md")


def fences(page: str, language: str) -> list[str]:
    return [code for found, code in FENCE.findall(text(page)) if found == language]


def walk(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(("lts-batch", *path)), command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, *path, name)


COMMANDS = dict(walk(commands))

# ---------------------------------------------------------------- everything is named


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_named(name: str) -> None:
    assert re.search(rf"\b{name}\b", for_people()), name


@pytest.mark.parametrize("option", [option.opts[-1] for option in COMMANDS["lts-batch render"].params
                                    if isinstance(option, click.Option)])
def test_every_option_of_render_is_named(option: str) -> None:
    assert re.search(rf"(?<![\w-]){option}(?![\w-])", for_people()) or option == "--out"
    assert "-o stems" in text("README.md")


@pytest.mark.parametrize("name", preset_paths())
def test_every_preset_is_named_in_the_guide(name: str) -> None:
    assert f"| `{name}` |" in text("docs/guide.md")


def settings_table() -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text("docs/settings.md").splitlines()
            if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_table_of_settings_has_all_of_them_in_order() -> None:
    assert list(settings_table()) == list(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_the_table_of_settings_tells_the_truth(name: str) -> None:
    option, default, allowed, meaning = settings_table()[name]
    item = FIELDS[name]
    assert default == ("not given" if item.default is None else f"`{json.dumps(item.default)}`")
    least, most, choices = (item.metadata[key] for key in ("least", "most", "choices"))
    if choices:
        assert allowed == ", ".join(f"`{choice}`" for choice in choices)
    elif least is not None:
        whole = isinstance(most, int)
        limits = f"{least} to {most}" if whole else f"{least:g} to {most:g}"
        assert limits in allowed.replace("from ", "")
    elif isinstance(item.default, bool):
        assert allowed == "`true`, `false`"
    else:
        assert name in ("model", "effects", "grid")
    named = {one.name: one.opts[-1] for one in COMMANDS["lts-batch render"].params}
    named["curve"] = named.pop("curve_file")
    assert option == (f"`{named[name]}`" if name in named else "")
    assert len(meaning) > 20 and meaning.endswith(".")


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    below = text(page).split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in below.splitlines() if line.startswith("| `")]


def test_the_table_of_the_daemon_has_all_its_values_in_order() -> None:
    assert [row[0].strip("`") for row in rows("docs/watch.md", "All values")] == list(OPTIONS)


@pytest.mark.parametrize("row", rows("docs/watch.md", "All values"), ids=lambda row: row[0].strip("`"))
def test_the_table_of_the_daemon_tells_the_truth(row: list[str]) -> None:
    item = OPTIONS[row[0].strip("`")]
    _, option, default, allowed, meaning = row
    assert option == f"`--{item.name.replace('_', '-')}`"
    assert option.strip("`") in [name for one in COMMANDS["lts-batch watch"].params for name in one.opts]
    assert default == ("by itself" if item.default is None else f"`{json.dumps(item.default)}`")
    least, most, choices = (item.metadata[key] for key in ("least", "most", "choices"))
    if choices:
        assert allowed == ", ".join(f"`{choice}`" for choice in choices)
    elif least is not None:
        assert allowed == f"{least:.10g} to {most:.10g}"
    else:
        assert allowed in ("a name or a folder", "a file, or `none`", "a list of texts")
    assert len(meaning) > 20 and meaning.endswith(".")


def test_all_that_a_program_is_told_is_named() -> None:
    places = rows("docs/watch.md", "A program that is told")
    assert [(row[0].strip("`{}"), row[1].strip("`")) for row in places] == list(zip(PLACES, ENVIRONMENT, strict=True))


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


def test_job_files_may_set_what_the_table_does_not_except() -> None:
    excepted = {name for name, row in settings_table().items() if "A job file may not set it" in row[-1]}
    assert excepted == {name for name, item in FIELDS.items() if not item.metadata["job_safe"]}


# ---------------------------------------------------------------- nothing is promised that is not there


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


def test_options_in_running_text_exist() -> None:
    known = {option for command in COMMANDS.values() for one in command.params for option in one.opts} | {"--help"}
    for page in ("README.md", "docs/guide.md", "docs/settings.md", "docs/watch.md"):
        for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text(page))):
            if not code.startswith(("python", "pip", "sudo", "cd ")):
                assert set(re.findall(r"(?<!\S)--[a-z-]+", code)) <= known, f"{page}: {code}"
            if found := re.match(r"lts-batch ([a-z]+)", code):
                assert found[1] in commands.commands, f"{page}: {code}"


@cache
def sentences() -> str:
    """All text that the program holds; what is filled in becomes a bar."""
    found = []
    for path in (ROOT / "lts_batch").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "|" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


TROUBLES = re.findall(r"^\| `([^`]+)` \|", text("docs/guide.md").split("## When something goes wrong")[-1], re.MULTILINE)


@pytest.mark.parametrize("phrase", TROUBLES)
def test_the_sentences_of_the_guide_are_those_of_the_program(phrase: str) -> None:
    assert phrase in sentences()


def test_the_guide_knows_most_troubles() -> None:
    assert len(TROUBLES) >= 30


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_of_the_program_that_pages_name_are_there(page: Path) -> None:
    places = (ROOT, ROOT / "lts_batch", page.parent, *(path for path in (ROOT / "lts_batch").iterdir() if path.is_dir()))
    for name in re.findall(r"`([\w/]+\.py)\b[^`]*`", FENCE.sub("", page.read_text(encoding="utf-8"))):
        assert any((place / name).is_file() for place in places), f"{page.name} names {name}, which is not there"


def test_files_of_the_program_that_sources_name_are_there() -> None:
    for folder in ("lts_batch", "benchmarks", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in re.findall(r"\b(?:lts_batch|benchmarks)/[\w/]+\.py\b", path.read_text(encoding="utf-8")):
                assert (ROOT / name).is_file(), f"{path.name} names {name}, which is not there"


# ---------------------------------------------------------------- examples


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


# ---------------------------------------------------------------- links


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = page.parent / name if name else page
        assert place.exists(), f"{page.name} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(place), f"{page.name} links to {target}, a heading that is not there"


def test_the_guide_lists_its_sections() -> None:
    body = text("docs/guide.md")
    headings = re.findall(r"^## (.+)$", body, re.MULTILINE)
    assert re.findall(r"^- \[(.+)\]\(#", body, re.MULTILINE) == headings
