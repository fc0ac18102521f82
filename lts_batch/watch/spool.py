"""The folders of a watch root."""

import uuid
from dataclasses import dataclass
from pathlib import Path

from lts_batch.errors import OutputError
from lts_batch.files.whole import output_error, write_whole


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

    def create(self) -> str:
        """Make what is missing.

        Returns:
            The root's UUID.

        Raises:
            OutputError: the root cannot be made (its parent has to exist) or not be written to; a file has the name of one of
                its folders: then nothing is made.
        """
        folders = (self.root, self.inbox, self.outbox, self.failed, self.archive, self.status, self.private, self.staging)
        for folder in folders:
            if folder.is_file():
                raise OutputError(f"{folder} is a file, and a watched folder has a folder of that name: move the file away, or"
                                  " give another folder to watch")
        try:
            for folder in folders:
                folder.mkdir(exist_ok=True)
            name = self.private / "uuid"
            if not name.exists():
                write_whole(name, f"{uuid.uuid4()}\n")
        except OSError as error:
            raise output_error(self.root, error) from None
        return self.root_id()

    def root_id(self) -> str:
        """The root's UUID.

        Raises:
            OutputError: what names it cannot be read, or holds something else.
        """
        name = self.private / "uuid"
        try:
            return str(uuid.UUID(name.read_text(encoding="utf-8").strip()))
        except OSError as error:
            raise output_error(name, error) from None
        except ValueError:  # it names a file of ours elsewhere: nothing else may stand there
            raise OutputError(f"{name} holds no UUID: remove it, and this folder gets a new one") from None

    def rename(self) -> str:
        """Give the root a new UUID, which is returned."""
        write_whole(self.private / "uuid", f"{uuid.uuid4()}\n", overwrite=True)
        return self.root_id()

    def missing(self) -> list[str]:
        """Which of the folders that people see are not there, by names."""
        seen = (self.inbox, self.outbox, self.failed, self.archive, self.status)
        return [folder.name for folder in seen if not folder.is_dir()]

    def trouble(self, root_id: str) -> str | None:
        """What is wrong with the root, if anything is; folders that somebody took away are made again first.

        Where a share is gone its place may be there, as an empty folder: nothing is made in that. A root that was made anew is
        known by its inbox; one that has another name is another root.
        """
        name = self.private / "uuid"
        try:
            if not name.exists() and self.inbox.is_dir():
                self.private.mkdir(exist_ok=True)
                write_whole(name, f"{root_id}\n")
            found = self.root_id()
        except (OSError, OutputError):
            found = ""
        if found != root_id:
            return (f"{self.root} is away, or no longer what it was: if it is a share it goes on once that is back; if you made"
                    " it anew, make a folder inbox in it")
        try:
            self.create()
        except OutputError as error:
            return str(error)
        return None

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
