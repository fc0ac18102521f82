"""A job is taken: whole clips, known by their content."""

from pathlib import Path
from typing import Any

import inboxes
import pytest
from inboxes import job, wav

from lts_batch.errors import ClipError
from lts_batch.settings import Settings
from lts_batch.watch.jobfile import ClipRequest
from lts_batch.watch.jobs import Candidate, inbox_entry, take
from lts_batch.watch.written import named_by_job_files

inbox = inboxes.inbox


def candidate(inbox: Path, *clips: ClipRequest, origin: Any = "pair", **changes: Any) -> Candidate:
    return Candidate(origin, "k", clips, changes.pop("settings", Settings()), 0.0, **changes)


def test_a_job_is_known_by_its_content(inbox: Path) -> None:
    places = [inbox.parent]
    pair = candidate(inbox, *(ClipRequest(wav(inbox / f"k_{r}.wav", seed=ord(r))) for r in "AB"))
    first = take(pair, inbox, places)
    assert first.id.startswith("k-") and len(first.id) == 14
    assert take(pair, inbox, places).id == first.id
    assert take(candidate(inbox, *pair.clips, settings=Settings(steps=3)), inbox, places).id != first.id
    wav(inbox / "k_B.wav", seed=7)
    assert take(pair, inbox, places).id != first.id


@pytest.mark.parametrize(("seconds", "offset", "length", "good"), [
    (0.1, 0, 4410, True), (0.1, 0, 4411, False), (0.1, 4409, 1, True), (0.1, 4410, None, False), (0.1, 4409, None, True),
])
def test_excerpts_lie_in_their_clips(inbox: Path, seconds: float, offset: int, length: int | None, good: bool) -> None:
    request = ClipRequest(wav(inbox / "a.wav", seconds), offset, length)
    if good:
        take(candidate(inbox, request), inbox, [inbox])
    else:
        with pytest.raises(ClipError, match="ends after the clip, which has 4410 samples"):
            take(candidate(inbox, request), inbox, [inbox])


@pytest.mark.parametrize("keep_bytes", [0, 20, 44, 1000])
def test_half_a_clip_is_not_taken(inbox: Path, keep_bytes: int) -> None:
    path = wav(inbox / "k_A.wav")
    path.write_bytes(path.read_bytes()[:keep_bytes])
    with pytest.raises(ClipError):
        take(candidate(inbox, ClipRequest(path)), inbox, [inbox])


def test_what_leaves_is_what_lies_in_the_inbox(inbox: Path, tmp_path: Path) -> None:
    outside, link = wav(tmp_path / "o.wav"), inbox / "link.wav"
    link.symlink_to(outside)
    alias = tmp_path / "alias"
    alias.symlink_to(inbox, target_is_directory=True)
    inner = wav(inbox / "s" / "a.wav")
    assert inbox_entry(outside, inbox) is None
    assert inbox_entry(link, inbox) == link  # the link leaves, what it leads to does not
    assert inbox_entry(alias / "s" / "a.wav", inbox) == inner
    assert inbox_entry(inbox, inbox) is None
    assert inbox_entry(inbox / "other.job.json", inbox) is None  # no job moves another job's file
    assert inbox_entry(inbox / "other.cancel", inbox) is None


def test_files_named_by_other_jobs(inbox: Path) -> None:
    (inbox / "1.job.json").write_bytes(job())
    (inbox / "2.job.json").write_bytes(job(clips=[{"path": str(inbox / "b.wav")}, {"path": "/else/c.wav"}]))
    (inbox / "3.job.json").write_bytes(b"{")
    assert named_by_job_files(inbox) == {inbox / "a.wav", inbox / "b.wav"}
    assert named_by_job_files(inbox, inbox / "1.job.json") == {inbox / "b.wav"}
