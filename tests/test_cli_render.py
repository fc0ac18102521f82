"""The render command as people meet it: the files it made on standard output, notes apart from them."""

import json
import shutil
from pathlib import Path

import commanding
import numpy as np
from commanding import lts, refused
from trees import Tree

from lts_batch import errors

one_model = commanding.one_model
as_before = commanding.as_before
here = commanding.here


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
