"""A daemon that is told to end while it works: it ends within five seconds, and the job is done the next time."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import commanding
import numpy as np
import pytest
import watching
from watching import fake_render, files, hashes, send, states, status, wait_for

from lts_batch.files import audio
from lts_batch.stems.manifest import Manifest
from lts_batch.watch import crew
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.options import default_log
from lts_batch.watch.status import read_status

here, root, make = commanding.here, watching.root, watching.make

MOST_SECONDS = 5.0
SIGNALS = ["SIGTERM", "SIGINT"] if os.name == "posix" else ["CTRL_BREAK_EVENT"]
# each takes minutes, and hears of nothing meanwhile: a slice with many steps of phase, the pitch of a whole clip
LONG: dict[str, dict[str, Any]] = {"a slice": {"phase": "griffinlim", "repair": 1000, "steps": 3}, "a plan": {"pitch": "glide"}}


@pytest.mark.parametrize(("name", "step"), [(SIGNALS[0], "a slice"), (SIGNALS[-1], "a plan")])
def test_a_running_program_ends_in_time(name: str, step: str, here: Path) -> None:
    folder = here / "root"
    rng = np.random.default_rng(0)
    seconds = 10 if step == "a slice" else 200
    times = np.arange(seconds * 44100) / 44100
    (folder / "inbox").mkdir(parents=True)
    for clip, hz in (("a.wav", 220.0), ("b.wav", 330.0)):
        tone = 0.3 * np.sin(2 * np.pi * hz * times) + 0.05 * rng.standard_normal(len(times))
        audio.write(folder / "inbox" / clip, tone[None].astype(np.float32), 44100)
    send(folder, "j", "a.wav", "b.wav", settings=LONG[step])
    before = hashes(folder)
    new_group = {} if os.name == "posix" else {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
    running = subprocess.Popen([sys.executable, "-m", "lts_batch", "watch", "root", "--log-json"], cwd=here, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", **new_group)
    try:
        wait_for(lambda: (folder / "status" / "j.tsv").exists() and status(folder, "j")["state"] == "running", 60)
        time.sleep(1.5)
        begun = time.monotonic()
        running.send_signal(getattr(signal, name))
        out, err = running.communicate(timeout=60)
        taken = time.monotonic() - begun
    finally:
        running.kill()
    assert taken < MOST_SECONDS
    assert (running.returncode, err) == (0, "")
    lines = [json.loads(line)["message"] for line in out.splitlines()]
    assert lines == [f"watching {here.resolve() / 'root' / 'inbox'}", "stopped"]
    assert len(default_log(folder).read_text(encoding="utf-8").splitlines()) == 2
    assert hashes(folder) == before  # the job is as it was sent
    assert status(folder, "j")["state"] == "waiting" and "starts on this job again" in status(folder, "j")["message"]
    assert read_status(folder / "status" / "daemon.tsv", "daemon")["state"] == "stopped"


def test_what_was_left_is_done_the_next_time(root: Path, make: Callable[..., Daemon], monkeypatch: pytest.MonkeyPatch) -> None:
    stop, release = threading.Event(), threading.Event()
    monkeypatch.setattr(crew, "GRACE_SECONDS", 0.2)

    def stuck(clips: Any, settings: Any, out: Path, **options: Any) -> Manifest:
        out.mkdir()
        (out / "half.wav").write_bytes(b"half")
        stop.set()
        release.wait(30)
        return fake_render(clips, settings, out.with_name("other"), **options)  # it would go on for long

    watching.wav(root / "inbox" / "a.wav")
    send(root, "j", "a.wav", "a.wav")
    daemon = make(render=stuck)
    begun = time.monotonic()
    daemon.run(stop)
    assert time.monotonic() - begun < 3 and daemon.left_behind
    assert files(root) == ["inbox/a.wav", "inbox/j.job.json"] and status(root, "j")["state"] == "waiting"
    again = make()
    assert states(again.run_once()) == [("j", "done")] and not again.left_behind
    assert [path.name for path in (root / ".lts" / "staging").iterdir()] == []
    release.set()
    wait_for(lambda: not daemon.left_behind)


def test_a_daemon_that_is_still_loading_ends_too(root: Path, make: Callable[..., Daemon],
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "GRACE_SECONDS", 0.1)
    stop, release = threading.Event(), threading.Event()

    def slow(name: str) -> str:
        stop.set()
        release.wait(30)
        return name

    daemon = make(load=slow)
    begun = time.monotonic()
    daemon.run(stop)
    release.set()
    assert time.monotonic() - begun < 3
    assert read_status(root / "status" / "daemon.tsv", "daemon")["state"] == "stopped"
