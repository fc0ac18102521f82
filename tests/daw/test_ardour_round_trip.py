"""The whole way in the real program: two regions are sent from Ardour's window, a daemon renders them, and they come back."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from daw.ardour_session import RATE, ArdourSession, Region, sound
from daw.ardour_window import ArdourWindow
from daw.screen import ended

POSITION = 88200
DRAW = """
local audio = region_named("bell"):to_audioregion()
audio:envelope():list():clear_list()
for _, point in ipairs({{0, 1.0}, {11025, 0.2}, {22049, 1.0}}) do
  audio:envelope():list():add(Temporal.timepos_t(point[1]), point[2], false, true)
end
audio:set_envelope_active(true)
for route in Session:get_tracks():iter() do
  route:presentation_info_ptr():set_color(route:name() == "cello" and 0x0000ffff or 0xff0000ff)
end
Session:save_state("", false, false, false, false, false)
"""
SELECT = """
local list = ArdourUI.SelectionList()
for route in Session:get_tracks():iter() do
  for region in route:to_track():playlist():region_list():iter() do
    if region:name() == "cello" or region:name() == "bell" then list:push_back(Editor:regionview_from_region(region)) end
  end
end
Editor:set_selection(list, ArdourUI.SelectionOp.Set)
"""
REGIONS = """
for route in Session:get_tracks():iter() do say(route:name(), route:to_track():playlist():region_list():size()) end
"""
REPORT = """
local json = assert(loadfile(os.getenv("LTS_BATCH_ARDOUR") .. "/shared/json.lua"))()
local session = load_session(arg[1], arg[2])
local tracks = json.list()
for route in session:get_tracks():iter() do
  local regions = json.list()
  for region in route:to_track():playlist():region_list():iter() do
    local audio, files = region:to_audioregion(), json.list()
    for channel = 0, audio:n_channels() - 1 do files[channel + 1] = region:source(channel):to_filesource():path() end
    regions[#regions + 1] = { name = region:name(), position = region:position():samples(), files = files,
                              start = region:start():samples(), length = region:length():samples() }
  end
  tracks[#tracks + 1] = { name = route:name(), order = route:presentation_info_ptr():order(), regions = regions,
                          colour = ("%08x"):format(route:presentation_info_ptr():color()), muted = route:muted() }
