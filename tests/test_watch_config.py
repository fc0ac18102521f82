"""The values of the watch command: a file, then environment variables, then the command line; where each comes from is said."""

import json
import re
import tomllib
from pathlib import Path

import click
import commanding
import pytest
from commanding import COMMANDS, lts, process, refused
from trees import Tree

from lts_batch import errors
from lts_batch.watch.configuration import VARIABLES
from lts_batch.watch.options import OPTIONS, Options, default_log

one_model = commanding.one_model
as_before = commanding.as_before
here = commanding.here

KEYS = ", ".join(OPTIONS)


def own_file(text: str) -> Path:
    from lts_batch.files.allowed import config_folder

    path = config_folder() / "watch.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def shown(*words: str | Path) -> dict[str, tuple[object, str]]:
    result = lts("watch", "root", "--show-config", "--json", *words)
    assert result.exit_code == 0, result.output
    return {key: (one["value"], one["source"]) for key, one in json.loads(result.stdout).items()}


def test_the_later_source_wins(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {source for _, source in shown().values()} == {"default"}
    mine = own_file('settle_seconds = 3\nscan_seconds = 4\nlease_seconds = 5\nnotify = ["say", "{pair}"]\n')
    monkeypatch.setenv("LTS_BATCH_SCAN_SECONDS", "6.5")
    monkeypatch.setenv("LTS_BATCH_LEASE_SECONDS", "7")
    found = shown("--lease-seconds", "8")
    assert found["settle_seconds"] == (3.0, str(mine))
    assert found["scan_seconds"] == (6.5, "LTS_BATCH_SCAN_SECONDS")
    assert found["lease_seconds"] == (8.0, "command line")
    assert found["notify"] == (["say", "{pair}"], str(mine))
    assert found["patience_seconds"] == (30.0, "default")  # ten settle times
    (here / "other.toml").write_text("\ufeffmodel = 'mine'", encoding="utf-8")
    other = shown("--config", "other.toml")  # in place of the first
    assert other["model"] == ("mine", "other.toml") and other["settle_seconds"] == (2.0, "default")


def test_what_is_shown_is_a_file_that_gives_the_same(here: Path, tree: Tree) -> None:
    before = tree(here)
    words = ["--notify", json.dumps(['say "it"', "C:\\a\tü\x7f", "{state}"]), "--log-json", "--log-bytes", "20000"]
    lines = lts("watch", "root", "--show-config", *words).stdout
    assert tree(here) == before
    assert re.search(r"^settle_seconds = 2\.0  # default$", lines, re.MULTILINE)
    assert re.search(r'^log_format = "json"  # command line$', lines, re.MULTILINE)
    assert list(tomllib.loads(lines)) == list(OPTIONS)
    (here / "again.toml").write_text(lines, encoding="utf-8")
    again, typed = shown("--config", "again.toml"), shown(*words)
    assert {key: value for key, (value, _) in again.items()} == {key: value for key, (value, _) in typed.items()}
    assert {source for _, source in again.values()} == {"again.toml"}


def test_each_root_has_a_log_of_its_own(here: Path) -> None:
    one, other = (Path(str(json.loads(lts("watch", root, "--show-config", "--json").stdout)["log_file"]["value"]))
                  for root in (here / "a" / "morphs", here / "b" / "morphs"))
    assert one.name.startswith("morphs-") and other.name.startswith("morphs-") and one != other and one.parent == other.parent
    assert one == default_log(here / "a" / "x" / ".." / "morphs") and not one.is_relative_to(here)


@pytest.mark.parametrize(("text", "sentence"), [
    ("settle_second = 2", f"unknown key 'settle_second' (did you mean 'settle_seconds'?); known are {KEYS}"),
    ("[watch]\nmodel = 'm'", f"unknown key 'watch'; known are {KEYS}"),
    ("settle_seconds = '2'", "settle_seconds = '2' has the wrong type, it takes a number"),
    ("settle_seconds = true", "settle_seconds = True has the wrong type, it takes a number"),
    ("log_files = 1.5", "log_files = 1.5 has the wrong type, it takes a whole number"),
    ("log_files = 1" + "0" * 400, f"log_files = 1{'0' * 400} has the wrong type, it takes a whole number"),
    ("model = 5", "model = 5 has the wrong type, it takes text"),
    ("model = ''", "model is empty: leave it out, or give one"),
    ("notify = 'say done'", "notify = 'say done' has the wrong type, it takes a list of texts, for example"
                            ' ["notify-send", "{pair}: {state}"]'),
    ("notify = ['say', 1]", "notify = ['say', 1] has the wrong type, it takes a list of texts, for example"
                            ' ["notify-send", "{pair}: {state}"]'),
    ("notify = ['', 'x']", "notify = ['', 'x'] names no program: begin the list with one, or leave it empty"),
    ("notify = ['say', '{pairs}']", "notify: '{pairs}' has an unknown place {pairs} (did you mean 'pair'?); known are {job},"
                                    " {state}, {pair}, {message}, {folder}, {root}"),
    ("notify = ['Tell.BAT', '{pair}']",
     "notify = ['Tell.BAT', '{pair}'] begins with a batch file, in which names of files could become commands: write"
     ' ["cmd", "/c", \'Tell.BAT\'], and use %LTS_BATCH_STATE% and the like in the file'),
    ("lease_seconds = 0", "lease_seconds = 0 is out of range: it goes from 2 to 60"),
    ("settle_seconds = nan", "settle_seconds = nan is not a finite number"),
    ("log_bytes = 5", "log_bytes = 5 is out of range: it goes from 10000 to 1000000000"),
    ("log_format = 'xml'", "log_format = 'xml' is not known: choose one of text, json"),
])
def test_a_file_that_means_nothing(text: str, sentence: str, here: Path, tree: Tree) -> None:
    mine, before = own_file(text), tree(here)
    assert refused(errors.SettingsError, "watch", "root", "--once") == f"{mine}: {sentence}"
    assert tree(here) == before


def test_a_file_that_cannot_be_read(here: Path) -> None:
    (here / "bad.toml").write_text("model = ", encoding="utf-8")
    sentence = refused(errors.SettingsError, "watch", "root", "--config", "bad.toml")
    assert sentence.startswith("configuration bad.toml is not TOML: ")
    assert refused(errors.SettingsError, "watch", "root", "--config", "gone.toml") == \
        "configuration gone.toml cannot be read (No such file or directory): check the name and the folder"


@pytest.mark.parametrize(("name", "value", "sentence"), [
    ("LTS_BATCH_SETTLE_SECONDS", "-1", "LTS_BATCH_SETTLE_SECONDS: settle_seconds = -1 is out of range: it goes from 0 to 3600"),
    ("LTS_BATCH_SETTLE_SECONDS", "soon",
     "LTS_BATCH_SETTLE_SECONDS: settle_seconds = 'soon' has the wrong type, it takes a number"),
    ("LTS_BATCH_NOTIFY", "say done", "LTS_BATCH_NOTIFY: notify = 'say done' has the wrong type, it takes a list of texts, for"
                                     ' example ["notify-send", "{pair}: {state}"]'),
    ("LTS_BATCH_MODELL", "x", "environment: unknown variable LTS_BATCH_MODELL (did you mean 'LTS_BATCH_MODEL'?); known are"
                              f" {', '.join(VARIABLES)}: unset it"),
])
def test_a_variable_that_means_nothing(name: str, value: str, sentence: str, here: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert refused(errors.SettingsError, "watch", "root", "--once") == sentence


def test_a_daemon_may_be_started_by_what_a_daemon_started(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTS_BATCH_JOB", "j")
    monkeypatch.setenv("LTS_BATCH_STATE", "done")
    assert {source for _, source in shown().values()} == {"default"}


def test_every_value_has_an_option_whose_help_tells_its_default() -> None:
    options = {one.name: one for one in COMMANDS["watch",].params if isinstance(one, click.Option)}
    said = {key: re.findall(r"\[(.+?)\]", options[key].help or "")[-1] for key in OPTIONS}
    by_itself = {"patience_seconds": "10 settle times, at least 20", "log_file": "in your log folder, one for each ROOT",
                 "notify": "none"}
    assert said == {key: by_itself.get(key, f"{getattr(Options(), key)}".removesuffix(".0")) for key in OPTIONS}


def test_the_program_itself_shows_them(here: Path) -> None:
    done = process("watch", "root", "--show-config", cwd=here)
    assert (done.returncode, done.stderr) == (0, "") and tomllib.loads(done.stdout)["scan_seconds"] == 1.0
