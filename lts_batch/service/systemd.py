"""Linux: a unit of the user's own systemd. See systemd.service(5), systemd.syntax(7) and systemd.exec(5)."""

import re

from lts_batch.service.mark import mark
from lts_batch.service.system import Place, Step, System
from lts_batch.service.wanted import LASTING, NICE, RESTART_SECONDS, STOP_SECONDS, Service


def quoted(word: str) -> str:
    """A word as systemd takes it apart again: C escapes within double quotes; a percent sign would begin a specifier.

    >>> print(quoted('50% of "a b"'))
    "50%% of \\"a b\\""
    """
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def unit(service: Service, place: Place) -> str:
    """The text of the unit.

    The colon before the command turns variables off, which would be sought after every ``$`` (systemd 244 and later).
    ``Type=exec`` has the start fail if the interpreter can't be run. The signal goes to the daemon alone, which ends its
    workers; what is left after the time to stop is ended by force.
    """
    environment = "" if service.config is None else f"Environment={quoted(f'LTS_BATCH_CONFIG={service.config}')}\n"
    return f"""\
# Written by lts-batch service install, and removed by lts-batch service uninstall.
# {mark(service.root)}

[Unit]
Description=Watched folder {service.root.replace("%", "%%")} (lts-batch)
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=:{" ".join(map(quoted, service.watch()))}
{environment}Restart=on-failure
RestartSec={RESTART_SECONDS}
RestartPreventExitStatus={" ".join(map(str, LASTING))}
KillMode=mixed
KillSignal=SIGTERM
TimeoutStopSec={STOP_SECONDS}
Nice={NICE}
IOSchedulingClass=idle

[Install]
WantedBy=default.target
"""


def _control(*words: str) -> tuple[str, ...]:
    return ("systemctl", "--user", *words)


def _state(exit_code: int, answer: str) -> str:
    found = re.search(r"^ActiveState=(.+)$", answer, re.MULTILINE)
    states = {"active": "running", "reloading": "running", "deactivating": "running", "inactive": "stopped",
              "failed": "failed", "activating": "waiting to start again"}
    return states.get(found[1], found[1]) if found else "not known"


SYSTEM = System(
    title="systemd",
    remedy="log in as yourself on a system that runs systemd (a shell from su or sudo has no access to it)",
    suffix=".service", encoding="utf-8", describe=unit,
    enable=lambda name, place: (Step(_control("daemon-reload")), Step(_control("enable", f"{name}.service")),
                                Step(_control("restart", f"{name}.service"))),
    disable=lambda name, place: (Step(_control("disable", "--now", f"{name}.service")),),
    forget=lambda name, place: (Step(_control("daemon-reload")),),
    query=lambda name, place: _control("show", "--property=ActiveState", f"{name}.service"),
    state=_state,
    log=lambda name, place: f"journalctl --user --unit {name}.service")
