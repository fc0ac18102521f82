"""The user's own program that is told of each job's end: what it is given, that nothing becomes a command, nobody waits."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import commanding
import pytest
from commanding import process, refused
from platforms import POSIX
from watching import send, wait_for, wav

from lts_batch import errors
from lts_batch.watch.events import Event
from lts_batch.watch.notify import ENVIRONMENT, Notifier

one_model = commanding.one_model
as_before = commanding.as_before
here = commanding.here

# a program that writes down what it was given: a line for each call
WRITES = ("import json, os, sys; open(sys.argv[1], 'a', encoding='utf-8').write(json.dumps([sys.argv[2:],"
          " {k: v for k, v in os.environ.items() if k.startswith('LTS_BATCH_')}]) + '\\n')")


def writing(path: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-c", WRITES, str(path), *arguments]


def calls(path: Path) -> list[tuple[list[str], dict[str, str]]]:
    return [(found, told) for found, told in map(json.loads, path.read_text(encoding="utf-8").splitlines())]


def told(command: list[str], root: Path, *events: Event, limit_seconds: float = 20.0) -> list[str]:
    """The lines of the log when the command was run for these events."""
    lines: list[str] = []
    notifier = Notifier(command, root, limit_seconds, lambda event: lines.append(event.line()), threading.Event())
    for event in events:
        notifier(event)
    notifier.close()
    return lines


def test_jobs_that_end_are_told_with_all_that_is_known(here: Path) -> None:
    root, heard = here / "root", here / "heard"
    wav(root / "inbox" / "a.wav", 1)
    wav(root / "inbox" / "b.wav", 2)
    send(root, "good", "a.wav", "b.wav", settings={"steps": 1})
    send(root, "bad", "a.wav", "b.wav", settings={"steps": 0})
    send(root, "gone", "a.wav", "b.wav")
    (root / "inbox" / "gone.cancel").touch()
    (here / "mine.toml").write_text(f"notify = {json.dumps(writing(heard, '{pair}: {state}', '{folder}', '{unknown'))}",
                                    encoding="utf-8")
    done = process("watch", "root", "--once", "--config", "mine.toml", cwd=here)
    assert done.returncode == errors.JobError.exit_code and "notify" not in done.stdout, done.stdout
    found = {environment["LTS_BATCH_JOB"]: (arguments, environment) for arguments, environment in calls(heard)}
    assert set(found) == {"good", "bad"}  # what was cancelled is known to who cancelled it
    arguments, environment = found["good"]
    folder = str(here.resolve() / "root" / "outbox" / "good")
    assert arguments == ["a~b: done", folder, "{unknown"]
    assert {name: environment[name] for name in ENVIRONMENT} == {
        "LTS_BATCH_JOB": "good", "LTS_BATCH_STATE": "done", "LTS_BATCH_PAIR": "a~b", "LTS_BATCH_FOLDER": folder,
        "LTS_BATCH_MESSAGE": "the stems lie in outbox/good", "LTS_BATCH_ROOT": str(here.resolve() / "root")}
    assert found["bad"][0][0].endswith(": failed") and "steps = 0" in found["bad"][1]["LTS_BATCH_MESSAGE"]


@pytest.mark.parametrize("name", ['a "b" \'c\'', "$(touch hit) `touch hit`; touch hit & | > hit", "{state} {message}",
                                  "%PATH% ^", "-n --help", "new\nline", "ü 音"])
def test_no_name_becomes_anything_else(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    event = Event("m", job="j", state="done", pair=name)
    assert told(writing(tmp_path / "heard", "{pair}", "<{pair}|{pair}>"), tmp_path, event) == []
    ((arguments, environment),) = calls(tmp_path / "heard")
    assert arguments == [name, f"<{name}|{name}>"] and environment["LTS_BATCH_PAIR"] == name
    assert [path.name for path in tmp_path.iterdir()] == ["heard"]


def test_ends_are_told_one_after_another(tmp_path: Path) -> None:
    events = [Event("m", job=f"j{n}", state=("done", "failed")[n % 2]) for n in range(8)]
    others = [Event("watching"), Event("m", job="j", state="waiting"), Event("m", job="j", state="cancelled")]
    assert told(writing(tmp_path / "heard"), tmp_path, *others, *events) == []
    assert [environment["LTS_BATCH_JOB"] for _, environment in calls(tmp_path / "heard")] == [event.job for event in events]


@pytest.mark.parametrize(("command", "line"), [
    (["no-such-program-anywhere", "x"], "notify: no-such-program-anywhere cannot be run (No such file or directory)"),
    ([sys.executable, "-c", "import sys; sys.exit('a\\nword')"], f"notify: {sys.executable} ended with exit code 1: a word"),
    ([sys.executable, "-c", "import sys; sys.exit(3)"], f"notify: {sys.executable} ended with exit code 3"),
])
def test_what_fails_is_one_line(command: list[str], line: str, tmp_path: Path) -> None:
    found = told(command, tmp_path, Event("m", job="j", state="done"))
    if os.name == "posix":
        assert found == [f"j: {line}"]
    assert len(found) == 1 and found[0].startswith(f"j: notify: {command[0]} ")


def test_nobody_waits_and_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    lines: list[str] = []
    notifier = Notifier([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, 0.5,
                        lambda event: lines.append(event.line()), threading.Event())
    begun = time.monotonic()
    notifier(Event("m", job="j", state="done"))
    assert time.monotonic() - begun < 0.2
    notifier.close()
    assert 0.5 <= time.monotonic() - begun < 10
    assert lines == [f"j: notify: {sys.executable} was ended, for it took longer than 0.5 s"]


@POSIX
def test_what_it_started_is_ended_with_it(tmp_path: Path) -> None:
    script = ("import pathlib, subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time;"
              " time.sleep(600)']); pathlib.Path(sys.argv[1]).write_text(str(child.pid)); time.sleep(600)")
    assert len(told([sys.executable, "-c", script, str(tmp_path / "pid")], tmp_path, Event("m", job="j", state="done"),
                    limit_seconds=3.0)) == 1
    pid = int((tmp_path / "pid").read_text())

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{pid}/stat")  # dead, and not yet buried by whoever adopted it
        return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z"

    wait_for(gone)


def test_a_daemon_that_ends_drops_what_is_left(tmp_path: Path) -> None:
    stop, lines = threading.Event(), []
    notifier = Notifier([sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, 600.0,
                        lambda event: lines.append(event.line()), stop)
    for n in range(20):
        notifier(Event("m", job=f"j{n}", state="done"))
    stop.set()
    begun = time.monotonic()
    notifier.close()
    assert time.monotonic() - begun < 3 and len(lines) <= 1


def test_only_the_user_may_name_a_program(here: Path) -> None:
    """Not a job file, not a preset, also not by way of settings."""
    root = here / "root"
    wav(root / "inbox" / "a.wav", 1)
    for job, changes in (("one", {"notify": ["touch", "hit"]}), ("two", {"settings": {"notify": ["touch", "hit"]}}),
                         ("three", {"echo": {"notify": "touch hit"}, "settings": {"steps": 0}})):
        send(root, job, "a.wav", "a.wav", **changes)
    done = process("watch", "root", "--once", "--json", cwd=here)
    messages = {one["job"]: one["message"] for one in json.loads(done.stdout)["outcomes"]}
    assert "notify" in messages["one"] and "unknown key 'notify'" in messages["two"]
    (here / "mine.toml").write_text('notify = ["touch", "hit"]', encoding="utf-8")
    assert refused(errors.SettingsError, "presets", "check", "mine.toml").startswith("preset mine.toml: unknown key 'notify'")
    assert not list(here.rglob("hit"))
