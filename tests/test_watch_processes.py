"""The processes of a daemon: real ones, with the real model, that are killed, frozen, and orphaned."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import watching
from platforms import POSIX
from watching import error_of, files, rows, send, status, wait_for, wav

from lts_batch.errors import ModelError
from lts_batch.files.moves import sha256
from lts_batch.watch import assignment
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.hands import Died, Open
from lts_batch.watch.processes import ProcessHand, process_hands

root = watching.root

# of a second of sound, minutes of work
LONG: dict[str, Any] = {"phase": "griffinlim", "repair": 1000, "steps": 3}


class Running:
    """A daemon with processes, in a thread of this one."""

    def __init__(self, root: Path, jobs: int, **options: Any) -> None:
        self.stop, self.lines = threading.Event(), list[str]()
        self.hands: list[ProcessHand] = []

        def hands(wake: threading.Event) -> list[ProcessHand]:
            self.hands = process_hands(jobs, wake)
            return self.hands

        self.daemon = Daemon(root, settle_seconds=0.0, lease_seconds=0.0, hands=hands, allowed=lambda: (),
                             log=lambda event: self.lines.append(event.line()), **options)
        self._thread = threading.Thread(target=self.daemon.run, args=(self.stop,))

    def __enter__(self) -> "Running":
        self._thread.start()
        wait_for(lambda: any(line.startswith("watching") for line in self.lines), 60)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert all(hand.pid is None for hand in self.hands)


def alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(assignment, "STATUS_SECONDS", 0.05)
    yield


def long_job(root: Path, name: str, seed: int = 0) -> dict[str, str]:
    """Clips and a job file that keep a process busy for minutes; their hashes."""
    clips = [wav(root / "inbox" / f"{name}{n}.wav", seed + n, 44100) for n in range(2)]
    send(root, name, *(clip.name for clip in clips), settings=LONG)
    return {clip.name: sha256(clip) for clip in clips}


def state(root: Path, job: str) -> str:
    return status(root, job)["state"] if (root / "status" / f"{job}.tsv").exists() else ""


@POSIX
def test_a_job_that_kills_its_process_fails_alone(root: Path, quick_looks: None) -> None:
    """The third time. Meanwhile and afterwards the daemon does what else there is."""
    clips = long_job(root, "bad")
    with Running(root, 1) as running:
        killed = []
        for _ in range(assignment.MOST_CRASHES):
            wait_for(lambda: state(root, "bad") == "running" and running.hands[0].pid not in killed, 60)
            killed.append(running.hands[0].pid)
            os.kill(killed[-1] or 0, signal.SIGKILL)
        wait_for(lambda: state(root, "bad") == "failed", 30)
        for role in "AB":
            wav(root / "inbox" / f"good_{role}.wav", ord(role))
        wait_for(lambda: any(path.name.startswith("good-") for path in (root / "outbox").iterdir()), 60)
    message = error_of(root, "bad")["message"]
    assert "ended by SIGKILL" in message and "memory" in message and "try 3 of 3" in message
    assert {path.name: sha256(path) for path in (root / "failed" / "bad").glob("*.wav")} == clips
    assert rows(root)["bad"].state == "failed" and list((root / ".lts" / "staging").iterdir()) == []
    assert sum("tried again" in line for line in running.lines) == 2


@POSIX
def test_a_process_that_does_nothing_is_ended_and_the_job_tried_again(root: Path, quick_looks: None) -> None:
    """Known by processor time that no longer grows: the process is frozen, as by a disk that does not answer."""
    long_job(root, "j")
    with Running(root, 1, stuck_seconds=3.0) as running:
        wait_for(lambda: state(root, "j") == "running", 60)
        time.sleep(4.0)  # longer than that, at work
        frozen = running.hands[0].pid or 0
        assert state(root, "j") == "running" and alive(frozen)
        os.kill(frozen, signal.SIGSTOP)
        wait_for(lambda: any("nothing was heard" in line for line in running.lines), 30)
        wait_for(lambda: not alive(frozen) and state(root, "j") == "running", 60)
    assert state(root, "j") == "waiting" and len(files(root, "inbox")) == 3


def test_a_job_is_cancelled_while_it_is_made(root: Path, quick_looks: None) -> None:
    long_job(root, "one")
    long_job(root, "two", 10)
    with Running(root, 2) as running:
        wait_for(lambda: state(root, "one") == state(root, "two") == "running", 60)  # at the same time
        (root / "inbox" / "one.cancel").touch()
        wait_for(lambda: state(root, "one") == "cancelled", 20)
        assert state(root, "two") == "running" and running.hands[0].pid != running.hands[1].pid
    assert files(root, "failed") == [f"failed/one/{name}" for name in ("error.json", "one.job.json", "one0.wav", "one1.wav")]
    assert state(root, "two") == "waiting" and rows(root)["two"].state == "waiting"


def test_jobs_of_many_processes_give_the_same_bits(root: Path, tmp_path: Path) -> None:
    """Eight pairs, by three processes and by a thread of this one."""
    other = tmp_path / "other"
    for place in (root, other):
        for n in range(8):
            for role in "AB":
                wav(place / "inbox" / f"k{n}_{role}.wav", 10 * n + ord(role), 3000 + n)
    summary = Daemon(root, settle_seconds=0.0, lease_seconds=0.0, hands=lambda wake: process_hands(3, wake)).run_once()
    assert [one.state for one in summary.outcomes] == ["done"] * 8 and files(root, "inbox") == []
    Daemon(other, settle_seconds=0.0, lease_seconds=0.0).run_once()

    def stems(place: Path) -> dict[str, str]:
        return {path.relative_to(place).as_posix(): sha256(path) for path in (place / "outbox").rglob("*.wav")}

    assert stems(root) == stems(other) and len(stems(root)) == 8 * 5


def test_a_model_that_is_missing_is_said_at_the_start(root: Path) -> None:
    with pytest.raises(ModelError, match="no model 'nosuch'"):
        Daemon(root, model="nosuch", lease_seconds=0.0, hands=lambda wake: process_hands(1, wake)).run_once()


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of a process")
def test_a_process_that_cannot_be_started_is_said_and_the_next_one_is(root: Path) -> None:
    """No file more may be opened, so there is no pipe to talk over."""
    import resource

    (hand,) = process_hands(1, wake := threading.Event())
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = os.dup(0)
    os.close(taken)
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken, limits[1]))
    try:
        hand.begin(Open("general"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert wake.is_set() and hand.ended() and hand.pid is None
    with pytest.raises(Died, match=r"could not be started.*Too many open files.*fewer --jobs"):
        hand.result()
    hand.begin(Open("general"))
    try:
        wait_for(hand.ended, 60)
        assert hand.result() is None
    finally:
        hand.kill()


STUBBORN = """
import sys, threading
from multiprocessing.context import SpawnProcess
from lts_batch.watch.hands import Open
from lts_batch.watch.processes import process_hands
if __name__ == "__main__":
    SpawnProcess.kill = SpawnProcess.terminate = lambda process: None
    (hand,) = process_hands(1, wake := threading.Event())
    hand.begin(Open("general"))
    wake.wait()
    print(hand.pid, flush=True)
    sys.stdin.readline()
    hand.kill()
