"""Two regions of a real Ardour session are sent: what is heard of them, the job that says so, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from jsonschema import Draft202012Validator

from daw import session as reaper_sessions
from daw.ardour_session import RATE, ArdourSession, Region, midi, sound
from daw.session import ANSWERS, Session
from lts_batch.protocol import schema
from lts_batch.watch.daemon import Daemon

session = reaper_sessions.session

ODD = "Größe 'n \"Mut\" 🎻"

PREPARE = """
local bell = region_named("bell")
bell:to_audioregion():set_scale_amplitude(0.5)
local drawn, route = region_named("drawn")
local audio = drawn:to_audioregion()
audio:envelope():list():clear_list()
for _, point in ipairs({{0, 0.1}, {4410, 1.0}, {13229, 0.3}}) do
  audio:envelope():list():add(Temporal.timepos_t(point[1]), point[2], false, true)
end
audio:set_envelope_active(true)
local lane = route:gain_control():alist():list()
for _, point in ipairs({{0, 0.0}, {88200, 0.5}, {132300, 2.0}}) do
  lane:add(Temporal.timepos_t(point[1]), point[2], false, true)
end
route:gain_control():set_automation_state(ARDOUR.AutoState.Play)
region_named("muted"):set_muted(true)
region_named("faded"):to_audioregion():set_fade_in_length(2000)
region_named("faded"):to_audioregion():set_fade_in_active(true)
for route in Session:get_tracks():iter() do
  if route:name() == "cello" then route:presentation_info_ptr():set_color(0x3366ccff) end
