"""Putting what has failed back into the inbox, so that it is tried again."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from lts_batch.client.overview import unknown_job, watched
from lts_batch.errors import JobError, LtsError
from lts_batch.files.moves import move, sha256
from lts_batch.files.whole import output_error
from lts_batch.protocol import JOB_FILE_SUFFIX
from lts_batch.watch.journal import LAST_STATES
from lts_batch.watch.spool import Spool
from lts_batch.watch.status import read_status


def failed_jobs(spool: Spool) -> list[str]:
    """The folders of failed and cancelled jobs, by names."""
    return sorted(path.parent.name for path in spool.failed.glob("*/error.json"))


def put_back(root: Path, name: str) -> list[Path]:
    """Move the clips of a failed job, and then its job file, to where they lay in the inbox. Its error file goes.

    Cut off at any point, it can be called again.

    Args:
        name: of its folder in ``failed``.

    Returns:
        The files as they lie now.

    Raises:
        JobError: no such folder; nothing in it could be tried again; something lies in the way, and then nothing is moved.
        OutputError: something cannot be moved.
    """
    spool = watched(root)
    folder = spool.failed / name
    if name not in failed_jobs(spool):
        raise unknown_job(name, failed_jobs(spool), "failed")
    record = _record(folder)
    state = read_status(spool.status / f"{record.get('job')}.tsv", "status").get("state", "failed")
    if state not in LAST_STATES:
        raise JobError(f"{name} is still {state}: try it again when it has failed")
    moves = _moves(spool, folder, record)
    if not moves and not any(path.name != "error.json" for path in folder.iterdir()) and not _gone_back(record):
        raise JobError(f"{folder} holds no clips: they lay elsewhere and still do, so send the job again")
    for source, destination in moves:
        if destination.exists() or destination.is_symlink():
            raise JobError(f"{destination} is in the way of {source.name}: move it out of the inbox first, nothing was moved")
    for source, destination in moves:
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(destination, error) from None
        move(source, destination)
    (folder / "error.json").unlink(missing_ok=True)
    with suppress(OSError):  # somebody keeps something else there
        folder.rmdir()
    return [destination for _, destination in moves]


def _record(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / "error.json").read_text(encoding="utf-8"))
        if record.get("format") != "lts-batch/error":
            raise ValueError("another format")
        return dict(record)
    except (OSError, ValueError, AttributeError) as error:
        raise JobError(f"{folder / 'error.json'} cannot be read ({error}): put the clips back into the inbox by hand") from None


def _gone_back(record: dict[str, Any]) -> bool:
    return any(clip.get("moved") and Path(str(clip.get("path"))).exists() for clip in record.get("clips", ()))


def _moves(spool: Spool, folder: Path, record: dict[str, Any]) -> list[tuple[Path, Path]]:
    """Each file with where it goes, clips first; a clip is found by its name, or by its content where it had to be renamed."""
    found: dict[Path, Path] = {}
    for clip in record.get("clips", ()):
        if not clip.get("moved"):
            continue
        was = Path(str(clip["path"]))
        source = folder / was.name
        if source in found or not (source.exists() or source.is_symlink()):
            source = next((path for path in folder.iterdir() if path not in found and _holds(path, clip.get("sha256"))), source)
        if source.exists() or source.is_symlink():
            found[source] = _place(spool, was)
    job_files = [path for path in folder.iterdir() if path.name.endswith(JOB_FILE_SUFFIX)]
    return [*found.items(), *((path, spool.inbox / path.name) for path in job_files)]


def _holds(path: Path, digest: str | None) -> bool:
    try:
        return digest is not None and path.is_file() and sha256(path) == digest
    except (OSError, LtsError):
        return False


def _place(spool: Spool, was: Path) -> Path:
    """Where it lay, if that was in this inbox: the root may have moved since, and nothing is put anywhere else."""
    parts = was.parts
    inside = parts[len(parts) - parts[::-1].index("inbox"):] if "inbox" in parts else (was.name,)
    if len(inside) > 2 or ".." in inside:
        inside = (was.name,)
    return spool.inbox.joinpath(*inside)
