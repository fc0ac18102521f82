"""Pitched clips that glide into each other."""

import numpy as np
import pytest
from sounds import Audio, bits, harmonic, null_db, rms_db

from lts_batch.engine.arrays import morph

RATE = 44100


def comb(stem: Audio, hz: float, width_hz: float = 12.0) -> tuple[float, float]:
    """Measured fundamental near ``hz``, and the energy off its comb of harmonics in dB of all energy."""
    middle = stem[0, len(stem[0]) // 4:-len(stem[0]) // 4].astype(np.float64)
    size = 1 << 18
    power = np.abs(np.fft.rfft(middle * np.blackman(len(middle)), size)) ** 2
    bins = np.fft.rfftfreq(size, 1 / RATE)
    numbers = np.arange(1, 9)
    found = []
    for number in numbers:
        near = np.flatnonzero(np.abs(bins - number * hz) < 0.03 * number * hz)
        found.append((bins[near[power[near].argmax()]] / number, power[near].max()))
    pitch = float(np.average([f for f, _ in found], weights=[p for _, p in found]))
    off = np.abs(bins / pitch - np.maximum(1, np.round(bins / pitch))) * pitch > width_hz
    return pitch, float(10 * np.log10(power[off].sum() / power.sum()))


@pytest.mark.parametrize("domain", ["frame", "stft"])
@pytest.mark.parametrize("low", [131.0, 220.0])
def test_two_tones_a_fifth_apart_meet_at_one_pitch(domain: str, low: float) -> None:
    one, two = harmonic(1.6, low), harmonic(1.6, 1.5 * low, tilt=1.5)
    (stem,) = morph([one, two], RATE, x=0.5, pitch="glide", domain=domain)
    pitch, off_db = comb(stem, low * np.sqrt(1.5))
    assert abs(1200 * np.log2(pitch / (low * np.sqrt(1.5)))) < 10
    assert off_db < -25
    kept = morph([one, two], RATE, x=0.5)[0]
    assert comb(kept, low * np.sqrt(1.5))[1] > -10, "without it the stem is a chord"


def test_glide_keeps_both_ends() -> None:
    one, two = harmonic(1.2, 220), harmonic(1.2, 330, tilt=1.5)
    first, last = morph([one, two], RATE, x=[0, 1], pitch="glide")
    assert null_db(first, one) < -90
    assert null_db(last, two) < -90


@pytest.mark.parametrize(("pitch", "hz"), [("first", 220.0), ("second", 330.0)])
def test_one_pitch_throughout(pitch: str, hz: float) -> None:
    one, two = harmonic(1.4, 220), harmonic(1.4, 330, tilt=1.5)
    for stem in morph([one, two], RATE, x=[0, 0.5, 1], pitch=pitch):
        found, off_db = comb(stem, hz)
        assert abs(1200 * np.log2(found / hz)) < 10
        assert off_db < -20
        assert abs(rms_db(stem) - rms_db(one)) < 6


def test_pitch_may_have_a_curve_of_its_own() -> None:
    one, two = harmonic(1.4, 220), harmonic(1.4, 330, tilt=1.5)
    (stem,) = morph([one, two], RATE, x=0.5, pitch="glide", x_pitch=1.0)
    assert abs(1200 * np.log2(comb(stem, 330.0)[0] / 330.0)) < 10


def test_clips_without_pitch_come_out_as_if_kept() -> None:
    rng = np.random.default_rng(0)
    one, two = (0.1 * rng.standard_normal((2, 1, RATE))).astype(np.float32)
    tone = harmonic(1.0, 220)
    for clips in ([one, two], [tone, two], [two, tone]):
        assert bits(morph(clips, RATE, x=[0.3, 0.7], pitch="glide")) == bits(morph(clips, RATE, x=[0.3, 0.7]))
