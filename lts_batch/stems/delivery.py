"""The folder of a job's stems: made, worked in out of sight, and filled only when all is there; or as it was before."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lts_batch.errors import OutputError
from lts_batch.files.whole import output_error, place, temporary_beside


@contextmanager
def output_folder(out: Path) -> Iterator[None]:
    """The output folder, made where it is missing, and unmade, with what was made above it, if it stays empty."""
    made: list[Path] = []
    try:
        try:
            made = [folder for folder in (out, *out.parents) if not folder.exists()]
            standing = next((folder for folder in (out, *out.parents) if folder not in made), Path())
            if not standing.is_dir():
                raise OutputError(f"{standing} is a file, and stems need a folder: choose another name for it")
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(out, error) from None
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def working_folder(out: Path) -> Iterator[Path]:
    """A hidden folder for the working files, on the disk of the output."""
    folder = temporary_beside(out / "stems")
    try:
        folder.mkdir()
    except OSError as error:
        raise output_error(out, error) from None
    try:
        yield folder
    except OutputError as error:  # people know a file by where it was to go
        raise OutputError(str(error).replace(str(folder), str(out))) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def taken_back() -> Iterator[list[Path]]:
    """Files put on the list are removed again if the block fails."""
    new: list[Path] = []
    try:
        yield new
    except BaseException:
        for path in new:
            path.unlink(missing_ok=True)
        raise


def deliver(working: Path, out: Path, names: Sequence[str], new: list[Path], overwrite: bool) -> None:
    """Gives finished files their place and notes on the list those that replace nothing."""
    for path in (out / name for name in names):
        fresh = not path.exists()
        try:
            place(working / path.name, path, overwrite=overwrite)
        except OSError as error:
            raise output_error(path, error) from None
        if fresh:
            new.append(path)


def refuse_existing(out: Path, names: Sequence[str]) -> None:
    """Raises ``OutputError`` where one of the names is taken."""
    there = [name for name in names if (out / name).exists()]
    if there:
        raise OutputError(f"{out} already holds {there[0]}{f' and {len(there) - 1} more' if len(there) > 1 else ''}, and"
                          " nothing is overwritten unasked: choose another folder, or say --force")
