"""One clear sentence for every mistake on the command line: clips, settings and models that cannot be used."""

import json
import re
import shutil
from pathlib import Path

import commanding
import pytest
from commanding import BAD_CLIPS, KNOWN, PRESETS, bad_clip, lts, process, refused
from platforms import POSIX
from trees import Tree

from lts_batch import errors
from lts_batch.settings import presets_folder

one_model = commanding.one_model
as_before = commanding.as_before
here = commanding.here


# ---------------------------------------------------------------- clips that cannot be used


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


@POSIX
def test_a_name_with_a_line_end_does_not_break_the_line(here: Path) -> None:
    assert refused(errors.ClipError, "render", "a.wav", "take\n2\x1b[2J.wav", "-o", "out") == \
        r"take\n2\x1b[2J.wav is missing: check the name and the folder"


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


# ---------------------------------------------------------------- numbers that are none


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("option", ["rate", "kl_weight", "transport_weight"])
def test_a_training_takes_finite_numbers(option: str, value: str, here: Path, tree: Tree) -> None:
    before = tree(here)
    sentence = refused(errors.SettingsError, "train", ".", "-o", "model", f"--{option.replace('_', '-')}", value)
    assert sentence == f"{option} = {value} is not a finite number: leave it out, or give another"
    assert tree(here) == before


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_watch_takes_a_finite_time(value: str, here: Path, tree: Tree) -> None:
    before = tree(here)
    assert refused(errors.SettingsError, "watch", "root", "--once", "--settle-seconds", value) == \
        f"command line: settle_seconds = {value} is not a finite number"
    assert tree(here) == before
