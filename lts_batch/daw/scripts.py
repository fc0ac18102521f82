"""The scripts put into a DAW's folder and taken away again: only what is ours, and what nobody has changed."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from lts_batch.daw.hosts import Host
from lts_batch.errors import OutputError
from lts_batch.files.whole import write_whole
from lts_batch.protocol import from_lines, to_lines

RECORD = "installed.tsv"  # beside place.tsv: which files are ours, by their hashes
ANSWERS = "answers.tsv"  # there too: what was last answered inside Ardour


def scripts_folder() -> Path:
    """Where the scripts lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "daw_scripts"
    return inside if inside.is_dir() else package.parent / "daw_scripts"


@dataclass(frozen=True)
class Plan:
    """What an installation writes.

    Attributes:
        files: contents by path.
        old: files of an earlier installation that this one has no more.
    """

    record: Path
    files: dict[Path, bytes]
    old: tuple[Path, ...]

    def carry_out(self) -> None:
        """Write them, and remove what is no more.

        Raises:
            OutputError: a folder cannot be written to.
        """
        for path, content in self.files.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"{path.parent} cannot be made ({error.strerror}): may you write there?") from None
            write_whole(path, content, overwrite=True)
        for path in self.old:
            path.unlink(missing_ok=True)
        rows = [("file", path.as_posix(), sha256(content).hexdigest()) for path, content in self.files.items()]
        write_whole(self.record, to_lines("installed", rows), overwrite=True)


def plan(host: Host, folder: Path, root: Path, presets: Sequence[str]) -> Plan:
    """What has to be written into a DAW's folder.

    Args:
        root: the watched folder, in full.
        presets: names that the scripts may offer.

    Raises:
        OutputError: a file of ours was changed there, or one that isn't ours has its name.
    """
    source = scripts_folder()
    place = folder / host.place
    files = {}
    for path in sorted(source.rglob("*.lua")):
        target = host.target(path.relative_to(source))
        if target is not None:
            files[folder / target] = path.read_bytes()
    rows = [("root", root.as_posix()), *(("preset", name) for name in presets)]
    files[place] = to_lines("place", rows).encode()
    record = place.with_name(RECORD)
    ours = _ours(record, folder)
    for path, content in files.items():
        if path != place and path.exists() and not _is(path, ours.get(path)) and path.read_bytes() != content:
            raise OutputError(f"{path} was changed, or is not from here: move it away, and install again")
    old = tuple(path for path in ours if path not in files and _is(path, ours[path]))
    return Plan(record, files, old)


def remove(host: Host, folder: Path, *, dry_run: bool = False) -> tuple[list[Path], list[Path]]:
    """Take away what was installed.

    Returns:
        What was removed, and what was changed since and therefore left.
    """
    record = (folder / host.place).with_name(RECORD)
    ours = _ours(record, folder)
    removed = [path for path, digest in ours.items() if _is(path, digest)]
    left = [path for path in ours if path.exists() and path not in removed]
    if not dry_run:
        for path in removed:
            path.unlink()
        for path in (record, record.with_name(ANSWERS)):
            path.unlink(missing_ok=True)
        folders = {parent for path in removed for parent in path.parents if folder in parent.parents}
        for parent in sorted(folders, key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):  # something else is in it
                parent.rmdir()
    return removed, left


def _ours(record: Path, folder: Path) -> dict[Path, str]:
    """The files of an installation in a DAW's folder and their hashes; none where there was none."""
    try:
        rows = from_lines("installed", record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    named = {Path(row[1]): row[2] for row in rows if row[0] == "file" and len(row) > 2}
    return {path: digest for path, digest in named.items() if folder in path.parents and ".." not in path.parts}


def _is(path: Path, digest: str | None) -> bool:
    try:
        return sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False
