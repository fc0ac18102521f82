"""Whether a folder lies on a network disk: what other machines put there, this system does not tell of."""

import ctypes
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_NETWORK = re.compile(r"nfs\d?|cifs|smb\w*|afpfs|webdav|davfs\d?|ncpfs|afs|9p|ceph|glusterfs|lustre|beegfs|gpfs"
                      r"|fuse\.(sshfs|davfs\d?|rclone|s3fs|glusterfs|gvfsd-fuse|ceph-fuse)|virtiofs|vboxsf|prl_fs|drvfs")
_REMOTE_DRIVE = 4  # what GetDriveTypeW says (Windows, fileapi.h)
_LOOK_SECONDS = 5.0


def network_disk(folder: Path) -> str | None:
    """What kind of network disk a folder lies on, as its system calls it; None for a disk of this machine, or one unknown."""
    place = folder.resolve()
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        if sys.platform == "win32":
            return "network drive" if _is_remote_drive(place) else None
        kind = kind_of(place, _mounts())
        return kind if kind is not None and _NETWORK.fullmatch(kind) else None
    return None


def kind_of(place: Path, mounts: dict[str, str]) -> str | None:
    """The kind of the file system that holds a place: that of the deepest mount point above it."""
    return next((mounts[str(folder)] for folder in (place, *place.parents) if str(folder) in mounts), None)


def linux_mounts(mountinfo: str) -> dict[str, str]:
    """Kinds of file systems by mount points, from ``/proc/self/mountinfo`` (proc(5)); later ones cover earlier ones."""
    found = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if len(fields := before.split()) > 4 and after:
            point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
            found[point] = after.split()[0]
    return found


def macos_mounts(listing: str) -> dict[str, str]:
    """The same from what ``mount`` prints: ``//ada@nas/music on /Volumes/music (smbfs, nodev)``."""
    return {found[1]: found[2] for found in re.finditer(r"^.* on (/.*) \((\w+)[,)]", listing, re.MULTILINE)}


def _mounts() -> dict[str, str]:
    if sys.platform == "darwin":
        done = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=_LOOK_SECONDS, check=True)
        return macos_mounts(done.stdout)
    return linux_mounts(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))


def _is_remote_drive(place: Path) -> bool:
    if place.drive.startswith("\\\\"):
        return True
    kind = ctypes.windll.kernel32.GetDriveTypeW(f"{place.drive}\\")  # type: ignore[attr-defined]
    return bool(kind == _REMOTE_DRIVE)
