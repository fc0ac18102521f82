"""What people ask of a watched folder: how things stand, try again, take back, clean up."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import watching
from commanding import lts
from trees import Tree
from watching import fake_render, files, hashes, send, status, wait_for, wav

from lts_batch.client import overview as overviews
from lts_batch.client.again import failed_jobs, put_back
from lts_batch.client.cancelling import cancel
from lts_batch.client.overview import overview
from lts_batch.errors import ClipError, JobError
from lts_batch.stems.manifest import Manifest
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.heartbeat import Heartbeat
from lts_batch.watch.spool import Spool

root, make = watching.root, watching.make


def failing(*args: Any, **options: Any) -> Manifest:
    raise ClipError("it is not to be")


def three_ends(root: Path, make: Callable[..., Daemon]) -> None:
    """A pair that is done, a job that failed, clips that wait."""
    wav(root / "inbox" / "k_A.wav", 1)
    wav(root / "inbox" / "k_B.wav", 2)
    make().run_once()
    wav(root / "inbox" / "a.wav", 3)
    send(root, "bad", "a.wav", "gone.wav")
    wav(root / "inbox" / "lone_A.wav", 4)
    make().run_once()


# ---------------------------------------------------------------- status


def test_status_says_how_things_stand(root: Path, make: Callable[..., Daemon], tree: Tree) -> None:
    three_ends(root, make)
    before = tree(root)
    result = lts("status", str(root))
    assert result.exit_code == 0 and tree(root) == before
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{root}: no daemon runs: start one with lts-batch watch")
    assert "waiting    lone_A.wav waits for its partner lone_B" in lines
    assert any(line.startswith("done       k-") and "the stems lie in outbox/k-" in line for line in lines)
    assert any(line.startswith("failed     bad: ") and "gone.wav is missing" in line for line in lines)
    assert lines[-1] == "1 waiting, 1 done, 1 failed"
    values = json.loads(lts("status", str(root), "--json").stdout)
    assert values["daemon"] == "stopped" and values["waiting"] == [{"path": "inbox/lone",
                                                                   "why": "lone_A.wav waits for its partner lone_B"}]
    done, bad = values["jobs"]
    assert (done["state"], done["pair"], done["fraction"]) == ("done", "k", 1.0) and done["folder"] == f"outbox/{done['job']}"
    assert (bad["state"], bad["folder"]) == ("failed", "failed/bad") and bad["left_seconds"] is None


def test_status_without_a_journal_reads_the_status_files(root: Path, make: Callable[..., Daemon]) -> None:
    """As on another machine than the daemon's."""
    three_ends(root, make)
    watching.journal_of(root).unlink()
    found = overview(root)
    assert sorted(job.state for job in found.jobs) == ["done", "failed"]
    assert {job.folder for job in found.jobs} == {"failed/bad", next(job.folder for job in found.jobs if job.state == "done")}


def test_a_running_job_shows_its_progress_and_the_time_left(root: Path, make: Callable[..., Daemon]) -> None:
    stop, go_on = threading.Event(), threading.Event()

    def half(*args: Any, progress: Any, **options: Any) -> Manifest:
        progress(0.0, "reading")
        time.sleep(0.5)
        progress(0.5, "stem 2 of 3")
        go_on.wait(20)
        return fake_render(*args, progress=progress, **options)

    wav(root / "inbox" / "a.wav")
    send(root, "j", "a.wav", "a.wav")
    send(root, "next", "a.wav", "a.wav")
    thread = threading.Thread(target=make(render=half).run, args=(stop,))
    thread.start()
    try:
        wait_for(lambda: (root / "status" / "j.tsv").exists() and status(root, "j")["fraction"] == "0.5")
        found = overview(root)
        one, two = sorted(found.jobs, key=lambda job: job.job)
        assert found.daemon == "running" and f"process {os.getpid()} on" in found.message
        assert (one.job, one.state, one.fraction, one.message) == ("j", "running", 0.5, "stem 2 of 3")
        assert one.left_seconds is not None and 0.2 < one.left_seconds < 20 and "seconds left" in one.line()
        assert (two.job, two.state, two.message) == ("next", "waiting", "waits for its turn")
        cancel(root, "next")
        wait_for(lambda: status(root, "next")["state"] == "cancelled")  # while the other still runs
        go_on.set()
        wait_for(lambda: status(root, "j")["state"] == "done")
    finally:
        go_on.set()
        stop.set()
        thread.join()


def test_a_daemon_that_died_is_silent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(root)
    Heartbeat(spool, spool.create(), lease_seconds=0.0)._file.write({"state": "running", "message": "x"})
    monkeypatch.setattr(overviews, "ALIVE_SECONDS", 0.2)
    found = overview(root, alive_seconds=0.2)
    assert found.daemon == "silent" and "no sign of life" in found.message


