"""Whatever is dropped: it is made into stems or told in a sentence, the daemon lives, and what lies beside it is untouched."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from platforms import POSIX
from watching import error_of, wav

from lts_batch.files import audio
from lts_batch.files.moves import sha256
from lts_batch.models.checkpoint import Model
from lts_batch.protocol import is_device_name
from lts_batch.settings import Settings
from lts_batch.watch import hands
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.summary import Summary
from soak.broken_clips import BAD, EITHER, GOOD, Kind, chunk, fmt, kinds, pcm, riff

KINDS = list(kinds())
BATCH = 32  # pairs dropped at once
NAMES = ["two  blanks", "it's", 'so "called"', "\U0001f3b9 keys", "line\nbreak", "tab\there", "-rf", "end.", "CON", "nul.take",
         "100%", "a;b", "$HOME", "`ls`", "a\\b", "cafe\u0301", "caf\u00e9", "\u202eevil", "x" * 240, "#1", "~",
         "[a]", "{b}", "*"]


def draft(root: Path, model: Model) -> Summary:
    """All that lies in the inbox, as one stem a pair, in draft quality."""
    return Daemon(root, settle_seconds=0.0, lease_seconds=0.0, patience_seconds=0.0, allowed=lambda: (),
                  load=lambda name: model).run_once()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import lts_batch.watch.daemon as module

    monkeypatch.setattr(module, "Settings", lambda **more: Settings(x=(0.5,), quality="draft", detail=0.0, **more))
    (tmp_path / "root" / "inbox").mkdir(parents=True)
    return tmp_path / "root"


def everything(root: Path) -> dict[str, list[str]]:
    """Hashes of the clips in the folders that hold clips, and where each lies."""
    found: dict[str, list[str]] = {}
    for folder in ("inbox", "archive", "failed"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not path.name.endswith((".json", ".tsv")):
                found.setdefault(sha256(path), []).append(path.relative_to(root).as_posix())
    return found


@pytest.mark.parametrize("first", range(0, len(KINDS), BATCH))
def test_broken_clips_end_in_stems_or_in_a_sentence(root: Path, model: Model, first: int) -> None:
    batch, dropped = KINDS[first:first + BATCH], []
    for number, kind in enumerate(batch):
        good = wav(root / "inbox" / f"k{number:02}_A.wav", number, 6615)
        other = root / "inbox" / f"k{number:02}_B{kind.suffix}"
        other.write_bytes(kind.data)
        dropped += [sha256(good), sha256(other)]
    summary = draft(root, model)
    ends = {outcome.job: outcome for outcome in summary.outcomes}
    assert not summary.waiting
    lying = everything(root)
    for digest in dropped:
        assert len(lying[digest]) == dropped.count(digest), f"{digest} lies at {lying[digest]}"
    for number, kind in enumerate(batch):
        (job,) = (name for name in ends if name.startswith(f"k{number:02}"))
        _judge(root, kind, job, ends[job].state, ends[job].message)


def _judge(root: Path, kind: Kind, job: str, state: str, message: str) -> None:
    ends = {GOOD: ("done",), BAD: ("failed",), EITHER: ("done", "failed")}
    assert state in ends[kind.end], f"{kind.what}: {state}, {message}"
    if state == "done":
        stems = list((root / "outbox").glob(f"{job}*/*.wav"))
        assert stems, kind.what
        assert all(np.isfinite(audio.read(stem)[0]).all() for stem in stems), kind.what
        return
    record = error_of(root, job)
    assert record["kind"] in ("ClipError", "SettingsError"), f"{kind.what}: {record}"
    assert len(message) > 20 and "Traceback" not in message and "Error:" not in message, f"{kind.what}: {message}"
    assert job.partition("-")[0] in message and kind.suffix in message, f"{kind.what} is not named: {message}"


def _legal(name: str) -> bool:
    return os.name != "nt" or not (set('\\:*?"<>|\n\t') & set(name) or name.endswith(".") or is_device_name(name))


@pytest.mark.parametrize("name", [name for name in NAMES if _legal(name)])
def test_odd_names_are_names(root: Path, model: Model, name: str) -> None:
    names = [f"{name}_A.wav", f"{name}_B.wav"]
    try:
        dropped = [sha256(wav(root / "inbox" / one, number, 6615)) for number, one in enumerate(names)]
    except OSError:
        pytest.skip("this file system has no such names")
    summary = draft(root, model)
    assert [outcome.state for outcome in summary.outcomes] == ["done"], summary.lines()
    assert set(everything(root)) == set(dropped)
    (stem,) = (root / "outbox").glob("*/*.wav")
    assert all(part.isprintable() and not set(part) & set('<>:"/\\|?*') and not part.endswith((".", " "))
               for part in stem.relative_to(root / "outbox").parts), "legal on every system"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A clip outside the root that must stay as it is."""
    clip = wav(tmp_path / "mine" / "clip.wav", 9, 6615)
    before = sha256(clip)
    yield clip
    assert sha256(clip) == before


