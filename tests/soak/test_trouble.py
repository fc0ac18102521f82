"""Daemons in trouble, several at a time because most of it is waiting: each says so, goes on, and has lost nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from platforms import POSIX

from soak.cases import SILENCE
from soak.trouble import possible, suffer

AT_ONCE = 4
# what is left to the command: troubles that are much like one of these
NAMES = ["a root taken away", "no file may grow", "a file for an outbox", "an outbox on another disk", "an inbox taken away",
         "a share gone and back", "files of other times", "a clock that leaps", "a full disk", "a mount gone and back"]
HERE = [name for name in NAMES if possible(name)]
SAID = ["no file may grow", "a file for an outbox", "a full disk", "an inbox taken away", "a root taken away",
        "a share gone and back", "a mount gone and back"]

Findings = dict[str, tuple[list[str], list[str]]]


@pytest.fixture(scope="module")
def findings() -> Findings:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(HERE, pool.map(suffer, HERE), strict=True))


@POSIX
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", HERE)
def test_a_daemon_in_trouble_goes_on_and_has_lost_nothing(findings: Findings, name: str) -> None:
    wrong = [one for one in findings[name][0] if not one.startswith(SILENCE)]
    assert not wrong, "\n".join(wrong)


@POSIX
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for name in HERE if name in SAID])
def test_a_daemon_in_trouble_says_so(findings: Findings, name: str) -> None:
    wrong, heard = findings[name]
    assert not [one for one in wrong if one.startswith(SILENCE)] and heard
