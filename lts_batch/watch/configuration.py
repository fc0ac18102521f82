"""Where the values of a daemon come from: the user's file, environment variables, the command line. The later ones win."""

import dataclasses
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lts_batch.errors import SettingsError
from lts_batch.files.allowed import config_folder
from lts_batch.settings.checks import nearest
from lts_batch.watch import notify
from lts_batch.watch.options import OPTIONS, Options, convert, from_text

FILE_NAME = "watch.toml"
PREFIX = "LTS_BATCH_"
VARIABLES = {f"{PREFIX}{key.upper()}": key for key in OPTIONS}
# folders, also of scripts; what a daemon tells the programs it runs
_NOT_OURS = {"LTS_BATCH_CONFIG", "LTS_BATCH_JOURNALS", "LTS_BATCH_ARDOUR", *notify.ENVIRONMENT}


@dataclass(frozen=True)
class Configuration:
    """The values of a daemon, and where each comes from.

    Attributes:
        options: all of them, also those that follow from others.
        sources: for each key a file, a variable, ``command line`` or ``default``.
    """

    options: Options
    sources: Mapping[str, str]

    def lines(self) -> list[str]:
        """A line for each value; together they are a file that gives the same values again."""
        return [f"{key} = {_as_toml(getattr(self.options, key))}  # {source}" for key, source in self.sources.items()]

    def to_json(self) -> str:
        """The same as data."""
        return json.dumps({key: {"value": getattr(self.options, key), "source": source}
                           for key, source in self.sources.items()}, indent=1)


def configuration(root: Path, *, file: Path | None, environment: Mapping[str, str], typed: Mapping[str, Any]) -> Configuration:
    """Everything that was chosen for a root.

    Args:
        file: in place of ``watch.toml`` in the user's configuration folder.
        environment: all variables; those that begin with ``LTS_BATCH_`` are ours.
        typed: by keys, in the types of their options or as text.

    Raises:
        SettingsError: a file that cannot be read; a key or variable that is not known, or a value that does not fit it, each
            with the place where it stands.
    """
    path = config_folder() / FILE_NAME if file is None else file.expanduser()
    options, sources = Options(), dict.fromkeys(OPTIONS, "default")
    for key, value in _file_values(path, needed=file is not None).items():
        if key not in OPTIONS:
            raise SettingsError(f"{path}: unknown key {key!r}{nearest(key, tuple(OPTIONS))}; known are {', '.join(OPTIONS)}")
        options, sources[key] = _changed(options, key, value, convert, str(path)), str(path)
    for name in sorted(name for name in environment if name.startswith(PREFIX) and name not in _NOT_OURS):
        if name not in VARIABLES:
            raise SettingsError(f"environment: unknown variable {name}{nearest(name, tuple(VARIABLES))}; known are"
                                f" {', '.join(VARIABLES)}: unset it")
        key = VARIABLES[name]
        options, sources[key] = _changed(options, key, environment[name], from_text, name), name
    for key, value in typed.items():
        read = from_text if isinstance(value, str) else _as_it_is
        options, sources[key] = _changed(options, key, value, read, "command line"), "command line"
    return Configuration(options.resolved(root), sources)


def _changed(options: Options, key: str, value: Any, read: Callable[[str, Any], Any], source: str) -> Options:
    try:
        return dataclasses.replace(options, **{key: read(key, value)})
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from None


def _as_it_is(key: str, value: Any) -> Any:
    return value


def _file_values(path: Path, *, needed: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError) and not needed:
            return {}
        raise SettingsError(f"configuration {path} cannot be read ({error.strerror or error}): check the name and the folder"
                            ) from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"configuration {path} is not TOML: {error}") from None


def _as_toml(value: Any) -> str:
    """A text, a number or a list of texts; what JSON writes of them TOML reads, but for the one character it forbids."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
