"""The phase vocoder on the filterbank that stems are made on: what comes through as it was, stretched, or shifted."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sounds import Audio, drum, harmonic, null_db, rms_db, tone
from torch import Tensor

from lts_batch.frame.filterbank import Bands
from lts_batch.frame.slices import Slices
from lts_batch.resynthesis import vocoder

RATE = 44100
HOP = 128


def slices(samples: int) -> Slices:
    return Slices(samples, RATE, Bands())


def columns(audio: Audio, frames: NDArray[np.int64]) -> Tensor:
    """Coefficients of a clip at frames that may lie outside of it."""
    clip = slices(audio.shape[1])
    known = clip.risen(clip.bank().forward(torch.from_numpy(audio)))
    places = frames + clip.lead_frames
    there = (places >= 0) & (places < known.shape[-1])
    return known[..., torch.from_numpy(np.where(there, places, 0))] * torch.from_numpy(there.astype(np.float32))


def read(audio: Audio, positions: NDArray[np.float64], *, octaves: float | None = None, locked: tuple[int, ...] = (),
         state: vocoder.State = None, following: int = 0) -> tuple[Tensor, vocoder.State]:
    """A clip at fractional frames of its own."""
    below = np.floor(positions).astype(np.int64)
    bank = slices(audio.shape[1]).bank()
    return vocoder.propagate(
        columns(audio, below), columns(audio, below + 1), positions, bank.row_hz, float(Bands().frame_rate), reach=bank.reach,
        octaves=None if octaves is None else np.full(len(positions), octaves), locked=np.array(locked, dtype=np.int64),
        state=state, following=following)


def sound(coefficients: Tensor, samples: int) -> Audio:
    """The waveform of all frames of a stem."""
    stem = slices(samples)
    return stem.bank().inverse(stem.laid(coefficients)).numpy()[:, :samples]


def stretched(audio: Audio, samples: int, *, attack_seconds: float | None = None, octaves: float | None = None) -> Audio:
    """A clip laid over a stem of so many samples, with its phase taken up at an attack."""
    rate = audio.shape[1] / samples
    frames = slices(samples).frames(0)
    locked = () if attack_seconds is None else (int(np.searchsorted(frames * rate, attack_seconds * RATE / HOP)),)
    return sound(read(audio, frames * rate, octaves=octaves, locked=locked)[0], samples)


def spectrum(wave: Audio, size: int = 1 << 18) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies, and power of the middle half of the first channel."""
    quarter = wave.shape[1] // 4
    middle = wave[0, quarter:-quarter].astype(np.float64)
    return np.fft.rfftfreq(size, 1 / RATE), np.abs(np.fft.rfft(middle * np.blackman(len(middle)), size)) ** 2


def loudest_hz(wave: Audio, near_hz: float) -> float:
    """The peak within a semitone, a parabola through the log power around it."""
    hertz, power = spectrum(wave)
    inside = np.flatnonzero(np.abs(np.log2(np.maximum(hertz, 1.0) / near_hz)) < 1 / 12)
    top = int(inside[power[inside].argmax()])
    left, middle, right = np.log(power[top - 1:top + 2])
    return float(hertz[top] + 0.5 * (left - right) / (left - 2 * middle + right) * hertz[1])


def cents(hz: float, wanted_hz: float) -> float:
    return float(1200 * np.log2(hz / wanted_hz))


