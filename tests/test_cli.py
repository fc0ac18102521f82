"""The command line as people meet it: help, data on standard output, and one clear sentence for every mistake."""

import dataclasses
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from lts_batch import __version__, errors
from lts_batch.cli import commands
from lts_batch.files import audio, whole
from lts_batch.models import checkpoint
from lts_batch.settings import FIELDS, Settings, as_dict, preset_paths, presets_folder

Tree = Callable[[Path], dict[str, str]]
RATE = 44100
ENDS = {error: error.exit_code for error in errors.LtsError.__subclasses__()}
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs limits, signals or terminals of POSIX")
KNOWN = f"known are {', '.join(FIELDS)}"
PRESETS = ", ".join(preset_paths())


@pytest.fixture(autouse=True, scope="module")
def one_model() -> Iterator[None]:
    """The shipped model is read from disk once for all commands that run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "load_model", cache(checkpoint.load_model))
        yield


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Commands that run in this process give signals and threads back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of all commands, with two good clips in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTS_BATCH_CONFIG", str(tmp_path.parent / f"{tmp_path.name}-config"))
    for name, hz, seconds in (("a.wav", 220, 0.1), ("b.wav", 330, 0.08)):
        times = np.arange(round(seconds * RATE)) / RATE
        audio.write(tmp_path / name, np.asarray(0.3 * np.sin(2 * np.pi * hz * times), np.float32)[None], RATE)
    return tmp_path


def lts(*words: str | Path) -> Result:
    """A command in this process; whatever a user could not mend is raised again."""
    result = CliRunner().invoke(commands, list(map(str, words)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(error: type[errors.LtsError], *words: str | Path) -> str:
    """The one sentence that a mistake is answered with."""
    result = lts(*words)
    assert result.exit_code == ENDS[error], result.output
    assert result.stdout == ""
    found = re.fullmatch(r"Error: (.+)\n", result.stderr)
    assert found, result.stderr
    return found[1]


def process(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """The same as a program of its own."""
    return subprocess.run([sys.executable, "-m", "lts_batch", *map(str, words)], capture_output=True, text=True, check=False,
                          timeout=100, encoding="utf-8", **options)


def walk(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, *path, name)


COMMANDS = dict(walk(commands))

# ---------------------------------------------------------------- help


def test_the_promised_commands_are_there() -> None:
    assert set(COMMANDS) == {(), ("demo",), ("render",), ("watch",), ("allow",), ("train",), ("corpus",), ("corpus", "render"),
                             ("presets",), ("presets", "show"), ("presets", "check"), ("evaluate",), ("map",), ("models",),
                             ("models", "show"), ("models", "check"), ("models", "import"), ("models", "export")}


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
    (["watch", "w", "--json"], "--json goes with --once"), (["watch", "w", "--settle-seconds", "-1"], "-1.0"),
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
    assert said.pop("repair") == "32 with griffinlim, else 0" and Settings().repair is None
    whole = {"detail": "1", "temperature": "1", "beyond": "0"}  # as people write them
    assert said == {name: str(value) for name, value in as_dict(Settings()).items() if name in said} | whole
    assert len(said) == 19
    said = said_defaults("train")
    assert (said.pop("threads"), said.pop("preset")) == ("all cores", "standard")
    defaults = dataclasses.asdict(Schedule())
    assert defaults.pop("kind") == "residual"
    assert {name: float(value) for name, value in said.items()} == defaults


# ---------------------------------------------------------------- render


def test_render_prints_the_files_it_made_and_notes_apart(here: Path) -> None:
    result = lts("render", "a.wav", "b.wav", "-o", "out", "--x", "0,0.5", "--sample-rate", "48000", "--preview")
    assert result.exit_code == 0
    paths = [Path(line) for line in result.stdout.splitlines()]
    assert paths == [Path("out") / name for name in ("preview.wav", "a~b_01_x+0.00.wav", "a~b_02_x+0.50.wav")]
    assert all(path.is_file() for path in paths)
    assert result.stderr.splitlines() == [f"Note: clip {n} was resampled from 44100 to 48000 Hz." for n in (1, 2)]


def test_options_set_settings_over_a_preset(here: Path) -> None:
    (here / "mine.toml").write_text('steps = 3\nfade_in_seconds = 0.01\nnaming = "lts"', encoding="utf-8")
    result = lts("render", "a.wav", "b.wav", "-o", "out", "--preset", "mine.toml", "--steps", "2", "--beyond", "1", "--detail",
                 "0.5", "--align", "pad", "--length", "first", "--seed", "9", "--sample", "--set", "fade_out_seconds=0.02",
                 "--set", "clip=scale", "--set", "temperature = 0.1", "--json")
    assert result.exit_code == 0 and result.stderr == ""
    record = json.loads(result.stdout)
    assert record == json.loads((here / "out" / "manifest.json").read_text(encoding="utf-8"))
    wanted = {"steps": 2, "beyond": 1.0, "detail": 0.5, "align": "pad", "length": "first", "seed": 9, "sample": True,
              "fade_in_seconds": 0.01, "fade_out_seconds": 0.02, "clip": "scale", "temperature": 0.1, "naming": "lts"}
    assert {key: record["settings"][key] for key in wanted} == wanted
    assert [stem["x"] for stem in record["stems"]] == [-1.0, 0.0, 1.0, 2.0]


def test_the_settings_of_every_day_have_options(here: Path) -> None:
    result = lts("render", "a.wav", "b.wav", "-o", "out", "--steps", "2", "--loop", "off", "--level", "match", "--pitch",
                 "first", "--path", "spherical", "--phase", "griffinlim", "--repair", "2", "--draft", "--sample",
                 "--temperature", "0.5", "--bit-depth", "16", "--device", "cpu", "--workers", "1", "--set", "domain=stft",
                 "--set", "dither=true", "--set", "x_level=[[0, 0], [1, 1]]", "--json")
    assert result.exit_code == 0 and result.stderr == ""
    record = json.loads(result.stdout)
    wanted = {"loop": "off", "level": "match", "pitch": "first", "path": "spherical", "phase": "griffinlim", "repair": 2,
              "quality": "draft", "sample": True, "temperature": 0.5, "bit_depth": 16, "device": "cpu", "domain": "stft",
              "dither": True, "x_level": [[0.0, 0.0], [1.0, 1.0]]}
    assert {key: record["settings"][key] for key in wanted} == wanted
    assert {stem["subtype"] for stem in record["stems"]} == {"PCM_16"}


def test_four_clips_make_a_grid_and_three_make_weighted_stems(here: Path) -> None:
    for name in ("c.wav", "d.wav"):
        shutil.copy(here / "b.wav", here / name)
    record = json.loads(lts("render", "a.wav", "b.wav", "c.wav", "d.wav", "-o", "grid", "--grid", "2x2", "--json").stdout)
    assert [stem["file"] for stem in record["stems"]] == [
        f"a~b~c~d_0{n}_u+{u}.00_v+{v}.00.wav" for n, (u, v) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1)), 1)]
    assert [stem["weights"] for stem in record["stems"]] == np.eye(4).tolist()
    assert all(stem["x"] is None for stem in record["stems"])
    record = json.loads(lts("render", "a.wav", "b.wav", "c.wav", "-o", "out", "--weights", "0.5,0.25,0.25", "--weights",
                            "-0.5,1.5,0", "--json").stdout)
    assert [stem["file"] for stem in record["stems"]] == ["a~b~c_01_w+0.50+0.25+0.25.wav", "a~b~c_02_w-0.50+1.50+0.00.wav"]
    assert record["settings"]["weights"] == [[0.5, 0.25, 0.25], [-0.5, 1.5, 0.0]]


def test_a_curve_file_makes_one_stem(here: Path) -> None:
    (here / "curve.csv").write_text("seconds;x\n0;0\n0,05;1,2\n", encoding="utf-8")
    record = json.loads(lts("render", "a.wav", "b.wav", "-o", "out", "--curve", "curve.csv", "--json").stdout)
    assert [stem["file"] for stem in record["stems"]] == ["a~b_01_curve.wav"]
    assert record["settings"]["curve"] == [[0.0, 0.0], [0.05, 1.2]] and record["settings"]["curve_unit"] == "seconds"


def test_a_second_render_into_the_same_folder_asks_for_force(here: Path, tree: Tree) -> None:
    words = ("render", "a.wav", "b.wav", "-o", "out", "--x", "0")
    assert lts(*words).exit_code == 0
    before = tree(here)
    assert refused(errors.OutputError, *words) == ("out already holds a~b_01_x+0.00.wav and 2 more, and nothing is overwritten"
                                                   " unasked: choose another folder, or say --force")
    assert tree(here) == before
    assert lts(*words, "--force").exit_code == 0
    assert tree(here) == before  # the same command makes the same files


# ---------------------------------------------------------------- clips that cannot be used


def bad_clip(kind: str, path: Path) -> None:
    """Write a clip that cannot be used."""
    tone = np.full((1, 4410), 0.25, np.float32)
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("My song, take 2\n" * 50, encoding="utf-8")
    elif kind == "truncated":
        audio.write(path, tone, RATE)
        path.write_bytes(path.read_bytes()[:5000])
    elif kind == "zero samples":
        audio.write(path, tone[:, :0], RATE)
    elif kind == "not a number":
        audio.write(path, tone, RATE, subtype="FLOAT")
        data = bytearray(path.read_bytes())
        data[-400:-396] = b"\xff\xff\xff\x7f"
        path.write_bytes(data)
    elif kind == "silent":
        audio.write(path, tone * 0, RATE)
    elif kind == "one sample":
        audio.write(path, tone[:, :1], RATE)


BAD_CLIPS = {
    "missing": "is missing: check the name and the folder",
    "folder": "is a folder: give an audio file in it",
    "empty": "is empty (0 bytes): export it again from where it came",
    "text": "is not audio that can be read here: give a clip in one of WAV, AIFF, FLAC, OGG, MP3",
    "truncated": "is cut short: its header promises 13230 bytes of audio, 4956 are there; wait until it is fully copied, or"
                 " export it again from where it came",
    "zero samples": "has no samples: give a clip of at least 1 sample",
    "not a number": "holds a value that is not a number or infinite at sample 4310 (0.098 s): cut it out, or export it again"
                    " from where it came",
    "silent": "is silent: its peak is below -80 dBFS, and silence has no timbre; choose another part",
    "one sample": "is 1 sample long at 44100 Hz; a clip must last at least 3 ms: choose a longer part",
}


@pytest.mark.parametrize("place", ["first", "second"])
@pytest.mark.parametrize("kind", BAD_CLIPS)
def test_a_clip_that_cannot_be_used(kind: str, place: str, here: Path, tree: Tree) -> None:
    bad_clip(kind, here / "bad.wav")
    before = tree(here)
    clips = ("bad.wav", "b.wav") if place == "first" else ("a.wav", "bad.wav")
    sentence = refused(errors.ClipError, "render", *clips, "-o", "new/out")
    assert sentence == f"bad.wav {BAD_CLIPS[kind]}"
    assert tree(here) == before


def test_the_program_itself_ends_the_same_way(here: Path, tree: Tree) -> None:
    bad_clip("text", here / "bad.wav")
    before = tree(here)
    done = process("render", "a.wav", "bad.wav", "-o", "new/out", cwd=here)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"Error: bad.wav {BAD_CLIPS['text']}\n"
    assert tree(here) == before


# ---------------------------------------------------------------- settings that mean nothing


@pytest.mark.parametrize(("words", "sentence"), [
    (["--preset", "graded"], f"no preset is called 'graded' (did you mean 'graded-11'?); there are {PRESETS}"),
    (["--preset", "warm"], f"no preset is called 'warm'; there are {PRESETS}"),
    (["--preset", "bad.toml"], f"preset bad.toml: unknown key 'stpes' (did you mean 'steps'?); {KNOWN}"),
    (["--set", "detial=0.5"], f"command line: unknown key 'detial' (did you mean 'detail'?); {KNOWN}"),
    (["--set", "detail"], "--set 'detail' has no '='; write for example --set fade_out_seconds=0.05"),
    (["--set", "detail=much"], "command line: detail = 'much' has the wrong type, it takes a number"),
    (["--set", "seed=0.5"], "command line: seed = 0.5 has the wrong type, it takes a whole number"),
    (["--set", "sample=1"], "command line: sample = 1 has the wrong type, it takes true or false"),
    *((["--x", text], f"--x {text!r} is not a list of numbers; write for example --x 0,0.25,0.5,0.75,1")
      for text in ("0,,1", "", "half", "0;1", "0 0.5", "0,5%", "0.5,")),
    (["--x", "0,7"], "command line: x = 7 is out of range: it goes from -3 to 3"),
    (["--x", "nan"], "command line: x = nan is not a finite number"),
    (["--steps", "0"], "command line: steps = 0 is out of range: it goes from 1 to 1001"),
    (["--beyond", "-1"], "command line: beyond = -1 is out of range: it goes from 0 to 2"),
    (["--detail", "50"], "command line: detail = 50 is out of range: it goes from 0 to 1"),
    (["--sample-rate", "44"], "command line: sample_rate = 44 is out of range: it goes from 1000 to 768000"),
    (["--align", "strech"], "command line: align = 'strech' is not known: choose one of stretch, onsets, beats, trim, pad, loop"
                            " (did you mean 'stretch'?)"),
    (["--grid", "3"], "command line: grid = '3' is not known: write columns x rows, from 2x2 to 100x100, for example 3x3"),
    (["--weights", "1", "--weights", "half"],
     "--weights '1 half' is not a list of numbers; write for example --weights 0.5,0.25,0.25, once for each stem"),
    (["--weights", "0.5,0.4"], "command line: weights [0.5, 0.4] sum to 0.9; the weights of a stem must sum to 1"),
    (["--weights", "0.5,0.3,0.2"], "stem 1 has 3 weights (0.5, 0.3, 0.2) for 2 clips: give one weight for each clip"),
    (["--bit-depth", "20"], "command line: bit_depth = 20 is not known: choose one of 16, 24, 32"),
    (["--device", "gpu"], "command line: device = 'gpu' is not known: choose one of auto, cpu, cuda, mps (did you mean"
                          " 'cpu'?)"),
    (["--draft", "--quality", "standard"], "--draft and --quality standard exclude each other: leave one of them out"),
    (["--x", "0,1", "--spacing", "even-distance"], "--x names every stem; leave out --spacing, or leave out --x"),
    (["--grid", "3x3", "--steps", "3", "--x", "0"],
     "--grid places every stem; leave out --x and --steps, or leave out --grid"),
    (["--weights", "0.5,0.5", "--beyond", "1"], "--weights names every stem; leave out --beyond, or leave out --weights"),
    (["--grid", "3x3"], "grid = '3x3' has a clip in each of its four corners, and 2 were given: give four clips, or steps or x"
                        " instead of a grid"),
    (["c.wav", "d.wav", "--curve", "good.csv"], "curve moves between two clips, and 4 were given: leave it out, or give two"
                                                " clips"),
    (["c.wav", "d.wav"], "4 clips need a grid (--grid 3x3, or the preset grid-3x3), or weights for each stem (for example"
                         " --weights 0.4,0.2,0.2,0.2): x and steps lead from one clip to another, give two for them"),
    (["--x", "0,1", "--steps", "3"], "--x names every stem; leave out --steps, or leave out --x"),
    (["--x", "0,1", "--beyond", "1"], "--x names every stem; leave out --beyond, or leave out --x"),
    (["--curve", "curve.csv", "--x", "0"], "--curve makes one stem that moves; leave out --x, or leave out --curve"),
    (["--curve", "curve.csv", "--steps", "3", "--beyond", "1"],
     "--curve makes one stem that moves; leave out --steps and --beyond, or leave out --curve"),
    (["--curve", "curve.csv"], "curve curve.csv: point 2 is '1,up'; each line holds a time and an x"),
    (["--curve", "late.json"], "curve late.json: curve time 9 lies past the end: with curve_unit = 'fraction' times go from"
                               " 0 to 1; say curve_unit = 'seconds' for seconds"),
    (["c.wav", "d.wav", "e.wav"], "render takes two to four clips, and two with --x, and 5 were given; write for example:"
                                  " lts-batch render A.wav B.wav -o stems"),
    (["--x", "0", "0.5", "1"], "render takes two to four clips, and two with --x, and 4 were given (amounts are written without"
                               " blanks: --x 0,0.5,1); write for example: lts-batch render A.wav B.wav -o stems"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_settings_that_mean_nothing(words: list[str], sentence: str, here: Path, tree: Tree) -> None:
    (here / "bad.toml").write_text("stpes = 5", encoding="utf-8")
    (here / "curve.csv").write_text("0,0\n1,up", encoding="utf-8")
    (here / "good.csv").write_text("0,0\n1,1", encoding="utf-8")
    (here / "late.json").write_text("[[0, 0], [9, 1]]", encoding="utf-8")
    before = tree(here)
    assert refused(errors.SettingsError, "render", "a.wav", "b.wav", "-o", "new/out", *words) == sentence
    assert tree(here) == before


def test_one_clip_is_too_few(here: Path) -> None:
    sentence = refused(errors.SettingsError, "render", "a.wav", "-o", "out")
    assert sentence.startswith("render takes two to four clips, and two with --x, and 1 was given;")


@pytest.mark.parametrize("words", [["--preset", "p" * 300], ["--model", "m" * 300]], ids=["preset", "model"])
def test_what_only_the_system_objects_to_needs_no_traceback(words: list[str], here: Path, tree: Tree) -> None:
    before = tree(here)
    result = lts("render", "a.wav", "b.wav", "-o", "out", *words)
    assert result.exit_code in (1, 4, 5)  # a name that is too long is an error of the system's, or simply no preset
    assert re.fullmatch(r"Error: .+\n", result.stderr) and words[1] in result.stderr
    assert tree(here) == before


# ---------------------------------------------------------------- models


@pytest.mark.parametrize(("kind", "sentence"), [
    ("no folder", r"no model '.*model': it is neither a shipped model \(general\) nor a folder; give the folder that lts-batch"
                  " train wrote"),
    ("no description", r".*model.json cannot be read \(.+\); a model is a folder with model.json and model.safetensors"),
    ("no tensors", r".*model.safetensors cannot be read \(.+\); a model is a folder with model.json and model.safetensors"),
    ("foreign file", "model .*model holds a file that is no part of a model: evil.pkl; remove it"),
    ("damaged tensors", ".*model.safetensors is damaged or belongs to another model.json: its SHA-256 is not the recorded one;"
                        " copy the model again"),
    ("no JSON", r".*model.json is not the description of a model \(.+\); copy the model again"),
    ("another version", ".*model.json has format version 99; this lts-batch reads 1: train the model again, or use the"
                        " lts-batch that wrote it"),
])
def test_a_model_folder_that_cannot_be_used(kind: str, sentence: str, here: Path, tree: Tree) -> None:
    folder = here / "model"
    if kind != "no folder":
        shutil.copytree(presets_folder() / "models" / "general", folder)
    description, tensors = folder / "model.json", folder / "model.safetensors"
    if kind == "no description":
        description.unlink()
    elif kind == "no tensors":
        tensors.unlink()
    elif kind == "foreign file":
        (folder / "evil.pkl").write_bytes(b"cos\nsystem\n")
    elif kind == "damaged tensors":
        data = tensors.read_bytes()
        tensors.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif kind == "no JSON":
        description.write_text("{", encoding="utf-8")
    elif kind == "another version":
        record = json.loads(description.read_text(encoding="utf-8"))
        description.write_text(json.dumps(record | {"format_version": 99}), encoding="utf-8")
    before = tree(here)
    found = refused(errors.ModelError, "render", "a.wav", "b.wav", "-o", "new/out", "--model", folder)
    assert re.fullmatch(sentence, found), found
    assert refused(errors.ModelError, "watch", "root", "--once", "--model", folder) == found
    shutil.rmtree(here / "root")  # its folders are made before the model is read
    assert tree(here) == before


# ---------------------------------------------------------------- places to write to


@pytest.mark.parametrize("place", ["a.wav", "a.wav/deeper/out"])
def test_an_output_folder_that_is_a_file(place: str, here: Path, tree: Tree) -> None:
    before = tree(here)
    assert refused(errors.OutputError, "render", "a.wav", "b.wav", "-o", place) == \
        "a.wav is a file, and stems need a folder: choose another name for it"
    assert refused(errors.OutputError, "watch", "a.wav", "--once") == \
        "a.wav is a file: give a folder to watch; it is made where it is missing"
    assert tree(here) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a place where not even root may write")
def test_an_output_folder_that_may_not_be_written_to(here: Path, tree: Tree) -> None:
    (here / "locked").mkdir(mode=0o500)
    place = Path("/sys/stems") if os.geteuid() == 0 else Path("locked/stems")
    before = tree(here)
    sentence = refused(errors.OutputError, "render", "a.wav", "b.wav", "-o", place)
    assert sentence == f"{place} cannot be written, it may not be written to: choose another folder, or change its permissions"
    assert tree(here) == before


def test_a_disk_that_is_full(here: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(here)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(whole.os, "fsync", full)
    sentence = refused(errors.OutputError, "render", "a.wav", "b.wav", "-o", "new/out", "--x", "0")
    assert sentence == (f"{Path('new/out/a~b_01_x+0.00.wav')} cannot be written, the disk is full: make room on it, or choose"
                        " another folder")
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert tree(here) == before


@POSIX
@pytest.mark.parametrize("limit_bytes", [1000, 15000], ids=["while it is rendered", "when it is written"])
def test_files_that_may_grow_no_further(limit_bytes: int, here: Path, tree: Tree) -> None:
    """The system's own refusal, at a moment of its choosing."""
    import resource

    before = tree(here)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    done = process("render", "a.wav", "b.wav", "-o", "new/out", "--steps", "2", cwd=here, preexec_fn=limit)
    assert done.returncode == errors.OutputError.exit_code, done.stderr
    assert re.fullmatch(r"Error: new/out\S* cannot be written, the file would grow larger than this disk or account allows:"
                        r" choose another folder or shorter stems\n", done.stderr), done.stderr
    assert tree(here) == before


