"""The pages of the docs, what stands on them, and the commands they are about."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click

from lts_batch.cli import commands

ROOT = Path(__file__).parent.parent
PAGES = sorted(path for folder in (ROOT, *(ROOT / name for name in ("docs", "benchmarks", "presets", "daw_scripts")))
               for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md")))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def fences(page: str, language: str) -> list[str]:
    return [code for found, code in FENCE.findall(text(page)) if found == language]


def walk(command: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(("lts-batch", *path)), command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, *path, name)


COMMANDS = dict(walk(commands))