end
"""


class Sent:
    """What all cases gave, and what they should have given."""

    def __init__(self, place: Path, program: Callable[[str], str]) -> None:
        self.place, self.song = place, ArdourSession(place, ["cello", "bell", "drawn", "layers", "keys", ODD], program)
        source = place / "sounds"
        self.cello, self.bell = sound(source / "cello.wav", 220.0), sound(source / "bell.wav", 880.0, channels=2)
        self.odd = sound(source / f"{ODD}.wav", 330.0, 4410)
        self.song.add(
            Region(self.cello, "cello", 88200, 4410, 13230), Region(self.bell, "bell", 120000),
            Region(sound(source / "drawn.wav", 300.0), "drawn", 88200, 441, 13230),
            Region(sound(source / "under.wav", 500.0), "layers", 0, 0, 5000),
            Region(sound(source / "over.wav", 700.0), "layers", 2500, 0, 5000),
            Region(sound(source / "muted.wav", 700.0), "layers", 44100),
            Region(sound(source / "faded.wav", 700.0), "layers", 88200),
            Region(sound(source / "small bell.wav", 880.0), "layers", 176400),
            Region(sound(source / "long.wav", 100.0, 20 * RATE), "layers", 300000),
            Region(midi(source / "keys.mid"), "keys", 0), Region(self.odd, ODD, 10))
        two = ["bell", "cello"]
        self.results = self.song.act([
            self.case("plain", two),
            self.case("swapped", two, script="lts_morph_swapped.lua"),
            self.case("together", ["drawn", "cello"]),
            self.case("curve", ["bell", "drawn"], answers=[{"curve": "take", "steps": "9"}]),
            self.case("lane", ["bell", "drawn"], answers=[{"curve": "track"}]),
            self.case("no envelope", two, answers=[{"curve": "take"}]),
            self.case("no lane", two, answers=[{"curve": "track"}]),
            self.case("layers", ["under", "over"], answers=[{"curve": "no"}]),
            self.case("odd", [ODD, "faded"]),
            self.case("as in REAPER", ["small bell", "cello"], answers=[{"steps": "3"}]),
            self.case("none", []), self.case("one", ["bell"]), self.case("three", [*two, "drawn"]),
            self.case("muted", ["bell", "muted"]), self.case("midi", ["bell", "keys"]),
            self.case("taken back", two, answers=[False]),
            self.case("long", ["small bell", "long"], canceled=2),
            self.case("mistyped", two, answers=[{"steps": "many"}, 2, {"steps": "2", "align": "onsets", "mute": False}]),
            self.case("remembered", two),
            {**self.case("no folder", two), "root": str(self.root("nowhere"))},
            self.case("strange file", two, prepare="""
                local file = io.open(os.getenv("LTS_BATCH_ARDOUR") .. "/answers.tsv", "wb")
                file:write("somebody else's")
                file:close()
            """),
        ], PREPARE)

    def case(self, name: str, select: list[str], script: str = "lts_morph.lua", **more: Any) -> dict[str, Any]:
        """An action over selected regions, with a watched folder of its own."""
        root = self.root(name)
        (root / "inbox").mkdir(parents=True)
        return {"name": name, "select": select, "script": script, "answers": [{}], "root": str(root), **more}

    def root(self, name: str) -> Path:
        """The watched folder of a case."""
        return self.place / "roots" / name

    def job(self, name: str) -> dict[str, Any]:
        """The one job that was sent, checked against the schema."""
        (path,) = (self.root(name) / "inbox").glob("*.job.json")
        job: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator(schema("job")).validate(job)
        return job

    def clips(self, name: str) -> list[np.ndarray]:
        """Its clips as audio [samples, channels]."""
        clips = self.job(name)["clips"]
        assert all(clip["rendered"] for clip in clips)
        files = [self.root(name) / "inbox" / clip["path"] for clip in clips]
        assert all(soundfile.info(file).subtype == "FLOAT" and soundfile.info(file).samplerate == RATE for file in files)
        return [soundfile.read(file, dtype="float32", always_2d=True)[0] for file in files]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Sent:
    return Sent(tmp_path_factory.mktemp("ardour"), program)


def audio(path: Path) -> np.ndarray:
    """A file as [samples, channels]."""
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def test_the_parts_that_are_heard_are_sent(sent: Sent) -> None:
    job, (first, second) = sent.job("plain"), sent.clips("plain")
    assert np.array_equal(first, audio(sent.cello)[4410:4410 + 13230])
    assert np.array_equal(second, 0.5 * audio(sent.bell)) and second.shape[1] == 2
    assert [clip["name"] for clip in job["clips"]] == ["cello", "bell"]
    assert job["settings"] == {"align": "stretch", "beyond": 0, "detail": 1, "sample_rate": RATE, "steps": 5}
    echo = job["echo"]
    assert (echo["host"], echo["position_samples"], echo["position_seconds"]) == ("ardour", 88200, 2.0)
    assert (echo["colour_1"], echo["mute"], echo["arrange"]) == ("#3366cc", "yes", "tracks")
    assert len({echo[key] for key in ("region_1", "region_2", "track_1", "track_2")}) == 4
    assert echo["session"] == str(sent.song.folder)


def test_it_is_said_that_nobody_works_and_the_job_is_remembered(sent: Sent) -> None:
    (box,) = sent.results["plain"]["boxes"]
    assert f'lts-batch watch "{sent.root("plain")}"' in box
    (path,) = (sent.root("plain") / "inbox").glob("*.job.json")
    lines = (sent.song.folder / "lts_batch.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["lts-batch-session\t1",
                         f"job\t{path.name.split('.')[0]}\twaiting\t{sent.root('plain')}\tcello~bell\tsong"]


def test_clips_change_places(sent: Sent) -> None:
    plain, swapped = sent.clips("plain"), sent.clips("swapped")
    assert np.array_equal(swapped[0], plain[1]) and np.array_equal(swapped[1], plain[0])
    assert sent.job("swapped")["echo"]["position_samples"] == 120000


def test_of_two_that_start_together_the_upper_one_is_the_first(sent: Sent) -> None:
    assert [clip["name"] for clip in sent.job("together")["clips"]] == ["cello", "drawn"]


def test_an_envelope_is_heard_unless_it_is_the_curve(sent: Sent) -> None:
    raw = audio(sent.place / "sounds" / "drawn.wav")[441:441 + 13230]
    heard, left_out = sent.clips("together")[1], sent.clips("curve")[0]
    assert np.array_equal(left_out, raw)
    settings = sent.job("curve")["settings"]
    assert settings["curve_unit"] == "seconds" and "steps" not in settings and "beyond" not in settings
    times, values = np.array(settings["curve"]).T
    assert times[0] == 0 and times[-1] == pytest.approx(13230 / RATE, abs=1e-6)
    loud = np.abs(raw[:, 0]) > 0.02
    gains = np.interp(np.arange(13230) / RATE, times, values)
    assert np.max(np.abs(heard[loud, 0] / raw[loud, 0] - gains[loud])) < 0.005
    assert values[0] == pytest.approx(0.1, abs=1e-3) and values.max() == pytest.approx(1.0, abs=0.01)
    assert values[-1] == pytest.approx(0.3, abs=1e-3)


def test_a_tracks_automation_can_be_the_curve(sent: Sent) -> None:
    times, values = np.array(sent.job("lane")["settings"]["curve"]).T
    assert times[0] == 0 and values[0] == pytest.approx(0.5, abs=1e-3) and np.all(np.diff(values) > 0)
    assert np.array_equal(sent.clips("lane")[0], sent.clips("together")[1])


def test_what_lies_at_the_same_place_does_not_sound_with_it(sent: Sent) -> None:
    under, over = sent.clips("layers")
    assert np.array_equal(under, audio(sent.place / "sounds" / "under.wav")[:5000])
    assert np.array_equal(over, audio(sent.place / "sounds" / "over.wav")[:5000])


def test_odd_names_and_fades(sent: Sent) -> None:
    first, second = sent.clips("odd")
    raw = audio(sent.place / "sounds" / "faded.wav")
    assert sent.job("odd")["clips"][0]["name"] == ODD and np.array_equal(first, audio(sent.odd))
    assert abs(second[1000, 0]) < abs(raw[1000, 0]) and np.array_equal(second[2100:], raw[2100:])


@pytest.mark.parametrize(("name", "sentence"), [
    ("none", "select the two regions to morph between: none is selected"),
    ("one", "select the two regions to morph between: one is selected"),
    ("three", "select the two regions to morph between: 3 are selected"),
    ("muted", "muted is muted, so nothing of it is heard: unmute it"),
    ("midi", "keys is MIDI, which has no sound of its own: bounce it to audio first (Region > Edit > Bounce)"),
    ("no envelope", "clip 1 has no region gain envelope that is switched on: draw one, or choose no curve"),
    ("no lane", "the track of clip 1 has no gain automation that is switched on: draw one, or choose no curve"),
])
def test_what_cannot_be_sent_is_said_and_leaves_nothing(sent: Sent, name: str, sentence: str) -> None:
    assert sent.results[name]["boxes"] == [sentence]
    assert list((sent.root(name) / "inbox").iterdir()) == []


def test_what_is_taken_back_leaves_nothing(sent: Sent) -> None:
    assert sent.results["taken back"]["boxes"] == []
    # long clips are rendered behind a window, whose button was pressed
    assert sent.results["long"]["boxes"] == ["progress rendering clip 1", "progress rendering clip 2", "progress done"]
    assert [list((sent.root(name) / "inbox").iterdir()) for name in ("taken back", "long")] == [[], []]


def test_a_watched_folder_that_is_gone_is_said(sent: Sent) -> None:
    (box,) = sent.results["no folder"]["boxes"]
    assert box.startswith("cello could not be rendered: ") and "nowhere" in box and not sent.root("nowhere").exists()


def test_answers_are_asked_for_again_and_remembered(sent: Sent) -> None:
    boxes, asked = sent.results["mistyped"]["boxes"], sent.results["mistyped"]["asked"]
    assert boxes[0] == "steps = many is not a whole number from 1 to 1001" and asked[1]["fields"]["steps"] == "many"
    fields = sent.results["remembered"]["asked"][0]["fields"]
    assert fields == {"preset": "none", "steps": "2", "beyond": "0", "align": "onsets", "detail": "1", "mute": False,
                      "curve": "no"}
    assert sent.job("remembered")["settings"]["steps"] == 2 and sent.job("remembered")["echo"]["mute"] == "no"


def test_a_file_of_somebody_else_is_not_written_over(sent: Sent) -> None:
    path = sent.song.scripts / "answers.tsv"
    assert sent.results["strange file"]["boxes"] == [f"{path} is not written as these scripts write it: move it away"]
    assert path.read_text(encoding="utf-8") == "somebody else's"


def test_regions_are_as_they_were_and_there_is_nothing_to_undo(sent: Sent) -> None:
    assert all(one["untouched"] and not one["undo"] for one in sent.results.values())
    assert [path.name for path in sent.root("curve").rglob(".*")] == []


def test_the_same_clips_give_the_same_stems_from_reaper(sent: Sent, session: Session) -> None:
    # from REAPER two parts of files, from Ardour two renderings
    assert [clip["name"] for clip in sent.job("as in REAPER")["clips"]] == ["cello", "small bell"] and ANSWERS[1] == "3"
    job = session.morphed()
    root = sent.root("as in REAPER")
    (outcome,) = Daemon(root, settle_seconds=0.0, lease_seconds=0.0).run_once().outcomes
    assert outcome.state == "done"
    theirs = sorted((session.root / "outbox" / job).glob("*.wav"))
    ours = sorted((root / "outbox").glob("*/*.wav"))
    assert len(ours) == len(theirs) == 3
    assert [path.read_bytes() for path in ours] == [path.read_bytes() for path in theirs]
