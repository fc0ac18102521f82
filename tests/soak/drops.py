"""What people and DAWs drop: pairs, sets, job files with clips in the inbox and elsewhere, now and then something broken."""

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lts_batch.files import audio
from lts_batch.files.moves import sha256

RATE = 44100
STEMS: dict[str, Any] = {"x": [0.0, 0.5, 1.0], "quality": "draft"}
_CYCLE = ("pair", "inside", "set", "outside", "shared", "broken", "preset", "inside", "pair", "outside")  # one in ten fails


@dataclass
class Drop:
    """A thing to do for a daemon.

    Attributes:
        kind: a pair by name, the same in a preset's folder, a set folder, a job file whose clips lie ``inside`` the inbox or
            ``outside`` the root, two job files with a ``shared`` clip, or a ``broken`` pair or job file.
        inbox_clips: hashes of the clips that it puts into the inbox.
        outside_clips: clips elsewhere, with hash, time of change and number on the disk.
        job_files: hashes of job files by their ids.
        jobs, failures: how many jobs it makes, and how many of these fail.
    """

    kind: str
    number: int
    inbox_clips: list[str] = field(default_factory=list)
    outside_clips: dict[Path, tuple[str, int, int]] = field(default_factory=dict)
    job_files: dict[str, str] = field(default_factory=dict)
    jobs: int = 1
    failures: int = 0


def plans(jobs: int) -> list[tuple[str, int]]:
    """Kinds and numbers of things to drop that come to so many jobs or one more."""
    found: list[tuple[str, int]] = []
    while sum(2 if kind == "shared" else 1 for kind, _ in found) < jobs:
        found.append((_CYCLE[len(found) % len(_CYCLE)], len(found)))
    return found


def clip(path: Path, seed: int) -> str:
    """A short sound like no other, put there whole by a rename. Returns its hash."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(RATE * rng.uniform(0.1, 0.3))) / RATE
    sound = 0.3 * np.sin(2 * np.pi * rng.uniform(80, 2000) * times) + 0.05 * rng.standard_normal(len(times))
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    audio.write(hidden, sound[None].astype(np.float32), RATE)
    digest = sha256(hidden)
    hidden.rename(path)
    return digest


def send(inbox: Path, job: str, *clips: Any, **changes: Any) -> str:
    """A job file as a client writes it. Returns its hash."""
    entries = [one if isinstance(one, dict) else {"path": str(one)} for one in clips]
    values = {"format": "lts-batch/job", "version": 1, "clips": entries, "settings": STEMS, **changes}
    hidden = inbox / f".{job}.new"
    hidden.write_text(json.dumps(values), encoding="utf-8")
    digest = sha256(hidden)
    hidden.rename(inbox / f"{job}.job.json")
    return digest


def drop(plan: tuple[str, int], root: Path, outside: Path) -> Drop:
    """Put it there. The same plan drops the same, wherever that is."""
    kind, number = plan
    done = Drop(kind, number)
    _DROPPERS[kind](done, root / "inbox", outside)
    return done


def _pair(done: Drop, inbox: Path, outside: Path) -> None:
    folder = inbox / "draft" if done.kind == "preset" else inbox
    done.inbox_clips = [clip(folder / f"p{done.number:04}_{role}.wav", 10 * done.number + n) for n, role in enumerate("AB")]


def _set(done: Drop, inbox: Path, outside: Path) -> None:
    name = f"s{done.number:04}"
    done.inbox_clips = [clip(inbox / f".{name}" / f"{n}.wav", 10 * done.number + n) for n in range(2)]
    (inbox / f".{name}").rename(inbox / name)


def _inside(done: Drop, inbox: Path, outside: Path) -> None:
    names = [f"rendered {done.number:04} {n}.wav" for n in range(2)]
    done.inbox_clips = [clip(inbox / name, 10 * done.number + n) for n, name in enumerate(names)]
    job = f"j{done.number:04}"
    done.job_files[job] = send(inbox, job, {"path": names[0], "rendered": True}, names[1], echo={"number": done.number})


def _outside(done: Drop, inbox: Path, outside: Path) -> None:
    """An excerpt of one, and another that every such job names."""
    own, common = outside / f"take {done.number:04}.wav", outside / "common.wav"
    if not common.exists():
        clip(common, 5)
    clip(own, 10 * done.number)
    for path in (own, common):
        status = path.stat()
        done.outside_clips[path] = (sha256(path), status.st_mtime_ns, status.st_ino)
    job = f"o{done.number:04}"
    done.job_files[job] = send(inbox, job, {"path": own.as_posix(), "offset_samples": 100, "length_samples": 4000}, common)


def _shared(done: Drop, inbox: Path, outside: Path) -> None:
    """Two jobs that name the same clip in the inbox: the last takes it along. To be dropped while nobody watches."""
    done.jobs = 2
    names = [f"shared {done.number:04} {n}.wav" for n in range(3)]
    done.inbox_clips = [clip(inbox / name, 10 * done.number + n) for n, name in enumerate(names)]
    for letter, pair in (("a", names[:2]), ("b", names[1:])):
        job = f"h{done.number:04}{letter}"
        done.job_files[job] = send(inbox, job, *pair)


def _broken(done: Drop, inbox: Path, outside: Path) -> None:
    """A partner that is no audio, or one that is not there."""
    done.failures = 1
    name = f"b{done.number:04}"
    done.inbox_clips = [clip(inbox / f"{name}_A.wav", 10 * done.number)]
    if done.number // len(_CYCLE) % 2:
        hidden = inbox / f".{name}_B.wav"
        hidden.write_text(f"no sound at all {done.number}\n" * 50, encoding="utf-8")
        done.inbox_clips.append(sha256(hidden))
        hidden.rename(inbox / f"{name}_B.wav")
    else:
        done.job_files[name] = send(inbox, name, f"{name}_A.wav", "nothing.wav")


_DROPPERS: dict[str, Callable[[Drop, Path, Path], None]] = {
    "pair": _pair, "preset": _pair, "set": _set, "inside": _inside, "outside": _outside, "shared": _shared, "broken": _broken}


def make_root(place: Path) -> tuple[Path, Path, Path]:
    """A root with an inbox, a folder outside of it that jobs may read, and a home for the daemon."""
    root, outside, home = place / "root", place / "outside", place / "home"
    (root / "inbox").mkdir(parents=True)
    outside.mkdir()
    (home / "config").mkdir(parents=True)
    allowed = {"format": "lts-batch/allowed", "folders": [os.fspath(outside.resolve())]}
    (home / "config" / "allowed.json").write_text(json.dumps(allowed), encoding="utf-8")
    return root, outside, home


def shuffled(rng: random.Random, things: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """In another order."""
    return rng.sample(things, len(things))
