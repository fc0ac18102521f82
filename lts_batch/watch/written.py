"""Jobs that are written down in the inbox: job files and the clips they name, and cancel files."""

import hashlib
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path

from lts_batch.errors import JobError, LtsError
from lts_batch.protocol import CANCEL_SUFFIX, JOB_FILE_SUFFIX, is_job_id
from lts_batch.settings import Settings
from lts_batch.watch.entries import Entry
from lts_batch.watch.jobfile import ClipRequest, Request, is_json, job_id, named_paths, parse, read_bytes
from lts_batch.watch.jobs import Candidate, inbox_entry, safe_id
from lts_batch.watch.view import JobFile, View, Waiting


def named_by_job_files(inbox: Path, but: Path | None = None) -> frozenset[Path]:
    """The files inside the inbox that job files lying there name, leaving out one job file's own wishes."""
    found: set[Path] = set()
    for path in inbox.iterdir() if inbox.is_dir() else ():
        if path.name.endswith(JOB_FILE_SUFFIX) and not path.name.startswith(".") and path != but:
            try:
                status = path.lstat()
                named = _named(path, inbox, (status.st_size, status.st_mtime_ns, status.st_ino))
            except (OSError, JobError):
                continue
            found.update(entry for entry in (inbox_entry(path, inbox) for path in named) if entry is not None)
    return frozenset(found)


@lru_cache(maxsize=4096)
def _named(path: Path, inbox: Path, signature: Hashable) -> tuple[Path, ...]:
    """What a job file names, read once for as long as it does not change: each job that ends asks all others."""
    return named_paths(read_bytes(path), inbox)


def read_job_files(view: View) -> None:
    """Find the jobs that are written down, and the files that they name."""
    for entry in view.entries:
        if entry.path.name.endswith(CANCEL_SUFFIX) and not entry.is_folder:
            name = entry.path.name.removesuffix(CANCEL_SUFFIX)
            if is_job_id(name):
                view.cancels.append((name, entry.path, view.still_since(str(entry.path), entry.signature)))
        elif entry.path.name.endswith(JOB_FILE_SUFFIX) and not entry.path.name.startswith("."):
            _read_job_file(view, entry)


def _read_job_file(view: View, entry: Entry) -> None:
    found = view.seen.job_files.get(entry.path)
    if found is None or found.entry.signature != entry.signature:
        found = _read(entry, view.inbox, view.base)
    view.job_files[entry.path] = found
    named = [path for path in (inbox_entry(path, view.inbox) for path in found.named) if path is not None]
    since = [view.still_since(str(entry.path), entry.signature)]
    for path in named:
        view.named.add(path)
        try:
            status = path.stat()
        except (OSError, ValueError):
            continue
        view.named_identities.add((status.st_dev, status.st_ino))
        since.append(view.still_since(f"clip {path}", (status.st_size, status.st_mtime_ns)))
    _judge_job_file(view, found, max(since))


def _judge_job_file(view: View, found: JobFile, since: float) -> None:
    path = found.entry.path
    if isinstance(found.result, Request):
        request = found.result
        candidate = Candidate("file", request.id, request.clips, request.settings, since, request.echo, path, None,
                              request.digest)
        view.ready.append(((0, found.entry.modified_ns, 0, request.id), candidate))
    elif not found.whole and view.now < since + view.settle_seconds:
        view.hold_sets_until = since + view.settle_seconds  # it may name what looks like a pair
        view.waiting.append(Waiting(path, f"{path.name} is still being written", view.hold_sets_until))
    else:
        name = path.name.removesuffix(JOB_FILE_SUFFIX)
        clips = tuple(ClipRequest(clip) for clip in found.named)
        name = name if is_job_id(name) else safe_id(name, found.data)
        candidate = Candidate("file", name, clips, view.base, since, {}, path, None,
                              hashlib.sha256(found.data).hexdigest())
        view.broken.append((candidate, found.result))


def _read(entry: Entry, inbox: Path, base: Settings) -> JobFile:
    data, whole = b"", True
    named: tuple[Path, ...] = ()
    result: Request | LtsError
    try:
        job_id(entry.path)
        data = read_bytes(entry.path)
        whole, named = is_json(data), named_paths(data, inbox)
        result = parse(data, entry.path.name, inbox, base)
    except LtsError as error:
        result = error
    return JobFile(entry, data, result, whole, named)
