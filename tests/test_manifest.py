"""The record beside the stems comes back as it was written, as JSON and as lines of tabs."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lts_batch.errors import JobError
from lts_batch.protocol import as_field, escape, from_lines, schema, to_lines, unescape
from lts_batch.settings import Settings, as_dict
from lts_batch.stems.manifest import ClipEntry, Manifest, StemEntry, from_json

HASH = "0" * 64
ANY_TEXT = st.text(st.characters(), max_size=60)  # with surrogates, as file names may bring them
UTF8_TEXT = st.text(st.characters(codec="utf-8"), max_size=60)


def make(**changes: object) -> Manifest:
    clips = tuple(ClipEntry(f"/music/{name}.wav", name, 1000, HASH, 44100, 1, 5, 500) for name in ("a", "b"))
    stems = (StemEntry("a~b_01_x+0.00.wav", 1, 0.0, 500, 44100, 1, "PCM_24", 0.25, HASH, (1.0, 0.0)),
             StemEntry("a~b_02_x+1.00.wav", 2, 1.0, 500, 44100, 1, "PCM_24", 1.0, HASH, (0.0, 1.0)))
    base = Manifest("job-1", "0.1.0", {"name": "general", "sha256": HASH}, json.loads(json.dumps(as_dict(Settings()))),
                    clips, stems, ("a note",), {"track": 3, "name": "x", "muted": True}, HASH)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_json_comes_back_and_follows_the_schema() -> None:
    manifest = make()
    assert from_json(manifest.to_json()) == manifest
    Draft202012Validator(schema("manifest")).validate(json.loads(manifest.to_json()))
    bare = make(job=None, job_digest=None, echo={}, notes=())
    Draft202012Validator(schema("manifest")).validate(json.loads(bare.to_json()))


@given(ANY_TEXT, st.dictionaries(ANY_TEXT, st.one_of(ANY_TEXT, st.booleans(), st.integers(), st.floats(allow_nan=False,
                                                                                                        allow_infinity=False))))
def test_any_text_comes_back_through_json_bytes(path: str, echo: dict[str, object]) -> None:
    clip = dataclasses.replace(make().clips[0], path=path)
    manifest = make(clips=(clip,), echo=echo, notes=(path,))
    data = manifest.to_json().encode("utf-8")
    assert from_json(data.decode("utf-8")) == manifest


@given(UTF8_TEXT, UTF8_TEXT)
def test_any_text_comes_back_through_lines_of_tabs(path: str, note: str) -> None:
    manifest = make(clips=(dataclasses.replace(make().clips[0], path=path),), notes=(note,), echo={"k": note})
    text = manifest.to_tsv().encode("utf-8").decode("utf-8")
    rows = from_lines("manifest", text)
    assert [row[2] for row in rows if row[0] == "clip"] == [path]
    assert ["note", note] in rows and ["echo", "k", note] in rows


@given(ANY_TEXT)
def test_fields_hold_no_tab_and_no_end_of_line(text: str) -> None:
    field = escape(text)
    assert not set(field) & set("\t\n\r")
    assert unescape(field) == "".join(
        "\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def test_the_columns_are_those_of_the_protocol() -> None:
    rows = from_lines("manifest", make().to_tsv())
    kinds = [row[0] for row in rows]
    assert kinds[:3] == ["job", "lts_batch", "model"] and kinds.count("clip") == 2 and kinds.count("stem") == 2
    assert next(row for row in rows if row[0] == "clip") == ["clip", "1", "/music/a.wav", "a", "1000", HASH, "44100", "1",
                                                             "5", "500"]
    assert next(row for row in rows if row[0] == "stem") == ["stem", "1", "0.0", "a~b_01_x+0.00.wav", "500", "44100", "1",
                                                             "PCM_24", "0.25", HASH, "[1.0, 0.0]"]
    assert ["setting", "curve", ""] in rows and ["setting", "steps", "5"] in rows
    assert ["echo", "muted", "true"] in rows and ["job", "job-1", HASH] in rows


@pytest.mark.parametrize(("weights", "field"), [(None, ""), ((0.5, 0.25, 0.25), "[0.5, 0.25, 0.25]")])
def test_a_curve_has_neither_x_nor_weights_and_more_clips_have_no_x(weights: tuple[float, ...] | None, field: str) -> None:
    manifest = make(stems=(dataclasses.replace(make().stems[0], x=None, weights=weights),))
    assert from_json(manifest.to_json()) == manifest
    Draft202012Validator(schema("manifest")).validate(json.loads(manifest.to_json()))
    row = next(row for row in from_lines("manifest", manifest.to_tsv()) if row[0] == "stem")
    assert (row[2], row[-1]) == ("", field)


def test_a_manifest_from_before_there_were_weights_is_read() -> None:
    values = json.loads(make().to_json())
    for stem in values["stems"]:
        del stem["weights"]
    assert from_json(json.dumps(values)).stems == tuple(dataclasses.replace(stem, weights=None) for stem in make().stems)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format": "lts-batch/manifest", "version": 2}', "[" * 9999,
                                  '{"format": "lts-batch/manifest", "version": 1, "clips": 3}'])
def test_other_things_are_no_manifest(text: str) -> None:
    with pytest.raises(JobError, match="this manifest cannot be read"):
        from_json(text)


def test_lines_of_another_kind_or_version_are_refused() -> None:
    with pytest.raises(ValueError, match="no status of version 1"):
        from_lines("status", make().to_tsv())
    with pytest.raises(ValueError, match="no manifest"):
        from_lines("manifest", "lts-batch-manifest\t2\n")
    with pytest.raises(ValueError, match="no manifest"):
        from_lines("manifest", "")


def test_fields_of_values() -> None:
    assert [as_field(value) for value in (None, True, 1, 0.5, "x", [[0.0, 1.0]])] == ["", "true", "1", "0.5", "x",
                                                                                   "[[0.0, 1.0]]"]
    assert to_lines("x", [("a\tb", "c\\d")]) == "lts-batch-x\t1\na\\tb\tc\\\\d\n"
