"""Scripts put into a DAW's folder and taken away again, on each system, and nothing else touched."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from lts_batch import __version__
from lts_batch.cli import commands
from lts_batch.daw import hosts, scripts
from lts_batch.protocol import from_lines

PLACES = {
    "linux": {"reaper": ".config/REAPER", "ardour": ".config/ardour7"},
    "darwin": {"reaper": "Library/Application Support/REAPER", "ardour": "Library/Preferences/Ardour7"},
    "win32": {"reaper": "AppData/Roaming/REAPER", "ardour": "AppData/Local/Ardour7"},
}


@pytest.fixture(params=list(PLACES))
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home on each system, with both DAWs."""
    monkeypatch.setattr(hosts, "PLATFORM", request.param)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LTS_BATCH_CONFIG", str(tmp_path / "own"))
    for place in PLACES[request.param].values():
        (tmp_path / place).mkdir(parents=True)
    return tmp_path


def daw(*words: str, said: str = "") -> Result:
    return CliRunner().invoke(commands, ["daw", *words], input=said)


def there(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_scripts_go_where_each_daw_looks_for_them_and_away_again(home: Path) -> None:
    mine = home / PLACES[hosts.PLATFORM]["reaper"] / "Scripts" / "mine.lua"
    mine.parent.mkdir()
    mine.write_text("-- mine", encoding="utf-8")
    before = there(home)
    done = daw("install", "--root", str(home / "my morphs"), "--allow", str(home))
    assert done.exit_code == 0 and f"Jobs may read clips in {home}" in done.output
    assert "New action > Load ReaScript" in done.output and "Script Manager" in done.output
    reaper, ardour = (home / PLACES[hosts.PLATFORM][name] for name in ("reaper", "ardour"))
    own = reaper / "Scripts" / "lts_batch"
    assert (own / "lts_morph.lua").read_bytes() == (scripts.scripts_folder() / "reaper" / "lts_morph.lua").read_bytes()
    for place in (own, ardour / "lts_batch"):
        rows = from_lines("place", (place / "place.tsv").read_text(encoding="utf-8"))
        assert rows[0] == ["root", (home / "my morphs").as_posix()] and ["preset", "graded-11"] in rows
        assert (place / "shared" / "job.lua").exists() and (place / "lib").is_dir() == any(place.glob("lib/*.lua"))
    assert daw("install", "--root", str(home / "other")).exit_code == 0  # once more, with another root
    assert (home / "other").as_posix() in (own / "place.tsv").read_text(encoding="utf-8")
    (ardour / "lts_batch" / "answers.tsv").write_text("lts-batch-answers\t1\nsteps\t3\n", encoding="utf-8")
    gone = daw("uninstall")
    assert gone.exit_code == 0 and there(home) == [*before, "own/allowed.json"]
    assert not own.exists() and mine.exists()


def test_a_dry_run_tells_and_writes_nothing(home: Path) -> None:
    done = daw("install", "--dry-run", "--allow", str(home))
    assert done.exit_code == 0 and "lts_morph.lua" in done.output and "would go" in done.output and there(home) == []
    assert daw("install").exit_code == 0
    before = there(home)
    assert "would be removed" in daw("uninstall", "--dry-run").output and there(home) == before


def test_a_changed_script_is_not_overwritten_and_not_removed(home: Path) -> None:
    assert daw("install", "reaper").exit_code == 0
    own = home / PLACES[hosts.PLATFORM]["reaper"] / "Scripts" / "lts_batch"
    (own / "lts_morph.lua").write_text("-- better", encoding="utf-8")
    before = (own / "place.tsv").read_bytes()
    again = daw("install", "reaper", "--root", str(home / "x"))
    assert again.exit_code == 6 and "lts_morph.lua was changed, or is not from here: move it away" in again.output
    assert (own / "place.tsv").read_bytes() == before
    assert "lts_morph.lua was changed since, and is left" in daw("uninstall", "reaper").output
    assert there(own) == ["lts_morph.lua"]


def test_what_an_older_version_had_is_removed(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old"
    (old / "reaper").mkdir(parents=True)
    (old / "reaper" / "lts_gone.lua").write_text("-- old", encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(scripts, "scripts_folder", lambda: old)
        assert daw("install", "reaper").exit_code == 0
    own = home / PLACES[hosts.PLATFORM]["reaper"] / "Scripts" / "lts_batch"
    assert (own / "lts_gone.lua").exists()
    assert daw("install", "reaper").exit_code == 0 and not (own / "lts_gone.lua").exists()


def test_a_record_that_names_files_elsewhere_removes_none(home: Path) -> None:
    assert daw("install", "reaper").exit_code == 0
    own = home / PLACES[hosts.PLATFORM]["reaper"] / "Scripts" / "lts_batch"
    precious = home / "precious.txt"
    precious.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with (own / "installed.tsv").open("a", encoding="utf-8", newline="") as record:
        record.write(f"file\t{precious.as_posix()}\t{empty}\nfile\t{(own / '../../../precious.txt').as_posix()}\t{empty}\n")
    assert daw("uninstall", "reaper").exit_code == 0 and precious.exists()


def test_mistakes_are_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "is a file: give a folder to watch" in daw("install", "--root", str(tmp_path / "file")).output
    nowhere = daw("install", "reaper", "--allow", str(tmp_path / "nosuch"))
    assert nowhere.exit_code == 7 and "there is no folder" in nowhere.output
    assert not (home / PLACES[hosts.PLATFORM]["reaper"] / "Scripts").exists()
    assert "--folder is for one DAW" in daw("install", "--folder", str(tmp_path)).output
    (home / PLACES[hosts.PLATFORM]["ardour"]).rmdir()
    assert "no folder of Ardour was found" in daw("install", "ardour").output
    assert daw("install").exit_code == 0  # into the other


def test_a_folder_may_be_named_and_figures_come_as_json(home: Path, tmp_path: Path) -> None:
    portable = tmp_path / "portable"
    portable.mkdir()
    done = daw("install", "reaper", "--folder", str(portable), "--json")
    (host,) = json.loads(done.output)["hosts"]
    assert host["host"] == "reaper" and str(portable / "Scripts" / "lts_batch" / "lts_morph.lua") in host["files"]
    (removed,) = json.loads(daw("uninstall", "reaper", "--folder", str(portable), "--json").output)
    assert set(removed["removed"]) == set(host["files"]) and removed["left"] == [] and there(portable) == []


def test_reapack_finds_every_script_once(tmp_path: Path) -> None:
    out = tmp_path / "index.xml"
    assert daw("index", "https://example.org/x/daw_scripts/", "-o", str(out)).exit_code == 0
    (package,) = ElementTree.parse(out).getroot().iter("reapack")
    sources = list(package.iter("source"))
    urls = [source.text or "" for source in sources]
    folder = scripts.scripts_folder()
    there = {path.relative_to(folder).as_posix() for name in ("reaper", "shared") for path in (folder / name).rglob("*.lua")}
    assert sorted(url.removeprefix("https://example.org/x/daw_scripts/") for url in urls) == sorted(there)
    mains = {url.rpartition("/")[2] for url, source in zip(urls, sources, strict=True) if source.get("main")}
    assert mains == {path.name for path in (folder / "reaper").glob("lts_*.lua")} and package.get("name") == "lts_morph.lua"
    assert {source.get("file") for source in sources if "shared" in (source.text or "")} == {
        f"shared/{path.name}" for path in (folder / "shared").glob("*.lua")}
    assert package.find("version").get("name") == __version__  # type: ignore[union-attr]
    again = daw("index", "https://example.org", "-o", str(out))
    assert again.exit_code == 6 and "exists already" in again.output


def test_luacheck_has_nothing_to_say(program: Callable[[str], str]) -> None:
    done = subprocess.run([program("luacheck"), "--no-color", "-q", "daw_scripts"], cwd=scripts.scripts_folder().parent,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
