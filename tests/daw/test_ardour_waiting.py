"""What an Ardour session waits for: picked up when it is opened, followed, taken back, and asked for again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from daw.ardour_session import ArdourSession, Region, sound
from lts_batch.protocol import schema

# id, what the session remembers, the job's status file, the daemon's
JOBS: dict[str, tuple[str, dict[str, str], str]] = {
    "broken": ("waiting", {"state": "failed", "message": "bell.wav is empty (0 bytes): export it again"}, "running"),
    "dropped": ("waiting", {"state": "cancelled"}, "running"),
    "foreign": ("waiting", {"state": "done", "folder": "outbox/foreign"}, "running"),
    "cleaned": ("waiting", {"state": "done", "folder": "outbox/cleaned"}, "running"),
    "underway": ("waiting", {"state": "running", "fraction": "0.42", "message": "stem 2 of 3"}, "running"),
    "quiet": ("waiting", {}, ""),
    "unsaved": ("imported", {}, "stopped"),
    "crashed": ("importing", {}, ""),
    "kept": ("imported", {"state": "done", "folder": "outbox/kept"}, "running"),
    "over": ("failed", {"state": "failed", "message": "said long ago"}, "running"),
}
MANIFEST = [
    ["job", "kept", "0" * 64], ["clip", "1", "{root}/archive/kept/kept_1.wav", "cello", "1", "0", "44100", "1", "10", "2000"],
    ["clip", "2", "{root}/archive/kept/kept_2.wav", "bell", "1", "0", "44100", "1", "0", "3000"],
    ["stem", "1", "0", "cello~bell_01_x+0.00.wav", "100", "44100", "1", "PCM_24", "0.5", "0", "[1, 0]"],
    ["echo", "position_samples", "88200"], ["echo", "position_seconds", "2"], ["echo", "colour_1", "#3366cc"],
    ["echo", "mute", "yes"], ["echo", "arrange", "tracks"], ["echo", "host", "ardour"]]


def lines(kind: str, rows: list[list[str]]) -> str:
    """Lines of tabs."""
    return "".join("\t".join(row) + "\n" for row in [[f"lts-batch-{kind}", "1"], *rows])


class Waiting:
    """A session that knows of jobs, each with a watched folder of its own, and what came of looking at them."""

    def __init__(self, place: Path, program: Callable[[str], str]) -> None:
        self.place, self.song = place, ArdourSession(place, ["cello", "bell"], program)
        for name, hz in (("cello", 220.0), ("bell", 880.0)):
            self.song.add(Region(sound(place / f"{name}.wav", hz), name, 0))
        rows = []
        for job, (state, status, daemon) in JOBS.items():
            root = self.root(job)
            (root / "inbox").mkdir(parents=True)
            (root / "status").mkdir()
            rows.append(["job", job, state, str(root), f"{job} pair", "song"])
            if status:
                (root / "status" / f"{job}.tsv").write_text(lines("status", [["job", job], *map(list, status.items())]))
            if daemon:
                (root / "status" / "daemon.tsv").write_text(lines("daemon", [["state", daemon], ["counter", "7"]]))
        rows += [["source", "kept", "cello.wav"], ["source", "unsaved", "never there.wav"]]
        self.memory = self.song.folder / "lts_batch.tsv"
        self.memory.write_text(lines("session", rows), encoding="utf-8")
        for job in ("kept", "foreign"):
            (self.root(job) / "outbox" / job).mkdir(parents=True)
            text = lines("manifest", [[field.format(root=self.root(job)) for field in row] for row in MANIFEST])
            (self.root(job) / "outbox" / job / "manifest.tsv").write_text(text, encoding="utf-8")
        self.results: dict[str, Any] = self.song.act([
            self.case("opened", "lts_import.lua"),
            self.case("later", "lts_import.lua"),
            self.case("lost", "lts_import.lua", seconds=11),
            self.case("shown", "lts_progress.lua", canceled=2, answers=[4]),
            self.case("cancel nothing", "lts_cancel.lua", answers=[False]),
            self.case("cancel one", "lts_cancel.lua", answers=[{"which": 1}]),
            self.case("shown to nobody", "lts_progress.lua"),
            self.case("cancel all", "lts_cancel.lua", answers=[{}]),
            self.case("nothing left", "lts_cancel.lua"), self.case("nothing to show", "lts_progress.lua"),
            self.case("again", "lts_again.lua", select=["cello"], answers=[{"steps": "2", "mute": False}]),
            self.case("again with a curve", "lts_again.lua", select=["cello"], answers=[{"curve": "take"}]),
            self.case("again of a stranger", "lts_again.lua", select=["bell"]),
            self.case("again of two", "lts_again.lua", select=["bell", "cello"]),
        ])

    def case(self, name: str, script: str, **more: Any) -> dict[str, Any]:
        """An action."""
        return {"name": name, "script": script, **more}

    def root(self, job: str) -> Path:
        """The watched folder of a job."""
        return self.place / "roots" / job

    def boxes(self, case: str) -> list[str]:
        """What was said."""
        found: list[str] = self.results[case]["boxes"]
        return found

    def states(self) -> dict[str, str]:
        """What the session remembers in the end."""
        rows = [line.split("\t") for line in self.memory.read_text(encoding="utf-8").splitlines()]
        return {row[1]: row[2] for row in rows if row[0] == "job"}


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Waiting:
    return Waiting(tmp_path_factory.mktemp("waiting"), program)


def test_last_words_are_said_as_they_are_and_once(waiting: Waiting) -> None:
    failed, foreign, cleaned, nobody = waiting.boxes("opened")
    assert failed == "bell.wav is empty (0 bytes): export it again"
    # this Ardour imports nothing
    assert foreign == f"Ardour imported 0 of the 1 stems in {waiting.root('foreign')}/outbox/foreign"
    assert cleaned.startswith(f"{waiting.root('cleaned')}/outbox/cleaned holds no manifest.tsv")
    assert nobody.startswith("The stems of quiet pair wait: no lts-batch is at work") and waiting.boxes("later") == []
    states = waiting.states()
    assert [states[job] for job in ("broken", "foreign", "cleaned", "over", "dropped")] == [*["failed"] * 4, "cancelled"]


def test_a_heartbeat_that_is_lost_is_said(waiting: Waiting) -> None:
    (box,) = waiting.boxes("lost")
    assert box.startswith("The stems of underway pair wait: no lts-batch is at work") and str(waiting.root("underway")) in box


def test_what_was_not_saved_or_broke_off_is_waited_for_again(waiting: Waiting) -> None:
    (shown,) = waiting.results["cancel nothing"]["asked"]
    assert shown["fields"] == {"which": "all of them"}
    # taken back by "cancel one" and "cancel all", so they were waited for; what is in the session was not
    states = waiting.states()
    assert {job for job in ("underway", "quiet", "unsaved", "crashed") if states[job] == "cancelled"} == {
        "underway", "quiet", "unsaved", "crashed"}
    assert states["kept"] == "kept"


def test_progress_is_shown(waiting: Waiting) -> None:
    first, second, done, question = waiting.boxes("shown")
    assert first == second == "progress underway pair: stem 2 of 3 (and 3 more)" and done == "progress done"
    assert question == "Take underway pair back? No closes the window only."
    (nobody,) = waiting.boxes("shown to nobody")
    assert nobody.startswith("no lts-batch is at work") and str(waiting.root("quiet")) in nobody
    assert waiting.boxes("nothing to show") == ["this session waits for no stems"]


def test_jobs_are_taken_back(waiting: Waiting) -> None:
    for job in ("underway", "quiet", "unsaved", "crashed"):
        (path,) = (waiting.root(job) / "inbox").iterdir()
        assert path.name == f"{job}.cancel"
        Draft202012Validator(schema("cancel")).validate(json.loads(path.read_text(encoding="utf-8")))
    assert waiting.boxes("cancel one") == waiting.boxes("cancel all") == []
    assert waiting.boxes("nothing left") == ["this session waits for no stems"]


def test_a_stem_is_asked_for_again(waiting: Waiting) -> None:
    (path,) = (waiting.root("kept") / "inbox").glob("*.job.json")
    job = json.loads(path.read_text(encoding="utf-8"))
    Draft202012Validator(schema("job")).validate(job)
    archive = f"{waiting.root('kept')}/archive/kept"
    assert job["clips"] == [
        {"path": f"{archive}/kept_1.wav", "name": "cello", "offset_samples": 10, "length_samples": 2000},
        {"path": f"{archive}/kept_2.wav", "name": "bell", "offset_samples": 0, "length_samples": 3000}]
    assert job["settings"]["steps"] == 2 and job["settings"]["sample_rate"] == 44100
    assert job["echo"] == {"position_samples": 88200, "position_seconds": 2, "colour_1": "#3366cc", "mute": "no",
                           "arrange": "tracks", "host": "ardour"}
    assert waiting.states()[path.name.removesuffix(".job.json")] == "waiting"


@pytest.mark.parametrize(("case", "sentence"), [
    ("again with a curve", "for a curve select the two clips themselves: their stems do not hold the envelope"),
    ("again of a stranger", "select one region that came from LTS"),
    ("again of two", "select one region that came from LTS"),
])
def test_what_cannot_be_asked_for_again_is_said(waiting: Waiting, case: str, sentence: str) -> None:
    assert waiting.boxes(case) == [sentence]


def test_nothing_is_left_to_undo(waiting: Waiting) -> None:
    assert not any(one["undo"] for one in waiting.results.values())
