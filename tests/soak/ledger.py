"""What has to be true of a watched folder when all is done, whatever came between: nothing lost, doubled or half done."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from lts_batch.files.moves import sha256
from lts_batch.files.whole import TEMPORARY_SUFFIX
from lts_batch.watch.status import read_status
from soak.drops import Drop

LEFT = "left: "  # before names of temporary files
_RECORDS = ("error.json", ".job.json")


def faults(root: Path, home: Path, drops: Iterable[Drop], calm: Path | None = None) -> list[str]:
    """Sentences about what is wrong, none where all is well.

    Args:
        drops: everything that was ever dropped.
        calm: a root in which the same was done without a disturbance.
    """
    drops = list(drops)
    return [*_clips(root, drops), *_job_files(root, drops), *_outside(drops), *_ends(root, drops), *_leftovers(root),
            *journals(home), *(_stems(root, calm) if calm else ())]


def lying(root: Path) -> dict[str, list[str]]:
    """Where each clip lies that is in the inbox, the archive or among the failed, by hash."""
    found: dict[str, list[str]] = {}
    for folder in ("inbox", "archive", "failed"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not path.name.endswith(_RECORDS):
                found.setdefault(sha256(path), []).append(path.relative_to(root).as_posix())
    return found


def _clips(root: Path, drops: list[Drop]) -> Iterator[str]:
    places, wanted = lying(root), Counter(digest for one in drops for digest in one.inbox_clips)
    for one in drops:
        for digest in one.inbox_clips:
            found = places.get(digest, [])
            if len(found) != wanted[digest]:
                yield f"a clip of {one.kind} {one.number} lies at {len(found)} places: {', '.join(found) or 'lost'}"
            if any(place.startswith("inbox/") for place in found):
                yield f"a clip of {one.kind} {one.number} was left: {', '.join(found)}"
    for digest in places.keys() - wanted.keys():
        yield f"nobody dropped {places[digest]}"


def _job_files(root: Path, drops: list[Drop]) -> Iterator[str]:
    for one in drops:
        for job, digest in one.job_files.items():
            found = sorted(root.glob(f"*/{job}/{job}*.job.json")) + sorted((root / "inbox").glob(f"{job}.job.json"))
            if len(found) != 1 or sha256(found[0]) != digest:
                yield f"the job file of {job} lies at {len(found)} places, or is another: {found}"


def _outside(drops: list[Drop]) -> Iterator[str]:
    for one in drops:
        for path, (digest, modified_ns, number) in one.outside_clips.items():
            if not path.exists() or sha256(path) != digest:
                yield f"{path}, which only was to be read, was changed or lost"
            elif (path.stat().st_mtime_ns, path.stat().st_ino) != (modified_ns, number):
                yield f"{path} has another time of change, or is another file"


def _ends(root: Path, drops: list[Drop]) -> Iterator[str]:
    """Each job once, by number, by name, and by its status."""
    delivered, failed = (sorted(path.name for path in (root / name).iterdir()) for name in ("outbox", "failed"))
    good = sum(one.jobs - one.failures for one in drops)
    if len(delivered) != good:
        yield f"{len(delivered)} folders in the outbox for {good} jobs"
    if len(failed) != sum(one.failures for one in drops):
        yield f"{len(failed)} folders among the failed for {sum(one.failures for one in drops)} jobs: {failed}"
    for name in (*delivered, *failed):
        if name.rpartition("_")[2].isdecimal() and "_" in name:
            yield f"{name} was put beside another of its name"
    for one in drops:
        for job in one.job_files:
            if (job in delivered, job in failed) != (one.failures == 0, one.failures == 1):
                yield f"{job} should have {'failed' if one.failures else 'been delivered'}, once"
    for folder, state, names in (("outbox", "done", delivered), ("failed", "failed", failed)):
        for name in names:
            status = read_status(root / "status" / f"{name}.tsv", "status")
            if (status.get("state"), status.get("folder")) != (state, f"{folder}/{name}"):
                yield f"{folder}/{name} is there, and its status says {status}"
            if not (root / folder / name / ("manifest.json" if state == "done" else "error.json")).is_file():
                yield f"{folder}/{name} has no record"


def _leftovers(root: Path) -> Iterator[str]:
    for folder in ("inbox", ".lts/staging"):
        left = [path.name for path in (root / folder).glob("*") if path.name != "draft"]
        if left:
            yield f"left in {folder}: {left}"
    for path in root.rglob(f"*{TEMPORARY_SUFFIX}*"):
        yield f"{LEFT}{path}"


def journals(home: Path) -> Iterator[str]:
    """What SQLite says of journals, where there are any, and what they hold that has not come to an end."""
    for path in sorted((home / "state").rglob("*.sqlite")):
        try:
            with closing(sqlite3.connect(path)) as journal:
                found = journal.execute("PRAGMA integrity_check").fetchall()
                open_jobs = journal.execute("SELECT job, state FROM jobs WHERE ending IS NOT NULL"
                                            " OR state NOT IN ('done', 'failed', 'cancelled')").fetchall()
        except sqlite3.Error as error:
            found, open_jobs = [(str(error),)], []
        if found != [("ok",)]:
            yield f"the journal {path} is damaged: {found}"
        for job, state in open_jobs:
            yield f"the journal {path} says of {job} that it is {state}, or not yet delivered"


def _stems(root: Path, calm: Path) -> Iterator[str]:
    """Bit by bit those of a root where nothing happened."""
    here, there = (sorted(path.name for path in (place / "outbox").iterdir()) for place in (root, calm))
    if here != there:
        yield f"delivered were {sorted(set(here) - set(there))} too many, {sorted(set(there) - set(here))} too few"
    for name in sorted(set(here) & set(there)):
        one, other = (_hashes(place / "outbox" / name) for place in (root, calm))
        if one != other:
            yield f"the stems of {name} differ: {sorted(one.items() ^ other.items())}"
        one, other = (_record(place / "outbox" / name) for place in (root, calm))
        if one != other:
            yield f"the manifests of {name} differ in {[key for key in one if one[key] != other.get(key)]}"
        if any(sha256(root / "outbox" / name / stem["file"]) != stem["sha256"] for stem in one["stems"]):
            yield f"the manifest of {name} tells of other stems"


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) if path.suffix == ".wav" else "" for path in folder.iterdir()}


def _record(folder: Path) -> dict[str, Any]:
    """A manifest without what differs from root to root: where clips lie, and the hash of a job file that says so."""
    record: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for clip in record["clips"]:
        del clip["path"]
    if "-" not in record["job"]:
        del record["job_digest"]
    return record
