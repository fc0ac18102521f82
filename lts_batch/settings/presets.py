"""Presets: TOML files that hold a few settings and say what they are good for."""

import tomllib
from pathlib import Path
from typing import Any

from lts_batch.errors import SettingsError
from lts_batch.settings.changes import change
from lts_batch.settings.checks import nearest
from lts_batch.settings.table import Settings


def presets_folder() -> Path:
    """Where presets, shipped models and demo clips lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "presets"
    return inside if inside.is_dir() else package.parent / "presets"


def preset_paths() -> dict[str, Path]:
    """Names and files of the shipped presets."""
    return {path.stem: path for path in sorted(presets_folder().glob("*.toml"))}


def preset_about(path: Path) -> str:
    """The sentence with which a preset file introduces itself, or nothing."""
    return str(_preset_values(path).get("about", ""))


def load_preset(name_or_path: str, base: Settings | None = None, *, shipped_only: bool = False) -> Settings:
    """Settings of a shipped preset by name, or of any TOML file by path.

    Args:
        shipped_only: refuse paths (job files may only name presets).

    Raises:
        SettingsError: no such preset, not TOML, or a key or value that is not known.
    """
    paths = preset_paths()
    path = paths.get(name_or_path)
    if path is None and not shipped_only and (Path(name_or_path).suffix == ".toml" or Path(name_or_path).is_file()):
        path = Path(name_or_path)
    if path is None:
        raise SettingsError(f"no preset is called {name_or_path!r}{nearest(name_or_path, tuple(paths))};"
                            f" there are {', '.join(paths)}")
    differences = _preset_values(path)
    about = differences.pop("about", "")
    if not isinstance(about, str):
        raise SettingsError(f"preset {path.name}: about = {about!r} has the wrong type, it takes text in quotes")
    return change(base or Settings(), differences, f"preset {path.name}")


def _preset_values(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"preset {path} cannot be read ({error.strerror}): check the name and the folder") from None
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number of 5000 digits, a thousand brackets
        raise SettingsError(f"preset {path} is not TOML: {error}") from None
