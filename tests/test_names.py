"""Names of stems: legal everywhere, never the same twice, sorted as they sound."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts_batch.names import LIMIT_BYTES, clean, stem_names
from lts_batch.protocol import is_device_name, is_job_id

ANY_NAME = st.text(st.characters(), max_size=300)
AMOUNTS = st.lists(st.floats(-3, 3, allow_nan=False), min_size=1, max_size=40, unique=True)


def assert_legal(name: str) -> None:
    data = name.encode("utf-8")  # lone surrogates fail here
    assert 0 < len(data) <= LIMIT_BYTES
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', name)
    assert not name.startswith((".", " ")) and not name.endswith((".", " "))
    assert not is_device_name(name)


def test_the_names_of_the_design() -> None:
    names = stem_names(["piano", "violin"], [-0.3, 0.0, 0.3, 1.0], curve=False, naming="steps")
    assert names == ["piano~violin_01_x-0.30.wav", "piano~violin_02_x+0.00.wav", "piano~violin_03_x+0.30.wav",
                     "piano~violin_04_x+1.00.wav"]
    assert stem_names(["piano", "violin"], [], curve=True, naming="steps") == ["piano~violin_01_curve.wav"]


def test_numbers_count_in_the_order_of_x_and_are_wide_enough() -> None:
    amounts = [1.0, 0.0, 0.5]
    assert [name[4:6] for name in stem_names(["a", "b"], amounts, curve=False, naming="steps")] == ["03", "01", "02"]
    many = stem_names(["a", "b"], [n / 1000 for n in range(101)], curve=False, naming="steps")
    assert many[0] == "a~b_001_x+0.000.wav" and many == sorted(many)


@pytest.mark.parametrize(("amounts", "shown"), [
    ([0.125, 0.25], ["+0.125", "+0.250"]),  # exact where three decimals do
    ([1 / 3, 2 / 3], ["+0.33", "+0.67"]),
    ([0.30001, 0.30002], ["+0.30001", "+0.30002"]),  # as many as it takes to tell them apart
    ([-0.0, 1e-4], ["+0.0000", "+0.0001"]),  # no minus before nothing
    ([-1e-12], ["+0.00"]),
])
def test_decimals(amounts: list[float], shown: list[str]) -> None:
    names = stem_names(["a", "b"], amounts, curve=False, naming="steps")
    assert [re.findall(r"_x(.*)\.wav", name)[0] for name in names] == shown


def test_names_of_the_lts_examples() -> None:
    amounts = [round(n / 10, 1) for n in range(-1, 13)]
    names = stem_names(["a", "b"], amounts, curve=False, naming="lts")
    assert names[0] == "01-x_extrapolations_-0.1.wav"
    assert names[2] == "03-x_interpolations_0.1.wav"
    assert names[11:13] == ["12-x_interpolations_1.0.wav", "13-x_extrapolations_1.1.wav"]
    assert stem_names(["a", "b"], [], curve=True, naming="lts") == ["01-x_curve.wav"]


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
    names = stem_names(clips, amounts, curve=False, naming=naming)
    for name in [*names, *stem_names(clips, [], curve=True, naming=naming)]:
        assert_legal(name)
    assert len({name.casefold() for name in names}) == len(amounts)
    assert [name for _, name in sorted(zip(amounts, names, strict=True))] == sorted(names)


def test_a_short_name_leaves_its_room_to_a_long_one() -> None:
    short, long = "kick", "n" * 300
    name = stem_names([short, long], [0.5], curve=False, naming="steps")[0]
    assert name.startswith("kick~nnn") and len(name) == LIMIT_BYTES


@pytest.mark.parametrize(("text", "good"), [
    ("a", True), ("A-Z_09", True), ("x" * 64, True), ("x" * 65, False), ("", False), ("a.b", False), ("a b", False),
    ("../a", False), ("a\n", False), ("CON", False), ("lpt9", False), ("Daemon", False), ("é", False), ("con1", True),
])
def test_job_ids(text: str, good: bool) -> None:
    assert is_job_id(text) is good
