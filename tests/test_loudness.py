"""Loudness as ITU-R BS.1770-4, EBU Tech 3341 and pyloudnorm have it; true peaks that no sample shows."""

import math

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import sosfilt, sosfreqz

from lts_batch.clips import loudness
from lts_batch.clips.loudness import Meter, TruePeak, integrated_db, k_response
from lts_batch.files import audio
from lts_batch.settings import presets_folder

RATES = (22050, 32000, 44100, 48000, 88200, 96000)
# Tables 1 and 2 of ITU-R BS.1770-4
TABLES = [[1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
          [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]]


def measure(sound, rate, block_samples=1 << 16):
    meter = Meter(rate, len(sound))
    for start in range(0, sound.shape[1], block_samples):
        meter.add(sound[:, start:start + block_samples])
    return meter


def tone(hz, seconds, rate, db=0.0, channels=1):
    row = 10 ** (db / 20) * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(row[None], channels, axis=0).astype(np.float32)


# ---------------------------------------------------------------- the filters


def test_at_48_khz_the_filters_are_those_of_the_standard():
    assert np.allclose(loudness._sections(48000), TABLES, rtol=0, atol=1e-11)


@pytest.mark.parametrize("rate", [*RATES, 192000])
def test_the_response_is_that_of_the_filters_at_every_rate(rate):
    frequencies = np.geomspace(10, min(0.4 * rate, 20000), 200)
    _, found = sosfreqz(loudness._sections(rate), frequencies, fs=rate)
    assert np.abs(20 * np.log10(np.abs(found) / k_response(frequencies))).max() < 0.1


@pytest.mark.parametrize("rate", [1000, 4000, 8000, 768000])
def test_filters_of_odd_rates_are_stable_and_fit_as_far_as_they_can(rate):
    sections = loudness._sections(rate)
    assert all(np.abs(np.roots(section[3:])).max() < 1 for section in sections)
    frequencies = np.geomspace(10, rate / 40, 50)
    _, found = sosfreqz(sections, frequencies, fs=rate)
    assert np.abs(20 * np.log10(np.abs(found) / k_response(frequencies))).max() < 0.1


def test_the_response_rises_from_nothing_to_4_db():
    assert k_response([0.0])[0] == 0.0
    assert 20 * np.log10(k_response(1e6)) == pytest.approx(4.04, abs=0.01)  # the shelf, and 0.04 of table 2
    assert k_response(np.ones((2, 3))).shape == (2, 3)


# ---------------------------------------------------------------- integrated loudness


@pytest.mark.parametrize(("parts", "wanted_db"), [
    ([(-23, 20)], -23), ([(-33, 20)], -33), ([(-36, 10), (-23, 60), (-36, 10)], -23),
    ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23), ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
], ids=["1", "2", "3", "4", "5"])
def test_minimum_requirements_of_ebu_tech_3341(parts, wanted_db):
    meter = Meter(48000, 2)
    for db, seconds in parts:
        meter.add(tone(1000, seconds, 48000, db, channels=2))
    assert meter.loudness_db() == pytest.approx(wanted_db, abs=0.1)


def sounds(rng, rate, channels, seconds):
    count = round(seconds * rate)
    times = np.arange(count) / rate
    noise = rng.standard_normal((channels, count))
    yield from (tone(hz, seconds, rate, -6, channels) for hz in (40, 100, 1000, 2000, 8000))
    yield 0.1 * noise
    yield 0.5 * noise * np.exp(-6 * times)
    yield 0.1 * noise * (np.sin(2 * np.pi * 0.7 * times) > 0)
    yield 0.002 * np.cumsum(noise, axis=1)
    yield 0.1 * noise * np.linspace(0.1, 1, channels)[:, None]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_is_that_of_pyloudnorm(rng, rate, channels):
    reference = pyloudnorm.Meter(rate)
    for seconds in (0.4, 0.46, 0.75, 2.1):
        for sound in sounds(rng, rate, channels, seconds):
            assert measure(sound, rate, 3001).loudness_db() == pytest.approx(reference.integrated_loudness(sound.T), abs=0.06)


