"""macOS: an agent of launchd's. See launchd.plist(5) and launchctl(1)."""

import plistlib
import re

from lts_batch.service.mark import mark
from lts_batch.service.system import Expect, Place, Step, System
from lts_batch.service.wanted import NICE, RESTART_SECONDS, STOP_SECONDS, Service


def agent(service: Service, place: Place) -> str:
    """The text of the property list. launchd expands nothing in it.

    launchd starts again after any exit code but 0 and knows no exceptions, so the daemon runs within ``service run``, which
    turns mistakes that last into 0.
    """
    log = _log(service.name, place)
    values: dict[str, object] = {
        "Label": service.name,
        "ProgramArguments": list(service.supervised()),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_SECONDS,
        "ExitTimeOut": STOP_SECONDS,
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Nice": NICE,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    if service.config is not None:
        values["EnvironmentVariables"] = {"LTS_BATCH_CONFIG": service.config}
    head, tag, body = plistlib.dumps(values, sort_keys=False).decode("utf-8").partition("<plist")
    return f"{head}<!-- {mark(service.root)} -->\n{tag}{body}"


def _log(name: str, place: Place) -> str:
    return str(place.logs / f"{name}.log")


def _target(name: str, place: Place) -> str:
    return f"gui/{place.uid}/{name}"


def _disable(name: str, place: Place) -> tuple[Step, ...]:
    """``bootout`` fails if nothing is loaded, and comes back before what it stops has gone."""
    return (Step(("launchctl", "bootout", _target(name, place)), Expect.ANYTHING),
            Step(("launchctl", "print", _target(name, place)), Expect.FAILURE, tries=STOP_SECONDS + 10))


def _enable(name: str, place: Place) -> tuple[Step, ...]:
    """``bootstrap`` shortly after ``bootout`` may be answered with an input/output error that passes."""
    return (*_disable(name, place),
            Step(("launchctl", "enable", _target(name, place))),
            Step(("launchctl", "bootstrap", f"gui/{place.uid}", str(SYSTEM.path(name, place))), tries=4))


def _state(exit_code: int, answer: str) -> str:
    if exit_code:
        return "not known"
    return "running" if re.search(r"^\s*state = running\s*$", answer, re.MULTILINE) else "stopped"


SYSTEM = System(
    title="launchd",
    remedy="try it in a Terminal on the Mac's own desktop, not over SSH",
    suffix=".plist", encoding="utf-8", describe=agent,
    enable=_enable, disable=_disable, forget=lambda name, place: (),
    query=lambda name, place: ("launchctl", "print", _target(name, place)),
    state=_state, log=_log)
