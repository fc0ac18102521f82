"""Putting services in, taking them out, and telling which there are. What is not marked as ours is never touched."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lts_batch.errors import LtsError, OutputError, ServiceError
from lts_batch.files.whole import output_error, write_whole
from lts_batch.service.mark import marked_root
from lts_batch.service.system import Place, System
from lts_batch.service.tools import answer, take
from lts_batch.service.wanted import Service, name_of


@dataclass(frozen=True)
class Installed:
    """A service, and how it is.

    Args:
        root: the watched folder.
        name: what the system calls it.
        file: what describes it to the system.
        installed: whether that file is there and ours.
        running: whether the system says that it runs.
        state: running, stopped, failed, waiting to start again, not known, not installed.
        log: where, or by which command, to see what the daemon said.
    """

    root: str
    name: str
    file: str
    installed: bool
    running: bool
    state: str
    log: str


def install(service: Service, system: System, place: Place) -> bool:
    """Describe a service to the system, have it started now and at every login. Again, it is brought up to date.

    Returns:
        Whether there was one for this root before.

    Raises:
        ServiceError: a tool of the system's is missing or refuses, or the file's name is taken. All is then as it was.
        OutputError: the file can't be written.
    """
    path = system.path(service.name, place)
    before = _own(path, system)
    made = _make(path.parent)
    try:
        write_whole(path, system.describe(service, place).encode(system.encoding), overwrite=before is not None)
        take(system.enable(service.name, place), system, place)
    except BaseException as error:
        _restore(service.name, before, system, place)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        if isinstance(error, ServiceError):
            raise ServiceError(f"{error}. {'The older service was put back' if before else 'Nothing was installed'}") from None
        raise
    return before is not None


def uninstall(root: str, system: System, place: Place) -> None:
    """Have a service stopped and started no more, and remove its file.

    Raises:
        ServiceError: there is none for this root, or the system refuses; then it is left as it is.
    """
    path = system.path(name_of(root), place)
    if _own(path, system) is None:
        known = ", ".join(roots(system, place)) or "none"
        raise ServiceError(f"no service is installed for {root}: give the folder as it was given to install (installed:"
                           f" {known})")
    take(system.disable(name_of(root), place), system, place)
    try:
        path.unlink()
    except OSError as error:
        raise output_error(path, error) from None
    take(system.forget(name_of(root), place), system, place)


def roots(system: System, place: Place) -> tuple[str, ...]:
    """The roots for which services are installed, by their marked files."""
    found = []
    for path in sorted(place.folder.glob(f"*{system.suffix}")) if place.folder.is_dir() else ():
        root = _root_in(path, system)
        if root is not None and name_of(root) == path.stem:
            found.append(root)
    return tuple(found)


def status(root: str, system: System, place: Place) -> Installed:
    """How the service for a root is. Raises ``ServiceError`` if the system can't be asked."""
    name = name_of(root)
    path = system.path(name, place)
    marked = _root_in(path, system)
    there = marked is not None and name_of(marked) == name
    state = system.state(*answer(system.query(name, place), system, place)) if there else "not installed"
    return Installed(root, name, str(path), there, state == "running", state, system.log(name, place))


def _make(folder: Path) -> tuple[Path, ...]:
    """Make a folder and those above it; which were made, the lowest first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from None
    return tuple(missing)


def _root_in(path: Path, system: System) -> str | None:
    with suppress(OSError, UnicodeError):
        return marked_root(path.read_bytes().decode(system.encoding))
    return None


def _own(path: Path, system: System) -> bytes | None:
    """What is in a file of ours, or nothing if there is no file. Raises ``ServiceError`` for a file of somebody else's."""
    if not path.exists() and not path.is_symlink():
        return None
    if _root_in(path, system) is None:
        raise ServiceError(f"{path} was not written by lts-batch service install: move it away, and try again")
    return path.read_bytes()


def _restore(name: str, before: bytes | None, system: System, place: Place) -> None:
    """Bring back what was there, as far as the system lets us: what it refuses now was refused before."""
    path = system.path(name, place)
    with suppress(LtsError, OSError):
        if before is not None:
            with suppress(OutputError):
                write_whole(path, before, overwrite=True)
            take(system.enable(name, place), system, place)
            return
        with suppress(LtsError):
            take(system.disable(name, place), system, place)
        path.unlink(missing_ok=True)
        take(system.forget(name, place), system, place)
