"""The DAWs that there are scripts for, and where they look for them on each system."""

import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lts_batch.errors import SettingsError

PLATFORM = sys.platform
OWN = "lts_batch"  # the folder of what belongs to us alone


@dataclass(frozen=True)
class Host:
    """A DAW.

    Attributes:
        name: for the command line; title: for people.
        folders: of its configuration for this user, those that there are.
        target: where a script, by its path in ``daw_scripts``, goes in such a folder; None where it isn't for this DAW.
        place: where in such a folder the scripts read what the installation says.
        clicks: what is left to be done inside the DAW.
    """

    name: str
    title: str
    folders: Callable[[], list[Path]]
    target: Callable[[Path], Path | None]
    place: Path
    clicks: tuple[str, ...]


def _home(variable: str, *otherwise: str) -> Path:
    """A folder by the environment, if it says one in full."""
    found = Path(os.environ.get(variable) or "")
    return found if found.is_absolute() else Path.home().joinpath(*otherwise)


def _reaper_folders() -> list[Path]:
    if PLATFORM == "win32":
        found = _home("APPDATA", "AppData", "Roaming") / "REAPER"
    elif PLATFORM == "darwin":
        found = Path.home() / "Library" / "Application Support" / "REAPER"
    else:
        found = _home("XDG_CONFIG_HOME", ".config") / "REAPER"
    return [found] if found.is_dir() else []


def _reaper_target(script: Path) -> Path | None:
    own = Path("Scripts") / OWN
    if script.parts[0] == "reaper":
        return own.joinpath(*script.parts[1:])
    return own / script if script.parts[0] == "shared" else None


def _ardour_folders() -> list[Path]:
    """One for each version of Ardour that was started, 7 and later: others place regions by other means."""
    if PLATFORM == "win32":
        parent = _home("LOCALAPPDATA", "AppData", "Local")
    elif PLATFORM == "darwin":
        parent = Path.home() / "Library" / "Preferences"
    else:
        parent = _home("XDG_CONFIG_HOME", ".config")
    if not parent.is_dir():
        return []
    named = ((re.fullmatch(r"ardour(\d+)", path.name, re.IGNORECASE), path) for path in parent.iterdir() if path.is_dir())
    return [path for _, path in sorted((int(match[1]), path) for match, path in named if match and int(match[1]) >= 7)]


def _ardour_target(script: Path) -> Path | None:
    """Entry scripts where Ardour looks for them, and what they are made of where it doesn't."""
    if script.parts[0] == "ardour":
        return Path("scripts", script.name) if len(script.parts) == 2 else Path(OWN).joinpath(*script.parts[1:])
    return Path(OWN) / script if script.parts[0] == "shared" else None


HOSTS = {host.name: host for host in (
    Host("reaper", "REAPER", _reaper_folders, _reaper_target, Path("Scripts") / OWN / "place.tsv", (
        "Actions > Show action list > New action > Load ReaScript: choose all lts_*.lua in {folder}",
        "select two items, and run: LTS: morph selected clips (give it a key there)")),
    Host("ardour", "Ardour", _ardour_folders, _ardour_target, Path(OWN) / "place.tsv", (
        "Edit > Lua Scripts > Script Manager: give the LTS actions to buttons, and add the hook LTS: import finished stems",
        "select two regions, and press the button of LTS: morph selected clips")),
)}


def chosen(names: Iterable[str]) -> list[tuple[Host, Path]]:
    """The DAWs by those names, or all, with the folders that they have here.

    Raises:
        SettingsError: none of them has been started here yet.
    """
    hosts = [HOSTS[name] for name in names] or list(HOSTS.values())
    found = [(host, folder) for host in hosts for folder in host.folders()]
    if not found:
        raise SettingsError(f"no folder of {' or '.join(host.title for host in hosts)} was found for this user: start it once,"
                            " or say where its configuration lies with --folder")
    return found
