"""Events of the file system, as nothing but a reason to look: they are late, doubled, lost or made up on one system
or the other, so what they say is never read.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lts_batch.watch.disks import network_disk
from lts_batch.watch.events import Event, Log


@contextmanager
def woken(folder: Path, wake: threading.Event, log: Log) -> Iterator[None]:
    """Let the file system wake us where it can; where it can't, the regular scan has to do."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    class Waker(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in ("created", "modified", "moved", "deleted", "closed"):  # not our own reading
                wake.set()

    if (kind := network_disk(folder)) is not None:
        log(Event(f"{folder} lies on a network disk ({kind}), where nobody tells of what other machines do: it is looked at"
                  " regularly"))
    observer = Observer()
    try:
        observer.schedule(Waker(), str(folder), recursive=True)
        observer.start()
    except OSError as error:
        log(Event(f"{folder} can't be watched ({error.strerror or error}); it is looked at regularly instead", "warning"))
        yield
        return
    try:
        yield
    finally:
        observer.stop()
        observer.join()
