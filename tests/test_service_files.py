"""What is written for systemd, launchd and the Task Scheduler says what was meant, whatever the folder is called."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from service_readers import read_agent, read_task, read_unit, specifiers_undone, unit_words, windows_words

from lts_batch import errors
from lts_batch.service import launchd, systemd, windows
from lts_batch.service.mark import mark, marked_root
from lts_batch.service.system import Place
from lts_batch.service.wanted import LASTING, Service, name_of

PYTHON = "/opt/own env/50% $HOME/bin/python"
OPTIONS = ("--model", "/models/my \"own\" 100%", "--settle-seconds", "2")
ODD = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), min_size=1, max_size=30)
ODDEST = ["Märchen & Lärm", "50% wet %h %%", 'a "b" \'c\'', "$HOME ${HOME} $(x) $$", "back\\slash\\", "tab\\t\\x41",
          "a--b <c> ]]>", " ; # = ", "%", "\\", "-", "~25 ~", "雪 🎹", "a\u00a0b\u2028c", "`ls` && rm *"]
LINUX = Place("linux", Path("/home/ada/.config/systemd/user"), Path("/home/ada"))
MAC = Place("darwin", Path("/Users/ada/Library/LaunchAgents"), Path("/Users/ada/Library/Logs"), uid=501)
WINDOWS = Place("win32", Path("C:/own/services"), Path("C:/own/logs"), user="STUDIO\\ada")


def odd(check: Callable[[str], None]) -> Callable[[], None]:
    for name in ODDEST:
        check = example(name)(check)
    return given(ODD)(check)


# ---------------------------------------------------------------- systemd


@odd
def test_systemd_reads_back_what_was_meant(name: str) -> None:
    wanted = Service(f"/mnt/{name}", PYTHON, OPTIONS, config=f"/etc/{name}")
    unit = read_unit(systemd.unit(wanted, LINUX))
    command = unit["Service"]["ExecStart"]
    assert command.startswith(":")  # no variables in it
    assert tuple(unit_words(command[1:])) == (PYTHON, "-P", "-m", "lts_batch", "watch", f"/mnt/{name}", *OPTIONS)
    assert unit_words(unit["Service"]["Environment"]) == [f"LTS_BATCH_CONFIG=/etc/{name}"]
    assert specifiers_undone(unit["Unit"]["Description"]) == f"Watched folder /mnt/{name} (lts-batch)"
    assert marked_root(systemd.unit(wanted, LINUX)) == f"/mnt/{name}"


def test_the_unit_restarts_after_failures_that_may_pass_and_stops_with_grace() -> None:
    unit = read_unit(systemd.unit(Service("/mnt/morphs", PYTHON), LINUX))
    assert set(unit) == {"Unit", "Service", "Install"}
    assert unit["Install"] == {"WantedBy": "default.target"}
    assert "Environment" not in unit["Service"]
    expected = {"Type": "exec", "Restart": "on-failure", "RestartSec": "60", "KillSignal": "SIGTERM", "TimeoutStopSec": "30",
                "Nice": "10", "KillMode": "mixed", "RestartPreventExitStatus": "2 4 5"}
    assert unit["Service"].items() >= expected.items()
    assert set(LASTING) == {2, errors.SettingsError.exit_code, errors.ModelError.exit_code}
    assert not {errors.OutputError.exit_code, errors.JobError.exit_code, 1, 0} & set(LASTING)


def test_systemd_itself_takes_the_units(tmp_path: Path, program: Callable[[str], str]) -> None:
    """It has no complaint, and the words it dumps are those that were meant."""
    tool = program("systemd-analyze")
    wanted = [Service(f"/mnt/{name}", sys.executable, OPTIONS) for name in ODDEST]
    units = [tmp_path / f"{one.name}.service" for one in wanted]
    for one, path in zip(wanted, units, strict=True):
        path.write_text(systemd.unit(one, LINUX), encoding="utf-8")
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "LC_ALL": "C.UTF-8"}

    def verified(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([tool, "--user", "--man=no", "verify", *units], env=surroundings | more, check=False, text=True,
                              capture_output=True, encoding="utf-8")

    quiet = verified()
    assert quiet.returncode == 0
    assert [line for line in quiet.stderr.splitlines() if "lts-batch" in line] == []
    dump = verified(SYSTEMD_LOG_LEVEL="debug")
    lines = re.findall(r"Command Line: (.+)", dump.stdout + dump.stderr)
    understood = {tuple(re.sub(r"\\([$`])", r"\1", word) for word in shlex.split(line)) for line in lines}
    assert understood >= {one.watch() for one in wanted}


def test_systemd_complains_of_a_broken_unit(tmp_path: Path, program: Callable[[str], str]) -> None:
    """The check above is one that can fail."""
    path = tmp_path / "broken.service"
    path.write_text(systemd.unit(Service("/mnt/a", "/no/such/python"), LINUX).replace("Restart=on", "Restart=no"),
                    encoding="utf-8")
    done = subprocess.run([program("systemd-analyze"), "--user", "--man=no", "verify", path], check=False, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
                          capture_output=True)
    assert done.returncode != 0 and "/no/such/python" in done.stderr and "no-failure" in done.stderr


# ---------------------------------------------------------------- launchd


@odd
def test_launchd_reads_back_what_was_meant(name: str) -> None:
    text = launchd.agent(Service(f"/Volumes/{name}", PYTHON, OPTIONS, config=f"/etc/{name}"), MAC)
    agent = read_agent(text)
    assert agent["ProgramArguments"] == [PYTHON, "-P", "-m", "lts_batch", "service", "run", "--", f"/Volumes/{name}", *OPTIONS]
    assert agent["EnvironmentVariables"] == {"LTS_BATCH_CONFIG": f"/etc/{name}"}
    assert agent["Label"] == name_of(f"/Volumes/{name}")
    assert marked_root(text) == f"/Volumes/{name}"


def test_the_agent_restarts_after_failures_and_stays_in_the_background() -> None:
    agent = read_agent(launchd.agent(Service("/Volumes/morphs", PYTHON), MAC))
    log = str(MAC.logs / f"{agent['Label']}.log")
    assert agent.items() >= {"RunAtLoad": True, "KeepAlive": {"SuccessfulExit": False}, "ProcessType": "Background", "Nice": 10,
                             "ExitTimeOut": 30, "StandardOutPath": log, "StandardErrorPath": log}.items()
    assert "EnvironmentVariables" not in agent


# ---------------------------------------------------------------- Windows


@odd
def test_the_task_scheduler_reads_back_what_was_meant(name: str) -> None:
    python = "C:\\own env\\Scripts\\pythonw.exe"
    text = windows.task(Service(f"D:\\{name}", python, OPTIONS, config=f"C:\\{name}"), WINDOWS)
    task = read_task(text)
    assert task["/Actions/Exec/Command"] == python
    line = task["/Actions/Exec/Arguments"]
    assert not set("%$") & set(line)  # which it would take for variables
    words = windows_words(line)
    cut = words.index("--")
    assert words[:7] == ["-P", "-m", "lts_batch", "service", "run", "--coded", "--again"]
    own = [windows.decoded(word) for word in words[7:cut]]
    assert own == ["60", "--log", str(WINDOWS.logs / f"{name_of(f'D:{chr(92)}{name}')}.log"), "--config", f"C:\\{name}"]
    assert [windows.decoded(word) for word in words[cut + 1:]] == [f"D:\\{name}", *OPTIONS]
    assert marked_root(text) == f"D:\\{name}"


@given(st.text())
@example("~25 ~7e %% $(Arg0) ~")
def test_coded_words_come_back(word: str) -> None:
    assert windows.decoded(windows.coded(word)) == word
    assert not set("%$") & set(windows.coded(word))


def test_the_task_is_the_users_own_and_may_run_for_ever() -> None:
    task = read_task(windows.task(Service("D:\\morphs", "C:\\python.exe"), WINDOWS))
    assert task["/Triggers/LogonTrigger/UserId"] == task["/Principals/Principal/UserId"] == "STUDIO\\ada"
    settings = {name.removeprefix("/Settings/"): value for name, value in task.items() if name.startswith("/Settings/")}
    assert settings["ExecutionTimeLimit"] == "PT0S" and settings["MultipleInstancesPolicy"] == "IgnoreNew"
    assert settings["RestartOnFailure/Interval"] == "PT1M" and 1 <= int(settings["RestartOnFailure/Count"]) <= 255
    assert settings["StopIfGoingOnBatteries"] == settings["DisallowStartIfOnBatteries"] == "false"
    assert int(settings["Priority"]) > 7
    with pytest.raises(errors.ServiceError, match="a % in it"):
        windows.task(Service("D:\\morphs", "C:\\100%\\python.exe"), WINDOWS)


# ---------------------------------------------------------------- names and marks


@odd
def test_names_are_legal_everywhere_and_differ(name: str) -> None:
    found = name_of(f"/mnt/{name}")
    assert re.fullmatch(r"lts-batch-[a-z0-9]+(-[a-z0-9]+)*-[0-9a-f]{8}", found) and len(found) <= 43
    assert found != name_of(f"/mnt/other/{name}")
    comment = mark(f"/mnt/{name}")
    assert comment.isascii() and comment.isprintable() and not set("<>&") & set(comment) and "--" not in comment


def test_folders_of_one_name_have_services_of_their_own() -> None:
    roots = ["/a/morphs", "/b/morphs", "/a/Morphs", "/a/morphs 2", "C:\\morphs", "/"]
    assert len({name_of(root) for root in roots}) == len(roots)
    assert all(name_of(root).startswith("lts-batch-morphs-") for root in roots[:3])
    assert name_of("C:\\Morphs") == name_of("c:\\morphs")  # one folder there
    assert name_of("/a/Mo\u0308nch") == name_of("/a/M\u00f6nch")


@pytest.mark.parametrize(("root", "code"), [("/a\nb", "U+000A"), ("/a\x7f", "U+007F"), ("/a\udcff", "U+DCFF"),
                                            ("/a\uffff", "U+FFFF")])
def test_what_no_file_of_the_systems_can_hold_is_refused(root: str, code: str) -> None:
    with pytest.raises(errors.ServiceError, match=re.escape(f"has the character {code} in it")):
        Service(root, PYTHON)


@pytest.mark.parametrize("text", ["", "[Unit]\nDescription=mine\n", "# lts-batch service\n", '# lts-batch service {"root": "x}',
                                  '# lts-batch service {"root": "\\u00"}'])
def test_files_without_a_whole_mark_are_not_ours(text: str) -> None:
    assert marked_root(text) is None
