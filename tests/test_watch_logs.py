"""What a daemon tells, on standard output and in a file: for people or as JSON, complete, and in files of limited size."""

import json
import threading
from datetime import datetime
from pathlib import Path

import commanding
import pytest
from commanding import lts, process, refused
from trees import Tree
from watching import send, wav

from lts_batch import errors
from lts_batch.watch.events import Event
from lts_batch.watch.logs import LogFile
from lts_batch.watch.options import default_log

one_model = commanding.one_model
as_before = commanding.as_before
here = commanding.here


def ready(root: Path) -> None:
    """One job that can be done, one that fails, one clip that waits."""
    wav(root / "inbox" / "a.wav", 1)
    wav(root / "inbox" / "b.wav", 2)
    send(root, "good", "a.wav", "b.wav", settings={"steps": 1})
    send(root, "bad", "a.wav", "b.wav", settings={"steps": 0})
    wav(root / "inbox" / "lone_A.wav", 3)


def test_lines_of_json(here: Path) -> None:
    ready(here / "root")
    done = process("watch", "root", "--once", "--settle-seconds", "0.1", "--log-json", cwd=here)
    assert done.returncode == errors.JobError.exit_code
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kept = [json.loads(line) for line in default_log(here / "root").read_text(encoding="utf-8").splitlines()]
    assert kept == [{**event, "time": again["time"]} for event, again in zip(events, kept, strict=True)]
    for event in events:
        assert list(event)[:4] == ["time", "level", "job", "message"]
        assert datetime.fromisoformat(event["time"]).tzinfo is not None and event["level"] in ("info", "warning", "error")
    by_job = {event["job"]: event for event in events}
    assert (by_job["good"]["state"], by_job["good"]["level"], by_job["good"]["pair"]) == ("done", "info", "a~b")
    assert (here / "root" / by_job["good"]["folder"] / "manifest.json").is_file()
    assert (by_job["bad"]["state"], by_job["bad"]["level"]) == ("failed", "error")
    assert (here / "root" / by_job["bad"]["folder"] / "error.json").is_file()
    assert by_job[None]["message"] == "1 done, 1 failed, 0 cancelled, 1 waiting"


def test_lines_for_people(here: Path) -> None:
    ready(here / "root")
    result = lts("watch", "root", "--once", "--settle-seconds", "0.1", "--log-file", "deep/log.txt")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("failed: bad: ") and lines[1] == "done: good: the stems lie in outbox/good"
    assert lines[-1] == "1 done, 1 failed, 0 cancelled, 1 waiting"
    kept = (here / "deep" / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(" ", 2)[2] for line in kept] == lines
    assert [line.split(" ", 2)[1] for line in kept[:2]] == ["error", "info"]
    assert all(datetime.fromisoformat(line.split(" ", 1)[0]).tzinfo is not None for line in kept)
    assert not default_log(here / "root").exists()


def test_data_on_standard_output_stays_data(here: Path) -> None:
    ready(here / "root")
    result = lts("watch", "root", "--once", "--settle-seconds", "0.1", "--json", "--log-json", "--log-file", "log")
    assert {one["job"] for one in json.loads(result.stdout)["outcomes"]} == {"good", "bad"}
    assert len((here / "log").read_text(encoding="utf-8").splitlines()) > 2


def test_no_file_where_none_is_wanted(here: Path, tree: Tree) -> None:
    assert lts("watch", "root", "--once", "--log-file", "none").exit_code == 0
    assert not default_log(here / "root").parent.exists() and not (here / "none").exists()


def test_why_a_daemon_ended_stands_in_its_log(here: Path) -> None:
    sentence = refused(errors.ModelError, "watch", "root", "--once", "--model", "nosuch")
    (line,) = default_log(here / "root").read_text(encoding="utf-8").splitlines()
    assert line.endswith(f" error {sentence}")


def test_a_log_that_cannot_be_written(here: Path) -> None:
    (here / "file").write_text("mine", encoding="utf-8")
    sentence = refused(errors.OutputError, "watch", "root", "--once", "--log-file", here / "file" / "log")
    assert sentence.startswith(f"{here / 'file' / 'log'} cannot be written, ")
    assert not (here / "root").exists()
    default_log(here / "root").mkdir(parents=True)  # one that nobody asked for is done without
    result = lts("watch", "root", "--once")
    assert result.exit_code == 0 and result.stdout.startswith(f"there is no log file: {default_log(here / 'root')} cannot be")


def test_files_stay_small_and_few_and_lose_nothing_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with LogFile(path, format="json", most_bytes=10_000, older=3, trouble=pytest.fail) as log:
        for n in range(1000):
            log(Event(f"event {n} of some length, ü", job=f"j{n}"))
    names = ["log.3", "log.2", "log.1", "log"]
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(names)
    assert all((tmp_path / name).stat().st_size <= 10_000 for name in names)
    found = [json.loads(line)["job"] for name in names for line in (tmp_path / name).read_text(encoding="utf-8").splitlines()]
    assert found == [f"j{n}" for n in range(1000 - len(found), 1000)] and len(found) > 200


def test_a_file_that_cannot_be_renamed_grows_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: object) -> None:
        raise PermissionError(13, "somebody reads it")

    monkeypatch.setattr("logging.handlers.os.rename", refuse)
    with LogFile(tmp_path / "log", format="text", most_bytes=10_000, older=3, trouble=pytest.fail) as log:
        for n in range(500):
            log(Event(f"event {n}"))
    assert len((tmp_path / "log").read_text(encoding="utf-8").splitlines()) == 500


def test_a_full_disk_is_told_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no disk that is always full there")
    told: list[str] = []
    with LogFile(Path("/dev/full"), format="text", most_bytes=10_000, older=1,
                 trouble=lambda event: told.append(event.line())) as log:
        for _ in range(3):
            log(Event("something"))
    assert told == ["the log /dev/full cannot be written any more; the work goes on"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("message", ["take\n2.wav\x1b[2J", "a\u2028b\r", "no \udc80 character"])
def test_an_event_stays_in_its_line(message: str, tmp_path: Path) -> None:
    event = Event(message, "error", "j", "failed", message)
    for format in ("text", "json"):
        with LogFile(tmp_path / format, format=format, most_bytes=10_000, older=1, trouble=pytest.fail) as log:
            log(event)
        text = (tmp_path / format).read_text(encoding="utf-8")
        assert text.count("\n") == len(text.splitlines()) == 1 and "\x1b" not in text
    assert json.loads((tmp_path / "json").read_text(encoding="utf-8"))["message"] == message


def test_details_stand_below(tmp_path: Path) -> None:
    with LogFile(tmp_path / "log", format="text", most_bytes=10_000, older=1, trouble=pytest.fail) as log:
        log(Event("wrong", "error", details="Traceback\n  line 5\n"))
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith("error wrong") and lines[1:] == ["    Traceback", "      line 5"]


def test_events_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    with LogFile(tmp_path / "log", format="json", most_bytes=1_000_000, older=1, trouble=pytest.fail) as log:
        threads = [threading.Thread(target=lambda n=n: [log(Event(f"{n} " + "x" * 300)) for _ in range(50)]) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = [json.loads(line)["message"] for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines()]
    assert sorted(found) == sorted(f"{n} " + "x" * 300 for n in range(8) for _ in range(50))
