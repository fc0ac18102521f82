"""A user with a home of their own on each system, and tools there that only pretend to be the system's."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from lts_batch.service import place as places
from lts_batch.service import tools
from lts_batch.service.wanted import name_of

TOOLS = {"linux": "systemctl", "darwin": "launchctl", "win32": "schtasks"}
FOLDERS = {"linux": "config/systemd/user", "darwin": "Library/LaunchAgents", "win32": "local/lts-batch/services"}
SUFFIXES = {"linux": ".service", "darwin": ".plist", "win32": ".xml"}
ENABLING = {"linux": ["daemon-reload", "enable", "restart"], "darwin": ["bootout", "print", "enable", "bootstrap"],
            "win32": ["/Create", "/End", "/Run"]}
DISABLING = {"linux": ["disable", "daemon-reload"], "darwin": ["bootout", "print"], "win32": ["/End", "/Delete", "/Query"]}

# A tool that notes what it is told, refuses what it is told to refuse, and knows whether the daemon runs.
PRETENDER = """#!/bin/sh
echo "$*" >> '{fake}/calls'
while read -r word; do
    case " $* " in *" $word "*) echo "no $word today"; exit 5;; esac
done < '{fake}/refused'
case " $* " in
    *" restart "*|*" bootstrap "*|*" /Run "*) : > '{fake}/there' ;;
    *" bootout "*|*" disable "*|*" /Delete "*) [ -e '{fake}/there' ] || exit 3; /bin/rm '{fake}/there' ;;
    *" print "*|*" /Query "*|*" show "*)
        [ -e '{fake}/there' ] || exit 113
        printf 'ActiveState=active\\n\\tstate = running\\n"PC","\\\\task","267009"\\n' ;;
esac
"""


@dataclass(frozen=True)
class Desk:
    """A user with a home of their own, on a system that is made up."""

    home: Path
    fake: Path
    platform: str

    def refuse(self, *words: str) -> None:
        """Let the tool fail if it is told one of these."""
        (self.fake / "refused").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")

    def calls(self) -> list[str]:
        """What the tool was told since the last time this was asked."""
        path = self.fake / "calls"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def verbs(self) -> list[str]:
        """The first word of each call."""
        return [line.removeprefix("--user ").split()[0] for line in self.calls()]

    @property
    def running(self) -> bool:
        """Whether the tool thinks that the daemon runs."""
        return (self.fake / "there").exists()

    def file(self, root: Path) -> Path:
        """Where a service's file has to be."""
        return self.home / FOLDERS[self.platform] / f"{name_of(str(root))}{SUFFIXES[self.platform]}"


def desk_for(platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    home, fake, tool = tmp_path / "home", tmp_path / "fake", tmp_path / "bin" / TOOLS.get(platform, "none")
    for folder in (home, fake, tool.parent):
        folder.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("LOCALAPPDATA", str(home / "local"))
    monkeypatch.setenv("USERNAME", "ada")
    monkeypatch.setenv("USERDOMAIN", "STUDIO")
    monkeypatch.setenv("PATH", str(tool.parent))
    monkeypatch.delenv("LTS_BATCH_CONFIG", raising=False)
    monkeypatch.setattr(places, "PLATFORM", platform)
    monkeypatch.setattr(tools, "sleep", lambda seconds: None)
    monkeypatch.chdir(tmp_path)
    tool.write_text(PRETENDER.format(fake=fake), encoding="utf-8")
    tool.chmod(0o755)
    (fake / "refused").touch()
    return Desk(home, fake, platform)


@pytest.fixture(params=TOOLS)
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Each of the three systems."""
    return desk_for(request.param, tmp_path, monkeypatch)
