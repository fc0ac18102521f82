"""Which system this is, and where this user's things lie on it."""

import getpass
import os
import sys
from pathlib import Path

from lts_batch.errors import ServiceError
from lts_batch.service import launchd, systemd, windows
from lts_batch.service.system import Place, System

PLATFORM = sys.platform
SYSTEMS = {"linux": systemd.SYSTEM, "darwin": launchd.SYSTEM, "win32": windows.SYSTEM}


def here() -> Place:
    """This user's place, by the environment. Nothing is made."""
    home = Path.home()
    if PLATFORM == "darwin":
        return Place(PLATFORM, home / "Library" / "LaunchAgents", home / "Library" / "Logs", uid=_uid())
    if PLATFORM == "win32":
        own = _absolute("LOCALAPPDATA", home / "AppData" / "Local") / "lts-batch"
        user = os.environ.get("USERNAME") or getpass.getuser()
        domain = os.environ.get("USERDOMAIN")
        return Place(PLATFORM, own / "services", own / "logs", user=f"{domain}\\{user}" if domain else user)
    return Place(PLATFORM, _absolute("XDG_CONFIG_HOME", home / ".config") / "systemd" / "user", home, uid=_uid())


def system_of(place: Place, root: str) -> System:
    """The system's way to start programs at login. Raises ``ServiceError`` where none is known."""
    found = SYSTEMS.get(place.platform)
    if found is None:
        raise ServiceError(f"how {place.platform} starts programs at login is not known here (systemd, launchd and the Windows"
                           f" Task Scheduler are): let your desktop or crontab (@reboot) run: lts-batch watch \"{root}\"")
    return found


def interpreter() -> str:
    """The Python that this runs in, links kept (they tell which environment); on Windows the one that opens no window.

    Raises:
        ServiceError: it is not known.
    """
    if not sys.executable:
        raise ServiceError("Python does not say where it lies: install lts-batch in an environment of its own, as the guide"
                           " tells")
    python = Path(os.path.abspath(sys.executable))  # noqa: PTH100  (links stay)
    windowless = python.with_name("pythonw.exe")
    return str(windowless if PLATFORM == "win32" and windowless.is_file() else python)


def _absolute(variable: str, otherwise: Path) -> Path:
    """A folder by the environment; relative ones don't count (XDG Base Directory Specification)."""
    path = Path(os.environ.get(variable) or otherwise)
    return path if path.is_absolute() else otherwise


def _uid() -> int:
    return int(getattr(os, "getuid", lambda: 0)())
