"""While stems are being made: what is shown, cancel, a daemon that is absent or falls silent, failures, and the questions."""

import pytest

from daw import session as sessions
from daw.session import ANSWERS, Session

session = sessions.session
SILENT = "no lts-batch is at work: start it in a terminal with  lts-batch watch"


def shown(session: Session) -> str:
    return " ".join(session.reaper.drawn)


def test_progress_is_shown_and_nothing_blocks(session: Session) -> None:
    session.reaper.run("lts_morph.lua")
    job, _ = session.sent()
    assert session.reaper.window and "cello~bell: sent" in shown(session)
    session.say(job, state="running", fraction=0.42, message="stem 2 of 3")
    session.reaper.turn(0.3)
    session.reaper.turn()
    assert "stem 2 of 3" in shown(session) and session.reaper.boxes == []
    turns = [session.reaper.turn() for _ in range(5)]
    assert turns == [True] * 5


def test_cancel_is_asked_for_and_leaves_nothing(session: Session) -> None:
    session.reaper.run("lts_morph.lua")
    job, _ = session.sent()
    session.reaper.click = 0
    session.reaper.turn()
    assert (session.root / "inbox" / f"{job}.cancel").exists()
    session.work()
    session.reaper.until(lambda: not session.reaper.queue)
    assert session.reaper.undo == [] and session.reaper.boxes == [] and not session.reaper.window
    assert session.project.state == {} and session.new_tracks() == []


@pytest.mark.parametrize("key", [-1, 27])
def test_a_closed_window_loses_nothing(session: Session, key: int) -> None:
    session.reaper.run("lts_morph.lua")
    session.reaper.key = key
    assert not session.reaper.turn() and not session.reaper.window
    session.work()
    session.reaper.run("lts_pick_up.lua")
    session.reaper.until(lambda: not session.reaper.queue)
    assert len(session.new_tracks()) == 4


@pytest.mark.parametrize("state", [None, "stopped"])
def test_a_daemon_that_is_not_there_is_said_once_and_waited_for(session: Session, state: str | None) -> None:
    if state is None:
        (session.root / "status" / "daemon.tsv").unlink()
    else:
        session.beat(state)
    session.reaper.run("lts_morph.lua")
    assert [SILENT in box for box in session.reaper.boxes] == [True] and str(session.root) in session.reaper.boxes[0]
    session.reaper.turn(30.0)
    session.reaper.turn()
    assert SILENT in shown(session)[:200] or "no lts-batch" in shown(session)
    session.work()
    session.reaper.until(lambda: not session.reaper.queue)
    assert len(session.new_tracks()) == 4 and len(session.reaper.boxes) == 1


def test_a_heartbeat_that_stops_is_told_and_one_that_comes_back_too(session: Session) -> None:
    session.reaper.run("lts_morph.lua")
    job, _ = session.sent()
    session.say(job, state="running", fraction=0.1, message="stem 1 of 3")
    for _ in range(40):  # hours of work are no reason to give up
        session.beat()
        session.reaper.turn(9.0)
    assert "stem 1 of 3" in shown(session)
    session.reaper.turn(11.0)
    session.reaper.turn()
    assert "no lts-batch" in shown(session) and session.reaper.queue
    session.beat()
    session.reaper.turn(1.0)
    session.reaper.turn()
    assert "stem 1 of 3" in shown(session) and session.reaper.boxes == []


def test_a_failure_is_shown_as_the_daemon_says_it(session: Session) -> None:
    session.reaper.run("lts_morph.lua")
    job, _ = session.sent()
    session.say(job, state="failed", message="bell.wav is empty (0 bytes): export it again", folder=f"failed/{job}")
    session.reaper.until(lambda: not session.reaper.queue)
    assert session.reaper.boxes == ["bell.wav is empty (0 bytes): export it again"] and session.reaper.undo == []
    assert session.project.state == {} and not session.reaper.window


def test_two_jobs_are_followed_together(session: Session) -> None:
    session.reaper.answers = [ANSWERS, ANSWERS]
    session.reaper.run("lts_morph.lua")
    session.reaper.key = 27
    session.reaper.turn()
    session.reaper.run("lts_morph_swapped.lua")
    assert len(session.jobs()) == 2
    session.work()
    session.reaper.until(lambda: not session.reaper.queue)
    assert [track["P_NAME"] for track in session.new_tracks() if "~" in track["P_NAME"]] in (
        ["cello~bell", "bell~cello"], ["bell~cello", "cello~bell"])
    assert len(session.reaper.undo) == 2 and session.project.state == {}


def test_answers_are_remembered_and_may_be_taken_back(session: Session) -> None:
    session.reaper.answers = [None]
    session.reaper.run("lts_morph.lua")
    assert session.jobs() == [] and session.reaper.queue == [] and session.project.state == {}
    session.reaper.answers = [["drums", "7", "0,5", "onsets", "", "takes", "no", "no"], None]
    session.reaper.run("lts_morph.lua")
    job = session.sent()[1]
    assert job["preset"] == "drums" and job["settings"] == {"sample_rate": 44100, "steps": 7, "beyond": 0.5, "align": "onsets"}
    session.reaper.run("lts_morph_swapped.lua")
    assert session.reaper.asked[-1].split("\n") == ["drums", "7", "0,5", "onsets", "", "takes", "no", "no"]


@pytest.mark.parametrize(("place", "typed", "sentence"), [
    (0, "../x", "preset = ../x is no name of a preset"), (1, "2.5", "steps = 2.5 is not a whole number from 1 to 1001"),
    (1, "0", "steps = 0 is not"), (2, "x", "beyond = x is not a number from 0 to 2"), (3, "left", "align = left is not known"),
    (4, "1.1", "detail = 1.1 is not"), (5, "both", "arrange = both is not known: it is one of takes, tracks"),
    (6, "", "mute =  is not known"), (7, "pan", "curve = pan is not known: it is one of no, take, track")])
def test_a_wrong_answer_is_said_and_asked_again(session: Session, place: int, typed: str, sentence: str) -> None:
    wrong = [*ANSWERS[:place], typed, *ANSWERS[place + 1:]]
    session.reaper.answers = [wrong, None]
    session.reaper.run("lts_morph.lua")
    assert len(session.reaper.boxes) == 1 and sentence in session.reaper.boxes[0]
    assert session.reaper.asked[1].split("\n") == wrong and session.jobs() == []


def test_a_mistake_of_the_script_is_told_with_its_place(session: Session) -> None:
    session.reaper.failing = "GetTakeName"
    session.reaper.run("lts_morph.lua")
    assert "LTS met a mistake of its own" in session.reaper.boxes[0] and "heard" in session.reaper.boxes[0]
    assert session.reaper.queue == [] and session.jobs() == []
