"""The daemon from drop to delivery, with a stand-in for the engine and once with the real one."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import watching
from jsonschema import Draft202012Validator
from trees import Tree
from watching import error_of, files, hashes, rows, send, states, status, wav

from lts_batch.errors import OutputError
from lts_batch.files import audio, moves
from lts_batch.files.moves import sha256
from lts_batch.protocol import schema
from lts_batch.settings import presets_folder
from lts_batch.stems import manifest
from lts_batch.watch.daemon import Daemon
from lts_batch.watch.status import read_status

root = watching.root
make = watching.make


# ---------------------------------------------------------------- delivery


def test_a_pair_goes_all_the_way(root: Path, make: Callable[..., Daemon]) -> None:
    clips = {name: sha256(wav(root / "inbox" / name, n)) for n, name in enumerate(("kick_A.wav", "kick_B.wav"))}
    summary = make().run_once()
    ((job, state),) = states(summary)
    assert state == "done" and job.startswith("kick-")
    assert files(root) == [f"archive/{job}/kick_A.wav", f"archive/{job}/kick_B.wav", f"outbox/{job}/manifest.json",
                           f"outbox/{job}/manifest.tsv", f"outbox/{job}/stem.wav", f"outbox/{job}/stems.rpp"]
    record = manifest.from_json((root / "outbox" / job / "manifest.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema("manifest")).validate(json.loads(record.to_json()))
    assert {Path(clip.path).name: sha256(Path(clip.path)) for clip in record.clips} == clips  # they lie where it says
    assert record.job == job and record.job_digest is not None and record.job_digest.startswith(job[5:])
    assert (root / "outbox" / job / "manifest.tsv").read_text(encoding="utf-8") == record.to_tsv()
    assert status(root, job) | {"counter": ""} == {
        "job": job, "state": "done", "fraction": "1.0", "message": f"the stems lie in outbox/{job}",
        "folder": f"outbox/{job}", "counter": ""}
    assert list((root / ".lts" / "staging").iterdir()) == []
    assert {name: (row.state, row.folder) for name, row in rows(root).items()} == {job: ("done", f"outbox/{job}")}
    assert summary.lines()[-1] == "1 done, 0 failed, 0 cancelled, 0 waiting"
    summary.check()


def test_the_folders_are_made_and_the_root_keeps_its_name(tmp_path: Path, make: Callable[..., Daemon]) -> None:
    root = tmp_path / "new"
    for _ in range(2):
        Daemon(root, settle_seconds=0, load=lambda name: None, lease_seconds=0).run_once()
    names = sorted(path.name for path in root.iterdir())
    assert names == [".lts", "archive", "failed", "inbox", "outbox", "status"]
    values = read_status(root / "status" / "daemon.tsv", "daemon")
    assert values["root"] == (root / ".lts" / "uuid").read_text(encoding="utf-8").strip()
    assert values["state"] == "stopped" and int(values["counter"]) >= 4
    numbers = ("counter", "waiting", "done", "failed", "process")
    typed = {key: int(value) if key in numbers else value for key, value in values.items()}
    Draft202012Validator(schema("daemon")).validate(typed)
    with pytest.raises(OutputError, match="there is no folder"):
        Daemon(tmp_path / "no" / "such", load=lambda name: None).run_once()


def test_a_job_file_with_clips_inside_and_outside(root: Path, make: Callable[..., Daemon], tmp_path: Path, tree: Tree) -> None:
    music = tmp_path / "music"
    wav(music / "cello.wav", 1)
    wav(root / "inbox" / "sub" / "snare.wav", 2)
    before = tree(music)
    send(root, "j1", {"path": str(music / "cello.wav"), "offset_samples": 5, "length_samples": 100, "name": "C"},
         "sub/snare.wav", settings={"steps": 3}, echo={"track": 4})
    summary = make(allowed=lambda: (music.resolve(),)).run_once()
    assert states(summary) == [("j1", "done")]
    assert tree(music) == before
    assert files(root) == ["archive/j1/j1.job.json", "archive/j1/snare.wav", "outbox/j1/manifest.json",
                           "outbox/j1/manifest.tsv", "outbox/j1/stem.wav", "outbox/j1/stems.rpp"]
    record = manifest.from_json((root / "outbox/j1/manifest.json").read_text(encoding="utf-8"))
    assert record.echo == {"track": 4} and record.settings["steps"] == 3
    assert (record.clips[0].offset_samples, record.clips[0].length_samples, record.clips[0].name) == (5, 100, "C")
    assert record.clips[1].path == str(root / "archive" / "j1" / "snare.wav")


def test_a_set_folder_goes_when_it_is_empty(root: Path, make: Callable[..., Daemon]) -> None:
    for name in ("full/a.wav", "full/b.wav", "more/a.wav", "more/b.wav", "more/notes.txt"):
        wav(root / "inbox" / name, len(name))
    make().run_once()
    assert [path.name for path in (root / "inbox").iterdir()] == ["more"]
    assert files(root, "inbox") == ["inbox/more/notes.txt"]


def test_a_pair_dropped_again(root: Path, make: Callable[..., Daemon]) -> None:
    def drop(seed: int) -> tuple[str, str, str]:
        wav(root / "inbox" / "k_A.wav", seed)
        wav(root / "inbox" / "k_B.wav", 99)
        (outcome,) = make().run_once().outcomes
        return outcome.job, outcome.state, outcome.message

    first, second = drop(1), drop(2)
    assert first[1] == second[1] == "done" and first[0] != second[0]
    delivered = {path: value for path, value in hashes(root).items() if path.startswith("outbox")}
    again = drop(1)
    assert again[:2] == first[:2] and "were made before" in again[2]
    assert {path: value for path, value in hashes(root).items() if path.startswith("outbox")} == delivered
    assert f"archive/{first[0]}/k_A (2).wav" in files(root)
    moves.remove(root / "outbox" / first[0])  # taken away by the user: now it is made anew
    assert "were made before" not in drop(1)[2]


def test_an_id_is_used_once(root: Path, make: Callable[..., Daemon]) -> None:
    wav(root / "inbox" / "a.wav", 1)
    wav(root / "archive" / "b.wav", 2)
    send(root, "j", "a.wav", root / "archive" / "b.wav")
    make().run_once()
    before = hashes(root)
    wav(root / "inbox" / "c.wav", 3)
    send(root, "j", "c.wav", root / "archive" / "b.wav")
    assert states(make().run_once()) == [("j", "failed")]
    assert "belongs to another job" in error_of(root, "j")["message"]
    assert {path: value for path, value in hashes(root).items() if path in before} == before
    assert files(root, "failed") == ["failed/j/c.wav", "failed/j/error.json", "failed/j/j.job.json"]


def test_an_inbox_clip_leaves_with_the_last_job_that_names_it(root: Path, make: Callable[..., Daemon]) -> None:
    for n, name in enumerate("abc"):
        wav(root / "inbox" / f"{name}.wav", n)
    send(root, "j1", "a.wav", "b.wav")
    send(root, "j2", "b.wav", "c.wav")
    assert states(make().run_once()) == [("j1", "done"), ("j2", "done")]
    assert files(root, "archive") == ["archive/j1/a.wav", "archive/j1/j1.job.json", "archive/j2/b.wav", "archive/j2/c.wav",
                                      "archive/j2/j2.job.json"]
    record = manifest.from_json((root / "outbox/j1/manifest.json").read_text(encoding="utf-8"))
    assert record.clips[1].path == str(root / "inbox" / "b.wav")


# ---------------------------------------------------------------- the real engine


def test_real_clips_through_the_shipped_model(root: Path) -> None:
    if not (presets_folder() / "models" / "general" / "model.json").exists():
        pytest.skip("the shipped model is not there")
    wav(root / "inbox" / "k_A.wav", 1, samples=30000)
    wav(root / "inbox" / "k_B.wav", 2, samples=40000)
    seconds, told = time.monotonic(), []
    summary = Daemon(root, settle_seconds=0.0, progress=lambda *values: told.append(values)).run_once()
    (outcome,) = summary.outcomes
    assert outcome.state == "done", outcome.message
    assert told and time.monotonic() - seconds < 60
    folder = root / "outbox" / outcome.job
    record = manifest.from_json((folder / "manifest.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema("manifest")).validate(json.loads(record.to_json()))
    assert [stem.x for stem in record.stems] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert sorted(path.name for path in folder.iterdir()) == sorted([stem.file for stem in record.stems]
                                                                    + ["manifest.json", "manifest.tsv", "stems.rpp"])
    for stem in record.stems:
        assert sha256(folder / stem.file) == stem.sha256
        assert audio.info(folder / stem.file).samples == stem.samples
    first, _ = audio.read(folder / record.stems[0].file)
    clip, _ = audio.read(root / "archive" / outcome.job / "k_A.wav")
    assert first.shape == clip.shape and np.abs(first - clip).max() < 1e-4
