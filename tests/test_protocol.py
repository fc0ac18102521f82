"""docs/protocol.md says what the schemas say, and the schemas what the settings say."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from lts_batch.errors import SettingsError
from lts_batch.protocol import MOST_AMOUNTS, SCHEMAS, STATES, from_lines, schema, settings_schema
from lts_batch.settings import FIELDS, Settings, as_dict, change
from lts_batch.stems import manifest
from lts_batch.stems.manifest import from_json
from lts_batch.watch.jobfile import parse
from lts_batch.watch.status import read_status

DOCS = Path(__file__).parent.parent / "docs" / "protocol.md"
EXAMPLE = re.compile(r"<!-- (schema|tsv): (\w+) -->\n```\w*\n(.*?)```", re.DOTALL)
NUMBERS = {"fraction": float, "counter": int, "waiting": int, "done": int, "failed": int,
           "process": int}


def examples(form: str) -> list[tuple[str, str]]:
    found = EXAMPLE.findall(DOCS.read_text(encoding="utf-8"))
    return [(name, text) for kind, name, text in found if kind == form]


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$id"] == f"urn:lts-batch:{name}:1"


def test_every_schema_has_an_example() -> None:
    assert {name for form in ("schema", "tsv") for name, _ in examples(form)} == set(SCHEMAS)


@pytest.mark.parametrize(("name", "text"), examples("schema"))
def test_examples_in_json_follow_their_schemas(name: str, text: str) -> None:
    Draft202012Validator(schema(name)).validate(json.loads(text))


@pytest.mark.parametrize(("name", "text"), examples("tsv"))
def test_examples_in_lines_follow_their_schemas(name: str, text: str) -> None:
    values: dict[str, Any] = {row[0]: NUMBERS.get(row[0], str)(row[1]) for row in from_lines(name, text)}
    Draft202012Validator(schema(name)).validate(values)


def test_job_examples_are_taken_by_the_parser() -> None:
    for name, text in examples("schema"):
        if name == "job":
            request = parse(text.encode(), "example.job.json", Path("/watched/inbox"))
            assert 2 <= len(request.clips) <= 4 and request.settings != Settings()


def test_the_manifest_example_is_read_back() -> None:
    text = next(text for name, text in examples("schema") if name == "manifest")
    assert json.loads(from_json(text).to_json()) == json.loads(text)


def test_settings_of_the_job_schema_are_the_settings_safe_for_jobs() -> None:
    assert schema("job")["properties"]["settings"]["properties"] == json.loads(json.dumps(settings_schema()))
    assert set(settings_schema()) == {name for name, item in FIELDS.items() if item.metadata["job_safe"]}
    assert not {"model", "effects", "device"} & set(settings_schema())


def test_the_defaults_follow_the_job_schema() -> None:
    settings = {key: value for key, value in as_dict(Settings()).items() if FIELDS[key].metadata["job_safe"]}
    job = {"format": "lts-batch/job", "version": 1, "clips": [{"path": "a"}, {"path": "b"}], "settings": settings}
    Draft202012Validator(schema("job")).validate(json.loads(json.dumps(job)))


@pytest.mark.parametrize("key", [key for key, item in FIELDS.items() if item.metadata["job_safe"]])
def test_schema_and_settings_refuse_the_same_values(key: str) -> None:
    """A client that checks against the schema is never surprised."""
    validator = Draft202012Validator(settings_schema()[key])
    item = FIELDS[key].metadata
    edges = [value for limit in ("least", "most") if (value := item[limit]) is not None]
    values = [True, False, None, 0, 1, -1, 0.5, 1e9, "x", "", [], [0.5], [[0.0, 0.5]], [["0", "1"]], {},
              [[0.5, 0.5]], [[2.0, -1.0, 0.0]], [[1.0]], [[0.2] * 5], [[9.0, -8.0]], "3x3", "100x2",
              "1x3", "101x2", "03x3", "3X3", "3x3x3", *item["choices"], *edges, *(edge + 1 for edge in edges),
              *(edge - 1 for edge in edges)]
    for value in values:
        if key == "weights" and value == [[0.0, 0.5]]:
            continue  # a schema cannot add up
        try:
            change(Settings(), {key: value}, "", from_job=True)
            taken = True
        except SettingsError:
            taken = False
        assert validator.is_valid(value) is taken, f"schema and settings do not agree on {key} = {value!r}"


def test_no_settings_of_a_job_make_more_stems_than_the_schema_allows() -> None:
    assert len(Settings(steps=1001, beyond=2.0).amounts()) == MOST_AMOUNTS
    with pytest.raises(ValidationError):
        Draft202012Validator(settings_schema()["x"]).validate([0.0] * (MOST_AMOUNTS + 1))


def test_states_are_those_of_the_schema_and_the_docs() -> None:
    assert schema("status")["properties"]["state"]["enum"] == list(STATES)
    line = next(line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `state` |"))
    assert re.findall(r"`(\w+)`", line)[1:] == list(STATES)


def test_the_lua_of_the_docs_reads_what_we_write(tmp_path: Path) -> None:
    lua = next((found for name in ("lua5.4", "lua5.3", "lua") if (found := shutil.which(name))), None)
    if lua is None:
        pytest.skip("no Lua is installed")
    odd = "tab\there\\new\nline\rend ü 🎹"
    clip = manifest.ClipEntry(odd, "a", 1, "0" * 64, 44100, 1, 0, 1)
    record = manifest.Manifest("j", "0", {"name": "m", "sha256": "0" * 64}, {}, (clip,), (), (odd,), {"k": odd})
    (tmp_path / "m.tsv").write_bytes(record.to_tsv().encode())
    code = re.search(r"```lua\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    script = code[1] + """
for _, row in ipairs(read(arg[1], "manifest")) do
  if row[1] == "clip" then io.write(row[3], "|") end
  if row[1] == "note" then io.write(row[2]) end
end
assert(read(arg[1], "status") == nil)"""
    (tmp_path / "read.lua").write_text(script, encoding="utf-8")
    done = subprocess.run([lua, str(tmp_path / "read.lua"), str(tmp_path / "m.tsv")], capture_output=True, check=True)
    assert done.stdout.decode() == f"{odd}|{odd}"


def test_a_status_file_that_is_none_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "daemon.tsv"
    assert read_status(path, "daemon") == {}
    for text in ("", "x", "lts-batch-daemon\t1\nstate\n", "lts-batch-daemon\t1\ncounter\tmany\n"):
        path.write_text(text, encoding="utf-8")
        assert read_status(path, "daemon") == {}
