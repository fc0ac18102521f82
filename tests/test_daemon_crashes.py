"""The daemon cut off at every step, also with its folders on another disk: nothing is lost, and nothing done twice."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import watching
from platforms import POSIX
from watching import Crash, crash_at, fake_render, files, hashes, journal_of, prepare, rows, states, status, wait_for, wav

from lts_batch.files.moves import sha256
from lts_batch.stems.manifest import Manifest
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.status import read_status

root = watching.root
make = watching.make
other_disk = watching.other_disk

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

    with pytest.raises(Crash):
        make(render=counting, at=crash_at(step)).run_once()
    assert read_status(root / "status" / "daemon.tsv", "daemon")["state"] == "running"  # it could not say goodbye
    make(render=counting).run_once()

    def comparable(place: Path) -> dict[str, str]:
        return {path: value for path, value in hashes(place).items() if not path.endswith((".json", ".tsv"))}

    assert files(root) == files(calm) and comparable(root) == comparable(calm)
    assert list((root / ".lts" / "staging").iterdir()) == []
    assert {row.state for row in rows(root).values()} <= {"done", "failed"}
    for path in (root / "status").glob("*-*.tsv"):
        assert status(root, path.stem)["state"] in ("done", "failed")
    expected = 0 if kind == "failing" else 2 if step in ("render", "note") else 1
    assert len(renders) == expected


def test_a_crash_is_recovered_even_without_the_note(root: Path, make: Callable[..., Daemon]) -> None:
    """Delivered, but nobody wrote down what was left to do: the outbox itself says that the job is done."""
    prepare(root, "file")

    with pytest.raises(Crash):
        make(at=crash_at("move 0")).run_once()
    journal_of(root).unlink()
    before = sha256(root / "outbox" / "j" / "manifest.json")

    def never(*args: Any, **options: Any) -> Manifest:
        raise AssertionError("rendered twice")

    assert states(make(render=never).run_once()) == [("j", "done")]
    assert files(root, "inbox") == [] and sha256(root / "outbox" / "j" / "manifest.json") == before


def test_an_ending_moves_only_the_files_it_knew(root: Path, make: Callable[..., Daemon]) -> None:
    """Between crash and restart the user put another clip under the same name: that one is a new drop."""
    prepare(root, "file")

    with pytest.raises(Crash):
        make(at=crash_at("move 0")).run_once()
    new = sha256(wav(root / "inbox" / "a.wav", 50, samples=3000))
    make().run_once()
    assert sha256(root / "inbox" / "a.wav") == new
    assert files(root, "archive") == ["archive/j/b.wav", "archive/j/j.job.json"]


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from watching import fake_render
import lts_batch.stems.render
from lts_batch.watch.daemon import Daemon
def slow(*args, progress, **options):
    found = fake_render(*args, progress=progress, **options)
    time.sleep(0.05)
    return found
Daemon(Path({root!r}), settle_seconds=0, lease_seconds=0, render=slow, load=lambda name: name).run_once()
"""


@POSIX
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
        assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "manifest.tsv", "stem.wav", "stems.rpp"]


def test_starting_sweeps_away_what_was_left_half_made(root: Path, make: Callable[..., Daemon]) -> None:
    make().run_once()
    for name in (".lts/staging/x/stem.wav", "outbox/.0123456789abcdef.lts-tmp/stem.wav", "outbox/mine/stem.wav"):
        wav(root / name)
    make().run_once()
    assert files(root) == ["outbox/mine/stem.wav"] and list((root / ".lts" / "staging").iterdir()) == []


@pytest.mark.parametrize("step", ["publish", "move 0", "move 1", "report"])
def test_an_outbox_on_another_disk_survives_crashes(root: Path, make: Callable[..., Daemon], other_disk: Path,
                                                    step: str) -> None:
    for name in ("outbox", "archive"):
        (other_disk / name).mkdir()
        (root / name).symlink_to(other_disk / name, target_is_directory=True)
    monkey_root = {name: (root / name).resolve() for name in ("outbox", "archive")}
    prepare(root, "file")

    with pytest.raises(Crash):
        make(at=crash_at(step)).run_once()
    make().run_once()
    assert files(monkey_root["archive"], "j") == ["j/a.wav", "j/b.wav", "j/j.job.json"]
    assert files(monkey_root["outbox"], "j") == ["j/manifest.json", "j/manifest.tsv", "j/stem.wav", "j/stems.rpp"]
    assert files(root, "inbox", "failed") == []
