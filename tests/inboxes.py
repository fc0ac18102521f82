"""An inbox to try: clips, job files, and a scanner with a clock that tests set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lts_batch.files import audio
from lts_batch.watch.scan import Found, scan
from lts_batch.watch.view import Observations

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