end
local groups = json.list()
for group in session:route_groups():iter() do
  local names = json.list()
  for route in group:route_list():iter() do names[#names + 1] = route:name() end
  groups[#groups + 1] = { name = group:name(), colour = ("%08x"):format(group:rgba()), tracks = names }
end
print("REPORT " .. json.text({ tracks = tracks, groups = groups }))
"""


@contextmanager
def daemon(root: Path, place: Path) -> Iterator[None]:
    """The real one, as a process of its own."""
    environment = {**os.environ, "LTS_BATCH_CONFIG": str(place / "lts")}
    with (place / "daemon.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "lts_batch", "watch", str(root), "--jobs", "1"], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        ended(process)


class RoundTrip:
    """What came of it.

    Attributes:
        counts: how many regions each track has: before, after the import, after undo, redo, and a second import.
        report: the saved session, opened again without the window.
    """

    def __init__(self, place: Path, program: Callable[[str], str]) -> None:
        self.place, self.root, self.counts = place, place / "watched", list[dict[str, int]]()
        self.song = ArdourSession(place, ["cello", "bell"], program)
        self.cello, self.bell = sound(place / "cello.wav", 220.0, 30000), sound(place / "bell.wav", 880.0, channels=2)
        self.song.add(Region(self.cello, "cello", POSITION, 4410, 13230), Region(self.bell, "bell", 100000))
        (self.root / "inbox").mkdir(parents=True)
        # sent before the session was closed: the daemon has it done by the time that it is opened again
        self.song.act([{"name": "before", "script": "lts_morph_swapped.lua", "select": ["cello", "bell"],
                        "root": str(self.root), "answers": [{"steps": "2", "mute": False}]}], DRAW)
        self.song.root_is(self.root, ["graded-11"])
        (self.song.scripts / "answers.tsv").write_text("lts-batch-answers\t1\nsteps\t3\n", encoding="utf-8")
        with daemon(self.root, place), ArdourWindow(self.song, program) as window:
            self.drive(window)
        reporting = place / "report.lua"
        reporting.write_text(REPORT, encoding="utf-8")
        (line,) = (line for line in self.song.run(reporting, str(self.song.folder), self.song.folder.name).splitlines()
                   if line.startswith("REPORT "))
        self.report: dict[str, Any] = json.loads(line.removeprefix("REPORT "))

    def drive(self, window: ArdourWindow) -> None:
        """What the user does."""
        window.until(lambda: self.kept().count("\timported\t") == 1, "the stems that were waited for")
        self.count(window)
        window.do(SELECT)
        window.act("lts_morph.lua", "LTS: morph selected clips")
        window.keep_picture("ardour-dialog.png", window.picture)
        window.until(lambda: self.kept().count("\timported\t") == 2, "stems in the session")
        self.count(window)
        window.do("Editor:reset_zoom(60) Editor:reset_x_origin(84000)")
        window.keep_picture("ardour-stems.png")
        window.do('Editor:access_action("Editor", "undo")')
        self.count(window)
        window.do('Editor:access_action("Editor", "redo")')
        self.count(window)
        path = self.song.folder / "lts_batch.tsv"
        path.write_text(self.kept().replace("\timported\t", "\twaiting\t"), encoding="utf-8")
        window.until(lambda: self.kept().count("\timported\t") == 2, "a second import")
        self.count(window)
        self.windows = window.screen.windows()
        window.do('Session:save_state("", false, false, false, false, false)')

    def kept(self) -> str:
        """What the session remembers of its jobs."""
        path = self.song.folder / "lts_batch.tsv"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def count(self, window: ArdourWindow) -> None:
        """How many regions there are now."""
        self.counts.append({name: int(count) for name, count in (line.split("\t") for line in window.do(REGIONS))})


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> RoundTrip:
    return RoundTrip(tmp_path_factory.mktemp("round_trip"), program)


def stems(trip: RoundTrip) -> list[Path]:
    """What the daemon delivered for the second job."""
    return sorted((trip.root / "outbox").glob("*/cello~bell*.wav"))


def test_stems_come_into_the_window_and_undo_takes_them_out(trip: RoundTrip) -> None:
    clips = {"cello": 1, "bell": 1, "bell~cello x +0.00": 1, "bell~cello x +1.00": 1}
    there, gone = ({f"cello~bell x +{x}": count for x in ("0.00", "0.50", "1.00")} for count in (1, 0))
    assert trip.counts == [clips, {**clips, **there}, {**clips, **gone}, {**clips, **there}, {**clips, **there}]
    # no box was left open, and none was needed
    assert len(trip.windows) == 1
    history = (trip.song.folder / "song.history").read_text(encoding="utf-8")
    steps = [step.get("name") for step in ET.fromstring(history).findall("UndoTransaction")]
    # Ardour's own import writes down steps in which nothing changes but the selection
    assert [step for step in steps if step != "insert file"] == [
        "LTS: import stems of bell~cello", "LTS: import stems of cello~bell"]


def test_the_saved_session_has_the_tracks(trip: RoundTrip) -> None:
    cello, bell, *earlier = trip.report["tracks"][:4]
    tracks = trip.report["tracks"][4:]
    assert [track["name"] for track in tracks] == [f"cello~bell x +{x}" for x in ("0.00", "0.50", "1.00")]
    assert [track["colour"] for track in tracks] == ["0000ffff", "800080ff", "ff0000ff"]
    assert [track["muted"] for track in tracks] == [True, False, True]
    orders = [track["order"] for track in trip.report["tracks"]]
    assert orders == sorted(orders)
    assert trip.report["groups"] == [
        {"colour": "ff0000ff", "name": "bell~cello", "tracks": [track["name"] for track in earlier]},
        {"colour": "800080ff", "name": "cello~bell", "tracks": [track["name"] for track in tracks]}]
    assert [(track["muted"], track["regions"][0]["position"]) for track in earlier] == [(False, 100000)] * 2
    # the clips are where they were
    clips = [tuple(region[key] for key in ("position", "start", "length")) for track in (cello, bell)
             for region in track["regions"]]
    assert clips == [(POSITION, 4410, 13230), (100000, 0, 22050)]


def test_each_track_plays_its_stem_from_where_the_first_clip_starts(trip: RoundTrip) -> None:
    delivered = stems(trip)
    assert len(delivered) == 3
    for track, stem in zip(trip.report["tracks"][4:], delivered, strict=True):
        (region,) = track["regions"]
        audio, rate = soundfile.read(stem, dtype="float32", always_2d=True)
        assert (region["position"], region["start"], region["length"]) == (POSITION, 0, len(audio)) and rate == RATE
        assert track["name"].endswith(region["name"]) and len(region["files"]) == audio.shape[1] == 2
        copies = [Path(file) for file in region["files"]]
        assert all(copy.is_relative_to(trip.song.folder / "interchange") for copy in copies)
        assert np.array_equal(np.stack([soundfile.read(copy, dtype="float32")[0] for copy in copies], 1), audio)


def test_the_ends_are_what_was_heard(trip: RoundTrip) -> None:
    first, *_, last = (soundfile.read(stem, always_2d=True)[0] for stem in stems(trip))
    cello, _ = soundfile.read(trip.cello, always_2d=True)
    bell, _ = soundfile.read(trip.bell, always_2d=True)
    assert np.abs(first - cello[4410:4410 + 13230]).max() < 2e-7
    assert np.abs(last[0] - bell[0]).max() < 1e-4 and np.abs(last[11025] - 0.2 * bell[11025]).max() < 1e-4
    # the envelope is in the sound between its points too
    assert np.abs(last).sum() < 0.8 * np.abs(bell).sum()
