"""A daemon at work: cancelled, stopped, woken, and telling how far it is."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import watching
from watching import error_of, fake_render, files, send, states, status, wait_for, wav

from lts_batch.settings import Settings
from lts_batch.stems.manifest import Manifest
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.status import read_status

root = watching.root
make = watching.make


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
        while True:  # until it is told
            progress(0.5, "stem 2 of 3")
            time.sleep(0.01)

    wav(root / "inbox" / "a.wav")
    send(root, "j", "a.wav", "a.wav")
    make(render=stopping).run(stop)
    assert files(root) == ["inbox/a.wav", "inbox/j.job.json"] and list((root / ".lts" / "staging").iterdir()) == []
    assert status(root, "j")["state"] == "waiting"
    assert read_status(root / "status" / "daemon.tsv", "daemon")["state"] == "stopped"
    assert states(make().run_once()) == [("j", "done")]


def test_a_running_daemon_is_woken_by_what_arrives(root: Path, make: Callable[..., Daemon]) -> None:
    stop, lines = threading.Event(), []
    daemon = make(settle_seconds=0.3, scan_seconds=60.0, log=lambda event: lines.append(event.line()))
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

    def slow(*args: Any, progress: Any, **options: Any) -> Manifest:
        def report(fraction: float, message: str) -> None:
            progress(fraction, message)
            time.sleep(0.4)

        return fake_render(*args, progress=report, **options)

    make(render=slow, progress=lambda *told: seen.append(told)).run_once()
    assert seen == [("j", n / 3, f"stem {n + 1} of 3") for n in range(3)]


def test_polling_does_where_watching_is_refused(root: Path, make: Callable[..., Daemon],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    from watchdog.observers import Observer

    def refuse(self: Any) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(Observer, "start", refuse)
    stop, lines = threading.Event(), []
    thread = threading.Thread(target=make(log=lambda event: lines.append(event.line())).run, args=(stop,))
    thread.start()
    try:
        wait_for(lambda: any("can't be watched" in line for line in lines))
        wav(root / "inbox" / "a.wav")
        send(root, "j", "a.wav", "a.wav")
        wait_for((root / "outbox" / "j").exists)
    finally:
        stop.set()
        thread.join(5)
