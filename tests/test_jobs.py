"""What makes a job, what waits, and what job files may not do."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lts_batch.errors import ClipError, JobError, LtsError, SettingsError
from lts_batch.files import allowed, audio
from lts_batch.files.allowed import NotAllowed, allow, allowed_folders, open_allowed
from lts_batch.protocol import JOB_FILE_LIMIT_BYTES, schema
from lts_batch.settings import Settings, change, load_preset
from lts_batch.watch.jobfile import ClipRequest, named_paths, parse, read_bytes
from lts_batch.watch.jobs import Candidate, inbox_entry, take
from lts_batch.watch.scan import Found, scan
from lts_batch.watch.view import Observations
from lts_batch.watch.written import named_by_job_files

JOB: dict[str, Any] = {"format": "lts-batch/job", "version": 1, "clips": [{"path": "a.wav"}, {"path": "b.wav"}]}


def wav(path: Path, seconds: float = 0.05, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (1, int(44100 * seconds))).astype(np.float32)
    audio.write(path, samples, 44100, overwrite=True)
    return path


def job(**changes: Any) -> bytes:
    return json.dumps({**JOB, **changes}).encode()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "inbox"
    folder.mkdir(parents=True)
    return folder


class Scanner:
    """Scans with a clock that we set."""

    def __init__(self, inbox: Path) -> None:
        self.inbox, self.seen, self.now = inbox, Observations(), 0.0

    def __call__(self, after: float = 0.0) -> Found:
        self.now += after
        found = scan(self.inbox, self.seen, self.now, settle_seconds=2.0)
        self.seen = found.seen
        return found

    def settled(self) -> Found:
        self()
        return self(2.0)


def shape(found: Found) -> list[tuple[str, str, list[str]]]:
    return [(candidate.origin, candidate.name, [clip.path.name for clip in candidate.clips]) for candidate in found.ready]


# ---------------------------------------------------------------- what makes a job


@pytest.mark.parametrize(("files", "ready", "waiting"), [
    (["k_A.wav", "k_B.wav"], [("pair", "k", ["k_A.wav", "k_B.wav"])], []),
    (["k_A.wav", "k_B.flac"], [("pair", "k", ["k_A.wav", "k_B.flac"])], []),
    (["k_B.WAV", "k_A.AIF"], [("pair", "k", ["k_A.AIF", "k_B.WAV"])], []),
    (["k_A.wav", "k_B.wav", "k_C.wav"], [("pair", "k", ["k_A.wav", "k_B.wav", "k_C.wav"])], []),
    ([f"k_{r}.wav" for r in "ABCD"], [("pair", "k", [f"k_{r}.wav" for r in "ABCD"])], []),
    (["a_b_A.wav", "a_b_B.wav", "a_A.wav"], [("pair", "a_b", ["a_b_A.wav", "a_b_B.wav"])],
     ["a_A.wav waits for its partner a_B"]),
    (["k_A.wav"], [], ["k_A.wav waits for its partner k_B"]),
    (["k_B.wav"], [], ["k_B.wav waits for its partner k_A"]),
    (["k_A.wav", "k_C.wav"], [], ["k_A.wav waits for its partner k_B"]),
    (["k_A.wav", "k_A.flac", "k_B.wav"], [], ["more than one clip claims to be k_A"]),
    (["k_1.wav", "k_2.wav"], [], ["k_1.wav has no partner", "k_2.wav has no partner"]),
    (["k_a.wav", "k_b.wav"], [], ["k_a.wav has no partner", "k_b.wav has no partner"]),
    (["k_E.wav"], [], ["k_E.wav has no partner"]),
    (["_A.wav", "_B.wav"], [], ["_A.wav has no partner", "_B.wav has no partner"]),
    (["K_A.wav", "k_B.wav"], [], ["K_A.wav waits", "k_B.wav waits"]),
    ([".k_A.wav", "k_B.wav", "notes.txt", "k_A.wav.part"], [], ["k_B.wav waits for its partner k_A"]),
    (["s/10.wav", "s/2.wav"], [("set", "s", ["2.wav", "10.wav"])], []),
    (["s/b.wav", "s/A.wav", "s/c.wav", "s/x.reapeaks"], [("set", "s", ["A.wav", "b.wav", "c.wav"])], []),
    (["s/one.wav"], [], ["s holds one clip"]),
    ([f"s/{n}.wav" for n in range(5)], [], ["s holds 5 clips"]),
    (["s/deep/a.wav", "s/deep/b.wav"], [], ["s holds folders and no clips"]),
    (["s/notes.txt", ".hidden/a.wav", ".hidden/b.wav"], [], []),
    (["graded-11/k_A.wav", "graded-11/k_B.wav"], [("preset", "k", ["k_A.wav", "k_B.wav"])], []),
    (["graded-11/one.wav", "graded-11/two.wav"], [], ["one.wav has no partner", "two.wav has no partner"]),
    (["graded-11/deep/a.wav", "graded-11/deep/b.wav"], [], ["deep lies in a preset's folder"]),
    (["k_A.wav", "graded-11/k_B.wav"], [], ["k_A.wav waits", "k_B.wav waits"]),
    (["k_A.wav", "k_B.wav", "s/a.wav", "s/b.wav", "graded-11/k_A.wav", "graded-11/k_B.wav"],
     [("preset", "k", ["k_A.wav", "k_B.wav"]), ("pair", "k", ["k_A.wav", "k_B.wav"]), ("set", "s", ["a.wav", "b.wav"])], []),
    (["s/x.job.json"], [], ["x.job.json lies in a folder"]),
])
def test_pairs_and_sets(inbox: Path, files: list[str], ready: list[Any], waiting: list[str]) -> None:
    for name in files:
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(b"x")
    found = Scanner(inbox).settled()
    assert shape(found) == ready
    assert len(found.waiting) == len(waiting)
    for item, why in zip(sorted(found.waiting, key=lambda item: item.why), sorted(waiting), strict=True):
        assert item.why.startswith(why) and item.until is None


def test_a_preset_folder_gives_its_preset(inbox: Path) -> None:
    for name in ("sweep/k_A.wav", "sweep/k_B.wav"):
        wav(inbox / name)
    (candidate,) = Scanner(inbox).settled().ready
    assert candidate.settings == load_preset("sweep")


def test_names_in_two_unicode_forms_are_one_pair(inbox: Path) -> None:
    wav(inbox / "u\u0308_A.wav")
    wav(inbox / "\u00fc_B.wav")
    assert [len(candidate.clips) for candidate in Scanner(inbox).settled().ready] == [2]


def test_files_that_a_job_file_names_are_never_paired(inbox: Path) -> None:
    for name in ("k_A.wav", "k_B.wav", "s/a.wav", "s/b.wav", "s/c.wav"):
        wav(inbox / name)
    (inbox / "j.job.json").write_bytes(job(clips=[{"path": "k_A.wav"}, {"path": str(inbox / "s" / "a.wav")}]))
    found = Scanner(inbox).settled()
    assert shape(found) == [("file", "j", ["k_A.wav", "a.wav"]), ("set", "s", ["b.wav", "c.wav"])]
    assert [item.why[:19] for item in found.waiting] == ["k_B.wav waits for i"]


def test_a_job_file_that_breaks_the_rules_keeps_its_files_from_being_paired(inbox: Path) -> None:
    wav(inbox / "k_A.wav")
    wav(inbox / "k_B.wav")
    (inbox / "j.job.json").write_bytes(job(clips=[{"path": "k_A.wav"}], what=1))
    found = Scanner(inbox).settled()
    assert found.ready == ()
    ((candidate, error),) = found.broken
    assert candidate.name == "j" and "unknown key 'what'" in str(error)


@pytest.mark.skipif(os.name == "nt", reason="hard links need rights there")
def test_a_job_file_names_a_clip_under_another_of_its_names(inbox: Path, tmp_path: Path) -> None:
    wav(inbox / "k_A.wav")
    wav(inbox / "k_B.wav")
    (tmp_path / "alias.wav").hardlink_to(inbox / "k_A.wav")
    (inbox / "j.job.json").write_bytes(job(clips=[{"path": str(inbox / "alias.wav")}, {"path": "x.wav"}]))
    (inbox / "alias.wav").symlink_to(tmp_path / "alias.wav")
    assert [candidate.origin for candidate in Scanner(inbox).settled().ready] == ["file"]


def test_a_linked_folder_is_not_followed(inbox: Path, tmp_path: Path) -> None:
    wav(tmp_path / "music" / "a.wav")
    wav(tmp_path / "music" / "b.wav")
    (inbox / "s").symlink_to(tmp_path / "music", target_is_directory=True)
    found = Scanner(inbox).settled()
    assert found.ready == () and "is a link to a folder" in found.waiting[0].why


def test_job_files_come_first_in_the_order_they_came(inbox: Path) -> None:
    wav(inbox / "k_A.wav")
    wav(inbox / "k_B.wav")
    scanner = Scanner(inbox)
    scanner.settled()
    for name, when in (("late", 2_000_000_000), ("early", 1_000_000_000)):
        path = inbox / f"{name}.job.json"
        path.write_bytes(job())
        os.utime(path, ns=(when, when))
    assert [candidate.name for candidate in scanner().ready] == ["early", "late", "k"]


# ---------------------------------------------------------------- settling


def test_a_pair_is_taken_when_it_has_stood_still(inbox: Path) -> None:
    scanner = Scanner(inbox)
    wav(inbox / "k_A.wav")
    assert scanner().waiting[0].until == 2.0
    scanner(1.9)
    wav(inbox / "k_B.wav")
    assert shape(scanner()) == []
    assert shape(scanner(1.9)) == []
    assert scanner().waiting[0].why == "k is still changing"
    assert shape(scanner(0.1)) == [("pair", "k", ["k_A.wav", "k_B.wav"])]


def test_a_growing_file_starts_the_wait_anew(inbox: Path) -> None:
    scanner = Scanner(inbox)
    wav(inbox / "k_B.wav")
    for n in range(5):
        (inbox / "k_A.wav").write_bytes(b"x" * (n + 1))
        assert shape(scanner(1.5)) == []
    assert shape(scanner(2.0)) == [("pair", "k", ["k_A.wav", "k_B.wav"])]


def test_a_third_clip_on_its_way_holds_the_set(inbox: Path) -> None:
    scanner = Scanner(inbox)
    for name in ("k_A.wav", "k_B.wav", "s/a.wav", "s/b.wav"):
        wav(inbox / name)
    scanner(0.0)
    (inbox / "k_C.wav.part").write_bytes(b"x")
    (inbox / "s" / ".c.wav.Xy12").write_bytes(b"x")  # as rsync names what it is copying
    assert shape(scanner(1.9)) == []
    assert shape(scanner(0.2)) == []
    (inbox / "k_C.wav.part").rename(inbox / "k_C.wav")
    (inbox / "s" / ".c.wav.Xy12").rename(inbox / "s" / "c.wav")
    assert shape(scanner(1.9)) == []
    assert [len(candidate.clips) for candidate in scanner(2.0).ready] == [3, 3]


def test_a_clip_taken_back_changes_the_set(inbox: Path) -> None:
    scanner = Scanner(inbox)
    for name in "abc":
        wav(inbox / "s" / f"{name}.wav")
    scanner(0.0)
    (inbox / "s" / "c.wav").unlink()
    assert shape(scanner(2.0)) == []
    assert [len(candidate.clips) for candidate in scanner(2.0).ready] == [2]


def test_a_replaced_file_is_a_new_file(inbox: Path) -> None:
    wav(inbox / "k_A.wav")
    wav(inbox / "k_B.wav")
    scanner = Scanner(inbox)
    (first,) = scanner.settled().ready
    os.utime(wav(inbox / "k_A.wav", seed=1), ns=(5, 5))
    assert shape(scanner()) == []
    (second,) = scanner(2.0).ready
    assert first.key != second.key


def test_a_job_file_is_taken_at_once_but_half_a_job_file_is_not(inbox: Path) -> None:
    scanner = Scanner(inbox)
    wav(inbox / "k_A.wav")
    wav(inbox / "k_B.wav")
    scanner.settled()
    (inbox / "j.job.json").write_bytes(job(clips=[{"path": "k_A.wav"}, {"path": "k_B.wav"}])[:-1])
    found = scanner(0.1)
    assert shape(found) == [] and found.broken == ()  # the pair waits too, for the file may name it
    assert {item.why for item in found.waiting} == {"j.job.json is still being written", "k waits for a job file to be written"}
    (inbox / "j.job.json").write_bytes(job(clips=[{"path": "k_A.wav"}, {"path": "k_B.wav"}]))
    assert shape(scanner(0.1)) == [("file", "j", ["k_A.wav", "k_B.wav"])]


@pytest.mark.parametrize("data", [b"", b"{", b"RIFF"])
def test_a_job_file_that_never_gets_whole_fails(inbox: Path, data: bytes) -> None:
    (inbox / "j.job.json").write_bytes(data)
    scanner = Scanner(inbox)
    assert scanner(0.0).broken == ()
    ((candidate, error),) = scanner(2.0).broken
    assert candidate.name == "j" and "is not JSON" in str(error)


def test_an_inbox_that_vanishes_holds_nothing(tmp_path: Path) -> None:
    found = Scanner(tmp_path / "gone").settled()
    assert found.ready == () and found.waiting == () and found.broken == ()


def test_scanning_changes_nothing(inbox: Path, tree: Callable[[Path], dict[str, str]]) -> None:
    for name in ("k_A.wav", "k_B.wav", "s/a.wav", "x.cancel", "graded-11/z.wav"):
        wav(inbox / name)
    (inbox / "j.job.json").write_bytes(b"[")
    before = tree(inbox)
    Scanner(inbox).settled()
    assert tree(inbox) == before


def test_cancel_files_are_reported(inbox: Path) -> None:
    (inbox / "j.cancel").write_bytes(b"")
    (inbox / "no id!.cancel").write_bytes(b"")
    assert [(name, since) for name, _, since in Scanner(inbox)().cancels] == [("j", 0.0)]


# ---------------------------------------------------------------- job files that try to break in


@pytest.mark.parametrize(("changes", "kind", "message"), [
    ({"settings": {"model": "/tmp/evil"}}, SettingsError, "may not set 'model'"),
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
    ({"settings": {"effects": [{"name": "/tmp/evil.vst3"}]}}, SettingsError, "may not set 'effects'"),
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
    inbox = Path("/root/inbox")
    named_paths(data, inbox)
    try:
        request = parse(data, "j.job.json", inbox)
    except (JobError, SettingsError) as error:
        str(error).encode("utf-8")  # a message that can be shown
    else:
        Draft202012Validator(schema("job")).validate(json.loads(data))
        assert 2 <= len(request.clips) <= 4 and request.settings.model == "general"


# ---------------------------------------------------------------- where clips may lie


def test_clips_lie_in_the_root_or_in_allowed_folders(tmp_path: Path) -> None:
    inside, outside = wav(tmp_path / "root" / "a.wav"), wav(tmp_path / "else where" / "b.wav")
    with open_allowed(inside, [tmp_path / "root"]) as handle:
        assert handle.read(4) == b"RIFF"
    with pytest.raises(NotAllowed, match=r'lts-batch allow ".*else where"'):
        open_allowed(outside, [tmp_path / "root"])
    open_allowed(outside, [tmp_path / "root", tmp_path / "else where"]).close()
    with pytest.raises(NotAllowed):  # a name that merely begins like the allowed one
        open_allowed(wav(tmp_path / "root2" / "a.wav"), [tmp_path / "root"])


@pytest.mark.parametrize("folder_link", [False, True])
def test_links_out_of_the_root_are_seen_through(tmp_path: Path, folder_link: bool) -> None:
    secret = wav(tmp_path / "secret" / "s.wav")
    root = tmp_path / "root"
    root.mkdir()
    if folder_link:
        (root / "link").symlink_to(secret.parent, target_is_directory=True)
    else:
        (root / "link.wav").symlink_to(secret)
    path = root / "link" / "s.wav" if folder_link else root / "link.wav"
    with pytest.raises(NotAllowed):
        open_allowed(path, [root])
    open_allowed(path, [root, secret.parent]).close()


def test_a_link_exchanged_while_it_is_opened_gains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, secret = wav(tmp_path / "root" / "good.wav"), wav(tmp_path / "secret" / "s.wav")
    original = Path.open

    def exchanged(path: Path, *args: Any, **kwargs: Any) -> Any:
        good.unlink()
        good.symlink_to(secret)  # after the check of the name, before the opening
        monkeypatch.undo()
        return original(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", exchanged)
    with pytest.raises((NotAllowed, ClipError)):
        open_allowed(good, [tmp_path / "root"])


def test_without_the_systems_word_the_opened_file_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = wav(tmp_path / "a.wav"), wav(tmp_path / "b.wav")
    monkeypatch.setattr(Path, "is_symlink", lambda self: False)
    monkeypatch.setattr(allowed.sys, "platform", "win32")  # type: ignore[attr-defined]
    open_allowed(path, [tmp_path]).close()
    with other.open("rb") as handle, pytest.raises(ClipError, match="was exchanged while"):
        allowed._place_of(handle, path)


def make_pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes there")
    os.mkfifo(path)


@pytest.mark.parametrize(("make", "message"), [
    (lambda path: None, "is missing"),
    (lambda path: path.mkdir(), "is no ordinary file"),
    (make_pipe, "is no ordinary file"),
    (lambda path: path.symlink_to(path), "cannot be opened"),
    (lambda path: path.symlink_to(path.with_name("gone")), "is missing"),
])
def test_things_that_cannot_be_clips(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(tmp_path / "x.wav")
    with pytest.raises(ClipError, match=message):
        open_allowed(tmp_path / "x.wav", [tmp_path])


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 5000])
def test_paths_that_no_system_takes(tmp_path: Path, text: str) -> None:
    with pytest.raises(ClipError):
        open_allowed(tmp_path / text, [tmp_path])


def test_the_list_of_allowed_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTS_BATCH_CONFIG", str(tmp_path / "config" / "deep"))
    assert allowed_folders() == ()
    (tmp_path / "music ü").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "music ü", target_is_directory=True)
    assert allow(tmp_path / "link") == (tmp_path / "music ü").resolve()
    assert allow(tmp_path / "music ü") == (tmp_path / "music ü").resolve()
    assert allowed_folders() == ((tmp_path / "music ü").resolve(),)
    with pytest.raises(JobError, match="there is no folder"):
        allow(tmp_path / "gone")
    with pytest.raises(JobError, match="is no folder"):
        allow(wav(tmp_path / "a.wav"))
    (tmp_path / "config" / "deep" / "allowed.json").write_text("{}", encoding="utf-8")
    with pytest.raises(JobError, match="cannot be read"):
        allowed_folders()


# ---------------------------------------------------------------- taking a job


def candidate(inbox: Path, *clips: ClipRequest, origin: Any = "pair", **changes: Any) -> Candidate:
    return Candidate(origin, "k", clips, changes.pop("settings", Settings()), 0.0, **changes)


def test_a_job_is_known_by_its_content(inbox: Path) -> None:
    places = [inbox.parent]
    pair = candidate(inbox, *(ClipRequest(wav(inbox / f"k_{r}.wav", seed=ord(r))) for r in "AB"))
    first = take(pair, inbox, places)
    assert first.id.startswith("k-") and len(first.id) == 14
    assert take(pair, inbox, places).id == first.id
    assert take(candidate(inbox, *pair.clips, settings=Settings(steps=3)), inbox, places).id != first.id
    wav(inbox / "k_B.wav", seed=7)
    assert take(pair, inbox, places).id != first.id


@pytest.mark.parametrize(("seconds", "offset", "length", "good"), [
    (0.1, 0, 4410, True), (0.1, 0, 4411, False), (0.1, 4409, 1, True), (0.1, 4410, None, False), (0.1, 4409, None, True),
])
def test_excerpts_lie_in_their_clips(inbox: Path, seconds: float, offset: int, length: int | None, good: bool) -> None:
    request = ClipRequest(wav(inbox / "a.wav", seconds), offset, length)
    if good:
        take(candidate(inbox, request), inbox, [inbox])
    else:
        with pytest.raises(ClipError, match="ends after the clip, which has 4410 samples"):
            take(candidate(inbox, request), inbox, [inbox])


@pytest.mark.parametrize("keep_bytes", [0, 20, 44, 1000])
def test_half_a_clip_is_not_taken(inbox: Path, keep_bytes: int) -> None:
    path = wav(inbox / "k_A.wav")
    path.write_bytes(path.read_bytes()[:keep_bytes])
    with pytest.raises(ClipError):
        take(candidate(inbox, ClipRequest(path)), inbox, [inbox])


def test_what_leaves_is_what_lies_in_the_inbox(inbox: Path, tmp_path: Path) -> None:
    outside, link = wav(tmp_path / "o.wav"), inbox / "link.wav"
    link.symlink_to(outside)
    alias = tmp_path / "alias"
    alias.symlink_to(inbox, target_is_directory=True)
    inner = wav(inbox / "s" / "a.wav")
    assert inbox_entry(outside, inbox) is None
    assert inbox_entry(link, inbox) == link  # the link leaves, what it leads to does not
    assert inbox_entry(alias / "s" / "a.wav", inbox) == inner
    assert inbox_entry(inbox, inbox) is None
    assert inbox_entry(inbox / "other.job.json", inbox) is None  # no job moves another job's file
    assert inbox_entry(inbox / "other.cancel", inbox) is None


def test_files_named_by_other_jobs(inbox: Path) -> None:
    (inbox / "1.job.json").write_bytes(job())
    (inbox / "2.job.json").write_bytes(job(clips=[{"path": str(inbox / "b.wav")}, {"path": "/else/c.wav"}]))
    (inbox / "3.job.json").write_bytes(b"{")
    assert named_by_job_files(inbox) == {inbox / "a.wav", inbox / "b.wav"}
    assert named_by_job_files(inbox, inbox / "1.job.json") == {inbox / "b.wav"}
