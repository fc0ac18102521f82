"""Windows: a task of the Task Scheduler. See its XML schema and ``schtasks``."""

import re
import subprocess
from xml.etree import ElementTree

from lts_batch.errors import ServiceError
from lts_batch.service.mark import mark
from lts_batch.service.system import Expect, Place, Step, System
from lts_batch.service.wanted import RESTART_SECONDS, Service

_NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_RUNNING = "267009"  # SCHED_S_TASK_RUNNING, the last result of a task that has none yet; words are translated, numbers are not
_TRIES = 255  # the most that RestartOnFailure takes


def coded(word: str) -> str:
    """A word without ``%`` and ``$``, which the Task Scheduler would take for variables and can't escape.

    >>> coded("C:\\\\50% wet"), decoded(coded("C:\\\\50% wet"))
    ('C:\\\\50~25 wet', 'C:\\\\50% wet')
    """
    return re.sub("[~%$]", lambda found: f"~{ord(found[0]):02x}", word)


def decoded(word: str) -> str:
    """The way back from ``coded``."""
    return re.sub("~(7e|25|24)", lambda found: chr(int(found[1], 16)), word)


def task(service: Service, place: Place) -> str:
    """The text of the task.

    Only this user's login starts it, which needs no administrator. The Task Scheduler keeps no log and counts no exit code as a
    failure to be tried again, so the daemon runs within ``service run``; ``RestartOnFailure`` is for what that can't catch.

    Raises:
        ServiceError: the interpreter lies where a name has a ``%`` or ``$``.
    """
    log = _log(service.name, place)
    if found := re.search(r"[%$]", service.python):
        raise ServiceError(f"{service.python} has a {found[0]} in it, which the Task Scheduler would take for a variable:"
                           " install lts-batch in a folder without it")
    config = () if service.config is None else ("--config", service.config)
    words = service.supervised("--coded", "--again", str(RESTART_SECONDS), *map(coded, ("--log", log, *config)))
    cut = words.index("--") + 1
    words = (*words[1:cut], *map(coded, words[cut:]))
    root = ElementTree.Element("Task", {"version": "1.2", "xmlns": _NAMESPACE})
    _add(root, {
        "RegistrationInfo": {"Description": f"Watched folder {service.root} (lts-batch)", "URI": f"\\{service.name}"},
        "Triggers": {"LogonTrigger": {"Enabled": "true", "UserId": place.user}},
        "Principals": {"Principal": {"UserId": place.user, "LogonType": "InteractiveToken", "RunLevel": "LeastPrivilege"}},
        "Settings": {
            "MultipleInstancesPolicy": "IgnoreNew",
            "DisallowStartIfOnBatteries": "false",
            "StopIfGoingOnBatteries": "false",
            "ExecutionTimeLimit": "PT0S",
            "Priority": "8",  # below normal
            "RestartOnFailure": {"Interval": f"PT{RESTART_SECONDS // 60}M", "Count": str(_TRIES)},
        },
        "Actions": {"Exec": {"Command": service.python, "Arguments": subprocess.list2cmdline(words)}},
    })
    root.find("Principals/Principal").set("id", "Author")  # type: ignore[union-attr]
    root.find("Actions").set("Context", "Author")  # type: ignore[union-attr]
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-16"?>\n<!-- {mark(service.root)} -->\n{body}\n'


def _add(parent: ElementTree.Element, values: dict[str, object]) -> None:
    for name, value in values.items():
        element = ElementTree.SubElement(parent, name)
        if isinstance(value, dict):
            _add(element, value)
        else:
            element.text = str(value)


def _log(name: str, place: Place) -> str:
    return str(place.logs / f"{name}.log")


def _control(verb: str, name: str, *words: str) -> tuple[str, ...]:
    return ("schtasks", f"/{verb}", "/TN", name, *words)


def _enable(name: str, place: Place) -> tuple[Step, ...]:
    return (Step(_control("Create", name, "/XML", str(SYSTEM.path(name, place)), "/F")),
            Step(_control("End", name), Expect.ANYTHING),  # an older one
            Step(_control("Run", name), tries=3))


def _disable(name: str, place: Place) -> tuple[Step, ...]:
    """Also if somebody has deleted the task elsewhere: it has to be gone, whoever did it."""
    return (Step(_control("End", name), Expect.ANYTHING), Step(_control("Delete", name, "/F"), Expect.ANYTHING),
            Step(_control("Query", name), Expect.FAILURE))


def _state(exit_code: int, answer: str) -> str:
    if exit_code:
        return "not known"
    return "running" if f'"{_RUNNING}"' in answer else "stopped"


SYSTEM = System(
    title="the Task Scheduler",
    remedy="ask whoever looks after this computer whether your account may make tasks",
    suffix=".xml", encoding="utf-16", describe=task,
    enable=_enable, disable=_disable, forget=lambda name, place: (),
    query=lambda name, place: _control("Query", name, "/V", "/FO", "CSV"),
    state=_state, log=_log)