def test_following_shows_what_changes(root: Path, make: Callable[..., Daemon]) -> None:
    import subprocess

    make().run_once()
    running = subprocess.Popen([sys.executable, "-m", "lts_batch", "status", str(root), "--follow", "--json"], text=True,
                               stdout=subprocess.PIPE, encoding="utf-8")
    try:
        assert running.stdout is not None
        assert json.loads(running.stdout.readline())["jobs"] == []
        wav(root / "inbox" / "a.wav")
        send(root, "j", "a.wav", "a.wav")
        make().run_once()
        while not (jobs := json.loads(running.stdout.readline())["jobs"]) or jobs[0]["state"] != "done":
            pass
        assert [job["job"] for job in jobs] == ["j"]
    finally:
        running.kill()
        running.communicate()


def test_no_watched_folder_is_said(tmp_path: Path) -> None:
    for words in (("status", "x"), ("retry", "x", "--all"), ("cancel", "x", "j"), ("clean", "x", "--older-than", "1d")):
        result = lts(words[0], str(tmp_path), *words[2:])
        assert result.exit_code == JobError.exit_code and "is no watched folder" in result.stderr
        assert result.stderr.count("\n") == 1


# ---------------------------------------------------------------- retry and cancel


@pytest.mark.parametrize("kind", ["file", "pair", "set", "preset"])
def test_what_failed_is_put_back_where_it_lay_and_tried_again(root: Path, make: Callable[..., Daemon], kind: str) -> None:
    place = {"file": "inbox/{}.wav", "pair": "inbox/k_{}.wav", "set": "inbox/s/{}.wav", "preset": "inbox/drums/k_{}.wav"}[kind]
    for role in "AB":
        wav(root / place.format(role), ord(role))
    if kind == "file":
        send(root, "j", "A.wav", "B.wav")
    before = hashes(root)
    (outcome,) = make(render=failing).run_once().outcomes
    assert outcome.state == "failed" and files(root, "inbox") == []
    result = lts("retry", str(root), failed_jobs(Spool(root))[0])
    assert result.exit_code == 0 and "files put back into" in result.stdout, result.stderr
    assert hashes(root) == before and list((root / "failed").iterdir()) == []
    (again,) = make().run_once().outcomes
    assert again.state == "done" and (kind != "file" or again.job == "j")


def test_putting_back_overwrites_nothing_and_can_be_repeated(root: Path, make: Callable[..., Daemon], tree: Tree) -> None:
    wav(root / "inbox" / "k_A.wav", 1)
    wav(root / "inbox" / "k_B.wav", 2)
    before = hashes(root)
    make(render=failing).run_once()
    (job,) = failed_jobs(Spool(root))
    wav(root / "inbox" / "k_B.wav", 9)
    held = tree(root)
    with pytest.raises(JobError, match=r"k_B\.wav is in the way"):
        put_back(root, job)
    assert tree(root) == held
    (root / "inbox" / "k_B.wav").unlink()
    (root / "failed" / job / "k_A.wav").rename(root / "inbox" / "k_A.wav")  # as if cut off half-way
    assert [path.name for path in put_back(root, job)] == ["k_B.wav"]
    assert hashes(root) == before and not (root / "failed" / job).exists()
    with pytest.raises(JobError, match="no failed job is called"):
        put_back(root, job)
    assert lts("retry", str(root)).exit_code == 2


def test_an_error_file_names_no_place_outside_the_inbox(root: Path, make: Callable[..., Daemon], tmp_path: Path) -> None:
    """Whoever can write into failed does not choose where files go."""
    wav(root / "inbox" / "k_A.wav", 1)
    wav(root / "inbox" / "k_B.wav", 2)
    make(render=failing).run_once()
    (job,) = failed_jobs(Spool(root))
    path = root / "failed" / job / "error.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for clip, name in zip(record["clips"], ("/etc/inbox/../../k_A.wav", str(tmp_path / "elsewhere" / "k_B.wav")), strict=True):
        clip["path"] = name
    path.write_text(json.dumps(record), encoding="utf-8")
    assert sorted(put_back(root, job)) == [root / "inbox" / "k_A.wav", root / "inbox" / "k_B.wav"]
    assert not (tmp_path / "elsewhere").exists()


def test_only_a_job_that_is_there_is_cancelled(root: Path, make: Callable[..., Daemon]) -> None:
    three_ends(root, make)
    result = lts("cancel", str(root), "bad")
    assert result.exit_code == JobError.exit_code and "no waiting or running job is called 'bad'" in result.stderr
    assert files(root, "inbox") == ["inbox/lone_A.wav"]
