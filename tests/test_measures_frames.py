"""Measures of frames of magnitudes against closed forms."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from lts_batch.metrics import measures


def frames(count: int = 50, bands: int = 40, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0.5, 1.5, (count, bands))


def test_shape_lsd_does_not_see_level() -> None:
    m = frames()
    gains = np.linspace(0.1, 10, len(m))[:, None]
    assert measures.shape_lsd_db(m, gains * m) == pytest.approx(0, abs=1e-9)


def test_shape_lsd_of_one_changed_band() -> None:
    # u is flat over 100 bands, v has one band of another height: both shapes are known in closed form
    bands, gain = 100, 4.0
    m = np.ones((10, bands))
    other = m.copy()
    other[:, 7] = gain
    u, norm = 1 / math.sqrt(bands), math.sqrt(bands - 1 + gain**2)
    changed = 20 * math.log10((u + 1e-3) / (gain / norm + 1e-3))
    rest = 20 * math.log10((u + 1e-3) / (1 / norm + 1e-3))
    expected = math.sqrt((changed**2 + (bands - 1) * rest**2) / bands)
    assert measures.shape_lsd_db(m, other) == pytest.approx(expected, rel=1e-12)


def test_shape_lsd_leaves_out_quiet_frames() -> None:
    m, other = frames(), frames()
    m[20:] *= 10 ** (-61 / 20) * np.linalg.norm(m, axis=1).min() / np.linalg.norm(m, axis=1).max()
    other[20:] = frames(seed=1)[20:]
    assert measures.shape_lsd_db(m, other) == pytest.approx(0, abs=1e-9)
    m[20:] *= 10 ** (30 / 20)
    assert measures.shape_lsd_db(m, other) > 1


def test_shape_lsd_of_silence() -> None:
    m = frames()
    assert math.isnan(measures.shape_lsd_db(np.zeros_like(m), m))
    assert 20 < measures.shape_lsd_db(m, np.zeros_like(m)) < 60


@pytest.mark.parametrize("gain", [0.5, 0.9, 1.5, 2.0])
def test_spectral_convergence_of_a_gain(gain: float) -> None:
    m = frames()
    assert measures.spectral_convergence_db(m, gain * m) == pytest.approx(20 * math.log10(abs(1 - gain)), abs=1e-9)


def test_spectral_convergence_of_the_same_and_of_silence() -> None:
    m = frames()
    assert measures.spectral_convergence_db(m, m) == measures.LEAST_DB
    assert measures.spectral_convergence_db(0 * m, 0 * m) == measures.LEAST_DB
    assert measures.spectral_convergence_db(0 * m, m) == measures.MOST_DB
    assert measures.spectral_convergence_db(m, 0 * m) == pytest.approx(0)


@pytest.mark.parametrize("measure", [measures.shape_lsd_db, measures.spectral_convergence_db])
def test_frames_must_belong_to_each_other(measure) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"\(50, 40\) and \(49, 40\)"):
        measure(frames(), frames()[1:])
