"""Cleaning up: only audio that was rendered for one job, by the mark in that job's own file, and long after it ended."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import watching
from commanding import lts
from watching import hashes, send, states, wav

from lts_batch.client.cleaning import age_seconds, rendered_clips
from lts_batch.errors import SettingsError
from lts_batch.watch.daemon import Daemon

root, make = watching.root, watching.make



def test_only_what_was_rendered_for_a_job_long_over_is_cleaned(root: Path, make: Callable[..., Daemon]) -> None:
    wav(root / "inbox" / "mine.wav", 1)
    wav(root / "inbox" / "made.wav", 2)
    send(root, "old", "mine.wav", {"path": "made.wav", "rendered": True})
    make().run_once()
    wav(root / "inbox" / "made.wav", 3)
    send(root, "new", {"path": "made.wav", "rendered": True}, {"path": "made.wav"})  # which of the two is not said
    wav(root / "inbox" / "fresh.wav", 4)
    send(root, "fresh", {"path": "fresh.wav", "rendered": True}, "fresh.wav")
    wav(root / "inbox" / "k_A.wav", 5)
    wav(root / "inbox" / "k_B.wav", 6)
    make().run_once()
    month_ago = time.time() - 31 * 86400
    for path in (root / "archive").rglob("*"):
        if "fresh" not in path.parts:
            os.utime(path, (month_ago, month_ago))
    before = hashes(root)
    listed = lts("clean", str(root), "--older-than", "30d")
    assert listed.exit_code == 0 and "made.wav" in listed.stdout and "nothing is removed without --yes" in listed.stdout
    assert hashes(root) == before
    values = json.loads(lts("clean", str(root), "--older-than", "30d", "--yes", "--json").stdout)
    assert values["removed"] and [clip["path"] for clip in values["clips"]] == [str(root / "archive" / "old" / "made.wav")]
    assert set(before) - set(hashes(root)) == {"archive/old/made.wav"}
    assert rendered_clips(root, age_seconds("30d")) == []


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "3 days", "1e3d", "٣d", "nan d"])
def test_an_age_that_is_none_is_refused(text: str, root: Path, make: Callable[..., Daemon]) -> None:
    with pytest.raises(SettingsError, match="is not understood"):
        age_seconds(text)


def test_a_job_file_in_the_archive_marks_nothing_elsewhere(root: Path, make: Callable[..., Daemon], tmp_path: Path) -> None:
    """Neither by a path, nor by a link, nor what is no audio."""
    wav(root / "inbox" / "a.wav", 1)
    send(root, "j", {"path": "a.wav", "rendered": True}, "a.wav")
    assert states(make().run_once()) == [("j", "done")]
    outside = wav(tmp_path / "outside" / "a.wav", 7)
    folder = root / "archive" / "j"
    (folder / "link.wav").symlink_to(outside)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    clips = [{"path": str(outside), "rendered": True}, {"path": "link.wav", "rendered": True},
             {"path": "notes.txt", "rendered": True}, {"path": "../../k.wav", "rendered": True}]
    (folder / "j.job.json").write_text(json.dumps({"clips": clips}), encoding="utf-8")
    assert rendered_clips(root, 0.0) == []
    (folder / "j.job.json").write_text(json.dumps({"clips": [{"path": "A.wav"}, {"path": "a.wav", "rendered": True}]}),
                                       encoding="utf-8")
    assert rendered_clips(root, 0.0) == []  # where capitals do not count, that may be somebody's A.wav
    (folder / "j.job.json").write_text(json.dumps({"clips": [{"path": "a.wav", "rendered": True}]}), encoding="utf-8")
    assert [clip.path for clip in rendered_clips(root, 0.0)] == [folder / "a.wav"]
    (folder / "j.job (2).json").write_text("{}", encoding="utf-8")
    assert rendered_clips(root, 0.0) == []  # which of the two marked it?
