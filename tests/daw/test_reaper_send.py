"""What REAPER sends: the part of each clip that is heard, in the right order, once the user has answered."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from daw import session as sessions
from daw.session import ANSWERS, RATE, Session, sound
from daw.things import Thing, item_of

session = sessions.session


def clips(session: Session) -> list[dict[str, object]]:
    session.reaper.run("lts_morph.lua")
    _, job = session.sent()
    return list(job["clips"])


def test_two_trimmed_clips_are_named_by_path_and_samples(session: Session) -> None:
    session.reaper.run("lts_morph.lua")
    job, sent = session.sent()
    assert sent["clips"] == [
        {"path": str(session.place / "song/cello.wav"), "name": "cello", "offset_samples": 4410, "length_samples": 13230},
        {"path": str(session.place / "song/bell.wav"), "name": "bell", "offset_samples": 0, "length_samples": 22050}]
    assert sent["settings"] == {"sample_rate": 44100, "steps": 3, "beyond": 0, "align": "stretch", "detail": 1}
    assert {key: sent["echo"][key] for key in ("host", "position_seconds", "colour_1", "colour_2", "arrange", "mute")} == {
        "host": "reaper", "position_seconds": 2.0, "colour_1": "#0000ff", "colour_2": "#ff0000", "arrange": "tracks",
        "mute": "yes"}
    assert sent["echo"]["project"] == str(session.project.file) and "preset" not in sent
    assert session.project.state == {job: f"{session.root.as_posix()} :: cello~bell"} and session.reaper.boxes == []
    assert session.reaper.undo == [] and [path.name for path in (session.root / "inbox").iterdir()] == [f"{job}.job.json"]


@pytest.mark.parametrize(("positions", "upper_first"), [((3.5, 2.0), False), ((1.0, 2.0), True), ((2.0, 2.0), True)])
@pytest.mark.parametrize("script", ["lts_morph.lua", "lts_morph_swapped.lua"])
def test_the_earlier_then_the_upper_is_clip_1(session: Session, positions: tuple[float, float], upper_first: bool,
                                             script: str) -> None:
    session.bell["D_POSITION"], session.cello["D_POSITION"] = positions
    session.reaper.run(script)
    names = [clip["name"] for clip in session.sent()[1]["clips"]]
    assert names == (["bell", "cello"] if upper_first != ("swapped" in script) else ["cello", "bell"])


@pytest.mark.parametrize(("count", "sentence"), [(0, "none is selected"), (1, "one is selected"), (3, "3 are selected")])
def test_other_numbers_of_items_are_refused(session: Session, count: int, sentence: str) -> None:
    session.reaper.selected = [session.bell, session.cello, session.bell][:count]
    session.reaper.run("lts_morph.lua")
    assert session.reaper.boxes == [f"select the two items to morph between: {sentence}"]
    assert session.jobs() == [] and session.reaper.asked == [] and session.reaper.queue == []


def midi(item: Thing) -> None:
    item["takes"][0]["midi"] = True


def no_take(item: Thing) -> None:
    item["takes"] = []


def muted(item: Thing) -> None:
    item["B_MUTE"] = 1.0


@pytest.mark.parametrize(("harm", "sentence"), [
    (midi, "bell.wav is MIDI, which has no sound of its own: render it"), (no_take, "item 2 has no take with audio"),
    (muted, "bell.wav is muted, so nothing of it is heard: unmute it")])
def test_what_has_no_sound_is_refused(session: Session, harm: object, sentence: str) -> None:
    session.cello["D_VOL"] = 0.5  # is rendered first, and must not be left behind
    harm(session.bell)  # type: ignore[operator]
    session.reaper.run("lts_morph.lua")
    session.reaper.until(lambda: not session.reaper.queue)
    assert sentence in session.reaper.boxes[0] and list((session.root / "inbox").iterdir()) == []
    assert session.project.state == {} and session.reaper.accessors == 0


def section(item: Thing) -> None:
    item["takes"][0]["source"] = Thing("PCM_source", path="", rate=0, channels=1, seconds=0.2, beats=False, peaks=0,
                                       parent=item["takes"][0]["source"])


def longer(item: Thing) -> None:
    item["D_LENGTH"] = 0.7


def with_envelope(item: Thing) -> None:
    item["takes"][0]["envelopes"]["Pan"] = Thing("TrackEnvelope", ACTIVE="1", scaling=0, value=lambda t: 1.0)


def value(key: str, amount: float, of_take: bool = True) -> object:
    def change(item: Thing) -> None:
        (item["takes"][0] if of_take else item)[key] = amount
    return change


@pytest.mark.parametrize("change", [
    value("D_PLAYRATE", 0.5), value("D_PITCH", 2.0), value("D_VOL", -1.0), value("D_VOL", -1.0, False), value("I_CHANMODE", 1),
    value("effects", 1), value("markers", 2), value("D_PAN", 0.5), value("D_STARTOFFS", -0.1), section, longer, with_envelope,
    value("D_FADEINLEN", 0.01, False)])
def test_what_a_part_of_a_file_does_not_say_is_rendered(session: Session, change: object) -> None:
    change(session.bell)  # type: ignore[operator]
    heard = np.random.default_rng(1).uniform(-1, 1, (100_000, 2)).astype(np.float32)
    asked = []

    def rendered(track: Thing, start: float, rate: int, count: int) -> np.ndarray:
        first = round((start - 3.5) * rate)
        asked.append((track["items"][0]["takes"][0]["P_NAME"], rate))
        return heard[first:first + count]

    session.reaper.rendered = rendered
    session.reaper.run("lts_morph.lua")
    session.reaper.until(lambda: bool(session.jobs()))
    job, sent = session.sent()
    assert sent["clips"][1] == {"path": f"{job}_2.wav", "name": "bell", "rendered": True} and "rendered" not in sent["clips"][0]
    found, rate = soundfile.read(session.root / "inbox" / f"{job}_2.wav", dtype="float32", always_2d=True)
    assert rate == RATE and len(found) == round(session.bell["D_LENGTH"] * RATE)
    assert np.array_equal(found, heard[:len(found), :found.shape[1]])
    assert set(asked) == {("bell.wav", RATE)} and session.reaper.accessors == 0


def test_a_long_item_is_rendered_piece_by_piece_while_reaper_goes_on(session: Session) -> None:
    path = sound(session.place / "song" / "long.wav", 100.0, 6.0, channels=2)
    long = item_of(path, position=10.0, D_VOL=0.5)
    session.project.add(long)
    values, _ = soundfile.read(path, dtype="float32")
    session.reaper.rendered = lambda track, start, rate, count: values[round((start - 10.0) * rate):][:count]
    session.reaper.selected = [session.bell, long]
    session.reaper.run("lts_morph.lua")
    turns = 0
    while not session.jobs():
        assert session.reaper.queue
        session.reaper.turn()
        turns += 1
    assert turns >= 4
    found, _ = soundfile.read(next((session.root / "inbox").glob("*_2.wav")), dtype="float32")
    assert np.array_equal(found, values)


def test_an_item_that_sounds_with_another_is_to_be_glued(session: Session) -> None:
    session.bell["D_VOL"] = 0.5
    session.project.tracks[0]["items"].append(item_of(sound(session.place / "song" / "hat.wav", 5000.0), position=3.7))
    session.reaper.run("lts_morph.lua")
    assert "has a volume of its own, and another item on its track sounds with it: glue it first" in session.reaper.boxes[0]


@pytest.mark.parametrize("name", ["it's a \"bell\".wav", "zwei  Glöckchen 🔔.wav", "ベル.wav", "-n.wav", "back\\slash.wav"])
def test_names_of_all_kinds(session: Session, name: str) -> None:
    path = Path("C:/Users/Ada") / name if "\\" in name else sound(session.place / "söng" / name, 900.0)
    session.bell["takes"][0]["source"]["path"] = str(path)
    session.bell["takes"][0]["P_NAME"] = path.name
    sent = clips(session)[1]
    assert sent["path"] == str(path).replace("\\", "/") and sent["name"] == path.stem


def test_a_path_of_windows(session: Session) -> None:
    session.bell["takes"][0]["source"]["path"] = "D:\\Klänge\\bell 1.wav"
    assert clips(session)[1]["path"] == "D:/Klänge/bell 1.wav"


def test_a_name_that_is_no_text_is_refused(session: Session) -> None:
    session.bell["D_VOL"] = 0.5
    session.reaper.lua.globals().reaper.GetTakeName = session.reaper.lua.eval("function() return 'b\\xffll' end")
    session.reaper.run("lts_morph.lua")
    session.reaper.until(lambda: not session.reaper.queue)
    assert session.reaper.boxes == ['the name "b?ll" is not written in UTF-8: rename it']
    assert list((session.root / "inbox").iterdir()) == []


def test_the_rate_of_the_device_where_the_project_has_none(session: Session) -> None:
    session.project.rate = 0
    session.reaper.run("lts_morph.lua")
    assert session.sent()[1]["settings"]["sample_rate"] == 96000


@pytest.mark.parametrize(("choice", "scaling"), [("take", 0), ("take", 1), ("track", 1)])
def test_an_envelope_becomes_the_curve_and_is_left_out_of_the_sound(session: Session, choice: str, scaling: int) -> None:
    session.reaper.answers = [[*ANSWERS[:7], choice]]
    start = 2.0 if choice == "track" else 0.0

    def drawn(seconds: float) -> float:
        return min(1.0, max(0.0, (seconds - start) / 0.2)) * 1.5 * (1000.0 if scaling else 1.0)

    envelope = Thing("TrackEnvelope", ACTIVE="1", scaling=scaling, value=drawn)
    owner = session.cello["takes"][0] if choice == "take" else session.project.tracks[1]
    owner["envelopes"]["Volume"] = envelope
    session.cello["D_VOL"] = 0.5
    seen = []
    session.reaper.rendered = lambda track, begin, rate, count: (seen.append(envelope["ACTIVE"]), np.zeros((count, 2)))[1]
    session.reaper.run("lts_morph.lua")
    session.reaper.until(lambda: bool(session.jobs()))
    settings = session.sent()[1]["settings"]
    times, amounts = np.array(settings["curve"]).T
    assert settings["curve_unit"] == "seconds" and "steps" not in settings and "beyond" not in settings
    grid = np.linspace(0.0, 0.3, 50)
    expected = np.minimum(np.minimum(grid / 0.2, 1.0) * 1.5, 1.3)
    assert np.allclose(np.interp(grid, times, amounts), expected, atol=0.04) and len(times) <= 8
    assert np.allclose(np.interp(grid[:25], times, amounts), expected[:25], atol=1e-3)
    assert seen == ["0" if choice == "take" else "1"] and envelope["ACTIVE"] == "1"


def test_a_curve_without_an_envelope_is_said(session: Session) -> None:
    session.reaper.answers = [[*ANSWERS[:7], "take"]]
    session.reaper.run("lts_morph.lua")
    assert "clip 1 has no take volume envelope that is switched on" in session.reaper.boxes[0] and session.jobs() == []


def test_scripts_that_were_not_installed_say_so(session: Session) -> None:
    (session.reaper.folder / "place.tsv").unlink()
    session.reaper.run("lts_morph.lua")
    assert "lts-batch daw install" in session.reaper.boxes[0] and session.reaper.asked == []


def test_scripts_of_reapack_find_the_place_of_those_that_were_installed(session: Session) -> None:
    elsewhere = session.reaper.folder.with_name("ReaPack")
    session.reaper.folder.rename(elsewhere)
    session.reaper.folder.mkdir()
    (elsewhere / "place.tsv").rename(session.reaper.folder / "place.tsv")
    session.reaper.run(str(elsewhere / "lts_morph.lua"))
    assert len(session.jobs()) == 1 and session.reaper.boxes == []


def test_a_root_that_is_gone_is_said(session: Session) -> None:
    (session.root / "inbox").rename(session.root / "elsewhere")
    session.reaper.run("lts_morph.lua")
    assert "cannot be written" in session.reaper.boxes[0] and session.project.state == {}
