"""What comes back into REAPER: tracks, takes, colours and positions, in one undo step, once."""

import numpy as np
import pytest
import soundfile

from daw import session as sessions
from daw.session import ANSWERS, RATE, Session

session = sessions.session


def test_two_clips_become_tracks(session: Session) -> None:
    job = session.morphed()
    assert session.reaper.boxes == [] and not session.reaper.window
    folder, *tracks = session.new_tracks()
    assert folder["P_NAME"] == "cello~bell" and folder["I_FOLDERDEPTH"] == 1 and folder["items"] == []
    assert [track["P_NAME"] for track in tracks] == ["x +0.00", "x +0.50", "x +1.00"]
    assert [track.get("I_FOLDERDEPTH", 0) for track in tracks] == [0, 0, -1]
    assert [track["B_MUTE"] for track in tracks] == [1, 0, 1]
    # the cello is blue (Windows keeps blue, green, red), and the bell's track is red
    assert [track["I_CUSTOMCOLOR"] for track in tracks] == [0x1ff0000, 0x1800080, 0x10000ff]
    for track in tracks:
        (item,) = track["items"]
        (take,) = item["takes"]
        assert item["D_POSITION"] == 2.0 and item["P_EXT:lts_job"] == job and item["C_BEATATTACHMODE"] == 0
        stem = session.root / "outbox" / job / take["P_NAME"]
        copy = session.place / "song" / "Media" / "lts_batch" / job / take["P_NAME"]
        assert take["source"]["path"] == copy.as_posix() and copy.read_bytes() == stem.read_bytes()
        assert item["D_LENGTH"] == pytest.approx(soundfile.info(stem).frames / RATE) and take["source"]["peaks"] == -1
    assert session.reaper.undo == ["LTS: import stems of cello~bell"] and session.reaper.refresh == 0
    assert session.project.state == {} and session.project.dirty


def test_the_first_stem_is_the_part_that_was_heard(session: Session) -> None:
    session.morphed()
    first = session.new_tracks()[1]["items"][0]["takes"][0]
    stem, _ = soundfile.read(first["source"]["path"])
    clip, _ = soundfile.read(session.place / "song" / "cello.wav")
    assert np.array_equal(stem, clip[round(0.1 * RATE):round(0.4 * RATE)])


def test_nothing_is_imported_twice(session: Session) -> None:
    job = session.morphed()
    before = list(session.project.tracks)
    session.project.state[job] = f"{session.root} :: cello~bell"  # as after an undo of the state alone
    session.reaper.run("lts_pick_up.lua")
    session.reaper.until(lambda: not session.reaper.queue)
    assert session.project.tracks == before and len(session.reaper.undo) == 1
    session.reaper.run("lts_pick_up.lua")
    assert session.reaper.boxes == ["this project waits for no stems"]


def test_stems_can_be_takes_of_one_item(session: Session) -> None:
    session.reaper.answers = [[*ANSWERS[:5], "takes", "no", "no"]]
    session.morphed()
    (track,) = session.new_tracks()
    (item,) = track["items"]
    assert track["P_NAME"] == "cello~bell" and item["D_POSITION"] == 2.0 and item["I_CURTAKE"] == 1
    assert [take["P_NAME"][-10:] for take in item["takes"]] == ["x+0.00.wav", "x+0.50.wav", "x+1.00.wav"]
    assert item["D_LENGTH"] == pytest.approx(max(take["source"]["seconds"] for take in item["takes"]), abs=1e-6)
    assert len(session.reaper.undo) == 1


def test_a_project_that_was_closed_gets_its_stems_when_it_is_opened_again(session: Session) -> None:
    session.reaper.run("lts_morph.lua")
    job, _ = session.sent()
    session.reaper.projects.clear()
    session.reaper.turn()
    assert session.reaper.queue == [] and not session.reaper.window
    assert session.project.state == {job: f"{session.root} :: cello~bell"}
    session.work()
    session.reaper.projects.append(session.project)
    session.reaper.run("lts_pick_up.lua")
    session.reaper.until(lambda: not session.reaper.queue)
    assert len(session.new_tracks()) == 4 and session.project.state == {}


def test_another_project_in_front_gets_nothing(session: Session) -> None:
    session.reaper.run("lts_morph.lua")
    session.work()
    other = sessions.Project(session.place / "other.rpp")
    session.reaper.projects.append(other)
    session.reaper.project = other
    session.reaper.turn(1.0)
    session.reaper.turn()
    assert other.tracks == [] and session.new_tracks() == [] and "has to be in front" in " ".join(session.reaper.drawn)
    session.reaper.project = session.project
    session.reaper.until(lambda: not session.reaper.queue)
    assert other.tracks == [] and len(session.new_tracks()) == 4


def test_an_import_that_breaks_off_leaves_nothing(session: Session) -> None:
    session.reaper.failing = "AddTakeToMediaItem"
    session.reaper.run("lts_morph.lua")
    session.work()
    session.reaper.until(lambda: not session.reaper.queue)
    assert session.new_tracks() == [] and session.reaper.undo == [] and session.reaper.refresh == 0
    assert "AddTakeToMediaItem fails" in session.reaper.boxes[0]
    session.reaper.failing = None
    session.reaper.run("lts_pick_up.lua")
    session.reaper.until(lambda: not session.reaper.queue)
    assert len(session.new_tracks()) == 4


def test_stems_that_were_cleaned_away_are_said(session: Session) -> None:
    session.reaper.run("lts_morph.lua")
    job, _ = session.sent()
    session.work()
    (session.root / "outbox" / job / "manifest.tsv").unlink()
    session.reaper.until(lambda: not session.reaper.queue)
    assert "holds no manifest.tsv" in session.reaper.boxes[0] and session.reaper.undo == []


def test_again_with_other_settings(session: Session) -> None:
    session.morphed()
    session.reaper.selected = [session.new_tracks()[1]["items"][0]]
    session.reaper.answers = [["", "2", "0", "stretch", "0.5", "tracks", "no", "no"]]
    session.beat()
    session.morphed("lts_again.lua")
    folder, *tracks = session.new_tracks()[4:]
    assert folder["P_NAME"] == "cello~bell" and [track["P_NAME"] for track in tracks] == ["x +0.00", "x +1.00"]
    assert [track["B_MUTE"] for track in tracks] == [0, 0] and tracks[0]["items"][0]["D_POSITION"] == 2.0
    session.reaper.selected = [session.cello]
    session.reaper.run("lts_again.lua")
    assert session.reaper.boxes == ["select one item that came from LTS"]
