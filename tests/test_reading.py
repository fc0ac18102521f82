"""Clips read faster than they run: nothing is leapt over."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sounds import tone

from lts_batch import morph
from lts_batch.engine import reading
from lts_batch.engine.align import Warp

RATE = 44100


def test_a_warp_knows_its_speed() -> None:
    times = np.linspace(0.0, 1000.0, 101)
    found = Warp((0.0, 400.0, 1000.0), (0.0, 800.0, 2600.0)).speeds(times)
    assert found[[10, 20]] == pytest.approx([2.0, 2.0])
    assert found[[60, 90]] == pytest.approx([3.0, 3.0])
    assert found[40] == pytest.approx(2.5), "a step reaches half to either side"
    assert found[-1] == pytest.approx(2.0), "past the end it goes on at unit rate"
    assert Warp((0.0, 9.0), (0.0, 9.0)).speeds(np.array([4.0])).tolist() == [1.0]


def hits(count: int, every_samples: int) -> NDArray[np.float32]:
    """Clicks of one strength, 0.1 ms longer apart each time so that they fall anywhere between two frames."""
    audio = np.zeros(count * every_samples + 2000, np.float32)
    for n in range(count):
        audio[1000 + n * every_samples + n * n * 4] = 0.8
    return audio[None]


def test_hits_that_a_fast_stem_would_leap_over_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clicks last a frame; a stem ten times as fast reads every tenth frame."""
    clip = hits(12, 5 * RATE // 12)
    short = tone(0.5, 330.0)
    spread = {}
    for way, slow in (("gathered", reading.SLOW), ("point by point", 1e9)):
        monkeypatch.setattr(reading, "SLOW", slow)
        monkeypatch.setattr(reading, "FAST", 2.0 * slow)
        stem = morph([short, clip], RATE, x=[1.0], length="first", loop="off", repair=0)[0][0]
        at = np.flatnonzero(clip[0]) * stem.size / clip.size
        energies = [float(np.square(stem[max(0, round(place) - 500):round(place) + 500]).sum()) for place in at]
        spread[way] = 10.0 * np.log10(max(energies) / min(energies))
    assert spread["gathered"] < 8.0
    assert spread["point by point"] > 20.0, "else this shows nothing"