"""


@POSIX
def test_a_process_that_nothing_ends_does_not_hold_the_daemon(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """As one does that waits in the kernel for a disk that does not answer."""
    program = tmp_path / "stubborn.py"
    program.write_text(STUBBORN, encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    request.addfinalizer(process.kill)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    os.kill(pid, signal.SIGSTOP)
    request.addfinalizer(lambda: os.kill(pid, signal.SIGKILL))
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.close()
    process.stdout.close()
    assert process.wait(20) == 0 and alive(pid)


ORPHANED = """
import sys, threading, time
from pathlib import Path
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.processes import process_hands
made = []
def hands(wake):
    made.extend(process_hands(2, wake))
    return made
if __name__ == "__main__":
    def tell():
        while not all(hand.pid for hand in made) or not made:
            time.sleep(0.05)
        print(*(hand.pid for hand in made), flush=True)
    threading.Thread(target=tell, daemon=True).start()
    Daemon(Path(sys.argv[1]), settle_seconds=0, lease_seconds=0, hands=hands).run(threading.Event())
"""


@POSIX
def test_processes_end_with_their_daemon_however_it_ends(root: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Also in the midst of a step that takes minutes: nothing is left that writes into the next daemon's folders."""
    clips = long_job(root, "j")
    program = tmp_path / "orphans.py"
    program.write_text(ORPHANED, encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(program), str(root)], stdout=subprocess.PIPE, text=True)
    request.addfinalizer(process.kill)
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    wait_for(lambda: state(root, "j") == "running", 60)
    assert len(pids) == 2 and all(map(alive, pids))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    wait_for(lambda: not any(map(alive, pids)), 10)
    assert {path.name: sha256(path) for path in (root / "inbox").glob("*.wav")} == clips
