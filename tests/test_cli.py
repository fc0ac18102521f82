"""The command line as people meet it: help, data on standard output, and what stays apart from it."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import commanding
import numpy as np
import pytest
from commanding import COMMANDS, KNOWN, RATE, bad_clip, lts, process, refused
from platforms import POSIX
from trees import Tree

from lts_batch import __version__, errors
from lts_batch.cli import commands
from lts_batch.files import audio
from lts_batch.settings import FIELDS, Settings, as_dict, preset_paths, presets_folder

one_model = commanding.one_model
as_before = commanding.as_before
here = commanding.here


# ---------------------------------------------------------------- help


def test_the_promised_commands_are_there() -> None:
    assert set(COMMANDS) == {(), ("demo",), ("render",), ("watch",), ("status",), ("retry",), ("cancel",),
                             ("clean",), ("allow",), ("train",), ("corpus",), ("corpus", "render"),
                             ("presets",), ("presets", "show"), ("presets", "check"), ("evaluate",), ("map",), ("models",),
                             ("models", "show"), ("models", "check"), ("models", "import"), ("models", "export"), ("service",),
                             ("service", "install"), ("service", "uninstall"), ("service", "status"), ("service", "run"),
                             ("daw",), ("daw", "install"), ("daw", "uninstall"), ("daw", "index")}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_explains_itself_and_all_its_options(path: tuple[str, ...], flag: str) -> None:
    result = lts(*path, flag)
    assert result.exit_code == 0 and result.stderr == ""
    words = " ".join(result.stdout.split())
    command = COMMANDS[path]
    assert command.help and command.help.split("\n")[0].split()[0] in words
    for option in (one for one in command.params if isinstance(one, click.Option)):
        assert option.opts[0] in words
        assert re.search(r"[A-Za-z]{3}", re.sub(r"\[.*\]", "", option.help or "")), f"{path} {option.opts[0]} says nothing"


def test_the_program_alone_lists_its_commands_and_its_version() -> None:
    done = process("--version")
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["lts-batch,", "version", __version__], "")
    bare = lts()
    assert bare.exit_code == 2 and all(name in bare.output for name in commands.commands)


@pytest.mark.parametrize(("words", "sentence"), [
    (["rendr"], "No such command 'rendr'"), (["render", "a.wav", "b.wav"], "Missing option '-o' / '--out'"),
    (["render", "-o", "out"], "Missing argument 'CLIPS...'"), (["render", "a", "b", "-o", "o", "--steps", "five"], "'five'"),
    (["render", "a", "b", "-o", "o", "--step", "5"], "No such option"),
    (["render", "a", "b", "-o", "o", "--workers", "0"], "Invalid value for '--workers'"),
    (["watch"], "Missing argument 'ROOT'"),
    (["watch", "w", "--json"], "--json goes with --once"), (["watch", "w", "--settle-seconds", "two"], "'two'"),
    (["watch", "w", "--log-json", "--log-format", "text"], "exclude each other"),
    *((["train", ".", "-o", "m", option, value], f"Invalid value for '{option}': {value}") for option, value in (
        ("--steps", "0"), ("--batch", "0"), ("--rate", "-1.0"), ("--latent", "468"), ("--width", "0"), ("--blocks", "-1"),
        ("--every", "0"), ("--threads", "0"), ("--seed", "-1"))),
    (["train", ".", "-o", "m", "--preset", "smal"], "'smal' is not one of 'small', 'standard'"),
    (["train", ".", "-o", "m", "--resume", "--time", "1m"], "leave out --time"),
    (["train", ".", "-o", "m", "--resume", "--preset", "small"], "leave out --preset"),
    (["train", ".", "-o", "m", "--steps", "9", "--time", "1m"], "leave out --steps, or leave out --time"),
    (["train", ".", "-o", "m", "--resume", "--force"], "leave out --force"),
])
def test_wrong_usage_is_exit_code_2(words: list[str], sentence: str, here: Path, tree: Tree) -> None:
    before = tree(here)
    result = lts(*words)
    assert result.exit_code == 2 and sentence in result.stderr and "Usage: " in result.stderr
    assert tree(here) == before


def said_defaults(path: str) -> dict[str, str]:
    """What help says in brackets that an option is if it is not given."""
    return {option.name or "": found[1] for option in COMMANDS[path,].params
            if isinstance(option, click.Option) and (found := re.search(r" \[(.+)\]$", f" {option.help}"))}


def test_help_tells_the_true_defaults() -> None:
    from lts_batch.training.schedule import Schedule

    said = said_defaults("render")
    assert said.pop("sample_rate") == "clip 1's" and Settings().sample_rate is None
    assert said.pop("workers") == "all cores"
    assert Settings().repair is None
    assert said.pop("repair") == "32 with griffinlim, 4 with pghi, 16 where a clip is far from its own speed, else 0"
    whole = {"detail": "1", "temperature": "1", "beyond": "0"}  # as people write them
    assert said == {name: str(value) for name, value in as_dict(Settings()).items() if name in said} | whole
    assert len(said) == 19
    said = said_defaults("train")
    assert (said.pop("threads"), said.pop("preset")) == ("all cores", "standard")
    defaults = dataclasses.asdict(Schedule())
    assert defaults.pop("kind") == "residual"
    assert {name: float(value) for name, value in said.items()} == defaults


# ---------------------------------------------------------------- presets


def test_presets_are_listed_shown_and_checked(here: Path) -> None:
    listed = json.loads(lts("presets", "--json").stdout)
    assert list(listed) == list(preset_paths()) and all(listed.values())
    assert lts("presets").stdout.splitlines() == [f"{name:{max(map(len, listed))}}  {about}" for name, about in listed.items()]
    shown = lts("presets", "show", "beyond").stdout.splitlines()
    assert [line for line in shown if line.startswith("*")] == ["* beyond = 0.5"] and len(shown) == len(FIELDS)
    assert json.loads(lts("presets", "show", "beyond", "--json").stdout)["beyond"] == 0.5
    (here / "good.toml").write_text("steps = 3", encoding="utf-8")
    (here / "bad.toml").write_text("sedd = 3", encoding="utf-8")
    assert lts("presets", "check", "good.toml").stdout == "good.toml: right\n"
    bad = lts("presets", "check", "good.toml", "bad.toml")
    assert bad.exit_code == 4
    assert bad.stderr == f"Error: preset bad.toml: unknown key 'sedd' (did you mean 'seed'?); {KNOWN}\n"


@pytest.mark.parametrize(("text", "sentence"), [
    ('[[effects]]\nname = "Reverbb"', "preset bad.toml: effect 1 (Reverbb): there is no such effect (did you mean 'Reverb'?)"),
    ('[[effects]]\nname = "Reverb"\nroom_siz = 1', "preset bad.toml: effect 1 (Reverb): there is no parameter 'room_siz'"),
    ("about = 5", "preset bad.toml: about = 5 has the wrong type, it takes text in quotes"),
])
def test_all_of_a_preset_is_checked(text: str, sentence: str, here: Path) -> None:
    (here / "bad.toml").write_text(text, encoding="utf-8")
    assert refused(errors.SettingsError, "presets", "check", "bad.toml").startswith(sentence)


# ---------------------------------------------------------------- training


def test_training_is_refused_without_sounds(here: Path, tree: Tree) -> None:
    before = tree(here)
    assert "nowhere" in refused(errors.CorpusError, "train", "nowhere", "-o", "model")
    (here / "empty").mkdir()
    assert "empty" in refused(errors.CorpusError, "train", "empty", "-o", "model")
    (here / "empty").rmdir()
    assert tree(here) == before


def test_training_does_not_begin_over_a_model(here: Path, tree: Tree) -> None:
    shutil.copytree(presets_folder() / "models" / "general", here / "model")
    before = tree(here)
    assert refused(errors.OutputError, "train", ".", "-o", "model") == (
        "model already holds a model: say --resume to go on with it, --force to begin anew, or choose another folder")
    assert tree(here) == before


def test_training_figures_are_lines_of_json(here: Path) -> None:
    sounds = here / "sounds"
    sounds.mkdir()
    for n in range(3):
        noise = np.random.default_rng(n).uniform(-0.5, 0.5, (1, 3 * RATE)).astype(np.float32)
        audio.write(sounds / f"{n}.wav", np.cumsum(noise, axis=1) / 200, RATE)
    bad_clip("text", sounds / "notes.wav")
    result = lts("train", sounds, "-o", "model", "--steps", "2", "--batch", "16", "--width", "16", "--latent", "4", "--threads",
                 "1", "--every", "1", "--cache", "cache", "--json")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows and {"step", "validation_loss", "shape_lsd_db", "spectral_convergence_db"} <= set(rows[-1])
    assert result.stderr.startswith("Skipped notes.wav: ")
    again = lts("train", sounds, "-o", "other", "--cache", "cache", "--device", "toaster")
    assert again.exit_code == 4 and "device 'toaster' cannot be used here: say cpu" in again.stderr
    assert lts("render", "a.wav", "b.wav", "-o", "out", "--model", "model", "--x", "0.5").exit_code == 0


def test_the_report_on_a_corpus_is_json(here: Path) -> None:
    from lts_batch.material import corpus

    assert "out of range" in refused(errors.CorpusError, "corpus", "render", "sounds", "--minutes", "0")
    result = lts("corpus", "render", "sounds", "--minutes", "0.02", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert sum(report["files"].values()) == sum(path.suffix in (".flac", ".wav") for path in (here / "sounds").rglob("*"))
    assert set(report["files"]) <= set(corpus.SHARES)


# ---------------------------------------------------------------- progress


@POSIX
def test_progress_goes_to_the_terminal_and_stays_out_of_data() -> None:
    """On a terminal a bar with any message, brackets and all; standard output holds what was printed, and only that."""
    import pty

    script = ("import click\nfrom lts_batch.cli.messages import bar\n"
              "with bar('kick [1]') as show:\n show(0.5, 'stem 1 of [/2]')\n click.echo('data')")
    main, terminal = pty.openpty()
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=terminal, check=True, timeout=60,
                          env={**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    os.close(terminal)
    shown = os.read(main, 100000).decode()
    os.close(main)
    assert done.stdout == b"data\n"
    assert "kick [1]" in shown and "stem 1 of [/2]" in shown and "50%" in shown
    quiet = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60)
    assert (quiet.stdout, quiet.stderr) == (b"data\n", b"")
