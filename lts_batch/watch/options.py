"""What can be chosen about a daemon: one frozen dataclass, which is the table of its values.

They belong to whoever runs the daemon. Job files and presets can set none of them.
"""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from lts_batch.errors import SettingsError
from lts_batch.settings.checks import check_value
from lts_batch.watch.notify import check_command

NO_FILE = "none"
_KINDS = {float: "a number", int: "a whole number", str: "text",
          tuple[str, ...]: 'a list of texts, for example ["notify-send", "{pair}: {state}"]'}


def _option(default: Any, help: str, *, kind: Any, choices: tuple[str, ...] = (), least: float | None = None,
            most: float | None = None) -> Any:
    return field(default=default, metadata={"help": help, "kind": kind, "choices": choices, "least": least, "most": most})


@dataclass(frozen=True)
class Options:
    """Everything that can be chosen about a daemon, beside its root."""

    model: str = _option("general", "a shipped model's name or a model folder, for jobs whose preset names no other", kind=str)
    jobs: int = _option(1, "how many jobs are worked on at a time, each in a process of its own with a model of its own",
                        kind=int, least=1, most=64)
    settle_seconds: float = _option(2.0, "how long dropped clips must stand still before they are taken", kind=float,
                                    least=0.0, most=3600.0)
    patience_seconds: float | None = _option(
        None, "how long clips that stand still, but are not whole, are waited for; by itself 10 settle times, at least 20 s",
        kind=float, least=0.0, most=86400.0)
    scan_seconds: float = _option(1.0, "how often the inbox is looked at where nothing wakes the daemon", kind=float,
                                  least=0.1, most=3600.0)
    lease_seconds: float = _option(3.0, "how long to watch for another daemon that may be at work on the same folder",
                                   kind=float, least=2.0, most=60.0)
    stuck_seconds: float = _option(300.0, "how long a job's process may use no processor time before it is taken for stuck",
                                   kind=float, least=10.0, most=86400.0)
    log_file: str | None = _option(None, "where the log is kept; none for no file; by itself a file for each watched folder in"
                                   " the user's log folder", kind=str)
    log_format: str = _option("text", "lines for people or JSON, on standard output and in the log file", kind=str,
                              choices=("text", "json"))
    log_bytes: int = _option(1_000_000, "how large the log file may grow before a new one is begun", kind=int, least=10_000,
                             most=1_000_000_000)
    log_files: int = _option(4, "how many older log files are kept beside it", kind=int, least=1, most=100)
    notify: tuple[str, ...] = _option((), "a program and its arguments, to be run when a job is done or has failed",
                                      kind=tuple[str, ...])
    notify_seconds: float = _option(30.0, "how long that program may take", kind=float, least=0.1, most=3600.0)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            check_value(item, getattr(self, item.name))
        for name in ("model", "log_file"):
            if getattr(self, name) == "":
                raise SettingsError(f"{name} is empty: leave it out, or give one")
        check_command(self.notify)

    def resolved(self, root: Path) -> "Options":
        """The same with all that follows from other values and from the root."""
        patience = max(20.0, 10.0 * self.settle_seconds) if self.patience_seconds is None else self.patience_seconds
        return dataclasses.replace(self, patience_seconds=patience, log_file=self.log_file or str(default_log(root)))


OPTIONS = {item.name: item for item in dataclasses.fields(Options)}


def default_log(root: Path) -> Path:
    """The log file of a root in the user's log folder; roots of the same name have different ones."""
    place = root.resolve()
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", place.name)[:40].strip("-") or "watch"
    digest = hashlib.sha256(str(place).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return Path(platformdirs.user_log_dir("lts-batch", appauthor=False)) / f"{name}-{digest}.log"


def convert(key: str, value: Any) -> Any:
    """A value as TOML or JSON has it, in the type of its option; nothing is guessed. Raises ``SettingsError``."""
    kind = OPTIONS[key].metadata["kind"]
    number = isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)
    if kind is float and number:
        return float(value)
    if kind is int and number and float(value).is_integer():
        return int(value)
    if kind is str and isinstance(value, str):
        return value
    if kind == tuple[str, ...] and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise SettingsError(f"{key} = {value!r} has the wrong type, it takes {_KINDS[kind]}")


def from_text(key: str, text: str) -> Any:
    """A value as an environment variable has it: numbers in digits, a list as JSON. Raises ``SettingsError``."""
    if OPTIONS[key].metadata["kind"] is str:
        return text
    try:
        return convert(key, json.loads(text))
    except (ValueError, RecursionError):
        return convert(key, text)
