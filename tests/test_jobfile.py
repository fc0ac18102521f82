"""What job files may say, and what they may not do."""

import json
import struct
from pathlib import Path
from typing import Any

import inboxes
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inboxes import Scanner, job
from jsonschema import Draft202012Validator

from lts_batch.errors import JobError, LtsError, SettingsError
from lts_batch.protocol import JOB_FILE_LIMIT_BYTES, schema
from lts_batch.settings import Settings, change, load_preset
from lts_batch.watch.jobfile import ClipRequest, named_paths, parse, read_bytes

inbox = inboxes.inbox


@pytest.mark.parametrize(("changes", "kind", "message"), [
    ({"settings": {"model": "/elsewhere/evil"}}, SettingsError, "may not set 'model'"),
    ({"settings": {"stepz": 3}}, SettingsError, "did you mean 'steps'"),
    ({"settings": {"steps": 10 ** 400}}, SettingsError, "steps = 1000"),
    ({"settings": {"x": [10 ** 400]}}, SettingsError, "x"),
    ({"settings": {"curve": [[0, 10 ** 400]]}}, SettingsError, "curve"),
    ({"settings": {"steps": True}}, SettingsError, "wrong type"),
    ({"settings": {"x": []}}, SettingsError, "x is empty"),
    ({"settings": {"x": [0.0] * 6000}}, JobError, "settings.x"),
    ({"settings": {"curve": ["01", "11"]}}, SettingsError, "curve must be a list of"),
    ({"settings": {"naming": "../../{x}"}}, SettingsError, "choose one of"),
    ({"settings": {"device": "cuda"}}, SettingsError, "may not set 'device'"),
    ({"settings": {"effects": [{"name": "/elsewhere/evil.vst3"}]}}, SettingsError, "may not set 'effects'"),
    ({"settings": {"weights": [[0.5, 10 ** 400]]}}, SettingsError, "weights"),
    ({"settings": {"weights": [[0.5, 0.4]]}}, SettingsError, "sum to 0.9"),
    ({"settings": {"weights": [[0.5, 0.5]] * 6000}}, JobError, "settings.weights"),
    ({"settings": {"weights": [[0.5, 0.25, 0.25]]}}, SettingsError, "stem 1 has 3 weights"),
    ({"settings": {"grid": "3x3"}}, SettingsError, "four corners, and 2 were given"),
    ({"settings": {"grid": "9" * 5000 + "x2"}}, SettingsError, "grid = '9999"),
    ({"preset": "grid-3x3"}, SettingsError, "four corners, and 2 were given"),
    ({"clips": [{"path": "a"}] * 3}, SettingsError, "3 clips need weights"),
    ({"clips": [{"path": "a"}] * 4, "settings": {"curve": [[0, 0]]}}, SettingsError, "curve moves between two clips"),
    ({"settings": {"x_level": [[0, 10 ** 400]]}}, SettingsError, "x_level"),
    ({"settings": {"curve_shape": "round"}}, SettingsError, "choose one of linear, smooth"),
    ({"settings": []}, JobError, "settings is \\[\\]; it should be of type object"),
    ({"preset": "../evil"}, JobError, "preset is"),
    ({"preset": "/etc/passwd"}, JobError, "preset is"),
    ({"preset": "nosuch"}, SettingsError, "no preset is called 'nosuch'"),
    ({"clips": []}, JobError, "clips has 0 entries; it takes 2 to 4"),
    ({"clips": [{"path": "a"}] * 5}, JobError, "clips has 5 entries"),
    ({"clips": [{"path": "a"}]}, JobError, "clips has 1 entries"),
    ({"clips": "a.wav"}, JobError, "should be of type array"),
    ({"clips": [{"path": ""}, {"path": "b"}]}, JobError, r"clips\[0\].path"),
    ({"clips": [{"path": "a\0b"}, {"path": "b"}]}, JobError, r"clips\[0\].path"),
    ({"clips": [{"path": "../../etc/passwd"}, {"path": "b"}]}, JobError, r"goes upwards by '\.\.'"),
    ({"clips": [{"path": "a/../b"}, {"path": "b"}]}, JobError, "goes upwards"),
    ({"clips": [{"path": "a\\..\\..\\b"}, {"path": "b"}]}, JobError, "goes upwards"),
    ({"clips": [{"path": "/r/inbox/../../x"}, {"path": "b"}]}, JobError, "goes upwards"),
    ({"clips": [{"path": "a", "offset_samples": -1}, {"path": "b"}]}, JobError, "its minimum is 0"),
    ({"clips": [{"path": "a", "offset_samples": 2**60}, {"path": "b"}]}, JobError, "its maximum is"),
    ({"clips": [{"path": "a", "length_samples": 0}, {"path": "b"}]}, JobError, r"clips\[0\].length_samples"),
    ({"clips": [{"path": "a", "gain": 1}, {"path": "b"}]}, JobError, "unknown key 'gain'"),
    ({"output": "/home"}, JobError, "unknown key 'output'"),
    ({"version": 2}, JobError, "version is 2; this lts-batch knows 1 only"),
    ({"format": "x"}, JobError, "format is"),
    ({"echo": {"a b": 1}}, JobError, "echo"),
    ({"echo": {"a": [1]}}, JobError, "echo.a"),
    ({"echo": {"a": "x" * 5000}}, JobError, "echo.a"),
    ({"echo": {str(n): n for n in range(65)}}, JobError, "maxProperties is 64"),
])
def test_job_files_may_not(inbox: Path, changes: dict[str, Any], kind: type[LtsError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        parse(job(**changes), "j.job.json", inbox)
    assert "j.job.json" in str(caught.value) and len(str(caught.value)) < 1000


@pytest.mark.parametrize("data", [
    b"", b"null", b"3", b'"x"', b"[]", b"{}", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b"9" * 5000,
    b"1e999", b'{"version": 1, "version": 1}', job()[:-1], job() + b"x", b"\x00" * 100, struct.pack("<4sI", b"RIFF", 36),
])
def test_other_things_are_no_job_files(inbox: Path, data: bytes) -> None:
    with pytest.raises(JobError, match=r"j\.job\.json"):
        parse(data, "j.job.json", inbox)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "con", "NUL", "com1", "daemon", "x" * 65, "é", "a\n", "..", "-" * 0])