@POSIX
@pytest.mark.parametrize("kind", ["a link", "a link to nothing", "a link to itself", "a pipe", "a folder"])
def test_what_is_no_file_is_left_alone_or_told(root: Path, model: Model, elsewhere: Path, kind: str) -> None:
    good, odd = wav(root / "inbox" / "k_A.wav", 1, 6615), root / "inbox" / "k_B.wav"
    if kind == "a link":
        odd.symlink_to(elsewhere)
    elif kind == "a link to nothing":
        odd.symlink_to(root / "nothing.wav")
    elif kind == "a link to itself":
        odd.symlink_to(odd)
    elif kind == "a pipe":
        os.mkfifo(odd)
    else:
        odd.mkdir()
    (root / "inbox" / "ok_A.wav").write_bytes(riff(fmt(), chunk(b"data", pcm())))
    (root / "inbox" / "ok_B.wav").write_bytes(riff(fmt(), chunk(b"data", pcm()[::-1])))
    kept = sha256(good)
    summary = draft(root, model)
    assert [outcome.state for outcome in summary.outcomes if outcome.job.startswith("ok")] == ["done"], "what lies beside it"
    told = [outcome.state for outcome in summary.outcomes if outcome.job.startswith("k")]
    assert told in (["failed"], []), summary.lines()
    assert told or any("k_A" in f"{item.path} {item.why}" for item in summary.waiting), summary.lines()
    assert kept in everything(root)


@pytest.mark.parametrize("moment", ["before it is opened", pytest.param("while it is read", marks=POSIX)])
def test_a_vanishing_clip_harms_nothing_else(root: Path, model: Model, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """One that is open already is read to its end; without one that is not there its partner waits."""
    for name in ("k_A", "k_B", "ok_A", "ok_B"):
        wav(root / "inbox" / f"{name}.wav", len(name) + ord(name[-1]), 6615)
    partner = sha256(root / "inbox" / "k_A.wav")
    place, name = (hands, "take") if moment == "before it is opened" else (audio, "open_reader")
    usual = getattr(place, name)

    def vanishing(*given: Any) -> Any:
        for path in root.rglob("k_B.wav"):
            path.unlink()
        return usual(*given)

    monkeypatch.setattr(place, name, vanishing)
    summary = draft(root, model)
    states = {outcome.job.partition("-")[0]: outcome.state for outcome in summary.outcomes}
    assert states == ({"ok": "done"} if moment == "before it is opened" else {"k": "done", "ok": "done"}), summary.lines()
    (place_of_partner,) = everything(root)[partner]
    assert place_of_partner.startswith("inbox/" if moment == "before it is opened" else "archive/")
    stems = list((root / "outbox").rglob("*.wav"))
    assert len(stems) == len(states) and all(np.isfinite(audio.read(stem)[0]).all() for stem in stems)
