"""Ardour sessions with regions in them, written without Ardour's window, and scripts run over them by ``ardour7-lua``."""

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SCRIPTS = Path(__file__).parents[2] / "daw_scripts"
RATE = 44100
TICKS = 282_240_000 // RATE  # of Ardour's clock in a sample
_NEW = """
local session = create_session(arg[1], arg[2], 44100)
for number = 3, #arg do
  if arg[number] == "keys" then
    session:new_midi_track(ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1), ARDOUR.ChanCount(ARDOUR.DataType("audio"), 2), true,
                           ARDOUR.PluginInfo(), nil, nil, 1, arg[number], ARDOUR.PresentationInfo.max_order,
                           ARDOUR.TrackMode.Normal, true)
  else
    session:new_audio_track(1, 2, nil, 1, arg[number], ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true)
  end
end
session:save_state("", false, false, false, false, false)
close_session()
"""


@dataclass(frozen=True)
class Region:
    """A part of a file on a track, all in samples."""

    file: Path
    track: str
    position: int
    start: int = 0
    length: int | None = None


def midi(path: Path) -> Path:
    """A file with one note."""
    path.parent.mkdir(parents=True, exist_ok=True)
    events = bytes([0, 0x90, 60, 100, 0x60, 0x80, 60, 0, 0, 0xFF, 0x2F, 0])
    path.write_bytes(b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 0, 0x60]) + b"MTrk" + len(events).to_bytes(4, "big") + events)
    return path


def sound(path: Path, hz: float, samples: int = 22050, channels: int = 1) -> Path:
    """A decaying tone, a little lower in each further channel, in 16 bits."""
    times = np.arange(samples) / RATE
    tones = [0.3 * np.sin(2 * np.pi * hz * 0.98**channel * times) * np.exp(-4.0 * times) for channel in range(channels)]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.stack(tones, 1), RATE, subtype="PCM_16")
    return path


class ArdourSession:
    """A new session of its own, in a home of its own, with the scripts installed there.

    Attributes:
        home: the user's; folder: the session's; config: Ardour's; scripts: where place.tsv and the parts lie.
    """

    def __init__(self, place: Path, tracks: Sequence[str], program: Callable[[str], str]) -> None:
        self.lua, self.home, self.folder = program("ardour7-lua"), place / "home", place / "song"
        self.config = self.home / ".config" / "ardour7"
        self.scripts = self.config / "lts_batch"
        for folder in ("lib", "shared"):
            source = SCRIPTS / "ardour" / "lib" if folder == "lib" else SCRIPTS / "shared"
            shutil.copytree(source, self.scripts / folder)
        shutil.copytree(SCRIPTS / "ardour", self.config / "scripts", ignore=shutil.ignore_patterns("lib"))
        new = place / "new.lua"
        new.write_text(_NEW, encoding="utf-8")
        self.run(new, str(self.folder), self.folder.name, *tracks)

    def environment(self) -> dict[str, str]:
        """That of the user."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
        return {**kept, "HOME": str(self.home), "LTS_BATCH_ARDOUR": str(self.scripts)}

    def run(self, script: Path, *arguments: str) -> str:
        """Run a script by Ardour's own Lua; what it printed."""
        done = subprocess.run([self.lua, str(script), *arguments], env=self.environment(), capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def root_is(self, root: Path, presets: Sequence[str] = ()) -> None:
        """Tell the scripts where the watched folder is."""
        lines = ["lts-batch-place\t1", f"root\t{root.as_posix()}", *(f"preset\t{name}" for name in presets)]
        (self.scripts / "place.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def add(self, *regions: Region) -> None:
        """Put regions on tracks, in the session's file."""
        path = self.folder / f"{self.folder.name}.ardour"
        tree = ET.parse(path)
        session = tree.getroot()
        media = self.folder / "interchange" / self.folder.name
        for region in regions:
            is_midi = region.file.suffix == ".mid"
            (media / "midifiles").mkdir(exist_ok=True)
            shutil.copy(region.file, media / ("midifiles" if is_midi else "audiofiles"))
            _add(session, region, soundfile.info(region.file) if not is_midi else None)
        tree.write(path, encoding="UTF-8", xml_declaration=True)

    def act(self, cases: Sequence[dict[str, Any]], prepare: str = "") -> dict[str, Any]:
        """Run actions over the session in one run of ``ardour7-lua``; what came of each by its name (see the driver)."""
        work = self.home / "cases"
        work.mkdir(exist_ok=True)
        (work / "cases.lua").write_text("return " + lua({"prepare": prepare, "cases": list(cases)}), encoding="utf-8")
        self.run(Path(__file__).with_name("ardour_driver.lua"), str(self.folder), self.folder.name, str(work),
                 str(self.config / "scripts"))
        found: dict[str, Any] = json.loads((work / "results.json").read_text(encoding="utf-8"))
        return found


def _add(session: ET.Element, region: Region, info: Any) -> None:
    count = int(session.get("id-counter", "0"))
    kind, channels, frames = ("audio", info.channels, info.frames) if info else ("midi", 1, RATE)
    sources = {}
    for channel in range(channels):
        count += 1
        sources[f"source-{channel}"] = sources[f"master-source-{channel}"] = str(count)
        ET.SubElement(_child(session, "Sources"), "Source", {
            "name": region.file.name, "take-id": "", "type": kind, "flags": "", "id": str(count), "natural-position": "a0",
            "channel": str(channel), "origin": "", "gain": "1"})
    common = {
        "name": region.file.stem, "muted": "0", "opaque": "1", "locked": "0", "automatic": "0", "video-locked": "0",
        "import": "0", "external": "1", "sync-marked": "0", "hidden": "0", "position-locked": "0", "sync-position": "a0",
        "ancestral-start": "a0", "ancestral-length": "a0@a0", "stretch": "1", "shift": "1", "layering-index": "0",
        "envelope-active": "0", "default-fade-in": "0", "default-fade-out": "0", "fade-in-active": "0", "fade-out-active": "0",
        "scale-amplitude": "1", "type": kind, "first-edit": "nothing", "channels": str(channels), **sources}
    ET.SubElement(_child(session, "Regions"), "Region", {
        **common, "id": str(count + 1), "start": "a0", "length": f"a{frames * TICKS}@a0", "whole-file": "1"})
    (playlist,) = (one for one in _child(session, "Playlists") if one.get("name") == region.track)
    length = frames - region.start if region.length is None else region.length
    ET.SubElement(playlist, "Region", {
        **common, "id": str(count + 2), "start": f"a{region.start * TICKS}",
        "length": f"a{length * TICKS}@a{region.position * TICKS}", "whole-file": "0"})
    session.set("id-counter", str(count + 10))


def _child(session: ET.Element, name: str) -> ET.Element:
    found = session.find(name)
    assert found is not None
    return found


def lua(value: Any) -> str:
    """A value as Lua writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{lua(key)}] = {lua(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "{" + ", ".join(lua(item) for item in value) + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nil"
    if isinstance(value, int | float):
        return repr(value)
    return '"' + "".join(f"\\{byte:03d}" for byte in str(value).encode()) + '"'