@pytest.mark.parametrize("name", ["choir.flac", "piano.flac"])
def test_loudness_of_recordings_is_that_of_pyloudnorm(name):
    sound, rate = audio.read(presets_folder() / "demo" / name)
    for channels in (sound[:1], sound):
        wanted = pyloudnorm.Meter(rate).integrated_loudness(channels.T.astype(np.float64))
        assert measure(channels, rate).loudness_db() == pytest.approx(wanted, abs=0.06)


def test_a_tone_is_as_loud_at_every_rate():
    found = [measure(tone(440, 2, rate, -20), rate).loudness_db() for rate in (*RATES, 192000)]
    assert max(found) - min(found) < 0.01


def test_a_clip_of_less_than_a_block_has_the_loudness_of_its_mean_square(rng):
    sound = 0.1 * rng.standard_normal((2, 5000))
    weighted = sosfilt(loudness._sections(44100), sound)
    wanted = -0.691 + 10 * math.log10(np.square(weighted).mean(axis=1).sum())
    assert measure(sound, 44100, 1000).loudness_db() == pytest.approx(wanted, abs=1e-6)
    assert measure(sound[:, :1], 44100).loudness_db() > -70


def test_where_all_blocks_are_gated_the_mean_square_is_left(rng):
    quiet = 1e-5 * rng.standard_normal((1, 88200))
    wanted = -0.691 + 10 * math.log10(np.square(sosfilt(loudness._sections(44100), quiet)).mean())
    assert wanted < -70
    assert measure(quiet, 44100).loudness_db() == pytest.approx(wanted, abs=1e-3)
    assert measure(np.zeros((1, 88200)), 44100).loudness_db() == -math.inf
    assert Meter(44100, 1).loudness_db() == integrated_db(np.zeros((2, 0))) == -math.inf


def test_channels_count_alike(rng):
    noise = 0.1 * rng.standard_normal((1, 44100))
    mono = measure(noise, 44100).loudness_db()
    for channels in (2, 4, 6):
        assert measure(np.repeat(noise, channels, axis=0), 44100).loudness_db() == pytest.approx(
            mono + 10 * math.log10(channels), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=8), st.sampled_from([11025, 22050, 44100, 48000, 47999]),
       st.integers(1, 3))
