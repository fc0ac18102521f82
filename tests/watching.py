"""A watched folder to try: clips, job files, what lies where, a stand-in for the engine, crashes and another disk."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from lts_batch.errors import ClipError
from lts_batch.files import audio
from lts_batch.files.moves import sha256
from lts_batch.protocol import schema
from lts_batch.settings import Settings, as_dict
from lts_batch.stems.manifest import ClipEntry, Manifest, StemEntry
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.journal import Row, journal_path, read_journal
from lts_batch.watch.status import read_status
from lts_batch.watch.summary import Summary


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


def journal_of(root: Path) -> Path:
    return journal_path((root / ".lts" / "uuid").read_text(encoding="utf-8").strip())


def rows(root: Path) -> dict[str, Row]:
    """What the journal says of each job."""
    found = read_journal(journal_of(root))
    assert found is not None
    return {row.job: row for row in found[0]}


def error_of(root: Path, job: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((root / "failed" / job / "error.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema("error")).validate(record)
    return record


def states(summary: Summary) -> list[tuple[str, str]]:
    return [(outcome.job, outcome.state) for outcome in summary.outcomes]


def wait_for(met: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@contextmanager
def running(daemon: Daemon) -> Iterator[None]:
    """While this lasts the daemon works, in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=daemon.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


class Crash(BaseException):
    """The process dies here."""


def crash_at(step: str) -> Callable[[str], None]:
    """For ``Daemon(at=...)``: dies when it comes to that step."""

    def at(name: str) -> None:
        if name == step:
            raise Crash

    return at


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
