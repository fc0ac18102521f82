"""The daemon from drop to delivery, cut off at every step, with a stand-in for the engine and once with the real one."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from lts_batch.errors import ClipError, JobError, ModelError, OutputError
from lts_batch.files import audio, moves
from lts_batch.files.moves import sha256
from lts_batch.protocol import schema
from lts_batch.settings import Settings, as_dict, presets_folder
from lts_batch.stems import manifest
from lts_batch.stems.manifest import ClipEntry, Manifest, StemEntry
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.endings import Ending, pending
from lts_batch.watch.heartbeat import Heartbeat
from lts_batch.watch.spool import Spool
from lts_batch.watch.status import read_status
from lts_batch.watch.summary import Summary

Tree = Callable[[Path], dict[str, str]]


def wav(path: Path, seed: int = 0, samples: int = 2000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (1, samples)).astype(np.float32)
    audio.write(path, noise, 44100, overwrite=True)
    return path


def fake_render(clips: Any, settings: Settings, out: Path, *, model: Any, job: str, echo: Any, progress: Any) -> Manifest:
    """Stands in for the engine: keeps its promises to the daemon, and makes stems of a few bytes."""
    out.mkdir()
    for n in range(3):
        progress(n / 3, f"stem {n + 1} of 3")
    if len(clips) > 2:
        raise ClipError("three clips and more are not mixed yet: give two")
    content = hashlib.sha256("".join(sha256(clip.path) for clip in clips).encode()).hexdigest()
    (out / "stem.wav").write_text(content, encoding="utf-8")
    entries = tuple(ClipEntry(str(clip.path), clip.name, clip.path.stat().st_size, sha256(clip.path), 44100, 1,
                              clip.offset_samples, clip.length_samples or 1) for clip in clips)
    stem = StemEntry("stem.wav", 1, 0.5, 1, 44100, 1, "PCM_24", 0.5, sha256(out / "stem.wav"))
    return Manifest(job, "0", {"name": settings.model, "sha256": "0" * 64}, as_dict(settings), entries, (stem,), (), echo)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "inbox").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def make(root: Path) -> Callable[..., Daemon]:
    def build(**options: Any) -> Daemon:
        return Daemon(root, **{"settle_seconds": 0.0, "lease_seconds": 0.0, "render": fake_render, "allowed": lambda: (),
                               "load": lambda name: name, **options})

    return build


def send(root: Path, job: str, *clips: Any, **changes: Any) -> Path:
    path = root / "inbox" / f"{job}.job.json"
    entries = [clip if isinstance(clip, dict) else {"path": str(clip)} for clip in clips]
    values = {"format": "lts-batch/job", "version": 1, "clips": entries, **changes}
    (root / "inbox" / ".new").write_text(json.dumps(values), encoding="utf-8")
    (root / "inbox" / ".new").rename(path)
    return path


def files(root: Path, *folders: str) -> list[str]:
    """All files in the folders that clients look at."""
    return sorted(path.relative_to(root).as_posix() for folder in folders or ("inbox", "outbox", "archive", "failed")
                  for path in (root / folder).rglob("*") if path.is_file())


def hashes(root: Path) -> dict[str, str]:
    return {path: sha256(root / path) for path in files(root)}


def status(root: Path, job: str) -> dict[str, str]:
    found = read_status(root / "status" / f"{job}.tsv", "status")
    numbers = {"fraction": float, "counter": int}
    Draft202012Validator(schema("status")).validate({key: numbers.get(key, str)(value) for key, value in found.items()})
    return found


def error_of(root: Path, job: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((root / "failed" / job / "error.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema("error")).validate(record)
    return record


def states(summary: Summary) -> list[tuple[str, str]]:
    return [(outcome.job, outcome.state) for outcome in summary.outcomes]


# ---------------------------------------------------------------- delivery


def test_a_pair_goes_all_the_way(root: Path, make: Callable[..., Daemon]) -> None:
    clips = {name: sha256(wav(root / "inbox" / name, n)) for n, name in enumerate(("kick_A.wav", "kick_B.wav"))}
    summary = make().run_once()
    ((job, state),) = states(summary)
    assert state == "done" and job.startswith("kick-")
    assert files(root) == [f"archive/{job}/kick_A.wav", f"archive/{job}/kick_B.wav", f"outbox/{job}/manifest.json",
                           f"outbox/{job}/manifest.tsv", f"outbox/{job}/stem.wav"]
    record = manifest.from_json((root / "outbox" / job / "manifest.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema("manifest")).validate(json.loads(record.to_json()))
    assert {Path(clip.path).name: sha256(Path(clip.path)) for clip in record.clips} == clips  # they lie where it says
    assert record.job == job and record.job_digest is not None and record.job_digest.startswith(job[5:])
    assert (root / "outbox" / job / "manifest.tsv").read_text(encoding="utf-8") == record.to_tsv()
    assert status(root, job) | {"counter": ""} == {
        "job": job, "state": "done", "fraction": "1.0", "message": f"the stems lie in outbox/{job}",
        "folder": f"outbox/{job}", "counter": ""}
    assert list((root / ".lts" / "staging").iterdir()) == list((root / ".lts" / "endings").iterdir()) == []
    assert summary.lines()[-1] == "1 done, 0 failed, 0 cancelled, 0 waiting"
    summary.check()


def test_the_folders_are_made_and_the_root_keeps_its_name(tmp_path: Path, make: Callable[..., Daemon]) -> None:
    root = tmp_path / "new"
    for _ in range(2):
        Daemon(root, settle_seconds=0, load=lambda name: None, lease_seconds=0).run_once()
    names = sorted(path.name for path in root.iterdir())
    assert names == [".lts", "archive", "failed", "inbox", "outbox", "status"]
    values = read_status(root / "status" / "daemon.tsv", "daemon")
    assert values["root"] == (root / ".lts" / "uuid").read_text(encoding="utf-8").strip()
    assert values["state"] == "stopped" and int(values["counter"]) >= 4
    typed = {key: int(value) if key in ("counter", "waiting", "done", "failed") else value for key, value in values.items()}
    Draft202012Validator(schema("daemon")).validate(typed)
    with pytest.raises(OutputError, match="there is no folder"):
        Daemon(tmp_path / "no" / "such", load=lambda name: None).run_once()


def test_a_job_file_with_clips_inside_and_outside(root: Path, make: Callable[..., Daemon], tmp_path: Path, tree: Tree) -> None:
    music = tmp_path / "music"
    wav(music / "cello.wav", 1)
    wav(root / "inbox" / "sub" / "snare.wav", 2)
    before = tree(music)
    send(root, "j1", {"path": str(music / "cello.wav"), "offset_samples": 5, "length_samples": 100, "name": "C"},
         "sub/snare.wav", settings={"steps": 3}, echo={"track": 4})
    summary = make(allowed=lambda: (music.resolve(),)).run_once()
    assert states(summary) == [("j1", "done")]
    assert tree(music) == before
    assert files(root) == ["archive/j1/j1.job.json", "archive/j1/snare.wav", "outbox/j1/manifest.json",
                           "outbox/j1/manifest.tsv", "outbox/j1/stem.wav"]
    record = manifest.from_json((root / "outbox/j1/manifest.json").read_text(encoding="utf-8"))
    assert record.echo == {"track": 4} and record.settings["steps"] == 3
    assert (record.clips[0].offset_samples, record.clips[0].length_samples, record.clips[0].name) == (5, 100, "C")
    assert record.clips[1].path == str(root / "archive" / "j1" / "snare.wav")


def test_a_set_folder_goes_when_it_is_empty(root: Path, make: Callable[..., Daemon]) -> None:
    for name in ("full/a.wav", "full/b.wav", "more/a.wav", "more/b.wav", "more/notes.txt"):
        wav(root / "inbox" / name, len(name))
    make().run_once()
    assert [path.name for path in (root / "inbox").iterdir()] == ["more"]
    assert files(root, "inbox") == ["inbox/more/notes.txt"]


def test_a_pair_dropped_again(root: Path, make: Callable[..., Daemon]) -> None:
    def drop(seed: int) -> tuple[str, str, str]:
        wav(root / "inbox" / "k_A.wav", seed)
        wav(root / "inbox" / "k_B.wav", 99)
        (outcome,) = make().run_once().outcomes
        return outcome.job, outcome.state, outcome.message

    first, second = drop(1), drop(2)
    assert first[1] == second[1] == "done" and first[0] != second[0]
    delivered = {path: value for path, value in hashes(root).items() if path.startswith("outbox")}
    again = drop(1)
    assert again[:2] == first[:2] and "were made before" in again[2]
    assert {path: value for path, value in hashes(root).items() if path.startswith("outbox")} == delivered
    assert f"archive/{first[0]}/k_A (2).wav" in files(root)
    moves.remove(root / "outbox" / first[0])  # taken away by the user: now it is made anew
    assert "were made before" not in drop(1)[2]


def test_an_id_is_used_once(root: Path, make: Callable[..., Daemon]) -> None:
    wav(root / "inbox" / "a.wav", 1)
    wav(root / "archive" / "b.wav", 2)
    send(root, "j", "a.wav", root / "archive" / "b.wav")
    make().run_once()
    before = hashes(root)
    wav(root / "inbox" / "c.wav", 3)
    send(root, "j", "c.wav", root / "archive" / "b.wav")
    assert states(make().run_once()) == [("j", "failed")]
    assert "belongs to another job" in error_of(root, "j")["message"]
    assert {path: value for path, value in hashes(root).items() if path in before} == before
    assert files(root, "failed") == ["failed/j/c.wav", "failed/j/error.json", "failed/j/j.job.json"]


def test_an_inbox_clip_leaves_with_the_last_job_that_names_it(root: Path, make: Callable[..., Daemon]) -> None:
    for n, name in enumerate("abc"):
        wav(root / "inbox" / f"{name}.wav", n)
    send(root, "j1", "a.wav", "b.wav")
    send(root, "j2", "b.wav", "c.wav")
    assert states(make().run_once()) == [("j1", "done"), ("j2", "done")]
    assert files(root, "archive") == ["archive/j1/a.wav", "archive/j1/j1.job.json", "archive/j2/b.wav", "archive/j2/c.wav",
                                      "archive/j2/j2.job.json"]
    record = manifest.from_json((root / "outbox/j1/manifest.json").read_text(encoding="utf-8"))
    assert record.clips[1].path == str(root / "inbox" / "b.wav")


# ---------------------------------------------------------------- failure


@pytest.mark.parametrize(("data", "message"), [
    (b"", "is empty"), (b"this is text\n" * 50, "not audio"), (None, "cut short"),
])
def test_broken_clips_move_to_failed_untouched(root: Path, make: Callable[..., Daemon], data: bytes | None,
                                               message: str) -> None:
    good, bad = wav(root / "inbox" / "k_A.wav"), wav(root / "inbox" / "k_B.wav")
    bad.write_bytes(bad.read_bytes()[:-500] if data is None else data)
    wav(root / "inbox" / "ok_A.wav", 5)
    wav(root / "inbox" / "ok_B.wav", 6)
    before = {"k_A.wav": sha256(good), "k_B.wav": sha256(bad)}
    summary = make().run_once()
    assert sorted(outcome.state for outcome in summary.outcomes) == ["done", "failed"]  # the job beside it is made
    (failed,) = summary.of("failed")
    assert message in failed.message and files(root, "inbox") == []
    folder = root / "failed" / failed.job
    assert {path.name: sha256(path) for path in folder.glob("*.wav")} == before
    record = error_of(root, failed.job)
    assert record["kind"] == "ClipError" and record["exit_code"] == 3 and message in record["message"]
    assert {Path(clip["path"]).name: clip["sha256"] for clip in record["clips"]} == before
    assert status(root, failed.job)["state"] == "failed"
    with pytest.raises(JobError, match="1 of 2 jobs failed"):
        summary.check()


def test_a_failing_job_leaves_referenced_clips_alone(root: Path, make: Callable[..., Daemon], tmp_path: Path,
                                                     tree: Tree) -> None:
    music = tmp_path / "music"
    wav(music / "a.wav")
    wav(root / "inbox" / "b.wav")
    before = tree(music)
    send(root, "j", music / "a.wav", "b.wav", settings={"detial": 1})
    assert states(make(allowed=lambda: (music.resolve(),)).run_once()) == [("j", "failed")]
    assert tree(music) == before
    record = error_of(root, "j")
    assert "did you mean 'detail'" in record["message"] and [clip["moved"] for clip in record["clips"]] == [False, True]
    assert files(root) == ["failed/j/b.wav", "failed/j/error.json", "failed/j/j.job.json"]


def test_a_job_cannot_take_away_what_is_not_a_clip(root: Path, make: Callable[..., Daemon]) -> None:
    wav(root / "inbox" / "s" / "one.wav")
    other = send(root, "other", "/gone/a.wav", "/gone/b.wav")
    other.rename(root / "inbox" / ".keep")
    send(root, "evil", "s", ".keep")
    (root / "inbox" / ".keep").rename(other)
    send(root, "evil2", "other.job.json", ".")
    summary = make(settle_seconds=0.1).run_once()
    assert sorted(states(summary)) == [("evil", "failed"), ("evil2", "failed"), ("other", "failed")]
    assert "failed/other/other.job.json" in files(root) and "inbox/s/one.wav" in files(root)


def test_a_missing_clip_is_waited_for_and_then_fails(root: Path, make: Callable[..., Daemon]) -> None:
    wav(root / "inbox" / "a.wav")
    send(root, "late", "a.wav", "b.wav")
    seen = []
    timer = threading.Timer(0.2, lambda: wav(root / "inbox" / "b.wav"))
    timer.start()
    summary = make(settle_seconds=0.6, log=seen.append).run_once()
    timer.join()
    assert states(summary) == [("late", "done")]
    wav(root / "inbox" / "a.wav")
    send(root, "never", "a.wav", "b.wav")
    assert states(make(settle_seconds=0.1).run_once()) == [("never", "failed")]
    assert "b.wav is missing" in error_of(root, "never")["message"]


def test_what_is_incomplete_waits(root: Path, make: Callable[..., Daemon], tree: Tree) -> None:
    wav(root / "inbox" / "k_A.wav")
    wav(root / "inbox" / "s" / "a.wav")
    before = tree(root / "inbox")
    summary = make().run_once()
    assert summary.outcomes == () and tree(root / "inbox") == before
    assert sorted(item.why for item in summary.waiting) == [
        "k_A.wav waits for its partner k_B", "s holds one clip: a set has two to 4"]
    summary.check()
    assert summary.lines()[-1] == "0 done, 0 failed, 0 cancelled, 2 waiting"


def test_a_clip_that_may_not_be_read_waits_for_the_user(root: Path, make: Callable[..., Daemon], tmp_path: Path) -> None:
    wav(tmp_path / "music" / "a.wav")
    wav(root / "inbox" / "b.wav")
    send(root, "j", tmp_path / "music" / "a.wav", "b.wav")
    summary = make().run_once()
    assert summary.outcomes == () and f'lts-batch allow "{tmp_path / "music"}"' in summary.waiting[0].why
    assert status(root, "j")["state"] == "waiting" and "lts-batch allow" in status(root, "j")["message"]
    assert files(root) == ["inbox/b.wav", "inbox/j.job.json"]
    assert states(make(allowed=lambda: ((tmp_path / "music").resolve(),)).run_once()) == [("j", "done")]


def test_a_linked_clip_leaves_and_its_target_stays(root: Path, make: Callable[..., Daemon], tmp_path: Path) -> None:
    target = wav(tmp_path / "music" / "a.wav")
    (root / "inbox" / "k_A.wav").symlink_to(target)
    wav(root / "inbox" / "k_B.wav")
    assert make().run_once().waiting[0].why.startswith(str(root / "inbox" / "k_A.wav"))
    (outcome,) = make(allowed=lambda: (target.parent.resolve(),)).run_once().outcomes
    assert outcome.state == "done" and target.is_file()
    assert (root / "archive" / outcome.job / "k_A.wav").is_symlink()


def test_more_than_two_clips_fail_with_the_engines_sentence(root: Path, make: Callable[..., Daemon]) -> None:
    for n, role in enumerate("ABC"):
        wav(root / "inbox" / f"k_{role}.wav", n)
    (outcome,) = make().run_once().of("failed")
    assert "give two" in outcome.message
    assert len(files(root, "failed")) == 4


def test_an_unexpected_error_fails_the_job_alone(root: Path, make: Callable[..., Daemon]) -> None:
    def broken(*args: Any, **options: Any) -> Manifest:
        args[2].mkdir()
        (args[2] / "half.wav").write_bytes(b"x")
        raise ZeroDivisionError

    wav(root / "inbox" / "k_A.wav")
    wav(root / "inbox" / "k_B.wav")
    (outcome,) = make(render=broken).run_once().outcomes
    assert outcome.state == "failed" and "please report this" in outcome.message and "ZeroDivisionError" in outcome.message
    assert list((root / ".lts" / "staging").iterdir()) == []


@pytest.mark.parametrize(("times", "state"), [(1, "done"), (2, "done"), (9, "failed")])
def test_clips_changed_while_they_are_rendered_are_not_delivered(root: Path, make: Callable[..., Daemon], times: int,
                                                                 state: str) -> None:
    seeds = iter(range(100, 100 + times))

    def exchanging(clips: Any, settings: Settings, out: Path, **options: Any) -> Manifest:
        if (seed := next(seeds, None)) is not None:
            wav(clips[0].path, seed)
        return fake_render(clips, settings, out, **options)

    wav(root / "inbox" / "k_A.wav", 1)
    wav(root / "inbox" / "k_B.wav", 2)
    (outcome,) = make(render=exchanging).run_once().outcomes
    assert outcome.state == state
    if state == "failed":
        assert "was changed while it was rendered" in outcome.message and files(root, "outbox") == []
    else:
        record = manifest.from_json((root / outcome.folder / "manifest.json").read_text(encoding="utf-8"))
        assert record.clips[0].sha256 == sha256(Path(record.clips[0].path)) == sha256(wav(root / "x.wav", 99 + times))


def test_a_full_disk_is_not_the_jobs_fault(root: Path, make: Callable[..., Daemon]) -> None:
    def full(*args: Any, **options: Any) -> Manifest:
        raise OutputError("the disk is full: make room")

    wav(root / "inbox" / "k_A.wav", 1)
    wav(root / "inbox" / "k_B.wav", 2)
    summary = make(render=full).run_once()
    assert summary.of("failed")[0].message == "the disk is full: make room"
    assert files(root) == ["inbox/k_A.wav", "inbox/k_B.wav"]
    with pytest.raises(JobError):
        summary.check()
    assert [state for _, state in states(make().run_once())] == ["done"]


def test_what_never_can_be_written_fails_the_job_in_the_end(root: Path, make: Callable[..., Daemon],
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    def too_long(*args: Any, **options: Any) -> Manifest:
        raise OutputError("stem.wav would pass 4 GiB")

    monkeypatch.setattr("lts_batch.watch.ends.TROUBLE_SECONDS", 0.0)
    wav(root / "inbox" / "a.wav")
    send(root, "j", "a.wav", "a.wav")
    assert states(make(render=too_long).run_once()) == [("j", "failed")] * 3
    assert error_of(root, "j")["message"] == "stem.wav would pass 4 GiB" and files(root, "inbox") == []


def test_a_failure_that_cannot_be_written_down_leaves_all_as_it_is(root: Path, make: Callable[..., Daemon],
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **options: Any) -> Any:
        raise OutputError("the disk is full: make room")

    monkeypatch.setattr("lts_batch.watch.ends.stage_error", full)
    (root / "inbox" / "k_A.wav").write_bytes(b"")
    (root / "inbox" / "k_B.wav").write_bytes(b"")
    daemon = make()
    daemon._ends._attempts[("pair", str(root / "inbox" / "k"))] = 10
    (outcome,) = daemon.run_once().outcomes
    assert outcome.state == "failed" and "is empty" in outcome.message and "disk is full" in outcome.message
    assert files(root) == ["inbox/k_A.wav", "inbox/k_B.wav"]


def test_a_missing_model_is_said_at_the_start(root: Path) -> None:
    wav(root / "inbox" / "k_A.wav", 1)
    wav(root / "inbox" / "k_B.wav", 2)
    with pytest.raises(ModelError, match="no model 'nosuch'"):
        Daemon(root, model="nosuch", lease_seconds=0).run_once()
    assert files(root) == ["inbox/k_A.wav", "inbox/k_B.wav"]
    assert read_status(root / "status" / "daemon.tsv", "daemon")["state"] == "stopped"


# ---------------------------------------------------------------- cancel, stop, liveness


def test_cancel_before_and_during_and_after(root: Path, make: Callable[..., Daemon]) -> None:
    def cancelling(clips: Any, settings: Settings, out: Path, *, progress: Any, **options: Any) -> Manifest:
        (root / "inbox" / "during.cancel").write_bytes(b"")
        time.sleep(0.3)
        return fake_render(clips, settings, out, progress=progress, **options)

    for job in ("before", "during"):
        wav(root / "inbox" / f"{job}.wav")
        send(root, job, f"{job}.wav", f"{job}.wav")
    (root / "inbox" / "before.cancel").write_bytes(b"")
    (root / "inbox" / "unknown.cancel").write_bytes(b"")
    summary = make(render=cancelling).run_once()
    assert sorted(states(summary)) == [("before", "cancelled"), ("during", "cancelled")]
    for job in ("before", "during"):
        assert error_of(root, job)["state"] == status(root, job)["state"] == "cancelled"
        names = [f"failed/{job}/{name}" for name in (f"{job}.job.json", f"{job}.wav", "error.json")]
        assert files(root, f"failed/{job}") == names
    assert files(root, "inbox", "outbox", "archive") == []
    summary.check()


def test_stopping_leaves_the_job_for_the_next_time(root: Path, make: Callable[..., Daemon]) -> None:
    stop = threading.Event()

    def stopping(*args: Any, progress: Any, **options: Any) -> Manifest:
        stop.set()
        return fake_render(*args, progress=progress, **options)

    wav(root / "inbox" / "a.wav")
    send(root, "j", "a.wav", "a.wav")
    make(render=stopping).run(stop)
    assert files(root) == ["inbox/a.wav", "inbox/j.job.json"] and list((root / ".lts" / "staging").iterdir()) == []
    assert status(root, "j")["state"] == "waiting"
    assert read_status(root / "status" / "daemon.tsv", "daemon")["state"] == "stopped"
    assert states(make().run_once()) == [("j", "done")]


def test_a_running_daemon_is_woken_by_what_arrives(root: Path, make: Callable[..., Daemon],
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lts_batch.watch.daemon.SCAN_SECONDS", 60.0)
    stop, lines = threading.Event(), []
    daemon = make(settle_seconds=0.3, log=lines.append)
    thread = threading.Thread(target=daemon.run, args=(stop,))
    thread.start()
    try:
        wait_for(lambda: any(line.startswith("watching") for line in lines))
        wav(root / "inbox" / "a.wav")
        send(root, "j", "a.wav", "a.wav")
        wait_for((root / "outbox" / "j").exists)
        wav(root / "inbox" / "k_A.wav", 1)
        wav(root / "inbox" / "lone_A.wav", 1)
        wav(root / "inbox" / "k_B.wav", 2)
        wait_for(lambda: len(list((root / "outbox").iterdir())) == 2)
        wait_for(lambda: "waiting: lone_A.wav waits for its partner lone_B" in lines)
    finally:
        stop.set()
        thread.join(5)
    assert not thread.is_alive()


def test_counters_grow_while_a_job_runs(root: Path, make: Callable[..., Daemon]) -> None:
    counts: list[tuple[int, int]] = []

    def slow(*args: Any, progress: Any, **options: Any) -> Manifest:
        for n in range(6):
            progress(n / 6, "working")
            counts.append((int(status(root, "j")["counter"]),
                           int(read_status(root / "status" / "daemon.tsv", "daemon")["counter"])))
            time.sleep(0.3)
        return fake_render(*args, progress=progress, **options)

    wav(root / "inbox" / "a.wav")
    send(root, "j", "a.wav", "a.wav")
    make(render=slow).run_once()
    jobs, daemons = zip(*counts, strict=True)
    assert list(jobs) == sorted(set(jobs)) and daemons[-1] > daemons[0]
    wav(root / "inbox" / "a.wav")
    before = int(status(root, "j")["counter"])
    send(root, "j", "a.wav", "a.wav")
    make().run_once()
    assert int(status(root, "j")["counter"]) > before  # also over a restart


def test_progress_is_passed_on(root: Path, make: Callable[..., Daemon]) -> None:
    seen: list[tuple[str, float, str]] = []
    wav(root / "inbox" / "a.wav")
    send(root, "j", "a.wav", "a.wav")
    make(progress=lambda *told: seen.append(told)).run_once()
    assert seen == [("j", n / 3, f"stem {n + 1} of 3") for n in range(3)]


def test_a_second_daemon_is_refused(root: Path, make: Callable[..., Daemon]) -> None:
    spool = Spool(root)
    with Heartbeat(spool, spool.create()), pytest.raises(JobError, match="another lts-batch is watching"):
        make(lease_seconds=3.0).run_once()
    make(lease_seconds=3.0).run_once()  # it said goodbye


def test_polling_does_where_watching_is_refused(root: Path, make: Callable[..., Daemon],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    from watchdog.observers import Observer

    def refuse(self: Any) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(Observer, "start", refuse)
    stop, lines = threading.Event(), []
    thread = threading.Thread(target=make(log=lines.append).run, args=(stop,))
    thread.start()
    try:
        wait_for(lambda: any("can't be watched" in line for line in lines))
        wav(root / "inbox" / "a.wav")
        send(root, "j", "a.wav", "a.wav")
        wait_for((root / "outbox" / "j").exists)
    finally:
        stop.set()
        thread.join(5)


def wait_for(met: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


# ---------------------------------------------------------------- crashes


class Crash(BaseException):
    """The process dies here."""


def prepare(root: Path, kind: str) -> None:
    if kind == "file":
        wav(root / "inbox" / "a.wav", 1)
        wav(root / "inbox" / "b.wav", 2)
        send(root, "j", "a.wav", "b.wav")
    elif kind == "set":
        wav(root / "inbox" / "s" / "a.wav", 1)
        wav(root / "inbox" / "s" / "b.wav", 2)
    else:
        wav(root / "inbox" / "a.wav", 1)
        send(root, "j", "a.wav", "a.wav", settings={"steps": 0})


STEPS = ["note", "publish", "move 0", "move 1", "tidy", "report", "forget"]


@pytest.mark.parametrize(("kind", "step"), [*((kind, step) for kind in ("file", "set", "failing") for step in STEPS),
                                            ("file", "render"), ("set", "render"), ("file", "move 2")])
def test_a_crash_at_any_step_loses_and_repeats_nothing(tmp_path: Path, make: Callable[..., Daemon], root: Path, kind: str,
                                                       step: str) -> None:
    """The tree after crash and restart is that of a run that was never disturbed."""
    calm = tmp_path / "calm"
    (calm / "inbox").mkdir(parents=True)
    prepare(calm, kind)
    Daemon(calm, settle_seconds=0, lease_seconds=0, render=fake_render, load=lambda name: name).run_once()

    prepare(root, kind)
    renders = []

    def counting(*args: Any, **options: Any) -> Manifest:
        renders.append(1)
        found = fake_render(*args, **options)
        if step == "render" and len(renders) == 1:
            raise Crash
        return found

    def at(name: str) -> None:
        if name == step:
            raise Crash

    with pytest.raises(Crash):
        make(render=counting, at=at).run_once()
    assert read_status(root / "status" / "daemon.tsv", "daemon")["state"] == "running"  # it could not say goodbye
    make(render=counting).run_once()

    def comparable(place: Path) -> dict[str, str]:
        return {path: value for path, value in hashes(place).items() if not path.endswith((".json", ".tsv"))}

    assert files(root) == files(calm) and comparable(root) == comparable(calm)
    assert list((root / ".lts" / "endings").iterdir()) == list((root / ".lts" / "staging").iterdir()) == []
    for path in (root / "status").glob("*-*.tsv"):
        assert status(root, path.stem)["state"] in ("done", "failed")
    expected = 0 if kind == "failing" else 2 if step in ("render", "note") else 1
    assert len(renders) == expected


def test_a_crash_is_recovered_even_without_the_note(root: Path, make: Callable[..., Daemon]) -> None:
    """Delivered, but nobody wrote down what was left to do: the outbox itself says that the job is done."""
    prepare(root, "file")

    def at(name: str) -> None:
        if name == "move 0":
            raise Crash

    with pytest.raises(Crash):
        make(at=at).run_once()
    for note in (root / ".lts" / "endings").iterdir():
        note.unlink()
    before = sha256(root / "outbox" / "j" / "manifest.json")

    def never(*args: Any, **options: Any) -> Manifest:
        raise AssertionError("rendered twice")

    assert states(make(render=never).run_once()) == [("j", "done")]
    assert files(root, "inbox") == [] and sha256(root / "outbox" / "j" / "manifest.json") == before


def test_an_ending_moves_only_the_files_it_knew(root: Path, make: Callable[..., Daemon]) -> None:
    """Between crash and restart the user put another clip under the same name: that one is a new drop."""
    prepare(root, "file")

    def at(name: str) -> None:
        if name == "move 0":
            raise Crash

    with pytest.raises(Crash):
        make(at=at).run_once()
    new = sha256(wav(root / "inbox" / "a.wav", 50, samples=3000))
    make().run_once()
    assert sha256(root / "inbox" / "a.wav") == new
    assert files(root, "archive") == ["archive/j/b.wav", "archive/j/j.job.json"]


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_daemon import fake_render
import lts_batch.stems.render
from lts_batch.watch.daemon import Daemon
def slow(*args, progress, **options):
    found = fake_render(*args, progress=progress, **options)
    time.sleep(0.05)
    return found
Daemon(Path({root!r}), settle_seconds=0, lease_seconds=0, render=slow, load=lambda name: name).run_once()
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
@pytest.mark.parametrize("after_seconds", [0.0, 0.05, 0.12])
def test_a_killed_daemon_delivers_all_the_same(root: Path, make: Callable[..., Daemon], after_seconds: float) -> None:
    clips = {}
    for n in range(6):
        for role in "AB":
            path = wav(root / "inbox" / f"k{n}_{role}.wav", 10 * n + ord(role))
            clips[path.name] = sha256(path)
    code = KILLED.format(tests=str(Path(__file__).parent), root=str(root))
    process = subprocess.Popen([sys.executable, "-c", code])
    wait_for(lambda: (root / "outbox").exists() and any((root / "outbox").iterdir()), 60)
    time.sleep(after_seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list((root / "outbox").iterdir())) < 6  # it was in the middle of it
    make().run_once()
    assert files(root, "inbox", "failed") == [] and len(list((root / "outbox").iterdir())) == 6
    assert {path.name: sha256(path) for path in (root / "archive").rglob("*.wav")} == clips
    for folder in (root / "outbox").iterdir():
        assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "manifest.tsv", "stem.wav"]


def test_starting_sweeps_away_what_was_left_half_made(root: Path, make: Callable[..., Daemon]) -> None:
    make().run_once()
    for name in (".lts/staging/x/stem.wav", "outbox/.0123456789abcdef.lts-tmp/stem.wav", "outbox/mine/stem.wav"):
        wav(root / name)
    make().run_once()
    assert files(root) == ["outbox/mine/stem.wav"] and list((root / ".lts" / "staging").iterdir()) == []


# ---------------------------------------------------------------- moves


def test_moving_never_overwrites(tmp_path: Path) -> None:
    a, b = wav(tmp_path / "a.wav", 1), wav(tmp_path / "b.wav", 2)
    before = sha256(a), sha256(b)
    with pytest.raises(OutputError, match="exists already"):
        moves.move(a, b)
    assert (sha256(a), sha256(b)) == before
    assert moves.free(b) == tmp_path / "b (2).wav"
    assert moves.free(b, {tmp_path / "b (2).wav"}) == tmp_path / "b (3).wav"


@pytest.fixture
def other_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that renames and links can't reach, as on another file system."""
    disk = tmp_path / "disk"
    disk.mkdir()
    plain_rename, plain_link = Path.rename, Path.hardlink_to

    def check(a: Path, b: Path) -> None:
        if a.is_relative_to(disk) != b.is_relative_to(disk):
            raise OSError(18, "Invalid cross-device link")

    def rename(self: Path, target: Path) -> Path:
        check(self, target)
        return plain_rename(self, target)

    def link(self: Path, target: Path) -> None:
        check(self, target)
        plain_link(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(Path, "hardlink_to", link)
    yield disk


def test_moving_to_another_disk(tmp_path: Path, other_disk: Path, tree: Tree) -> None:
    folder = tmp_path / "stems"
    wav(folder / "a.wav", 1)
    wav(folder / "deep" / "b.wav", 2)
    (folder / "link").symlink_to("a.wav")
    before, single = tree(folder), sha256(wav(tmp_path / "c.wav", 3))
    os.utime(tmp_path / "c.wav", ns=(10**18, 10**18))
    moves.move(folder, other_disk / "stems")
    moves.move(tmp_path / "c.wav", other_disk / "c.wav")
    assert tree(other_disk / "stems") == before and sha256(other_disk / "c.wav") == single
    assert (other_disk / "stems" / "link").is_symlink() and (other_disk / "c.wav").stat().st_mtime_ns == 10**18
    assert [path.name for path in tmp_path.iterdir()] == ["disk"]


def test_a_read_only_clip_moves_to_another_disk(tmp_path: Path, other_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = wav(tmp_path / "c.wav")
    source.chmod(0o444)
    content, plain = sha256(source), Path.open

    def strict(self: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:  # root is refused nothing
        if "+" in mode and not self.stat().st_mode & 0o200:
            raise PermissionError(13, "Permission denied")
        return plain(self, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", strict)
    moves.move(source, other_disk / "c.wav")
    assert sha256(other_disk / "c.wav") == content and not source.exists()
    assert not (other_disk / "c.wav").stat().st_mode & 0o222


def test_a_copy_that_comes_out_different_is_not_trusted(tmp_path: Path, other_disk: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    source = wav(tmp_path / "c.wav")
    plain = moves.shutil.copy2  # type: ignore[attr-defined]

    def bad(a: Path, b: Path, **options: Any) -> None:
        plain(a, b, **options)
        Path(b).write_bytes(Path(b).read_bytes()[:-1] + b"?")

    monkeypatch.setattr(moves.shutil, "copy2", bad)  # type: ignore[attr-defined]
    before = sha256(source)
    with pytest.raises(OutputError, match="came out different"):
        moves.move(source, other_disk / "c.wav")
    assert sha256(source) == before and list(other_disk.iterdir()) == []


@pytest.mark.parametrize("step", ["publish", "move 0", "move 1", "report"])
def test_an_outbox_on_another_disk_survives_crashes(root: Path, make: Callable[..., Daemon], other_disk: Path,
                                                    step: str) -> None:
    for name in ("outbox", "archive"):
        (other_disk / name).mkdir()
        (root / name).symlink_to(other_disk / name, target_is_directory=True)
    monkey_root = {name: (root / name).resolve() for name in ("outbox", "archive")}
    prepare(root, "file")

    def at(name: str) -> None:
        if name == step:
            raise Crash

    with pytest.raises(Crash):
        make(at=at).run_once()
    make().run_once()
    assert files(monkey_root["archive"], "j") == ["j/a.wav", "j/b.wav", "j/j.job.json"]
    assert files(monkey_root["outbox"], "j") == ["j/manifest.json", "j/manifest.tsv", "j/stem.wav"]
    assert files(root, "inbox", "failed") == []


def test_an_archive_that_cannot_be_written_holds_the_ending(root: Path, make: Callable[..., Daemon],
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(root, "file")
    plain = moves.move
    monkeypatch.setattr("lts_batch.watch.endings.move", lambda source, destination: plain(source, destination)
                        if destination.parent.name == "outbox" else refuse())

    def refuse() -> None:
        raise OutputError("archive cannot be written, the disk is full")

    summary = make().run_once()
    assert states(summary) == [("j", "failed")] and "disk is full" in summary.outcomes[0].message
    assert files(root, "inbox") == ["inbox/a.wav", "inbox/b.wav", "inbox/j.job.json"]
    monkeypatch.undo()
    assert states(make().run_once()) == [("j", "done")]
    assert files(root, "inbox") == [] and len(files(root, "outbox")) == 3


def test_endings_come_back_as_they_were_written(root: Path) -> None:
    spool = Spool(root)
    spool.create()
    ending = Ending("j", "done", "a \udc80 message", "outbox/j", "x", (), None, "inbox/j.cancel")
    ending.save(spool)
    (spool.endings / "foreign.json").write_text("{}", encoding="utf-8")
    assert pending(spool) == [ending]
    ending.forget(spool)
    assert pending(spool) == []


# ---------------------------------------------------------------- the real engine


def test_real_clips_through_the_shipped_model(root: Path) -> None:
    if not (presets_folder() / "models" / "general" / "model.json").exists():
        pytest.skip("the shipped model is not there")
    wav(root / "inbox" / "k_A.wav", 1, samples=30000)
    wav(root / "inbox" / "k_B.wav", 2, samples=40000)
    seconds, told = time.monotonic(), []
    summary = Daemon(root, settle_seconds=0.0, progress=lambda *values: told.append(values)).run_once()
    (outcome,) = summary.outcomes
    assert outcome.state == "done", outcome.message
    assert told and time.monotonic() - seconds < 60
    folder = root / "outbox" / outcome.job
    record = manifest.from_json((folder / "manifest.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema("manifest")).validate(json.loads(record.to_json()))
    assert [stem.x for stem in record.stems] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert sorted(path.name for path in folder.iterdir()) == sorted([stem.file for stem in record.stems]
                                                                    + ["manifest.json", "manifest.tsv"])
    for stem in record.stems:
        assert sha256(folder / stem.file) == stem.sha256
        assert audio.info(folder / stem.file).samples == stem.samples
    first, _ = audio.read(folder / record.stems[0].file)
    clip, _ = audio.read(root / "archive" / outcome.job / "k_A.wav")
    assert first.shape == clip.shape and np.abs(first - clip).max() < 1e-4
