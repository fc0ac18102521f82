"""A REAPER session to try things in: two clips on two tracks, and a watched folder with its daemon."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from jsonschema import Draft202012Validator

from daw.fake_reaper import Reaper
from daw.things import Project, Thing, item_of
from lts_batch.files.allowed import allow
from lts_batch.protocol import schema
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.status import StatusFile

RATE = 44100
ANSWERS = ["", "3", "0", "stretch", "1", "tracks", "yes", "no"]


def sound(path: Path, hz: float, seconds: float = 0.5, channels: int = 1) -> Path:
    """A decaying tone."""
    times = np.arange(int(seconds * RATE)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * hz * times) * np.exp(-4.0 * times)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.repeat(tone[:, None], channels, 1), RATE, subtype="PCM_16")
    return path


class Session:
    """Two selected items, the later one first, and a user who agrees to everything."""

    def __init__(self, place: Path) -> None:
        self.place, self.root = place, place / "watched"
        (self.root / "inbox").mkdir(parents=True)
        (self.root / "status").mkdir()
        self.project = Project(place / "song" / "song.rpp")
        self.cello = item_of(sound(place / "song" / "cello.wav", 220.0), position=2.0, offset=0.1, length=0.3, colour=0x1000000)
        self.bell = item_of(sound(place / "song" / "bell.wav", 880.0), position=3.5)
        self.project.add(self.bell)
        self.project.add(self.cello, D_VOL=1.0)
        self.project.tracks[0]["colour"], self.cello["colour"] = 0x10000ff, 0x1ff0000
        self.reaper = Reaper(place, self.project, root=self.root)
        self.reaper.selected = [self.bell, self.cello]
        self.reaper.answers = [ANSWERS]
        self.daemon_file = StatusFile(self.root / "status" / "daemon.tsv", "daemon")
        self.beat()

    def beat(self, state: str = "running") -> None:
        """A sign of life of a daemon."""
        self.daemon_file.write({"state": state, "session": "1"})

    def jobs(self) -> list[dict[str, Any]]:
        """What was sent, checked against the schema."""
        found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((self.root / "inbox").glob("*.job.json"))]
        for one in found:
            Draft202012Validator(schema("job")).validate(one)
        return found

    def sent(self) -> tuple[str, dict[str, Any]]:
        """The one job, by its id."""
        (path,), (job,) = (self.root / "inbox").glob("*.job.json"), self.jobs()
        return path.name.removesuffix(".job.json"), job

    def say(self, job: str, **values: Any) -> None:
        """Write a job's status, as a daemon does."""
        StatusFile(self.root / "status" / f"{job}.tsv", "status").write({"job": job, **values})

    def work(self) -> None:
        """The real daemon does all that waits."""
        allow(self.place / "song")
        summary = Daemon(self.root, settle_seconds=0.0, lease_seconds=0.0).run_once()
        assert all(one.state in ("done", "failed", "cancelled") for one in summary.outcomes)

    def morphed(self, script: str = "lts_morph.lua") -> str:
        """Send, let the daemon work, and import. The job's id."""
        self.reaper.run(script)
        job, _ = self.sent()
        self.work()
        self.reaper.until(lambda: not self.reaper.queue)
        return job

    def new_tracks(self) -> list[Thing]:
        """Those that were not there from the start."""
        return self.project.tracks[2:]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("LTS_BATCH_CONFIG", str(tmp_path / "config"))
    return Session(tmp_path)
