"""The folders of a watch root, what is said of jobs in them, and how a job ends so that nothing is lost on the way.

A job's end is several moves. What is to be done is written down first, in one file; after a crash it is done from that
file, each step at most once, and nothing is rendered again.
"""

import dataclasses
import json
import os
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lts_batch.errors import OutputError
from lts_batch.files.moves import free, move, remove, sha256
from lts_batch.files.whole import is_temporary, output_error, write_whole
from lts_batch.protocol import from_lines, to_lines

Hook = Callable[[str], None]


@dataclass(frozen=True)
class Spool:
    """The places in a watch root."""

    root: Path

    @property
    def inbox(self) -> Path:
        """Where clips, job files and cancel files arrive."""
        return self.root / "inbox"

    @property
    def outbox(self) -> Path:
        """Where finished jobs appear, a folder each."""
        return self.root / "outbox"

    @property
    def failed(self) -> Path:
        """Where the clips of failed jobs go, a folder each."""
        return self.root / "failed"

    @property
    def archive(self) -> Path:
        """Where the inbox clips of finished jobs go, a folder each."""
        return self.root / "archive"

    @property
    def status(self) -> Path:
        """Where jobs and daemon say how they are."""
        return self.root / "status"

    @property
    def private(self) -> Path:
        """What is nobody else's business."""
        return self.root / ".lts"

    @property
    def staging(self) -> Path:
        """Where stems are made."""
        return self.private / "staging"

    @property
    def endings(self) -> Path:
        """Where it is written down how jobs end."""
        return self.private / "endings"

    def create(self) -> str:
        """Make what is missing.

        Returns:
            The root's UUID.

        Raises:
            OutputError: the root cannot be made (its parent has to exist) or not be written to.
        """
        try:
            for folder in (self.root, self.inbox, self.outbox, self.failed, self.archive, self.status, self.private,
                           self.staging, self.endings):
                folder.mkdir(exist_ok=True)
            name = self.private / "uuid"
            if not name.exists():
                write_whole(name, f"{uuid.uuid4()}\n")
            return name.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise output_error(self.root, error) from None

    def sweep(self) -> None:
        """Remove what a crash left half made: stems without an ending, copies that were not finished."""
        kept = {ending.staged for ending in self.pending() if ending.staged}
        for path in self.staging.iterdir():
            if self.inside(path) not in kept:
                remove(path)
        shared = (self.outbox, self.failed, self.archive, self.status)
        for folder in (*shared, *self.archive.iterdir(), *self.failed.iterdir()):
            for path in folder.iterdir() if folder.is_dir() else ():
                if is_temporary(path):
                    remove(path)

    def can_write(self) -> bool:
        """Whether the disk takes a small file."""
        try:
            write_whole(self.private / "probe", "x" * 4096, overwrite=True)
        except OutputError:
            return False
        return True

    def inside(self, path: Path) -> str:
        """A path as it is written down: from the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def pending(self) -> list["Ending"]:
        """The endings that are written down and not done yet."""
        found = []
        for path in sorted(self.endings.glob("*.json")):
            with suppress(OSError, ValueError, KeyError, TypeError):  # not ours
                found.append(Ending.load(path))
        return found


# ---------------------------------------------------------------- status files


class StatusFile:
    """A file of keys and values that clients poll; its counter goes on growing over restarts."""

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what
        self.counter = int(read_status(path, what).get("counter", "0"))

    def write(self, values: dict[str, Any]) -> None:
        """Say something new. A reader that holds the old file open, or a full disk, loses us one message, no more."""
        self.counter += 1
        with suppress(OutputError):
            write_whole(self.path, to_lines(self.what, [*values.items(), ("counter", self.counter)]), overwrite=True)


def read_status(path: Path, what: str) -> dict[str, str]:
    """What a status file says; nothing where there is none that can be read."""
    try:
        rows = from_lines(what, path.read_text(encoding="utf-8"))
        found = {row[0]: row[1] for row in rows}
        int(found["counter"])
        return found
    except (OSError, ValueError, IndexError, KeyError):
        return {}


# ---------------------------------------------------------------- endings


@dataclass(frozen=True)
class Move:
    """One file of the user's that goes from the inbox to archive or failed; paths as ``Spool.inside`` gives them."""

    source: str
    destination: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True)
