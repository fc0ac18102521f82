"""The last touch of all stems of a job: one gain for all of them, downwards only, below full scale or a ceiling."""

import math

import numpy as np
import pytest
from finishing import RATE, finished, noise, stream

from lts_batch.engine.finish import Gauge, Peak, common_gain, finish_arrays, job_gain
from lts_batch.settings import Settings


def test_one_gain_for_all_only_downwards():
    assert common_gain([]) == common_gain([0.2, 1.0]) == 1.0
    peaks = [Peak(0.5, 0.6), Peak(1.25, 1.6)]
    assert job_gain(peaks, Settings()) == 1.0
    assert job_gain(peaks, Settings(clip="scale")) == 0.8
    assert job_gain(peaks, Settings(ceiling_db=0.0)) == pytest.approx(1 / 1.6)
    assert job_gain(peaks, Settings(clip="scale", ceiling_db=-6.0)) == pytest.approx(10 ** (-6 / 20) / 1.6)
    assert job_gain(peaks[:1], Settings(clip="scale", ceiling_db=-1.0)) == 1.0
    assert job_gain([], Settings(ceiling_db=-1.0)) == job_gain([Peak(0.0, 0.0)], Settings(ceiling_db=-1.0)) == 1.0


def gauged(sound, settings, block_samples=1000):
    gauge = Gauge(RATE, len(sound), settings)
    for block in stream(sound, block_samples)():
        gauge.add(block)
    return gauge.finish()


def test_the_gauge_looks_between_samples_only_where_there_is_a_ceiling():
    n = np.arange(20_000)
    swell = np.sin(np.pi / 2 * np.minimum(1, np.minimum(n, n[::-1]) / 2000)) ** 2
    sound = (0.8 * swell * np.sin(np.pi / 2 * n + np.pi / 4)).astype(np.float32)[None]
    peak = np.abs(sound).max()
    assert gauged(sound, Settings()) == Peak(peak, peak)
    found = gauged(sound, Settings(ceiling_db=-3.0))
    assert found.sample == peak and found.true == pytest.approx(0.8, rel=0.01) and peak < 0.6


@pytest.mark.parametrize("ceiling_db", [-0.1, -3.0, -20.0])
def test_the_ceiling_holds_for_the_loudest_stem_and_keeps_distances(ceiling_db):
    stems = [noise(2, level=level, seed=n) for n, level in enumerate((0.5, 0.1, 0.02))]
    out = finish_arrays(stems, RATE, Settings(ceiling_db=ceiling_db), [None] * 3)
    highest = [gauged(stem, Settings(ceiling_db=0.0)).true for stem in out]
    assert 20 * math.log10(max(highest)) == pytest.approx(ceiling_db, abs=1e-3)
    gains = [after[0, 5] / before[0, 5] for before, after in zip(stems, out, strict=True)]
    assert gains == pytest.approx([gains[0]] * 3, rel=1e-6) and gains[0] < 1


def test_arrays_are_finished_as_streams_are():
    stems = [noise(2), noise(2, seed=1)]
    settings = Settings(trim_db=-20.0, fade_in_seconds=0.1, tail_seconds=0.1, effects=({"name": "Reverb"},), clip="scale")
    out = finish_arrays(stems, RATE, settings, [-20.0, None])
    for stem, target_db, done in zip(stems, (-20.0, None), out, strict=True):
        assert np.array_equal(done, finished(stem, settings, target_db, block_samples=10**6))
    untouched = finish_arrays(stems, RATE, Settings(), [None, None])
    assert all(np.array_equal(a, b) for a, b in zip(untouched, stems, strict=True))
