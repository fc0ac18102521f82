"""The daemon as the system starts it: by the very words of the files, until a signal or a mistake ends it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import commanding
import homes
import pytest
from commanding import lts
from platforms import POSIX
from service_readers import read_agent, read_unit, unit_words

from lts_batch import errors
from lts_batch.service import launchd, systemd
from lts_batch.service.supervise import log_to, supervise
from lts_batch.service.system import Place
from lts_batch.service.wanted import Service
from lts_batch.watch.status import read_status

as_before = commanding.as_before


@POSIX
def test_the_words_of_the_files_start_a_daemon_that_ends_with_grace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder in which another lts_batch lies, and with nothing of this terminal's."""
    homes.redirect(tmp_path / "home", monkeypatch)
    (tmp_path / "lts_batch").mkdir()
    (tmp_path / "lts_batch" / "__init__.py").write_text("raise SystemExit('the wrong one')", encoding="utf-8")
    place = Place("linux", tmp_path, tmp_path)
    wanted = [Service(str(tmp_path / name), sys.executable, ("--settle-seconds", "0")) for name in ("50% $HOME", 'an "agent"')]
    unit = read_unit(systemd.unit(wanted[0], place))["Service"]["ExecStart"]
    commands = [unit_words(unit.removeprefix(":")), read_agent(launchd.agent(wanted[1], place))["ProgramArguments"]]
    running = [subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, env={name: value for name, value in os.environ.items() if name != "TERM"})
               for words in commands]
    for process, service in zip(running, wanted, strict=True):
        assert process.stdout is not None
        assert process.stdout.readline() == f"watching {Path(service.root) / 'inbox'}\n"
        process.send_signal(signal.SIGTERM)
    for process, service in zip(running, wanted, strict=True):
        assert process.communicate(timeout=30)[0] == "stopped\n"
        assert process.returncode == 0
        assert read_status(Path(service.root) / "status" / "daemon.tsv", "daemon")["state"] == "stopped"


@pytest.mark.parametrize(("error", "code"), [(errors.ModelError, 0), (errors.SettingsError, 0), (errors.OutputError, 6),
                                             (errors.JobError, 7), (ZeroDivisionError, 1)])
def test_mistakes_that_last_are_not_tried_again(error: type[Exception], code: int,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []

    def work() -> None:
        raise error("a sentence")

    assert supervise(work, said.append) == code
    assert said == (["a sentence"] if issubclass(error, errors.LtsError) else [])
    assert ("ZeroDivisionError: a sentence" in capsys.readouterr().err) == (error is ZeroDivisionError)


def test_what_passes_is_tried_until_it_has_passed() -> None:
    tries = [errors.OutputError("no disk yet"), ValueError("odd"), errors.JobError("another daemon"), None]
    waited: list[float] = []

    def work() -> None:
        error = tries.pop(0)
        if error is not None:
            raise error

    assert supervise(work, lambda sentence: None, again_seconds=60.0, wait=waited.append) == 0
    assert waited == [60.0, 60.0, 60.0] and tries == []


def test_signals_end_the_tries_too() -> None:
    def work() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        supervise(work, lambda sentence: None, again_seconds=60.0)


@pytest.mark.parametrize(("words", "code", "sentence"), [
    (["file"], 6, "file is a file: give a folder to watch"),
    (["root", "--model", "nosuch"], 0, "no model 'nosuch'"),
    (["root", "--settle-seconds", "nan"], 0, "is not a finite number"),
    (["root", "--colour", "red"], 0, "No such option"),
    (["root", "--once", "--settle-seconds", "0"], 0, None),
])
def test_the_supervised_daemon_says_its_sentence_and_ends(words: list[str], code: int, sentence: str | None, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    result = lts("service", "run", "--", *words)
    assert result.exit_code == code
    assert result.stderr == "" if sentence is None else sentence in result.stderr
    assert "Traceback" not in result.output


def test_what_windows_keeps_no_log_of_goes_into_a_file(tmp_path: Path) -> None:
    """As the Task Scheduler starts it, with words in which nothing looks like a variable."""
    (tmp_path / "100% $x").touch()
    log = tmp_path / "logs" / "morphs.log"
    words = ["service", "run", "--coded", "--log", log, "--config", tmp_path / "c~7e", "--", tmp_path / "100~25 ~24x"]
    for _ in range(2):
        done = commanding.process(*words)
        assert (done.returncode, done.stdout, done.stderr) == (errors.OutputError.exit_code, "", "")
    line = f"Error: {tmp_path / '100% $x'} is a file: give a folder to watch; it is made where it is missing"
    assert log.read_text(encoding="utf-8").splitlines() == [line, line]


def test_a_long_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, getattr(sys, stream))
    log = tmp_path / "a.log"
    log.write_text("x" * 1_000_001, encoding="utf-8")
    log_to(log)
    print(f"after {time.strftime('%Y')}")
    sys.stdout.close()
    assert log.read_text(encoding="utf-8").startswith("after ") and (tmp_path / "a.old").stat().st_size == 1_000_001
    with pytest.raises(errors.OutputError, match="cannot be written"):
        log_to(log / "below")