def middle(wave: Audio) -> Audio:
    return wave[:, wave.shape[1] // 4:-wave.shape[1] // 4]


# ---------------------------------------------------------------- the clip's own time


@pytest.mark.parametrize("locked", [(), (40, 41, 90)])
def test_at_unit_rate_the_clip_comes_out_as_it_was(locked: tuple[int, ...]) -> None:
    clip = drum(0.6, 0.2, 110.0) + harmonic(0.6, 220.0, gain=0.05)
    frames = slices(clip.shape[1]).frames(0)
    found, state = read(clip, frames.astype(np.float64), locked=locked, following=100)
    assert null_db(sound(found, clip.shape[1]), clip) < -90
    assert state is not None
    assert not state.any(), "nothing is turned"


def test_a_whole_delay_moves_a_clip_and_changes_nothing() -> None:
    clip = drum(0.6, 0.2, 110.0)
    frames = slices(clip.shape[1]).frames(0)
    late = sound(read(clip, frames - 10.0)[0], clip.shape[1])
    assert null_db(late[:, 10 * HOP:], clip[:, :-10 * HOP]) < -60  # the start of the clip rings before it


def test_a_lock_takes_up_the_phase_of_the_clip() -> None:
    clip = harmonic(1.0, 220.0)
    positions = np.concatenate((40 + 0.37 * np.arange(80), 70 + np.arange(60.0)))
    free, turned = read(clip, positions, following=100)
    assert turned is not None
    assert np.abs(turned).max() > 0.1, "without a lock it stays turned"
    found, state = read(clip, positions, locked=(80,), following=100)
    assert state is not None
    assert not state.any()
    own = columns(clip, positions[80:].astype(np.int64))
    assert torch.allclose(found[..., 80:], own, atol=1e-6)
    assert not torch.allclose(free[..., 80:], own, atol=1e-3)
    assert torch.equal(found[..., :40], free[..., :40]), "what comes long before a lock does not know of it"


def test_unit_rate_keeps_the_turn_that_it_was_given(rng: np.random.Generator) -> None:
    clip = harmonic(0.5, 330.0)
    positions = np.arange(30.0, 60.0)
    turn = rng.uniform(-3.0, 3.0)
    rows = slices(clip.shape[1]).bank().rows
    found, state = read(clip, positions, state=np.full(rows, turn), following=29)
    wanted = columns(clip, positions.astype(np.int64)) * np.exp(1j * turn)
    assert torch.allclose(found, wanted.to(found.dtype), atol=1e-6)
    assert state is not None
    assert np.allclose(np.exp(1j * state), np.exp(1j * turn))


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


# ---------------------------------------------------------------- other frequencies


@pytest.mark.parametrize("octaves", [np.log2(1.5), -np.log2(1.5), 1.0])
def test_a_shifted_tone_is_a_comb_at_its_new_pitch(octaves: float) -> None:
    clip, wanted = harmonic(1.4, 220.0), 220.0 * 2.0**octaves
    stem = stretched(clip, clip.shape[1], octaves=octaves)
    for number in range(1, 6):
        assert abs(cents(loudest_hz(stem, number * wanted), number * wanted)) < 10
    hertz, power = spectrum(stem)
    numbers = np.maximum(1, np.round(hertz / wanted))
    off = np.abs(hertz - numbers * wanted) > 12.0
    off_db = 10 * np.log10(power[off].sum() / power.sum())
    assert off_db < -50
    assert rms_db(middle(stem)) == pytest.approx(rms_db(middle(clip)), abs=1.0)


def test_a_shift_of_nothing_is_the_clip() -> None:
    clip = drum(0.5, 0.1, 110.0)
    assert null_db(stretched(clip, clip.shape[1], octaves=0.0), clip) < -90


# ---------------------------------------------------------------- nothing to hear


@pytest.mark.parametrize("octaves", [None, 0.6])
def test_silence_stays_silent(octaves: float | None) -> None:
    silence = np.zeros((2, RATE // 4), dtype=np.float32)
    found, state = read(silence, 0.4 * np.arange(60), octaves=octaves, locked=(20,), following=59)
    assert torch.equal(found.abs(), torch.zeros_like(found.abs()))
    assert state is not None
    assert np.isfinite(state).all()


def test_sound_after_digital_silence_is_finite_and_there() -> None:
    clip = np.pad(tone(0.4, 440.0), ((0, 0), (RATE // 4, 0)))
    positions = 0.7 * np.arange(-40, 240)
    found, state = read(clip, positions, octaves=0.2, following=200)
    assert bool(torch.isfinite(torch.view_as_real(found)).all())
    assert state is not None
    assert np.isfinite(state).all()
    assert float(found.abs().amax()) > 0.1


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
