"""What goes wrong is told, moves what it must, and nothing else: clips, jobs, models and disks that fail."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import watching
from trees import Tree
from watching import error_of, fake_render, files, running, send, states, status, wait_for, wav

from lts_batch.errors import JobError, ModelError, OutputError
from lts_batch.files.moves import sha256
from lts_batch.settings import Settings
from lts_batch.stems import manifest
from lts_batch.stems.manifest import Manifest
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.status import read_status

root = watching.root
make = watching.make


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


def test_a_set_that_waits_for_its_next_try_can_be_cancelled(root: Path, make: Callable[..., Daemon]) -> None:
    def full(*args: Any, **options: Any) -> Manifest:
        raise OutputError("the disk is full: make room")

    wav(root / "inbox" / "k_A.wav", 1)
    wav(root / "inbox" / "k_B.wav", 2)
    with running(make(render=full, scan_seconds=0.1)):
        wait_for(lambda: any((root / "status").glob("k-*.tsv")))
        (job,) = (path.stem for path in (root / "status").glob("k-*.tsv"))
        wait_for(lambda: status(root, job)["state"] == "waiting")
        (root / "inbox" / f"{job}.cancel").touch()
        wait_for(lambda: status(root, job)["state"] == "cancelled")
    assert files(root, "inbox") == [] and len(files(root, "failed")) == 3
