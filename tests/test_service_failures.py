"""Services that cannot be put in or taken out: tools that fail or are missing, files of others, mistakes. Nothing changes."""

import json
import shutil
from pathlib import Path

import commanding
import pytest
import service_desk
from commanding import lts, refused
from platforms import POSIX
from service_desk import ENABLING, FOLDERS, TOOLS, Desk, desk_for
from trees import Tree

from lts_batch import errors
from lts_batch.service import tools

desk = service_desk.desk
as_before = commanding.as_before
pytestmark = POSIX  # the tools are shell scripts


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


def test_systems_that_are_not_known_are_told_what_to_do_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                tree: Tree) -> None:
    desk = desk_for("freebsd14", tmp_path, monkeypatch)
    before = tree(desk.home)
    sentence = refused(errors.ServiceError, "service", "install", "morphs")
    assert sentence.startswith("how freebsd14 starts programs at login is not known here")
    assert sentence.endswith(f'let your desktop or crontab (@reboot) run: lts-batch watch "{tmp_path / "morphs"}"')
    assert tree(desk.home) == before
