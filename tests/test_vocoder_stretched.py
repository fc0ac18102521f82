"""The phase vocoder at other times: stretched sounds keep pitch, loudness, channels and attacks."""

import numpy as np
import pytest
import torch
from sounds import drum, harmonic, null_db, rms_db, tone
from vocoding import RATE, cents, loudest_hz, middle, read, stretched

# ---------------------------------------------------------------- other times


@pytest.mark.parametrize("hz", [110.0, 1000.0, 5003.0])
@pytest.mark.parametrize("ratio", [2.0, 0.5, 1.17])
def test_a_stretched_tone_keeps_pitch_and_loudness(hz: float, ratio: float) -> None:
    clip = tone(1.2, hz)
    stem = stretched(clip, round(clip.shape[1] * ratio))
    assert abs(cents(loudest_hz(stem, hz), hz)) < 3
    assert rms_db(middle(stem)) == pytest.approx(rms_db(middle(clip)), abs=0.3)


@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_stretched_harmonics_stay_where_they_are(ratio: float) -> None:
    clip = harmonic(1.2, 220.0)
    stem = stretched(clip, round(clip.shape[1] * ratio))
    for number in range(1, 9):
        assert abs(cents(loudest_hz(stem, number * 220.0), number * 220.0)) < 3
    assert rms_db(middle(stem)) == pytest.approx(rms_db(middle(clip)), abs=0.3)


@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_an_abrupt_tone_keeps_its_loudness_from_its_onset_on(ratio: float) -> None:
    clip = np.pad(tone(1.0, 440.0), ((0, 0), (round(0.2 * RATE), 0)))
    stem = stretched(clip, round(clip.shape[1] * ratio), attack_seconds=0.2)
    onset = round(0.2 * RATE * ratio)
    heard = stem[:, onset:onset + round(0.25 * RATE)]
    assert rms_db(heard) == pytest.approx(rms_db(clip[:, -RATE // 2:]), abs=0.3)
    assert rms_db(stem[:, onset + round(0.1 * RATE):onset + round(0.4 * RATE)]) == pytest.approx(
        rms_db(clip[:, -RATE // 2:]), abs=0.3)


def test_state_carries_over_a_split() -> None:
    clip = harmonic(1.0, 220.0) + drum(1.0, 0.4, 90.0)
    positions = 10 + 0.61 * np.arange(200)
    whole, last = read(clip, positions, following=199)
    first, state = read(clip, positions[:150], following=120)
    second, end = read(clip, positions[120:], state=state, following=79)
    assert torch.equal(first[..., :150], whole[..., :150])
    assert torch.equal(second, whole[..., 120:])
    assert last is not None
    assert end is not None
    assert np.array_equal(last, end)


@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_channels_keep_the_phase_between_them(ratio: float) -> None:
    time = np.arange(round(1.2 * RATE)) / RATE
    clip = np.array([0.3 * np.sin(2 * np.pi * 440 * time), 0.15 * np.sin(2 * np.pi * 440 * time - 1.0)], dtype=np.float32)
    stem = middle(stretched(clip, round(clip.shape[1] * ratio))).astype(np.float64)
    turning = np.exp(-2j * np.pi * 440 * np.arange(stem.shape[1]) / RATE) * np.hanning(stem.shape[1])
    left, right = (stem * turning).sum(1)
    assert abs(np.angle(left / right) - 1.0) < 0.02
    assert abs(left / right) == pytest.approx(2.0, rel=0.01)


def test_an_attack_stays_sharp_where_its_clip_is_stretched() -> None:
    clip = drum(0.8, 0.3, 120.0)
    stem = stretched(clip, 2 * clip.shape[1], attack_seconds=0.3)
    onset = round(0.6 * RATE)
    before = stem[:, onset - round(0.030 * RATE):onset - round(0.010 * RATE)]
    after = stem[:, onset:onset + round(0.010 * RATE)]
    assert rms_db(before) < rms_db(after) - 20  # magnitudes of long windows are stretched too; the guard does the rest
    assert np.abs(after).max() > 0.7 * np.abs(clip).max()


# ---------------------------------------------------------------- nothing to hear


def test_what_nobody_hears_decides_nothing(rng: np.random.Generator) -> None:
    """Noise 120 dB below a chord of near and beating tones: who leads among bands that are equally loud must not hang on it."""
    time = np.arange(2 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * hz * time) for hz in (220.0, 223.0, 311.0, 440.0, 444.0, 1200.0, 1220.0))[None] * 0.1
    noisy = chord + 1e-7 * rng.standard_normal(chord.shape)
    one, two = (stretched(clip.astype(np.float32), 3 * RATE, attack_seconds=0.0) for clip in (chord, noisy))
    assert null_db(one, two) < -60


def test_an_offset_stays_an_offset() -> None:
    """What lies around 0 Hz is real: it has no phase that could run on."""
    clip = tone(2.0, 441.0) + np.float32(0.1)
    wave = middle(stretched(clip, 3 * RATE))
    assert abs(float(wave.mean()) - 0.1) < 0.002
    assert np.abs(np.convolve(wave[0], np.ones(400) / 400, "valid") - 0.1).max() < 0.002  # four periods