@POSIX
def test_more_stems_than_files_may_be_open(here: Path) -> None:
    import resource

    done = process("render", "a.wav", "b.wav", "-o", "out", "--steps", "80", cwd=here,
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    assert done.returncode == 0, done.stderr
    assert len(list((here / "out").glob("*.wav"))) == 80


@POSIX
def test_an_interrupted_render_leaves_nothing(here: Path, tree: Tree) -> None:
    rng = np.random.default_rng(0)
    audio.write(here / "long.wav", rng.uniform(-0.5, 0.5, (1, 20 * RATE)).astype(np.float32), RATE)
    before = tree(here)
    running = subprocess.Popen([sys.executable, "-m", "lts_batch", "render", "long.wav", "long.wav", "-o", "out"], cwd=here,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not list(here.glob("out/.*/*")) and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err.split()) == (1, "", ["Aborted!"])
    assert tree(here) == before


# ---------------------------------------------------------------- the watched folder


def test_watch_once_sorts_the_good_from_the_bad(here: Path, tree: Tree) -> None:
    """One run as a program over everything that can go wrong, and one thing that goes well."""
    inbox = here / "root" / "inbox"
    (inbox / "a set").mkdir(parents=True)
    for name in ("a.wav", "b.wav"):
        shutil.copy(here / name, inbox / "a set" / name)
    kinds = [kind for kind in BAD_CLIPS if kind not in ("missing", "folder")]
    for kind in kinds:
        shutil.copy(here / "a.wav", inbox / f"{kind}_A.wav")
        bad_clip(kind, inbox / f"{kind}_B.wav")
    shutil.copy(here / "a.wav", inbox / "alone_A.wav")
    (inbox / "text.job.json").write_text("{]", encoding="utf-8")
    before = tree(inbox)
    done = process("watch", "root", "--once", "--settle-seconds", "0.1", "--json", cwd=here)
    assert done.returncode == errors.JobError.exit_code
    assert re.fullmatch(rf"Error: {len(kinds) + 1} of {len(kinds) + 2} jobs failed: .+; what was wrong stands above, and in"
                        r" error.json beside the clips\n", done.stderr), done.stderr
    outcomes = json.loads(done.stdout)["outcomes"]
    assert sum(outcome["state"] == "done" for outcome in outcomes) == 1
    failed = [outcome for outcome in outcomes if outcome["state"] == "failed"]
    for kind in kinds:
        (outcome,) = (one for one in failed if (here / "root" / one["folder"] / f"{kind}_B.wav").exists())
        folder = here / "root" / outcome["folder"]
        record = json.loads((folder / "error.json").read_text(encoding="utf-8"))
        sentence = f"{inbox / f'{kind}_B.wav'} {BAD_CLIPS[kind]}"
        assert record["message"] == outcome["message"] == sentence
        assert (record["kind"], record["exit_code"]) == ("ClipError", errors.ClipError.exit_code)
        assert tree(folder).items() >= {name: before[name] for name in (f"{kind}_A.wav", f"{kind}_B.wav")}.items()
    assert set(tree(inbox)) == {"alone_A.wav"}
    assert [item["why"] for item in json.loads(done.stdout)["waiting"]] == ["alone_A.wav waits for its partner alone_B"]
    (stems,) = (here / "root" / "outbox").iterdir()
    assert len(list(stems.glob("a~b_*.wav"))) == 5 and (stems / "manifest.json").is_file()


def test_watch_once_with_nothing_to_do_ends_well_and_says_so(here: Path) -> None:
    done = lts("watch", "root", "--once", "--settle-seconds", "0")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "0 done, 0 failed, 0 cancelled, 0 waiting\n", "")
    assert {"inbox", "outbox", "failed", "archive", "status"} <= {path.name for path in (here / "root").iterdir()}


def test_watch_needs_a_place(here: Path, tree: Tree) -> None:
    before = tree(here)
    assert "cannot be written, there is no folder" in refused(errors.OutputError, "watch", "no/such/root", "--once")
    assert tree(here) == before


def test_allow_lists_what_it_allowed(here: Path) -> None:
    assert lts("allow").stdout == ""
    (here / "clips").mkdir()
    assert lts("allow", "clips").stdout == f"Job files may now read clips in {(here / 'clips').resolve()}\n"
    assert lts("allow").stdout == f"{(here / 'clips').resolve()}\n"
    assert refused(errors.JobError, "allow", "nowhere") == "there is no folder nowhere: give one that exists"


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
