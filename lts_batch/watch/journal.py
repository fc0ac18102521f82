"""The journal: how each job of a root stands, written down before any file moves, so that a crash at any moment is mended.

One SQLite file for each root, named by the root's UUID, in the user's own state folder: a root may lie on a network share,
where the locks that a database needs cannot be trusted. It is written by the daemon alone; ``lts-batch status`` reads it.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from lts_batch.errors import OutputError
from lts_batch.files.moves import free
from lts_batch.protocol import printable, shortened
from lts_batch.watch.endings import Ending

STATES = ("waiting", "claimed", "running", "delivering", "done", "failed", "cancelled")
LAST_STATES = ("done", "failed", "cancelled")

MOST_KEPT = 10_000  # jobs that are remembered

_VERSION = 1
_BUSY_SECONDS = 10.0  # of patience with a reader
_TABLES = """
CREATE TABLE jobs (number INTEGER PRIMARY KEY, job TEXT NOT NULL UNIQUE, state TEXT NOT NULL, pair TEXT NOT NULL,
                   message TEXT NOT NULL, folder TEXT NOT NULL, ending TEXT, changed REAL NOT NULL);
CREATE TABLE waiting (path TEXT PRIMARY KEY, why TEXT NOT NULL);
"""


_COLUMNS = {"jobs": "number, job, state, pair, message, folder, ending, changed", "waiting": "path, why"}
_TROUBLES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
             sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM}  # of the disk, not of what is written there


def journal_path(root_id: str) -> Path:
    """The journal of the root with that UUID, on a disk of this machine; ``LTS_BATCH_JOURNALS`` names another folder."""
    state = Path(platformdirs.user_state_dir("lts-batch", appauthor=False))
    return Path(os.environ.get("LTS_BATCH_JOURNALS") or state / "journals").absolute() / f"{root_id}.sqlite"


@dataclass(frozen=True)
class Row:
    """How a job stands.

    Attributes:
        job: its id.
        state: one of ``STATES``.
        pair: what people call it.
        message: a sentence for people.
        folder: where its stems, or its clips and error file, lie, from the root; empty until then.
        changed_seconds: when that was written, since 1970; for people only.
    """

    job: str
    state: str
    pair: str
    message: str
    folder: str
    changed_seconds: float


class Journal:
    """The journal of one root, used from the thread that opened it. Each method that writes is durable when it returns.

    Its methods raise ``OutputError`` where the disk is full or away.

    Attributes:
        set_aside: where a damaged journal was put when this one was begun in its place.
    """

    def __init__(self) -> None:
        self._database: sqlite3.Connection | None = None
        self._path = Path()
        self.set_aside: Path | None = None

    @contextmanager
    def open(self, path: Path) -> Iterator[None]:
        """Open it, or begin one. What cannot be read is set aside: what lies in the root says enough to go on.

        Raises:
            OutputError: the folder cannot be written to, or the journal is of a newer version.
        """
        self._path, self.set_aside = path, None
        with _told(path):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._database = _connect(path)
            except _Damaged:
                self.set_aside = free(path.with_name(f"{path.stem}.damaged.sqlite"))
                path.rename(self.set_aside)
                self._database = _connect(path)
        try:
            yield
        finally:
            self._database.close()
            self._database = None

    def note(self, job: str, state: str, message: str, pair: str = "") -> None:
        """A job is waiting, claimed or running."""
        self._note(job, state, message, pair, None)

    def deliver(self, ending: Ending) -> None:
        """From here on the outcome holds, and what is left to be done for it."""
        self._note(ending.job, "delivering", ending.message, ending.pair, ending.to_json())

    def ended(self, ending: Ending) -> None:
        """All of it is done."""
        self._write("UPDATE jobs SET state = ?, message = ?, folder = ?, ending = NULL, changed = ? WHERE job = ?",
                    ending.state, printable(ending.message), printable(ending.folder), time.time(), ending.job)

    def pending(self) -> list[Ending]:
        """The endings that are written down and not done yet, the oldest first."""
        with _told(self._path):
            rows = self._open().execute("SELECT ending FROM jobs WHERE ending IS NOT NULL ORDER BY changed, number").fetchall()
        found = []
        for (text,) in rows:
            with suppress(ValueError, KeyError, TypeError):  # by another version of this program
                found.append(Ending.from_json(text))
        return found

    def requeue(self) -> None:
        """What was under way when the last daemon ended waits again."""
        self._write("UPDATE jobs SET state = 'waiting', message = 'starts again', changed = ?"
                    " WHERE state IN ('claimed', 'running') OR (state = 'delivering' AND ending IS NULL)", time.time())

    def queue(self, jobs: Iterable[tuple[str, str, str]], others: Iterable[tuple[str, str]]) -> None:
        """All that waits now.

        Args:
            jobs: id, what people call it, and why it waits.
            others: what is no job yet: path from the root, and why.
        """
        now = time.time()
        with _told(self._path), self._open() as database:
            database.execute("DELETE FROM jobs WHERE state = 'waiting'")
            database.executemany("INSERT INTO jobs (job, state, pair, message, folder, changed)"
                                 " VALUES (?, 'waiting', ?, ?, '', ?) ON CONFLICT (job) DO UPDATE SET state = 'waiting',"
                                 " pair = excluded.pair, folder = '', message = excluded.message, changed = excluded.changed"
                                 " WHERE ending IS NULL",
                                 [(job, printable(pair), shortened(why), now) for job, pair, why in jobs])
            database.execute("DELETE FROM waiting")
            database.executemany("INSERT OR REPLACE INTO waiting VALUES (?, ?)",
                                 [(printable(path), shortened(why)) for path, why in others])

    def _open(self) -> sqlite3.Connection:
        assert self._database is not None, "the journal is not open"
        return self._database

    def _write(self, sentence: str, *values: object) -> None:
        with _told(self._path), self._open() as database:
            database.execute(sentence, values)

    def _note(self, job: str, state: str, message: str, pair: str, ending: str | None) -> None:
        self._write("INSERT INTO jobs (job, state, pair, message, folder, ending, changed)"
                    " VALUES (?, ?, ?, ?, '', ?, ?) ON CONFLICT (job) DO UPDATE SET state = excluded.state,"
                    " message = excluded.message, folder = '', pair = excluded.pair, ending = excluded.ending,"
                    " changed = excluded.changed",
                    job, state, printable(pair), shortened(message), ending, time.time())


def read_journal(path: Path) -> tuple[list[Row], list[tuple[str, str]]] | None:
    """All jobs in the order in which they came, and what waits and is no job yet (path from the root, and why).

    None where there is no journal that can be read. It may be in use meanwhile.
    """
    if not path.is_file():
        return None
    try:
        database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        try:
            jobs = database.execute("SELECT job, state, pair, message, folder, changed FROM jobs ORDER BY number")
            waiting = database.execute("SELECT path, why FROM waiting ORDER BY path")
            return [Row(*row) for row in jobs], [(str(place), str(why)) for place, why in waiting]
        finally:
            database.close()
    except sqlite3.Error:
        return None


class _Damaged(Exception):
    """What the file holds is no journal, or no longer."""


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS)
    try:
        database.execute("PRAGMA journal_mode = DELETE")  # not WAL: home folders may lie on a share
        database.execute("PRAGMA synchronous = FULL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise OutputError(f"{path} is the journal of a newer lts-batch (version {version}, this one knows {_VERSION}): use"
                              " that one, or let LTS_BATCH_JOURNALS name another folder")
        if version < _VERSION:
            database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
        for table, columns in _COLUMNS.items():
            database.execute(f"SELECT {columns} FROM {table} LIMIT 1").fetchall()
        if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise _Damaged
        with database:
            database.execute("DELETE FROM jobs WHERE ending IS NULL AND number NOT IN"
                             " (SELECT number FROM jobs ORDER BY number DESC LIMIT ?)", (MOST_KEPT,))
    except sqlite3.DatabaseError as error:
        database.close()
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # not every one has one
        if code & 0xFF in _TROUBLES and code != sqlite3.SQLITE_IOERR_SHORT_READ:
            raise
        raise _Damaged from None
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise OutputError(f"the journal {path} cannot be written ({error}): make room on that disk and let the folder be"
                          " writable, or let LTS_BATCH_JOURNALS name another folder") from None
