"""How a job's end is planned: which clips leave the inbox, to where, and what the error file says."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from lts_batch import __version__
from lts_batch.errors import JobError, LtsError
from lts_batch.files.moves import free, remove
from lts_batch.files.whole import write_whole
from lts_batch.protocol import CANCEL_SUFFIX, VERSION, printable, shortened
from lts_batch.watch.endings import Ending, planned_move
from lts_batch.watch.jobfile import read_bytes
from lts_batch.watch.jobs import Candidate, Job, describe, inbox_entry
from lts_batch.watch.spool import Spool
from lts_batch.watch.written import named_by_job_files


def leaving(spool: Spool, candidate: Candidate) -> tuple[Path, ...]:
    """The clips that lie in the inbox and that no other job file names: the last job to name a clip takes it along."""
    entries = [inbox_entry(clip.path, spool.inbox) for clip in candidate.clips]
    others = named_by_job_files(spool.inbox, candidate.control)
    return tuple(dict.fromkeys(entry for entry in entries if entry is not None and entry not in others
                               and os.path.lexists(entry) and not entry.is_dir()))


def places_on(shelf: Path, sources: Iterable[Path]) -> dict[Path, Path]:
    """A free place on the shelf for each file."""
    places: dict[Path, Path] = {}
    for source in sources:
        places[source] = free(shelf / source.name, set(places.values()))
    return places


def free_folder(folder: Path) -> Path:
    """The folder, or where that exists, the first free of ``name_2``, ``name_3``, ..."""
    candidate, n = folder, 1
    while os.path.lexists(candidate):
        n += 1
        candidate = folder.with_name(f"{folder.name}_{n}")
    return candidate


def stage_error(spool: Spool, candidate: Candidate, job_id: str, state: str, error: LtsError, job: Job | None,
                readable: Sequence[Path]) -> Path:
    """Make the folder with ``error.json`` that is to become the failed job's folder.

    Args:
        job: what it turned out to be, if its clips were read; else those in the inbox are, for size and hash.
        readable: folders that they may be read from.

    Raises:
        OSError, OutputError: it can't be made.
    """
    staged = spool.staging / f"{job_id}.failed"
    taken_along = leaving(spool, candidate)
    clips = []
    for number, clip in enumerate(candidate.clips):
        size_bytes: int | None = None
        sha256: str | None = None
        if job is not None:
            size_bytes, sha256 = job.clips[number].size_bytes, job.clips[number].sha256
        elif inbox_entry(clip.path, spool.inbox) is not None:  # any other may lie on a disk that does not answer
            size_bytes, sha256 = describe(clip, readable)
        clips.append({"path": str(clip.path), "size_bytes": size_bytes, "sha256": sha256,
                      "moved": inbox_entry(clip.path, spool.inbox) in taken_along})
    record = {"format": "lts-batch/error", "version": VERSION, "job": job_id, "state": state,
              "message": shortened(str(error)), "kind": type(error).__name__, "exit_code": error.exit_code,
              "clips": clips, "echo": dict(candidate.echo), "lts_batch": __version__,
              "job_digest": (job.digest if job else candidate.digest) or None}
    remove(staged)
    staged.mkdir()
    write_whole(staged / "error.json", json.dumps(record, indent=1) + "\n")
    return staged


def plan(spool: Spool, candidate: Candidate, job_id: str, state: str, message: str, *, job: Job | None, folder: Path,
         staged: Path | None, shelf: Path) -> Ending:
    """Everything that is to be done once the outcome is known; nothing is done yet.

    Args:
        job: what it turned out to be, if its clips were read: what was put in their place since then stays.
        folder: where stems or error file lie in the end.
        staged: the folder that becomes ``folder``, if it isn't there already.
        shelf: the folder that the inbox clips and the job file go to.
    """
    moves = []
    taken = {clip.entry: clip.taken for clip in job.clips if clip.entry is not None} if job else {}
    control = candidate.control
    sources = [*leaving(spool, candidate), *([control] if control and _is_as_read(candidate) else [])]
    for source, destination in places_on(shelf, sources).items():
        with suppress(FileNotFoundError):
            moves.append(planned_move(spool, source, destination, taken.get(source)))
    cancel = spool.inbox / f"{job_id}{CANCEL_SUFFIX}"
    return Ending(job_id, state, message, spool.inside(folder), spool.inside(staged) if staged else None, tuple(moves),
                  spool.inside(candidate.folder) if candidate.folder else None,
                  spool.inside(cancel) if cancel.is_file() else None, printable(candidate.title))


def _is_as_read(candidate: Candidate) -> bool:
    """Whether the job file is still the one that was read; one that was sent again under its name is another job."""
    assert candidate.control is not None
    try:
        return hashlib.sha256(read_bytes(candidate.control)).hexdigest() == candidate.digest
    except JobError:  # one that never could be read
        return True
