"""Twenty pairs at once, and a few jobs one by one: all come out, each once, soon, in memory that does not grow."""

import sys
from pathlib import Path

import pytest
from platforms import POSIX

from soak.flood import FILE_SECONDS, PAIR_SECONDS, fifths, flood, latency

PAIRS, SINGLES = 20, 5


@POSIX
@pytest.mark.timeout(300)
def test_a_flood_comes_out_pair_by_pair(tmp_path: Path) -> None:
    figures = flood(tmp_path, PAIRS)
    assert figures["ok"], figures["wrong"]
    assert figures["looks_at_memory"] > 3 or sys.platform != "linux"


@POSIX
@pytest.mark.timeout(300)
def test_an_idle_daemon_begins_soon(tmp_path: Path) -> None:
    figures = latency(tmp_path, SINGLES)
    assert figures["ok"], figures["wrong"]
    assert 0.0 < figures["file_seconds"]["median"] < FILE_SECONDS
    assert figures["settle_seconds"] < figures["pair_seconds"]["median"] < PAIR_SECONDS


def test_fifths_of_a_row() -> None:
    assert fifths([*range(10)]) == [0, 2, 4, 6, 8] and fifths([1, 2]) == []
