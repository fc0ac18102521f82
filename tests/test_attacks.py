"""Attacks are found where they are, to the sample, and nowhere else."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lts_batch.clips import attacks
from lts_batch.clips.attacks import Attacks
from lts_batch.files.sources import Excerpt, Source

RATES = [8000, 11025, 22050, 44100, 48000, 96000, 192000]


def source(samples: NDArray[np.floating], rate: int) -> Excerpt:
    held = np.atleast_2d(samples).astype(np.float32)
    return Excerpt(held, rate, 0, held.shape[1])


def find(samples: NDArray[np.floating], rate: int) -> Attacks:
    return attacks.find(source(samples, rate))


def times_of(seconds: float, rate: int) -> NDArray[np.float64]:
    return np.arange(round(seconds * rate)) / rate


def noise(seconds: float, rate: int, rng: np.random.Generator, slope: float = 0.0) -> NDArray[np.float64]:
    """Noise that falls by ``slope`` x 6 dB an octave above 20 Hz, at -20 dB."""
    spectrum = np.fft.rfft(rng.standard_normal(round(seconds * rate)))
    frequencies = np.fft.rfftfreq(round(seconds * rate), 1 / rate)
    spectrum *= np.maximum(frequencies, 20) ** -slope
    found = np.fft.irfft(spectrum, round(seconds * rate))
    return 0.1 * found / found.std()


def kick(rate: int) -> NDArray[np.float64]:
    times = times_of(0.3, rate)
    return np.sin(2 * np.pi * (50 * times + 2 * (1 - np.exp(-times / 0.02)))) * np.exp(-times / 0.06) * (1 - times / 0.3)


def snare(rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    times = times_of(0.2, rate)
    return (0.6 * np.sin(2 * np.pi * 190 * times) + 0.3 * rng.standard_normal(len(times))) * np.exp(-times / 0.03)


def hat(rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.diff(rng.standard_normal(round(0.06 * rate) + 1)) * np.exp(-times_of(0.06, rate) / 0.015) * 0.2


# ---------------------------------------------------------------- where they are


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("spacing_seconds", [0.06, 0.0813, 0.25])
def test_every_click_of_a_track_is_found(rate: int, spacing_seconds: float) -> None:
    clicks = np.round(np.arange(0.013, 2.0, spacing_seconds) * rate).astype(int)
    track = np.zeros(2 * rate + rate // 10)
    track[clicks] = 0.5
    found = find(track, rate)
    assert len(found) == len(clicks)
    assert np.abs(found.times - clicks).max() <= max(1, rate // attacks._ENOUGH_HZ)  # a sample, or one mean of samples
    assert found.strengths.min() > 0.8


@pytest.mark.parametrize("rate", RATES)
def test_a_clip_that_begins_with_its_sound_has_an_attack_at_0(rate: int, rng: np.random.Generator) -> None:
    for sound in (kick(rate), snare(rate, rng), noise(1, rate, rng), np.sin(times_of(1, rate) * 2765)):
        assert find(sound, rate).times.tolist() == [0.0]


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
@pytest.mark.parametrize("background", [0.0, 1e-3, 1e-2])
def test_drums_are_found_within_a_millisecond(rate: int, background: float, rng: np.random.Generator) -> None:
    places = np.round((0.3 + 0.21 * np.arange(20)) * rate).astype(int)
    track = background * rng.standard_normal(5 * rate)
    for number, place in enumerate(places):
        hit = (kick(rate), snare(rate, rng), hat(rate, rng))[number % 3] * rng.uniform(0.5, 1.0)
        track[place:place + len(hit)] += hit
    found = find(track, rate)
    inside = found.times[found.times > 0]  # noise sets in at 0
    assert len(inside) == len(places)
    assert np.abs(inside - places).max() <= 0.001 * rate


def test_a_hit_is_found_under_a_loud_tone(rng: np.random.Generator) -> None:
    rate = 44100
    for hit, tone_hz in ((hat(rate, rng), 60.0), (kick(rate), 9000.0)):
        track = 0.3 * np.sin(2 * np.pi * tone_hz * times_of(2, rate))
        track[rate:rate + len(hit)] += hit
        assert find(track, rate).times == pytest.approx([0, rate], abs=0.001 * rate)


def test_a_soft_attack_is_found_near_its_foot() -> None:
    rate = 44100
    times = times_of(2, rate)
    for rise_seconds in (0.002, 0.01, 0.02):
        tone = np.clip((times - 0.5) / rise_seconds, 0, 1) * np.sin(2 * np.pi * 330 * times)
        (found,) = find(tone, rate).times / rate
        assert 0.5 <= found <= 0.5 + rise_seconds / 4


def test_strengths_follow_the_hits(rng: np.random.Generator) -> None:
    rate, gains = 48000, np.array([1.0, 0.25, 0.5, 0.1, 0.7])
    track = np.zeros(3 * rate)
    hit = snare(rate, rng)
    for number, gain in enumerate(gains):
        track[rate // 2 * number + 100:][:len(hit)] += gain * hit
    assert find(track, rate).strengths == pytest.approx(gains, rel=0.02)


def test_of_two_hits_close_together_the_stronger_counts(rng: np.random.Generator) -> None:
    rate = 44100
    hit = snare(rate, rng)
    track = np.zeros(rate)
    track[10000:10000 + len(hit)] += 0.1 * hit
    track[10000 + rate // 40:][:len(hit)] += hit
    assert find(track, rate).times == pytest.approx([10000 + rate // 40], abs=0.001 * rate)


# ---------------------------------------------------------------- where they are not


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
def test_what_goes_on_has_no_attacks(rate: int, rng: np.random.Generator) -> None:
    times = times_of(5, rate)
    steady = {
        "low tone": np.sin(2 * np.pi * 31 * times), "tone": np.sin(2 * np.pi * 440 * times),
        "buzz": (times * 43) % 1 - 0.5, "beats": np.sin(2 * np.pi * 440 * times) + np.sin(2 * np.pi * 444.3 * times),
        "vibrato": np.sin(2 * np.pi * 990 * times + 8 * np.sin(2 * np.pi * 5 * times)),
        "tremolo": (1 + 0.8 * np.sin(2 * np.pi * 6 * times)) * np.sin(2 * np.pi * 440 * times),
        "white": noise(5, rate, rng), "pink": noise(5, rate, rng, 0.5), "brown": noise(5, rate, rng, 1.0),
        "decay": np.exp(-3 * times) * noise(5, rate, rng), "ringing": np.exp(-2 * times) * np.sin(2 * np.pi * 500 * times),
    }
    for name, sound in steady.items():
        assert find(sound, rate).times.max() == 0.0, name


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
@pytest.mark.parametrize("rise_seconds", [0.1, 0.5, 3.0])
def test_swells_have_no_attacks(rate: int, rise_seconds: float, rng: np.random.Generator) -> None:
    times = times_of(5, rate)
    ramp = np.clip((times - 0.5) / rise_seconds, 0, 1)
    for gain in (ramp, np.sin(np.pi / 2 * ramp) ** 2):
        assert len(find(gain * np.sin(2 * np.pi * 330 * times), rate)) == 0
        assert len(find(gain * noise(5, rate, rng), rate)) == 0


def test_silence_has_no_attacks() -> None:
    assert len(find(np.zeros((2, 30000)), 44100)) == 0
    assert len(find(np.zeros(1), 44100)) == 0


# ---------------------------------------------------------------- whatever the clip


@pytest.mark.parametrize("gain", [2.0**-20, 1.0, 2.0**6])
def test_level_changes_nothing(gain: float, rng: np.random.Generator) -> None:
    rate = 44100
    track = noise(3, rate, rng) * 0.01
    for place in (10000, 40000, 70001):
        track[place:place + round(0.2 * rate)] += snare(rate, rng)
    expected, found = find(track, rate), find(gain * track, rate)
    assert len(expected) == 4
    assert found.times.tolist() == expected.times.tolist()
    assert found.strengths == pytest.approx(expected.strengths, rel=1e-4)


def test_attacks_of_one_channel_count(rng: np.random.Generator) -> None:
    rate = 44100
    track = np.zeros((2, 3 * rate))
    hit = snare(rate, rng)
    track[0, 20000:20000 + len(hit)] += hit
    track[1, 60000:60000 + len(hit)] += hit
    track[:, 80000:80000 + len(hit)] += hit * np.array([[1], [-1]])  # gone in a sum of the channels
    assert find(track, rate).times == pytest.approx([20000, 60000, 80000], abs=0.001 * rate)


def test_blocks_do_not_show(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    rate = 48000
    track = noise(6, rate, rng) * 0.01
    for place in rng.integers(0, 5 * rate, 8):
        track[place:place + round(0.2 * rate)] += snare(rate, rng)
    expected = find(track, rate)
    monkeypatch.setattr(attacks, "_BLOCK_STEPS", 37)
    monkeypatch.setattr(attacks, "_BATCH", 2)
    found = find(track, rate)
    assert found.times.tolist() == expected.times.tolist()
    assert found.strengths == pytest.approx(expected.strengths)


def test_long_clips_are_read_a_little_at_a_time(rng: np.random.Generator) -> None:
    class Watched:
        sample_rate, channels, samples = 48000, 2, 60 * 48000
        most = 0

        def read(self, start: int, count: int) -> NDArray[np.float32]:
            self.most = max(self.most, count)
            return np.random.default_rng(start).standard_normal((2, count)).astype(np.float32) * 0.1

    watched = Watched()
    held: Source = watched
    assert attacks.find(held).times[0] == 0.0
    assert watched.most <= 3 * watched.sample_rate
