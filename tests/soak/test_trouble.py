"""Daemons in trouble, several at a time because most of it is waiting: each says so, goes on, and has lost nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from platforms import POSIX

from soak.trouble import possible, suffer

AT_ONCE = 4
# what is left to the command: troubles that are much like one of these
NAMES = ["no file may grow", "a file for an outbox", "an outbox on another disk", "an inbox taken away", "a root taken away",
         "a share gone and back", "files of other times", "a clock that leaps", "a full disk", "a mount gone and back"]
SILENT = {"an inbox taken away", "a root taken away", "a share gone and back", "a mount gone and back"}
HERE = [name for name in NAMES if possible(name)]

Findings = dict[str, tuple[list[str], list[str]]]


@pytest.fixture(scope="module")
def findings() -> Findings:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(HERE, pool.map(suffer, HERE), strict=True))


@POSIX
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.xfail(reason="it says nothing of folders that vanish")]
                                               if name in SILENT else []) for name in HERE])
def test_a_daemon_in_trouble_says_so_and_goes_on(findings: Findings, name: str) -> None:
    wrong, heard = findings[name]
    assert not wrong, "\n".join(wrong)
    assert "cannot be written" in " ".join(heard) or name not in ("no file may grow", "a file for an outbox", "a full disk")
