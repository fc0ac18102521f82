"""Troubles with disks: small ones, read-only ones, and some that are pulled out. They are mounted in a namespace of their own,
which ends with the trial.
"""

import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from soak.cases import Case
from soak.daemons import waited_for
from soak.troubles import AWAY_SECONDS, FULL, GONE, OUTBOX


@cache
def own_mounts() -> tuple[str, ...]:
    """The program in front of a command that may mount for itself; nothing where that is not allowed."""
    for words in (("unshare", "--mount", "--propagation", "private"), ("unshare", "--map-root-user", "--mount")):
        with suppress(OSError):
            if subprocess.run([*words, "mount", "-t", "tmpfs", "tmpfs", tempfile.gettempdir()], check=False,
                              capture_output=True).returncode == 0:
                return words
    return ()


def mount(*words: str | Path) -> None:
    """As an administrator says it, in a namespace of its own."""
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)


def _small_disk(case: Case) -> None:
    shutil.rmtree(case.root)
    case.root.mkdir()
    mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", case.root)
    (case.root / "inbox").mkdir()


def _fill(path: Path, left_bytes: int) -> None:
    """Take all room of a disk but for some."""
    with path.open("wb", buffering=0) as handle, suppress(OSError):
        while True:
            handle.write(bytes(4096))
    with path.open("rb+") as handle:
        handle.truncate(max(0, path.stat().st_size - left_bytes))


def a_full_disk(case: Case) -> None:
    """The root's disk takes status files, and no stems."""
    _small_disk(case)
    case.start()
    case.drop("inside")
    case.settled(30)
    put = case.ready_made("inside", "pair")
    case.trouble_begins()
    _fill(case.root / "fill", 60_000)
    put()
    case.expect_said(FULL, "a disk that is full")
    case.expect_alive()
    (case.root / "fill").unlink()


def a_disk_full_to_the_last_byte(case: Case) -> None:
    """The root's disk takes nothing at all."""
    _small_disk(case)
    case.start()
    put = case.ready_made("inside", "pair")
    case.trouble_begins()
    _fill(case.root / "fill", 0)
    put()
    case.expect_said(FULL, "a disk that is full")
    case.expect_alive()
    (case.root / "fill").unlink()


def a_read_only_outbox(case: Case) -> None:
    """The outbox cannot be written to, whoever we are."""
    case.start()
    case.drop("pair")
    case.settled(30)
    outbox = case.root / "outbox"
    mount("--bind", outbox, outbox)
    mount("-o", "remount,ro,bind", outbox)
    case.trouble_begins()
    case.drop("inside")
    case.expect_said(OUTBOX, "an outbox that is read-only")
    case.expect_alive()
    subprocess.run(["umount", outbox], check=True)


def a_root_on_a_mount(case: Case) -> None:
    """The root is a bind mount, and its archive another."""
    for name in ("root", "root/archive"):
        real = case.place / f"real-{name.replace('/', '-')}"
        real.mkdir()
        (case.place / name).mkdir(exist_ok=True)
        mount("--bind", real, case.place / name)
    (case.root / "inbox").mkdir()
    case.start()
    case.drop("pair", "set", "inside", "outside", "preset", "broken")


def a_mount_gone_and_back(case: Case) -> None:
    """The root's disk is pulled out: an empty folder is left where it was, into which nothing may be put."""
    real = case.place / "real"
    (real / "inbox").mkdir(parents=True)
    shutil.rmtree(case.root)
    case.root.mkdir()
    mount("--bind", real, case.root)
    case.start()
    case.drop("pair", "inside", "set", "outside")
    waited_for(lambda: any((case.root / "outbox").iterdir()), 30, 0.002)
    case.trouble_begins()
    subprocess.run(["umount", "--lazy", case.root], check=True)
    time.sleep(AWAY_SECONDS)
    case.expect_alive()
    case.expect_said(GONE, "the disk that is gone", 1.0)
    if left := sorted(path.name for path in case.root.iterdir()):
        case.wrong.append(f"where the disk was not, these were made: {left}")
    mount("--bind", real, case.root)
    case.drop("inside")