class Ending:
    """Everything that is left to be done for a job whose outcome is known.

    Attributes:
        job: its id.
        state: done, failed or cancelled.
        message: a sentence for the user.
        folder: where its stems, or its clips and error file, lie in the end.
        staged: the folder that becomes ``folder``; None where that is there already.
        moves: clips, and last the job file.
        emptied: set folder to remove if nothing is left in it.
        cancel: cancel file to remove.
    """

    job: str
    state: str
    message: str
    folder: str
    staged: str | None
    moves: tuple[Move, ...]
    emptied: str | None = None
    cancel: str | None = None

    def save(self, spool: Spool) -> None:
        """Write it down; from here on the outcome holds."""
        write_whole(self._path(spool), json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Ending":
        """The ending that ``save`` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**values, "moves": tuple(Move(**move) for move in values["moves"])})

    def forget(self, spool: Spool) -> None:
        """It is all done."""
        self._path(spool).unlink(missing_ok=True)

    def _path(self, spool: Spool) -> Path:
        return spool.endings / f"{self.job}.json"

    def carry_out(self, spool: Spool, at: Hook) -> None:
        """Do what is not done yet. May be repeated at any time, after a crash at any point.

        Args:
            at: called with a word before each step, for tests that crash there.

        Raises:
            OutputError: something cannot be moved now; the rest stays to be done.
        """
        at("publish")
        if self.staged is not None:
            _publish(spool.root / self.staged, spool.root / self.folder)
        for n, step in enumerate(self.moves):
            at(f"move {n}")
            _carry(spool.root / step.source, spool.root / step.destination, step)
        at("tidy")
        with suppress(OSError):  # not empty, or gone
            if self.emptied is not None:
                (spool.root / self.emptied).rmdir()
        if self.cancel is not None:
            (spool.root / self.cancel).unlink(missing_ok=True)


def planned_move(spool: Spool, source: Path, destination: Path) -> Move:
    """A move of the file that now lies at ``source``."""
    status = source.lstat()
    return Move(spool.inside(source), spool.inside(destination), status.st_size, status.st_mtime_ns)


def _publish(staged: Path, folder: Path) -> None:
    if not staged.exists():
        return
    if folder.exists() and _listing(staged) == _listing(folder):  # copied to another disk, cut off before the end
        remove(staged)
        return
    move(staged, folder)


def _listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((path.relative_to(folder).as_posix(), path.stat().st_size) for path in folder.rglob("*"))


def _carry(source: Path, destination: Path, planned: Move) -> None:
    try:
        status = source.lstat()
    except OSError:
        return  # moved already, or the user took it back
    if (status.st_size, status.st_mtime_ns) != (planned.size_bytes, planned.modified_ns):
        return  # somebody put another file there; it is not ours to move
    try:
        destination.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise output_error(destination, error) from None
    if os.path.lexists(destination):
        if _same(source, destination):
            try:
                source.unlink()  # moved but for this last step
            except OSError as error:
                raise output_error(source, error) from None
            return
        destination = free(destination)
    move(source, destination)


def _same(a: Path, b: Path) -> bool:
    if os.path.samestat(a.lstat(), b.lstat()):
        return True
    return a.is_file() and b.is_file() and a.stat().st_size == b.stat().st_size and sha256(a) == sha256(b)


def unmoved(spool: Spool, endings: Iterable[Ending]) -> frozenset[Path]:
    """Files that endings are about to move, which make no new jobs meanwhile."""
    return frozenset(spool.root / step.source for ending in endings for step in ending.moves)
