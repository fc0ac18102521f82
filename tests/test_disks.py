"""Network disks are known by what the system says of its mounts."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lts_batch.watch import disks, wakeup
from lts_batch.watch.disks import kind_of, linux_mounts, macos_mounts, network_disk
from lts_batch.watch.events import Event

MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /mnt/nas rw,relatime shared:12 - nfs4 nas:/music rw,vers=4.2
31 30 0:27 / /mnt/nas/here rw - tmpfs tmpfs rw
32 22 0:28 / /home/ada/My\\040Music rw,nosuid master:3 - cifs //nas/music rw
33 22 0:29 / /home/ada/far rw - fuse.sshfs ada@far: rw
34 22 0:30 / /home/ada/over rw - ext4 /dev/sdb1 rw
35 34 0:31 / /home/ada/over rw - nfs nas:/x rw
not a line of it
"""
LISTING = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
//ada@nas._smb._tcp.local/music on /Volumes/My Music (smbfs, nodev, nosuid, mounted by ada)
/dev/disk4s1 on /Volumes/USB (local) (exfat, local, nodev)
"""


@pytest.mark.parametrize(("place", "kind"), [
    ("/home/ada/morphs", None), ("/mnt/nas/morphs", "nfs4"), ("/mnt/nas", "nfs4"), ("/mnt/nas/here/morphs", None),
    ("/home/ada/My Music/morphs", "cifs"), ("/home/ada/far/morphs", "fuse.sshfs"), ("/home/ada/over/morphs", "nfs"),
    ("/mnt/nasty", None),
])
@pytest.mark.skipif(sys.platform == "win32", reason="paths of another kind")
def test_the_deepest_and_last_mount_counts(place: str, kind: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "_mounts", lambda: linux_mounts(MOUNTINFO))
    assert network_disk(Path(place)) == kind


def test_what_mount_prints_on_macos_is_read() -> None:
    mounts = macos_mounts(LISTING)
    assert kind_of(Path("/Volumes/My Music/morphs"), mounts) == "smbfs" and kind_of(Path("/Users/ada"), mounts) == "apfs"
    assert kind_of(Path("/Volumes/USB (local)/x"), mounts) == "exfat"


def test_this_machine_says_what_its_own_tool_says(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("findmnt is of Linux")
    said = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", str(tmp_path)], capture_output=True, text=True, check=True)
    mounts = linux_mounts(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    assert kind_of(tmp_path.resolve(), mounts) == said.stdout.split()[-1]


def test_a_network_disk_is_told_and_looked_at_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeup, "network_disk", lambda folder: "nfs4")
    told: list[Event] = []
    with wakeup.woken(tmp_path, threading.Event(), told.append):
        pass
    assert [event.level for event in told] == ["info"] and "network disk (nfs4)" in told[0].message
