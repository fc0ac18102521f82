"""Audio by position at another rate: what is read anywhere is what it would be of the whole clip, resampled in memory."""

import gc
import tracemalloc

import numpy as np
import pytest
import soxr
from clip_sources import Audio, noise, source
from hypothesis import given, settings
from hypothesis import strategies as st

from lts_batch.files import sources
from lts_batch.files.sources import Resampled, read_around


class Endless:
    """A long clip that is worked out where it is read, so that its length costs no memory."""

    def __init__(self, samples: int, sample_rate: int, channels: int = 2) -> None:
        self.samples, self.sample_rate, self.channels = samples, sample_rate, channels

    def read(self, start: int, count: int) -> Audio:
        wave = np.sin(np.arange(start, start + count) * 0.03, dtype=np.float64)
        return np.repeat(wave[None].astype(np.float32), self.channels, axis=0)


def difference_db(found: Audio, true: Audio) -> float:
    apart = np.linalg.norm(found.astype(np.float64) - true)
    return float(20 * np.log10(apart / np.linalg.norm(true) + 1e-30))


def tone(sample_rate: int, hz: float, samples: int) -> Audio:
    return np.sin(2 * np.pi * hz * np.arange(samples) / sample_rate)[None].astype(np.float32)


RATES = [(44100, 48000), (48000, 44100), (22050, 192000), (192000, 22050), (47999, 44100), (8000, 96000)]


@pytest.mark.parametrize(("before", "after"), RATES)
@pytest.mark.parametrize("samples", [1000, 65536, 65537, 150001])
def test_a_stream_is_resampled_like_the_whole(before: int, after: int, samples: int) -> None:
    audio = noise(2, samples)
    changed = Resampled(source(audio, before), after)
    expected = soxr.resample(audio.T, before, after, quality="VHQ").T
    length = min(changed.samples, expected.shape[1])
    assert abs(changed.samples - expected.shape[1]) <= 1
    assert difference_db(changed.read(0, length), expected[:, :length]) < -120


@pytest.mark.parametrize(("before", "after"), RATES)
def test_a_tone_keeps_its_pitch_place_and_height(before: int, after: int) -> None:
    hz, seconds = 997.0, 0.5
    changed = Resampled(source(tone(before, hz, int(seconds * before)), before), after)
    inside = slice(int(0.1 * after), int(0.4 * after))
    found, expected = changed.read(0, changed.samples), tone(after, hz, changed.samples)
    assert difference_db(found[:, inside], expected[:, inside]) < -110


@given(st.integers(1, 3000), st.sampled_from([8000, 22050, 44100, 48000, 96000]), st.sampled_from([8000, 44100, 192000]))
@settings(deadline=None)
def test_the_length_is_the_duration(samples: int, before: int, after: int) -> None:
    changed = Resampled(source(noise(1, samples), before), after)
    assert changed.samples >= 1
    assert changed.samples == 1 or abs(changed.samples - samples * after / before) <= 0.5
    assert (changed.channels, changed.sample_rate) == (1, after)
    assert changed.read(0, changed.samples).shape == (1, changed.samples)


@pytest.fixture(scope="module")
def changed() -> Resampled:
    return Resampled(source(noise(3, 20000), 44100), 48000)


@given(st.data())
@settings(deadline=None)
def test_it_is_read_at_any_place_in_any_order(changed: Resampled, data: st.DataObject) -> None:
    whole = changed.read(0, changed.samples)
    for _ in range(3):
        start = data.draw(st.integers(0, changed.samples))
        count = data.draw(st.integers(0, changed.samples - start))
        found = changed.read(start, count)
        assert found.dtype == np.float32
        assert np.array_equal(found, whole[:, start:start + count])


def test_it_goes_on_around_like_any_source() -> None:
    changed = Resampled(source(noise(2, 5000), 44100), 48000)
    whole = changed.read(0, changed.samples)
    turns = read_around(changed, -700, 3 * changed.samples, period=changed.samples)
    assert np.array_equal(turns, np.roll(np.tile(whole, 3), 700, axis=1))


def test_channels_stay_apart() -> None:
    audio = noise(2, 30000)
    audio[1] = 0.0
    changed = Resampled(source(audio, 44100), 48000)
    whole = changed.read(0, changed.samples)
    assert whole[0].any()
    assert not whole[1].any()
    alone = Resampled(source(audio[:1], 44100), 48000)
    assert np.array_equal(whole[:1], alone.read(0, alone.samples))


def test_what_is_too_long_for_memory_goes_to_a_file_and_comes_back_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = noise(2, 100_000)
    kept = Resampled(source(audio, 44100), 48000)
    monkeypatch.setattr(sources, "_MEMORY_BYTES", 1000)
    spilled = Resampled(source(audio, 44100), 48000)
    assert (kept._file._rolled, spilled._file._rolled) == (False, True)  # type: ignore[attr-defined]
    assert np.array_equal(spilled.read(0, spilled.samples), kept.read(0, kept.samples))
    assert np.array_equal(spilled.read(50_000, 10), kept.read(50_000, 10))


def test_the_file_is_closed_with_the_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left open it would warn, and on Windows stay on the disk."""
    for memory_bytes in (1000, 1 << 24):
        monkeypatch.setattr(sources, "_MEMORY_BYTES", memory_bytes)
        changed = Resampled(source(noise(1, 5000), 44100), 48000)
        file = changed._file
        assert not file.closed
        del changed
        gc.collect()
        assert file.closed


def test_memory_does_not_grow_with_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MEMORY_BYTES", 1 << 20)

    def most_bytes(seconds: int) -> int:
        clip = Endless(seconds * 48000, 48000)
        tracemalloc.start()
        try:
            changed = Resampled(clip, 44100)
            for start in range(0, changed.samples, 44100):
                read_around(changed, start, 44100)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short, long = most_bytes(10), most_bytes(40)
    assert long < 1.2 * short
    assert long < 8 * 40 * 44100 / 2, "less than half of the clip itself"