def test_blocks_of_any_size_give_the_same_steps(sizes, rate, channels):
    sound = np.random.default_rng(1).standard_normal((channels, sum(sizes)))
    in_one, in_parts = measure(sound, rate, sum(sizes)), Meter(rate, channels)
    for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        in_parts.add(sound[:, start:start + size])
        in_parts.add(sound[:, :0])
    assert in_parts.samples == sum(sizes)
    assert in_parts.energies.shape == (channels, math.ceil(sum(sizes) * 100 / rate))
    assert np.allclose(in_parts.energies, in_one.energies, rtol=1e-9, atol=0)
    assert in_parts.last_step == in_one.last_step
    # what the steps hold together is what the filters let through
    lengths = np.diff([*(np.arange(in_one.energies.shape[1]) * rate // 100), sum(sizes)])
    assert (in_one.energies * lengths).sum() == pytest.approx(np.square(sosfilt(loudness._sections(rate), sound)).sum())
    assert 0 < in_one.last_step <= 1


@settings(max_examples=20, deadline=None)
@given(st.floats(-40, 20), st.floats(0.05, 2.0))
def test_a_gain_moves_loudness_by_as_much(gain_db, seconds):
    sound = np.random.default_rng(2).standard_normal((1, round(seconds * 22050))) * 0.3
    before = measure(sound, 22050).loudness_db()
    after = measure(sound * 10 ** (gain_db / 20), 22050).loudness_db()
    assert after - before == pytest.approx(gain_db, abs=1e-6)


def test_the_loudness_of_a_mixture_is_known_from_the_energies_of_its_parts(rng):
    rate, count = 44100, 120_000
    one = 0.2 * rng.standard_normal((1, count)) * np.linspace(1, 0.1, count)
    two = 0.1 * rng.standard_normal((1, count)) * (np.arange(count) > 50_000)
    together = measure(one + two, rate)
    energies = measure(one, rate).energies + measure(two, rate).energies
    assert integrated_db(energies, together.last_step) == pytest.approx(together.loudness_db(), abs=0.1)
    assert integrated_db(energies[0], together.last_step) == integrated_db(energies, together.last_step)
    assert integrated_db(together.energies, together.last_step) == together.loudness_db()


def test_silence_after_sound_leaves_nothing_in_the_filters(rng):
    meter = Meter(44100, 1)
    meter.add(rng.standard_normal((1, 4410)))
    for _ in range(20):
        meter.add(np.zeros((1, 44100)))
    assert not meter._state.any(), "denormal numbers are a hundred times slower"
    assert meter.energies[:, -1] == 0.0


@pytest.mark.parametrize("kind", [Meter, TruePeak])
def test_blocks_of_another_shape_are_refused(kind):
    meter = kind(44100, 2)
    for wrong in (np.zeros((1, 5), np.float32), np.zeros(5, np.float32)):
        with pytest.raises(ValueError, match=r"takes blocks of shape \[2, n\], found"):
            meter.add(wrong)


# ---------------------------------------------------------------- true peak


def true_peak(sound, rate, block_samples=1 << 16):
    meter = TruePeak(rate, len(sound))
    for start in range(0, sound.shape[1], block_samples):
        meter.add(sound[:, start:start + block_samples])
    return meter.finish()


def swelling_tone(cycles_per_sample, degrees, amplitude, count=20_000):
    """A sine that comes and goes slowly, so that its ends make no peaks of their own."""
    n = np.arange(count)
    swell = np.sin(np.pi / 2 * np.minimum(1, np.minimum(n, n[::-1]) / 2000)) ** 2
    return (amplitude * swell * np.sin(2 * np.pi * cycles_per_sample * n + np.radians(degrees))).astype(np.float32)[None]


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
@pytest.mark.parametrize(("divisor", "degrees", "amplitude", "wanted_db"), [
    (4, 0.0, 0.5, -6.02), (4, 45.0, 0.5, -6.02), (6, 60.0, 0.5, -6.02), (8, 67.5, 0.5, -6.02), (4, 45.0, 1.41, 2.98),
], ids=["15", "16", "17", "18", "19"])
def test_tones_of_ebu_tech_3341_have_their_true_peak(rate, divisor, degrees, amplitude, wanted_db):
    sound = swelling_tone(1 / divisor, degrees, amplitude)
    assert 20 * math.log10(true_peak(sound, rate)) == pytest.approx(wanted_db, abs=0.1)


def test_every_phase_of_every_audible_tone_is_found_within_a_tenth_of_a_db():
    for cycles in (0.01, 0.11, 0.2, 0.25, 0.3, 0.4, 0.45):
        for degrees in range(0, 180, 15):
            found = 20 * math.log10(true_peak(swelling_tone(cycles, degrees, 0.5), 44100) / 0.5)
            assert -0.1 < found < 0.1, (cycles, degrees)


@pytest.mark.parametrize("late", [0.0, 0.13, 0.25, 0.37, 0.5])
def test_a_pulse_between_samples_is_as_high_as_one_on_a_sample(late):
    n = np.arange(-300, 301) - late
    pulse = (np.sinc(0.8 * n) * np.hanning(601))[None].astype(np.float32)
    assert 20 * math.log10(true_peak(pulse, 48000)) == pytest.approx(0.0, abs=0.1)
    if late == 0.5:
        assert 20 * math.log10(np.abs(pulse).max()) < -2.4


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5000), st.sampled_from([8000, 44100, 96000, 192000]), st.integers(1, 3))
def test_the_true_peak_is_never_below_the_samples_nor_moved_by_blocks(count, rate, channels):
    sound = np.random.default_rng(count).standard_normal((channels, count)).astype(np.float32)
    found = true_peak(sound, rate)
    assert found >= np.abs(sound).max()
    assert true_peak(sound, rate, 101) == pytest.approx(found, rel=1e-5)
    assert true_peak(-2 * sound, rate) == pytest.approx(2 * found, rel=1e-5)


def test_silence_has_no_peak():
    assert true_peak(np.zeros((2, 1000), np.float32), 44100) == 0.0
    assert TruePeak(44100, 1).finish() == 0.0
