"""A home of its own for a test: configuration, logs and state of the user lie in a folder that is thrown away."""

import sys
from pathlib import Path

import pytest


def redirect(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets platformdirs find everything but caches under ``home``, also in programs that are started."""
    for name, folder in (("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state"), ("APPDATA", "roaming"),
                         ("LOCALAPPDATA", "local"), ("WIN_PD_OVERRIDE_APPDATA", "roaming"),
                         ("WIN_PD_OVERRIDE_LOCAL_APPDATA", "local")):
        monkeypatch.setenv(name, str(home / folder))
    if sys.platform == "darwin":
        monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LTS_BATCH_CONFIG", str(home / "config" / "lts-batch"))
