"""Names of stems: legal everywhere, never the same twice, sorted as they sound."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts_batch.engine.mixes import at, mixes
from lts_batch.protocol import is_device_name, is_job_id
from lts_batch.settings import Settings
from lts_batch.stems.names import LIMIT_BYTES, clean, stem_names

ANY_NAME = st.text(st.characters(), max_size=300)
AMOUNTS = st.lists(st.floats(-3, 3, allow_nan=False), min_size=1, max_size=40, unique=True).map(sorted)
CURVE = mixes(Settings(curve=((0.0, 0.0), (1.0, 1.0))), 2)
WEIGHTS = mixes(Settings(weights=((0.5, 0.25, 0.25), (1.2, -0.2, 0.0))), 3)
GRID = mixes(Settings(grid="3x2", beyond=0.5), 4)


def assert_legal(name: str) -> None:
    data = name.encode("utf-8")  # lone surrogates fail here
    assert 0 < len(data) <= LIMIT_BYTES
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', name)
    assert not name.startswith((".", " ")) and not name.endswith((".", " "))
    assert not is_device_name(name)


def test_the_names_of_the_design() -> None:
    names = stem_names(["piano", "violin"], at([-0.3, 0.0, 0.3, 1.0]), "steps")
    assert names == ["piano~violin_01_x-0.30.wav", "piano~violin_02_x+0.00.wav", "piano~violin_03_x+0.30.wav",
                     "piano~violin_04_x+1.00.wav"]
    assert stem_names(["piano", "violin"], CURVE, "steps") == ["piano~violin_01_curve.wav"]


def test_names_of_more_than_two_clips() -> None:
    assert stem_names(["a", "b", "c"], WEIGHTS, "steps") == ["a~b~c_01_w+0.50+0.25+0.25.wav", "a~b~c_02_w+1.20-0.20+0.00.wav"]
    names = stem_names(["a", "b", "c", "d"], GRID, "steps")
    assert names[:2] == ["a~b~c~d_01_u-0.50_v+0.00.wav", "a~b~c~d_02_u+0.00_v+0.00.wav"]
    assert names[-1] == "a~b~c~d_10_u+1.50_v+1.00.wav" and names == sorted(names)


def test_numbers_are_wide_enough() -> None:
    many = stem_names(["a", "b"], at([n / 1000 for n in range(101)]), "steps")
    assert many[0] == "a~b_001_x+0.000.wav" and many[100] == "a~b_101_x+0.100.wav" and many == sorted(many)


def test_names_of_the_lts_examples() -> None:
    names = stem_names(["a", "b"], at([round(n / 10, 1) for n in range(-1, 13)]), "lts")
    assert names[0] == "01-x_extrapolations_-0.1.wav"
    assert names[2] == "03-x_interpolations_0.1.wav"
    assert names[11:13] == ["12-x_interpolations_1.0.wav", "13-x_extrapolations_1.1.wav"]
    assert stem_names(["a", "b"], at([-1e-12, 0.25]), "lts") == ["01-x_interpolations_0.00.wav", "02-x_interpolations_0.25.wav"]


def test_lts_names_of_what_lts_did_not_have() -> None:
    assert stem_names(["a", "b"], CURVE, "lts") == ["01-x_curve.wav"]
    assert stem_names(["a", "b", "c"], WEIGHTS, "lts") == ["01-interpolations_w+0.50+0.25+0.25.wav",
                                                           "02-extrapolations_w+1.20-0.20+0.00.wav"]
    assert stem_names(["a", "b", "c", "d"], GRID, "lts")[:2] == ["01-extrapolations_u-0.50_v+0.00.wav",
                                                                 "02-interpolations_u+0.00_v+0.00.wav"]
    assert stem_names(["a", "b"], mixes(Settings(weights=((0.7, 0.3),)), 2), "lts") == ["01-x_interpolations_0.3.wav"]


@pytest.mark.parametrize("name", ["CON", "nul.wav", "Com1", "LPT¹.x", "..", "a/b\\c", "x. ", " ", "\x00\x1f", "\udc80",
                                  "a\u202egnp", "🎹" * 100, "ü" * 300, "-rf", "a" * 199 + "."])
def test_clean_makes_odd_names_legal(name: str) -> None:
    assert_legal(clean(name))


def test_clean_leaves_good_names_alone() -> None:
    for name in ("Kick 01", "Überhang (2)", "🎹 solo", "日本語", "a.b-c_d"):
        assert clean(name) == name
    assert clean(unicodedata.normalize("NFD", "Ü")) == "Ü"


@given(ANY_NAME)
def test_clean_is_legal_and_stays_so(name: str) -> None:
    assert_legal(clean(name))
    assert clean(clean(name)) == clean(name)


@given(st.lists(ANY_NAME, min_size=2, max_size=4), AMOUNTS, st.sampled_from(["steps", "lts"]))
def test_names_of_one_job_are_legal_and_all_different(clips: list[str], amounts: list[float], naming: str) -> None:
    names = stem_names(clips, at(amounts), naming)
    others = [stem_names(clips, made, naming) for made in (CURVE, WEIGHTS, GRID)]
    for name in [*names, *(name for made in others for name in made)]:
        assert_legal(name)
    assert len({name.casefold() for name in names}) == len(amounts)
    assert all(len({name.casefold() for name in made}) == len(made) for made in others)
    assert names == sorted(names)


def test_a_short_name_leaves_its_room_to_a_long_one() -> None:
    short, long = "kick", "n" * 300
    name = stem_names([short, long], at([0.5]), "steps")[0]
    assert name.startswith("kick~nnn") and len(name) == LIMIT_BYTES


@pytest.mark.parametrize(("text", "good"), [
    ("a", True), ("A-Z_09", True), ("x" * 64, True), ("x" * 65, False), ("", False), ("a.b", False), ("a b", False),
    ("../a", False), ("a\n", False), ("CON", False), ("lpt9", False), ("Daemon", False), ("é", False), ("con1", True),
])
def test_job_ids(text: str, good: bool) -> None:
    assert is_job_id(text) is good
