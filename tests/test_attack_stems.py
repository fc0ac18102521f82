"""Attacks stay attacks."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from sounds import Audio, drum

from lts_batch.engine.arrays import morph

RATE = 44100
SAMPLES = Path("/usr/share/sonic-pi/samples")


def clicks(seconds: float, every: float, first: float) -> Audio:
    wave = np.zeros((1, round(seconds * RATE)), np.float32)
    for at in np.arange(first, seconds - 0.05, every):
        place = round(at * RATE)
        wave[0, place:place + 40] = 0.8 * np.hanning(42)[1:-1] * np.cos(np.arange(40) * 1.1)
    return wave


def before_attack_db(stem: Audio, at_seconds: float) -> float:
    """Energy in the 20 ms before an attack over the energy in the 20 ms after it begins."""
    place, window = round(at_seconds * RATE), round(0.02 * RATE)
    guard = round(0.001 * RATE)  # the attack is known to a millisecond
    before, after = (stem[:, start:start + window].astype(np.float64) for start in (place - window - guard, place - guard))
    return float(10 * np.log10((np.sum(before**2) + 1e-20) / np.sum(after**2)))


@pytest.mark.parametrize("domain", ["frame", "stft"])
@pytest.mark.parametrize("settings", [{}, {"align": "onsets"}])
def test_nothing_comes_before_clicks_that_meet(domain: str, settings: dict[str, str]) -> None:
    one, two = clicks(1.2, 0.25, 0.1), drum(1.2, 0.1, 200)
    for at in (0.35, 0.6, 0.85):
        two += drum(1.2, at, 150, seed=round(at * 10))
    (stem,) = morph([one, two], RATE, x=0.5, domain=domain, **settings)
    for at in (0.1, 0.35, 0.6, 0.85):
        assert before_attack_db(stem, at) < -20


@pytest.mark.parametrize("apart", [-0.08, -0.03, 0.03, 0.08])
@pytest.mark.parametrize("quality", ["standard", "draft"])
def test_attacks_that_lie_apart_meet_under_onsets(apart: float, quality: str) -> None:
    one, two = drum(0.6, 0.15, 180), drum(0.6, 0.15 + apart, 95, seed=1)
    (stem,) = morph([one, two], RATE, x=0.5, align="onsets", quality=quality)
    assert before_attack_db(stem, 0.15 + apart / 2) < -20


@pytest.mark.parametrize("names", [("drum_snare_hard", "elec_snare"), ("bd_haus", "drum_heavy_kick"),
                                   ("tabla_ghe4", "drum_tom_lo_hard")])
@pytest.mark.parametrize("shift", [0.0, 0.04, 0.08])
def test_recorded_drums(names: tuple[str, str], shift: float) -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the package sonic-pi-samples is not installed")
    clips = []
    for name, start in zip(names, (0.1, 0.1 + shift), strict=True):
        wave, rate = soundfile.read(SAMPLES / f"{name}.flac", dtype="float32", always_2d=True)
        assert rate == RATE
        mono = wave.mean(axis=1)
        begins = int(np.argmax(np.abs(mono) > 0.05 * np.abs(mono).max()))
        clips.append(np.pad(mono[begins:begins + RATE // 2], (round(start * RATE), 0))[None].astype(np.float32))
    (stem,) = morph(clips, RATE, x=0.5, align="onsets")
    assert before_attack_db(stem, 0.1 + shift / 2) < -20


def test_a_stretched_attack_is_as_sharp_as_it_was() -> None:
    """Under onsets an attack runs in its own time, however much the rest is stretched."""
    one, two = drum(0.4, 0.05, 180), drum(1.2, 0.4, 180)
    (stem,) = morph([one, two], RATE, x=0.5, align="onsets")
    envelope = np.abs(stem[0])
    reached = [int(np.argmax(envelope > share * envelope.max())) for share in (0.1, 0.7)]
    own = [int(np.argmax(np.abs(one[0]) > share * np.abs(one).max())) for share in (0.1, 0.7)]
    assert (reached[1] - reached[0]) < (own[1] - own[0]) + round(0.003 * RATE)
