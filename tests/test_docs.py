"""The docs name everything there is, and promise nothing there is not."""

import ast
import re
from functools import cache

import click
import pytest
from pages import COMMANDS, FENCE, ROOT, text

from lts_batch.cli import commands
from lts_batch.settings import preset_paths


def for_people() -> str:
    return text("README.md") + text("docs/guide.md") + text("docs/settings.md")


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


# ---------------------------------------------------------------- nothing is promised that is not there


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
