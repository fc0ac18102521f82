"""How a job ends so that nothing is lost on the way.

A job's end is several moves. What is to be done is written down in the journal first; after a crash it is done from there,
each step at most once, and nothing is rendered again.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lts_batch.errors import JobError, OutputError
from lts_batch.files.moves import free, move, remove, sha256
from lts_batch.files.whole import is_temporary, output_error
from lts_batch.watch.spool import Spool

Hook = Callable[[str], None]
Signature = tuple[int, int]


class Undone(JobError):
    """An ending that cannot be carried out; its clips lie where they lay, and the job starts over."""


def signature(path: Path) -> Signature:
    """By which a file is known again: size and time of change. Raises ``OSError``."""
    status = path.lstat()
    return status.st_size, status.st_mtime_ns


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
        pair: what people call the job.
    """

    job: str
    state: str
    message: str
    folder: str
    staged: str | None
    moves: tuple[Move, ...]
    emptied: str | None = None
    cancel: str | None = None
    pair: str = ""

    def to_json(self) -> str:
        """As the journal keeps it."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Ending":
        """The ending of which ``to_json`` made the text. Raises ``ValueError``, ``KeyError`` or ``TypeError``."""
        values = json.loads(text)
        return cls(**{**values, "moves": tuple(Move(**move) for move in values["moves"])})

    def carry_out(self, spool: Spool, at: Hook) -> None:
        """Do what is not done yet. May be repeated at any time, after a crash at any point.

        Args:
            at: called with a word before each step, for tests that crash there.

        Raises:
            Undone: its stems are not there any more, or there is another folder in their place.
            OSError, OutputError: something cannot be moved now; the rest stays to be done.
        """
        at("publish")
        if self.staged is not None:
            untouched = all(os.path.lexists(spool.root / step.source) for step in self.moves)
            _publish(spool.root / self.staged, spool.root / self.folder, untouched=untouched)
        for n, step in enumerate(self.moves):
            at(f"move {n}")
            _carry(spool.root / step.source, spool.root / step.destination, step)
        if not (spool.private / "uuid").exists():  # what was not there may be there again
            raise OutputError(f"{spool.root} went away while {self.job} was delivered: it goes on once it is back")
        at("tidy")
        with suppress(OSError):  # not empty, or gone
            if self.emptied is not None:
                (spool.root / self.emptied).rmdir()
        if self.cancel is not None:
            with suppress(OSError):  # a client has it open; the scan removes it later
                (spool.root / self.cancel).unlink(missing_ok=True)


def planned_move(spool: Spool, source: Path, destination: Path, taken: Signature | None) -> Move:
    """A move of the file that lies at ``source``, or lay there when its job was taken: another one under that name stays."""
    size_bytes, modified_ns = taken or signature(source)
    return Move(spool.inside(source), spool.inside(destination), size_bytes, modified_ns)


def _publish(staged: Path, folder: Path, *, untouched: bool) -> None:
    if not staged.exists():
        if untouched and not folder.exists():  # swept by a daemon that knew nothing of this
            raise Undone(f"what was made for {folder} is gone: it is made again")
        return
    if folder.exists():
        if _listing(staged) != _listing(folder):
            raise Undone(f"{folder} exists by now: it is looked at again")
        remove(staged)  # copied to another disk, cut off before the end
        return
    move(staged, folder)


def _listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((path.relative_to(folder).as_posix(), path.stat().st_size) for path in folder.rglob("*"))


def _carry(source: Path, destination: Path, planned: Move) -> None:
    if not os.path.lexists(source):
        return  # moved already, or the user took it back
    if signature(source) != (planned.size_bytes, planned.modified_ns):
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


def sweep(spool: Spool, endings: Iterable[Ending]) -> None:
    """Remove what a crash left half made: stems without an ending, copies that were not finished.

    Raises:
        OutputError: the root is no longer there.
    """
    kept = {ending.staged for ending in endings if ending.staged}
    try:
        for path in spool.staging.iterdir():
            if spool.inside(path) not in kept:
                remove(path)
        shared = (spool.outbox, spool.failed, spool.archive, spool.status)
        folders = [*shared, *spool.archive.iterdir(), *spool.failed.iterdir()]
    except OSError as error:
        raise output_error(spool.root, error) from None
    for folder in folders:
        with suppress(OSError):  # one that may not be read is the user's affair
            for path in folder.iterdir() if folder.is_dir() else ():
                if is_temporary(path):
                    remove(path)
