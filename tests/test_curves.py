"""Curve files as people write and export them."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lts_batch.engine.curves import read_curve
from lts_batch.errors import SettingsError
from lts_batch.settings import Settings, change

POINTS = [[0.0, 0.0], [0.5, 1.0], [1.0, -0.25]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "curve.txt"


def refused(file: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read_curve(file)
    sentence = str(caught.value)
    assert sentence.startswith(f"curve {file}")
    return sentence.removeprefix(f"curve {file}").strip(": ")


@pytest.mark.parametrize("text", [
    "[[0, 0], [0.5, 1], [1, -0.25]]",
    '  {"points": [[0, 0], [0.5, 1], [1, -0.25]]}\n',
    "0,0\n0.5,1\n1,-0.25\n",
    "0, 0\r\n0.5, 1\r\n1, -0.25",  # Windows
    "\ufeff0,0\n0.5,1\n1,-0.25\n",  # Excel puts a byte order mark before it
    "time,x\n0,0\n0.5,1\n1,-0.25\n",
    '"time","x"\n"0","0"\n"0.5","1"\n"1","-0.25"\n',
    "0;0\n0.5;1\n1;-0.25\n",
    "Zeit;x\n0;0\n0,5;1\n1;-0,25\n",  # a German spreadsheet
    "0\t0\n0,5\t1\n1\t-0,25\n",
    "\n0,0\n\n0.5,1\n , \n1,-0.25\n\n",
])
def test_one_curve_in_many_dresses(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8"))
    assert read_curve(file) == {"curve": POINTS}


@pytest.mark.parametrize(("text", "unit"), [
    ('{"unit": "seconds", "points": [[0, 0], [0.5, 1], [1, -0.25]]}', "seconds"),
    ('{"points": [[0, 0], [0.5, 1], [1, -0.25]], "unit": "fraction"}', "fraction"),
    ("seconds,x\n0,0\n0.5,1\n1,-0.25\n", "seconds"),
    (" Seconds ; x\n0;0\n0,5;1\n1;-0,25\n", "seconds"),
    ("fraction,x\n0,0\n0.5,1\n1,-0.25\n", "fraction"),
])
def test_the_unit_is_taken_from_the_file(file: Path, text: str, unit: str) -> None:
    file.write_text(text, encoding="utf-8")
    assert read_curve(file) == {"curve": POINTS, "curve_unit": unit}
    assert change(Settings(), read_curve(file), "").curve_unit == unit


def test_the_shape_is_taken_from_the_file(file: Path) -> None:
    file.write_text('{"shape": "smooth", "unit": "seconds", "points": [[0, 0], [2.5, 1]]}', encoding="utf-8")
    assert read_curve(file) == {"curve": [[0, 0], [2.5, 1]], "curve_shape": "smooth", "curve_unit": "seconds"}
    assert change(Settings(), read_curve(file), "").curve_shape == "smooth"


@pytest.mark.parametrize(("text", "sentence"), [
    ("", "holds no points; each line holds a time and an x"),
    ("\n\n", "holds no points; each line holds a time and an x"),
    ("time,x\n", "holds no points; each line holds a time and an x"),
    ("0,0\n0.5\n", "point 2 is '0.5'; each line holds a time and an x"),
    ("time,x\n0,0\n0.5,up\n", "point 2 is '0.5,up'; each line holds a time and an x"),
    ("0;0\n0,5;1;2\n", "point 2 is '0.5;1;2'; each line holds a time and an x"),
    ("0,0\n0,5,1\n", "point 2 is '0,5,1'; each line holds a time and an x"),
    *((text, 'must be a list of [time, x], or {"unit": ..., "shape": ..., "points": [...]}')
      for text in ('{"unit": "seconds"}', '{"points": [[0, 0]], "units": "seconds"}', "{}", '{"curve": [[0, 0]]}')),
])
def test_what_is_no_curve_is_said_to_be_none(file: Path, text: str, sentence: str) -> None:
    file.write_text(text, encoding="utf-8")
    assert refused(file) == sentence


@pytest.mark.parametrize("heading", ["beats", "Bars", " ms ", "s", "Minutes", "samples", "%"])
def test_times_in_another_unit_are_not_taken_for_fractions(file: Path, heading: str) -> None:
    file.write_text(f"{heading},x\n0,0\n1,1\n", encoding="utf-8")
    assert refused(file) == (f"times headed {heading.strip()!r} cannot be used: write them in seconds under the heading"
                             " seconds, or from 0 to 1 under the heading fraction")


@pytest.mark.parametrize("text", ["[[0, 0], [1, 1]", "[" * 3000, "[" + "1" * 5000 + "]", "{'unit': 1}"])
def test_broken_json(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    assert re.fullmatch(r"is not JSON: .+; write for example \[\[0, 0\], \[1, 1\]\]", refused(file))


def test_files_that_are_missing_or_no_text(file: Path) -> None:
    assert re.fullmatch(r"cannot be read \(.+\): check the name and the folder", refused(file))
    assert refused(file.parent).startswith("cannot be read (")
    file.write_bytes(b"RIFF\xff\xfe\x00")
    assert refused(file) == "is not text: give JSON or CSV with times and x"


@pytest.mark.parametrize(("text", "sentence"), [
    ("[1, 2]", "curve must be a list of [time, x] pairs, found [1, 2]"),
    ("0,0\n0.5,nan\n", "curve = nan is not a finite number"),
    ("0,0\n0.5,9\n", "curve = 9 is out of range: it goes from -3 to 3"),
    ("0,0\n2.5,1\n", "curve time 2.5 lies past the end: with curve_unit = 'fraction' times go from 0 to 1; say curve_unit ="
                     " 'seconds' for seconds"),
    ('{"shape": "round", "points": [[0, 0]]}', "curve_shape = 'round' is not known: choose one of linear, smooth"),
    ('{"unit": "minutes", "points": [[0, 0]]}', "curve_unit = 'minutes' is not known: choose one of fraction, seconds"),
])
def test_what_reads_well_but_means_nothing_is_left_to_the_settings(file: Path, text: str, sentence: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        change(Settings(), read_curve(file), f"curve {file}")
    assert str(caught.value) == f"curve {file}: {sentence}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-3, 3)), min_size=1, max_size=6),
       st.sampled_from([",", ";", "\t"]), st.booleans())
def test_csv_and_json_give_every_number_back(file: Path, points: list[tuple[float, float]], sign: str, comma: bool) -> None:
    wanted = [list(point) for point in points]
    rows = [sign.join(map(repr, point)) for point in points]
    text = "\n".join(rows).replace(".", "," if comma and sign != "," else ".")
    file.write_text(text, encoding="utf-8")
    assert read_curve(file) == {"curve": wanted}
    file.write_text(json.dumps(wanted), encoding="utf-8")
    assert read_curve(file) == {"curve": wanted}
