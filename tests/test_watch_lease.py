"""One daemon on a root: who holds it is said, who lost it touches nothing, and a root that is away is waited for."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import watching
from watching import fake_render, files, running, send, states, wait_for, wav

from lts_batch.errors import JobError
from lts_batch.stems.manifest import Manifest
from lts_batch.watch import daemon as daemon_module
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.heartbeat import Heartbeat, Taken
from lts_batch.watch.spool import Spool
from lts_batch.watch.status import read_status

root, make = watching.root, watching.make


def test_a_second_daemon_is_refused_and_told_who_is_at_work(root: Path, make: Callable[..., Daemon]) -> None:
    spool = Spool(root)
    with Heartbeat(spool, spool.create()), pytest.raises(JobError, match=rf"\(process {os.getpid()} on .*\) is watching"):
        make(lease_seconds=3.0).run_once()
    make(lease_seconds=3.0).run_once()  # it said goodbye


def test_of_two_that_start_at_the_same_moment_one_goes_on(root: Path) -> None:
    spool = Spool(root)
    root_id = spool.create()
    together = threading.Barrier(4)
    outcomes: list[str] = []

    def begin() -> None:
        together.wait()
        try:
            with Heartbeat(spool, root_id, lease_seconds=3.0) as heartbeat:
                over.wait(10)
                heartbeat.check_now()
                outcomes.append("held")
        except Taken:
            outcomes.append("refused")

    over = threading.Event()
    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(outcomes) == 3)
    over.set()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["held", "refused", "refused", "refused"]
    assert read_status(spool.status / "daemon.tsv", "daemon")["state"] == "stopped"


def test_a_daemon_that_was_taken_for_dead_ends_and_touches_nothing(root: Path, make: Callable[..., Daemon]) -> None:
    """As a machine that slept while another took the root: it had the stems ready."""
    other = []

    def asleep(*args: Any, **options: Any) -> Manifest:
        found = fake_render(*args, **options)
        other.append(Heartbeat(Spool(root), "x", lease_seconds=0.0))
        other[0].__enter__()
        return found

    wav(root / "inbox" / "a.wav")
    send(root, "j", "a.wav", "a.wav")
    with pytest.raises(Taken, match="has taken over"):
        make(render=asleep).run_once()
    assert files(root) == ["inbox/a.wav", "inbox/j.job.json"]
    assert read_status(root / "status" / "daemon.tsv", "daemon")["state"] == "running"  # the other is
    other[0].__exit__(None, None, None)
    assert states(make().run_once()) == [("j", "done")]


def test_a_root_that_goes_away_amid_a_look_is_waited_for_too(root: Path, make: Callable[..., Daemon],
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    lines, lost = list[str](), list[Path]()
    usual = daemon_module.scan

    def scan(*args: Any, **options: Any) -> Any:
        if not lost:
            lost.append(root.rename(root.with_name("away")))
            raise FileNotFoundError(2, "No such file or directory")
        return usual(*args, **options)

    monkeypatch.setattr(daemon_module, "scan", scan)
    with running(make(scan_seconds=0.1, log=lambda event: lines.append(event.line()))):
        wait_for(lambda: any("is away" in line for line in lines))
        lost[0].rename(root)
        wav(root / "inbox" / "a.wav")
        send(root, "j", "a.wav", "a.wav")
        wait_for((root / "archive" / "j" / "j.job.json").exists)


@pytest.mark.parametrize("moment", ["idle", "at work"])
def test_a_root_that_is_away_is_waited_for(root: Path, make: Callable[..., Daemon], moment: str) -> None:
    lines = list[str]()
    at_work, go_on = threading.Event(), threading.Event()

    def render(*args: Any, **options: Any) -> Manifest:
        at_work.set()
        go_on.wait(10)
        return fake_render(*args, **options)

    with running(make(scan_seconds=0.1, render=render, log=lambda event: lines.append(event.line()))):
        wait_for(lambda: any(line.startswith("watching") for line in lines))
        if moment == "at work":
            wav(root / "inbox" / "a.wav")
            send(root, "j", "a.wav", "a.wav")
            at_work.wait(10)
        away = root.rename(root.with_name("away"))
        root.mkdir()  # the place where a share was
        wait_for(lambda: any("is away" in line for line in lines))
        go_on.set()
        threading.Event().wait(0.3)
        assert list(root.iterdir()) == []  # nothing is made there
        root.rmdir()
        away.rename(root)
        wait_for(lambda: any("is there again" in line for line in lines))
        if moment == "idle":
            wav(root / "inbox" / "a.wav")
            send(root, "j", "a.wav", "a.wav")
        wait_for((root / "archive" / "j" / "j.job.json").exists)
    assert files(root, "inbox", "failed") == [] and len(files(root, "outbox")) == 4


def test_folders_that_were_taken_away_are_made_again(root: Path, make: Callable[..., Daemon]) -> None:
    make().run_once()
    for name in ("inbox", "outbox", "failed", "archive"):
        (root / name).rmdir()
    lines = list[str]()
    with running(make(scan_seconds=0.1, log=lambda event: lines.append(event.line()))):
        wait_for((root / "inbox").exists)
        (root / "inbox").rmdir()
        wait_for(lambda: any("inbox" in line and "made again" in line for line in lines))
        wav(root / "inbox" / "a.wav")
        send(root, "j", "a.wav", "a.wav")
        wait_for((root / "archive" / "j" / "j.job.json").exists)
    assert files(root, "inbox") == [] and len(files(root, "outbox")) == 4


def test_a_root_that_was_made_anew_keeps_its_name(root: Path, make: Callable[..., Daemon]) -> None:
    """Known by its inbox: an empty folder may be the place of a share."""
    lines = list[str]()
    with running(make(scan_seconds=0.1, log=lambda event: lines.append(event.line()))):
        wait_for(lambda: any(line.startswith("watching") for line in lines))
        name = (root / ".lts" / "uuid").read_text(encoding="utf-8")
        root.rename(root.with_name("thrown away"))
        (root / "inbox").mkdir(parents=True)
        wait_for((root / "outbox").exists)
        assert (root / ".lts" / "uuid").read_text(encoding="utf-8") == name
        wav(root / "inbox" / "a.wav")
        send(root, "j", "a.wav", "a.wav")
        wait_for((root / "archive" / "j" / "j.job.json").exists)
