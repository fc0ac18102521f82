"""Services put in and taken out from the command line, with tools on the PATH that only pretend to be the system's."""

import json
import shutil
from pathlib import Path

import commanding
import pytest
import service_desk
from commanding import lts, refused
from platforms import POSIX
from service_desk import DISABLING, ENABLING, FOLDERS, SUFFIXES, TOOLS, Desk
from trees import Tree

from lts_batch import errors
from lts_batch.service import place as places
from lts_batch.service.mark import marked_root
from lts_batch.service.wanted import name_of

desk = service_desk.desk
as_before = commanding.as_before
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


def test_relative_words_become_absolute_and_links_stay(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    model = tmp_path / "own model"
    model.mkdir()
    monkeypatch.setenv("LTS_BATCH_CONFIG", "choices")
    shown = lts("service", "install", "link/../link/morphs", "--model", "own model", "--dry-run").stdout
    assert marked_root(shown) == str(tmp_path / "link" / "morphs")
    assert str(model) in shown and str(tmp_path / "choices") in shown