def test_ids_that_may_not_be(inbox: Path, name: str) -> None:
    with pytest.raises(JobError, match="is no id"):
        parse(job(), f"{name}.job.json", inbox)


def test_a_broken_id_still_gets_a_folder_of_its_own(inbox: Path) -> None:
    (inbox / "my job!.job.json").write_bytes(job())
    ((candidate, error),) = Scanner(inbox).settled().broken
    assert candidate.name.startswith("my-job-") and "is no id" in str(error)


def test_a_good_job_file(inbox: Path) -> None:
    data = job(preset="graded-11", settings={"detail": 0.5, "sample_rate": 48000.0}, echo={"track": 3})
    request = parse(b"\xef\xbb\xbf" + data, "j.job.json", inbox, Settings(model="mine"))
    assert request.settings == load_preset("graded-11", Settings(model="mine", detail=0.5, sample_rate=48000))
    assert request.clips == (ClipRequest(inbox / "a.wav"), ClipRequest(inbox / "b.wav"))
    assert request.echo == {"track": 3} and request.id == "j"


@pytest.mark.parametrize(("count", "settings"), [
    (3, {"weights": [[0.5, 0.25, 0.25]]}), (4, {"grid": "3x3", "beyond": 0.5}), (4, {"weights": [[1, 0, 0, 0]]}),
    (2, {"curve": [[0, 0], [2, 1]], "curve_unit": "seconds", "curve_shape": "smooth", "x_level": 0, "x_pitch": [[0, 1]]}),
    (2, {"x": [0, 1], "x_level": [[0, 0], [1, 1]]}), (2, {"spacing": "even-distance", "steps": 11}),
    (2, {"align": "beats", "loop": "on", "level": "match", "pitch": "glide", "quality": "draft", "bit_depth": 16}),
])
def test_job_files_say_how_to_mix_their_clips(inbox: Path, count: int, settings: dict[str, Any]) -> None:
    request = parse(job(clips=[{"path": f"{n}.wav"} for n in range(count)], settings=settings), "j.job.json", inbox)
    assert len(request.clips) == count and request.settings == change(Settings(), settings, "")


def test_large_and_odd_job_files_are_not_read(inbox: Path) -> None:
    path = inbox / "j.job.json"
    path.write_bytes(b" " * (JOB_FILE_LIMIT_BYTES + 1))
    with pytest.raises(JobError, match="has more than 1048576 bytes"):
        read_bytes(path)
    (inbox / "k.job.json").symlink_to(path)
    with pytest.raises(JobError, match="no ordinary file"):
        read_bytes(inbox / "k.job.json")
    (inbox / "folder.job.json").mkdir()
    with pytest.raises(JobError, match="no ordinary file"):
        read_bytes(inbox / "folder.job.json")


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
                    max_leaves=10)
CLIP = st.fixed_dictionaries({"path": st.text(max_size=20)}, optional={"offset_samples": JSON, "length_samples": JSON,
                                                                       "name": JSON, "rendered": JSON})
JOBS = st.fixed_dictionaries({"format": st.just("lts-batch/job"), "version": st.just(1),
                              "clips": st.lists(CLIP, min_size=1, max_size=4)},
                             optional={"preset": st.sampled_from(["sweep", "x"]) | JSON, "echo": JSON, "settings":
                                       JSON | st.dictionaries(st.sampled_from(sorted(set(Settings.__dataclass_fields__))),
                                                              JSON, max_size=3)})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.builds(lambda value: json.dumps(value).encode(), JSON | JOBS))
def test_the_parser_knows_only_two_errors(data: bytes) -> None:
    inbox = Path("/watched/inbox")
    named_paths(data, inbox)
    try:
        request = parse(data, "j.job.json", inbox)
    except (JobError, SettingsError) as error:
        str(error).encode("utf-8")  # a message that can be shown
    else:
        Draft202012Validator(schema("job")).validate(json.loads(data))
        assert 2 <= len(request.clips) <= 4 and request.settings.model == "general"
