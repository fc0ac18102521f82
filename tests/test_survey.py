"""A clip at a glance: what is found in one pass is what the whole clip in memory would show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lts_batch.clips import loudness
from lts_batch.clips.survey import LEAST_SECONDS, Survey, survey
from lts_batch.errors import ClipError
from lts_batch.files import sources
from lts_batch.files.sources import Excerpt

Audio = NDArray[np.float32]


def source(samples: Audio, sample_rate: int = 44100) -> Excerpt:
    return Excerpt(samples, sample_rate, 0, samples.shape[1])


def noise(samples: int, channels: int = 1, seed: int = 1) -> Audio:
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


def tone(sample_rate: int, seconds: float, hz: float = 997.0, amplitude: float = 1.0) -> Audio:
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    return (amplitude * np.sin(2 * np.pi * hz * time))[None].astype(np.float32)


def surveyed(samples: Audio, sample_rate: int = 44100, name: str = "clip", channels: int | None = None) -> Survey:
    return survey(source(samples, sample_rate), name, channels or samples.shape[0])


# ---------------------------------------------------------------- what is found


@pytest.mark.parametrize("sample_rate", [22050, 44100, 48000, 96000, 192000])
def test_a_tone_is_as_high_and_loud_as_the_standard_says(sample_rate: int) -> None:
    found = surveyed(tone(sample_rate, 2.0), sample_rate, "tone")
    assert found.peak == pytest.approx(1.0, abs=2e-3)
    assert found.loudness_db == pytest.approx(-3.01, abs=0.05)


@given(st.integers(200, 3 * sources.BLOCK_SAMPLES), st.integers(1, 4), st.integers(0, 10**6))
@settings(deadline=None, max_examples=20)
def test_it_is_what_the_whole_clip_shows(samples: int, channels: int, seed: int) -> None:
    clip = noise(samples, channels, seed)
    meter = loudness.Meter(44100, channels)
    meter.add(clip)
    found = surveyed(clip)
    assert found.peak == np.abs(clip).max()
    assert found.energies.shape == (channels, -(-samples // 441))
    assert np.allclose(found.energies, meter.energies, rtol=1e-6)
    assert found.loudness_db == pytest.approx(meter.loudness_db(), abs=1e-6)


@given(st.integers(0, 2 * sources.BLOCK_SAMPLES), st.integers(0, 1), st.sampled_from([-1.0, 1.0]))
@settings(deadline=None, max_examples=20)
def test_the_peak_may_be_anywhere(place: int, channel: int, sign: float) -> None:
    clip = noise(2 * sources.BLOCK_SAMPLES + 1, 2) * 0.1
    clip[channel, place] = sign * 1.5
    assert surveyed(clip).peak == 1.5


def test_twice_the_amplitude_is_6_db_louder() -> None:
    clip = noise(44100, 2)
    one, two = surveyed(clip, name="one"), surveyed(2 * clip, name="two")
    assert two.peak == 2 * one.peak
    assert np.allclose(two.energies, 4 * one.energies)
    assert two.loudness_db - one.loudness_db == pytest.approx(20 * np.log10(2), abs=1e-4)


def test_energies_tell_when_it_is_loud() -> None:
    clip = np.concatenate((np.zeros((1, 22050), np.float32), tone(44100, 0.5), np.zeros((1, 22050), np.float32)), axis=1)
    energies = surveyed(clip).energies[0]
    assert energies.shape == (150,)
    assert energies[:49].max() < 1e-12
    assert energies[55:95].min() > 0.4
    assert energies[110:].max() < 1e-6


def test_mono_sounds_on_every_channel() -> None:
    clip = noise(44100)
    one, two = surveyed(clip), surveyed(clip, channels=2)
    assert np.array_equal(two.energies, np.tile(one.energies, (2, 1)))
    assert two.loudness_db - one.loudness_db == pytest.approx(10 * np.log10(2))
    assert two.loudness_db == pytest.approx(surveyed(np.tile(clip, (2, 1))).loudness_db)
    assert two.peak == one.peak


def test_stereo_leaves_further_channels_silent() -> None:
    clip = noise(44100, 2)
    assert surveyed(clip, channels=4).loudness_db == pytest.approx(surveyed(clip).loudness_db)


# ---------------------------------------------------------------- how it is read


def test_every_sample_is_read_once_and_in_order() -> None:
    class Counted(Excerpt):
        def read(self, start: int, count: int) -> Audio:
            reads.append((start, count))
            return super().read(start, count)

    reads: list[tuple[int, int]] = []
    samples = 2 * sources.BLOCK_SAMPLES + 5
    survey(Counted(noise(samples), 44100, 0, samples), "clip", 1)
    assert sum(count for _, count in reads) == samples
    assert max(count for _, count in reads) <= sources.BLOCK_SAMPLES
    assert [start for start, _ in reads] == np.cumsum([0, *(count for _, count in reads[:-1])]).tolist()


# ---------------------------------------------------------------- what has no timbre


@pytest.mark.parametrize(("samples", "said"), [(0, "0 samples"), (1, "1 sample "), (132, "132 samples")])
def test_a_clip_shorter_than_a_frame_is_refused(samples: int, said: str) -> None:
    with pytest.raises(ClipError, match=rf"kick\.wav is {said}.*44100 Hz; a clip must last at least 3 ms: choose"):
        surveyed(noise(samples), name="kick.wav")


@pytest.mark.parametrize("sample_rate", [8000, 44100, 48000, 192000])
def test_a_clip_of_one_frame_will_do(sample_rate: int) -> None:
    samples = int(np.ceil(LEAST_SECONDS * sample_rate))
    found = surveyed(noise(samples), sample_rate, "tick")
    assert np.isfinite(found.loudness_db)
    with pytest.raises(ClipError, match="3 ms"):
        surveyed(noise(samples - 1), sample_rate, "tick")


@pytest.mark.parametrize("peak", [0.0, 1e-8, 0.99e-4])
@pytest.mark.parametrize("channels", [1, 2])
def test_silence_is_refused(peak: float, channels: int) -> None:
    clip = np.full((channels, 100_000), peak, dtype=np.float32)
    clip[:, ::2] *= -1
    with pytest.raises(ClipError, match=r"pad\.wav is silent: its peak is below -80 dBFS.*choose another part"):
        surveyed(clip, name="pad.wav")


def test_what_is_so_loud_that_its_power_is_no_number_is_refused() -> None:
    clip = noise(1000)
    clip[0, 400] = 3e12
    with pytest.raises(ClipError, match=r"pad\.wav holds a value of 3e\+12, and full scale is 1: a clip may pass it by 240 dB"
                                        " at most; cut that moment out, or export it again from where it came"):
        surveyed(clip, name="pad.wav")
    clip[0, 400] = 9e11  # that is a clip, however odd
    assert np.isfinite(surveyed(clip).loudness_db)


def test_what_is_barely_heard_is_a_clip() -> None:
    clip = np.zeros((2, 100_000), dtype=np.float32)
    clip[1, 70_000] = -1.01e-4
    found = surveyed(clip, name="click")
    assert found.peak == pytest.approx(1.01e-4)
    assert np.isfinite(found.loudness_db)
