"""Services put in and taken out from the command line, with tools on the PATH that only pretend to be the system's."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import commanding
import pytest
from commanding import lts, refused
from platforms import POSIX
from trees import Tree

from lts_batch import errors
from lts_batch.service import place as places
from lts_batch.service import tools
from lts_batch.service.mark import marked_root
from lts_batch.service.wanted import name_of

as_before = commanding.as_before

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


pytestmark = POSIX  # the tools are shell scripts


def test_a_service_comes_is_told_of_and_goes(desk: Desk, tmp_path: Path, tree: Tree) -> None:
    root = tmp_path / "Märchen & 50% $x"
    result = lts("service", "install", root)
    assert result.exit_code == 0, result.output
    assert str(desk.file(root)) in result.stdout and "new" in result.stdout
    assert desk.running and desk.verbs() == ENABLING[desk.platform]
    assert {path for path, content in tree(desk.home).items() if content != "folder"} == {
        desk.file(root).relative_to(desk.home).as_posix()}
    assert not root.exists()  # the daemon makes it

    (told,) = json.loads(lts("service", "status", root, "--json").stdout)
    assert told.pop("log") and told == {"root": str(root), "name": name_of(str(root)), "file": str(desk.file(root)),
                                        "installed": True, "running": True, "state": "running"}
    assert f"{root}: installed, running" in lts("service", "status").stdout
    desk.calls()

    result = lts("service", "uninstall", root)
    assert result.exit_code == 0, result.output
    assert not desk.running and desk.verbs() == DISABLING[desk.platform]
    assert [path for path, content in tree(desk.home).items() if content != "folder"] == []
    assert lts("service", "status").stdout == "No service is installed.\n"
    assert lts("service", "status", root).stdout == f"{root}: not installed\n"
    assert json.loads(lts("service", "status", root, "--json").stdout)[0]["installed"] is False


def test_installing_again_brings_up_to_date(desk: Desk, tmp_path: Path, tree: Tree) -> None:
    lts("service", "install", tmp_path / "morphs")
    first = tree(desk.home)
    assert "brought up to date" in lts("service", "install", tmp_path / "morphs").stdout
    assert tree(desk.home) == first and desk.running
    lts("service", "install", tmp_path / "morphs", "--settle-seconds", "7.5")
    assert set(tree(desk.home)) == set(first) and tree(desk.home) != first
    encoding = places.SYSTEMS[desk.platform].encoding
    assert "7.5" in desk.file(tmp_path / "morphs").read_bytes().decode(encoding)


def test_what_is_not_said_is_left_to_the_file_of_the_user(desk: Desk, tmp_path: Path) -> None:
    """A value in the command that the system starts would win over ``watch.toml``, now and whenever that is changed."""
    lts("service", "install", tmp_path / "morphs")
    started = desk.file(tmp_path / "morphs").read_bytes().decode(places.SYSTEMS[desk.platform].encoding)
    assert "--model" not in started and "--settle-seconds" not in started
    lts("service", "install", tmp_path / "morphs", "--model", "general")
    started = desk.file(tmp_path / "morphs").read_bytes().decode(places.SYSTEMS[desk.platform].encoding)
    assert "--model" in started and "--settle-seconds" not in started


def test_a_dry_run_shows_all_and_changes_nothing(desk: Desk, tmp_path: Path, tree: Tree) -> None:
    root = tmp_path / "morphs"
    before = tree(tmp_path)
    shown = lts("service", "install", root, "--dry-run")
    assert shown.exit_code == 0 and tree(tmp_path) == before
    assert marked_root(shown.stdout) == str(root)
    said = [line.removeprefix("would run: ") for line in shown.stdout.splitlines() if line.startswith("would run: ")]
    lts("service", "install", root)
    real = [f"{TOOLS[desk.platform]} {call}" for call in desk.calls()]
    assert [line.split("   (")[0] for line in said] == real
    body = shown.stdout.split(" would hold:\n\n")[1].split("\nwould run:")[0]
    written = desk.file(root).read_bytes().decode(places.SYSTEMS[desk.platform].encoding)
    assert body.strip() == written.strip()

    before = tree(tmp_path)
    shown = lts("service", "uninstall", "--dry-run")
    assert shown.exit_code == 0 and tree(tmp_path) == before
    assert f"{desk.file(root)} would be removed" in shown.stdout
    said = [line.split("would run: ")[1].split("   (")[0] for line in shown.stdout.splitlines() if "would run" in line]
    lts("service", "uninstall")
    assert said == [f"{TOOLS[desk.platform]} {call}" for call in desk.calls()]


def refusals() -> list[tuple[str, str]]:
    return [(platform, word) for platform, words in ENABLING.items() for word in words
            if word not in ("bootout", "print", "/End")]


@pytest.mark.parametrize(("platform", "word"), refusals())
def test_a_tool_that_fails_leaves_nothing_behind(platform: str, word: str, tmp_path: Path, tree: Tree,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    desk = desk_for(platform, tmp_path, monkeypatch)
    desk.refuse(word)
    before = tree(desk.home)
    sentence = refused(errors.ServiceError, "service", "install", tmp_path / "morphs")
    assert sentence.startswith(f"{TOOLS[platform]} ") and f" {word} " in f"{sentence} "
    assert f"failed with exit code 5 and said: no {word} today; " in sentence
    assert sentence.endswith("or start the daemon by hand with lts-batch watch. Nothing was installed")
    assert tree(desk.home) == before and not desk.running


@pytest.mark.parametrize(("platform", "word"), refusals())
def test_a_tool_that_fails_leaves_the_older_service(platform: str, word: str, tmp_path: Path, tree: Tree,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    desk = desk_for(platform, tmp_path, monkeypatch)
    lts("service", "install", tmp_path / "morphs")
    before = tree(desk.home)
    desk.refuse(word)
    sentence = refused(errors.ServiceError, "service", "install", tmp_path / "morphs", "--settle-seconds", "9")
    assert sentence.endswith("The older service was put back")
    assert tree(desk.home) == before


def test_an_error_that_passes_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """launchd may not be done with what it was told to stop."""
    desk = desk_for("darwin", tmp_path, monkeypatch)
    waited: list[float] = []
    desk.refuse("bootstrap")

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            desk.refuse()

    monkeypatch.setattr(tools, "sleep", sleep)
    assert lts("service", "install", tmp_path / "morphs").exit_code == 0
    assert desk.verbs() == [*ENABLING["darwin"], "bootstrap", "bootstrap"] and desk.running


def test_a_missing_tool_is_named(desk: Desk, tmp_path: Path, tree: Tree) -> None:
    lts("service", "install", tmp_path / "other")
    shutil.rmtree(tmp_path / "bin")
    before = tree(desk.home)
    for words in (["install", tmp_path / "morphs"], ["uninstall", tmp_path / "other"], ["status"]):
        sentence = refused(errors.ServiceError, "service", *words)
        assert sentence.startswith(f"the program {TOOLS[desk.platform]} is missing, and ")
        assert "start the daemon by hand with lts-batch watch" in sentence
        assert tree(desk.home) == before


def test_a_service_that_will_not_stop_keeps_its_file(desk: Desk, tmp_path: Path, tree: Tree) -> None:
    lts("service", "install", tmp_path / "morphs")
    before = tree(desk.home)
    desk.refuse("disable", "bootout", "/Delete")
    sentence = refused(errors.ServiceError, "service", "uninstall")
    assert "no disable today" in sentence or "says that the service is still there" in sentence
    assert tree(desk.home) == before and desk.running


def test_roots_stand_side_by_side_and_files_of_others_stay(desk: Desk, tmp_path: Path, tree: Tree) -> None:
    roots = [tmp_path / "a" / "morphs", tmp_path / "b" / "morphs"]
    folder = desk.home / FOLDERS[desk.platform]
    folder.mkdir(parents=True)
    suffix = SUFFIXES[desk.platform]
    (folder / f"mine{suffix}").write_text("my own", encoding="utf-8")
    (folder / f"lts-batch-mine-00000000{suffix}").write_text("my own", encoding="utf-8")
    before = tree(desk.home)
    for root in roots:
        root.parent.mkdir()
        assert lts("service", "install", root).exit_code == 0
    shutil.copy(desk.file(roots[0]), folder / f"lts-batch-copy-00000000{suffix}")  # ours, under a name that is not
    told = json.loads(lts("service", "status", "--json").stdout)
    assert {one["root"] for one in told} == set(map(str, roots))
    assert refused(errors.ServiceError, "service", "uninstall").endswith("say which, or --all")
    assert refused(errors.ServiceError, "service", "uninstall", "c").startswith(f"no service is installed for {tmp_path / 'c'}")
    assert lts("service", "uninstall", roots[0]).exit_code == 0
    assert desk.file(roots[1]).exists() and not desk.file(roots[0]).exists()
    desk.fake.joinpath("there").touch()
    assert lts("service", "uninstall", "--all").exit_code == 0
    (folder / f"lts-batch-copy-00000000{suffix}").unlink()
    assert tree(desk.home) == before


def test_a_file_of_somebody_elses_is_not_replaced(desk: Desk, tmp_path: Path, tree: Tree) -> None:
    path = desk.file(tmp_path / "morphs")
    path.parent.mkdir(parents=True)
    path.write_text("my own", encoding="utf-8")
    before = tree(desk.home)
    for verb in ("install", "uninstall"):
        sentence = refused(errors.ServiceError, "service", verb, tmp_path / "morphs")
        assert sentence == f"{path} was not written by lts-batch service install: move it away, and try again"
    assert tree(desk.home) == before and desk.calls() == []
    assert json.loads(lts("service", "status", "morphs", "--json").stdout)[0]["installed"] is False


def test_a_file_that_cannot_be_written_is_told(desk: Desk, tmp_path: Path, tree: Tree) -> None:
    blocked = desk.home / Path(FOLDERS[desk.platform]).parts[0]
    blocked.write_text("a file", encoding="utf-8")
    before = tree(desk.home)
    assert "cannot be written" in refused(errors.OutputError, "service", "install", tmp_path / "morphs")
    assert tree(desk.home) == before and desk.calls() == []


@pytest.mark.parametrize(("words", "error", "sentence"), [
    (["nowhere/morphs"], errors.OutputError, "there is no folder"),
    (["file"], errors.OutputError, "file is a file: give a folder to watch"),
    (["morphs", "--model", "nosuch"], errors.ModelError, "no model 'nosuch'"),
    (["morphs", "--settle-seconds", "nan"], errors.SettingsError, "is not a finite number"),
    (["mor\nphs"], errors.ServiceError, "has the character U+000A in it"),
])
def test_mistakes_are_told_before_anything_is_written(words: list[str], error: type[errors.LtsError], sentence: str, desk: Desk,
                                                      tmp_path: Path, tree: Tree) -> None:
    (tmp_path / "file").touch()
    before = tree(desk.home)
    assert sentence in refused(error, "service", "install", *words)
    assert tree(desk.home) == before and desk.calls() == []


def test_relative_words_become_absolute_and_links_stay(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    model = tmp_path / "own model"
    model.mkdir()
    monkeypatch.setenv("LTS_BATCH_CONFIG", "choices")
    shown = lts("service", "install", "link/../link/morphs", "--model", "own model", "--dry-run").stdout
    assert marked_root(shown) == str(tmp_path / "link" / "morphs")
    assert str(model) in shown and str(tmp_path / "choices") in shown


def test_systems_that_are_not_known_are_told_what_to_do_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                tree: Tree) -> None:
    desk = desk_for("freebsd14", tmp_path, monkeypatch)
    before = tree(desk.home)
    sentence = refused(errors.ServiceError, "service", "install", "morphs")
    assert sentence.startswith("how freebsd14 starts programs at login is not known here")
    assert sentence.endswith(f'let your desktop or crontab (@reboot) run: lts-batch watch "{tmp_path / "morphs"}"')
    assert tree(desk.home) == before
