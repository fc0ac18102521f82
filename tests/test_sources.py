"""Audio by position: parts, rounds and other rates are what they would be of the whole clip in memory."""

import gc
import tracemalloc

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lts_batch.files import sources
from lts_batch.files.sources import Excerpt, Resampled, Source, blocks, read_around

Audio = NDArray[np.float32]


def noise(channels: int, samples: int, seed: int = 1) -> Audio:
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


def source(samples: Audio, sample_rate: int = 44100) -> Excerpt:
    return Excerpt(samples, sample_rate, 0, samples.shape[1])


class Strict:
    """A source that, like a file, holds nothing outside; it remembers what was read."""

    def __init__(self, samples: Audio, sample_rate: int = 44100) -> None:
        self._samples, self.sample_rate = samples, sample_rate
        self.channels, self.samples = samples.shape
        self.reads: list[tuple[int, int]] = []

    def read(self, start: int, count: int) -> Audio:
        assert 0 <= start <= start + count <= self.samples, "read outside of the clip"
        self.reads.append((start, count))
        return self._samples[:, start:start + count]


class Endless:
    """A long clip that is worked out where it is read, so that its length costs no memory."""

    def __init__(self, samples: int, sample_rate: int, channels: int = 2) -> None:
        self.samples, self.sample_rate, self.channels = samples, sample_rate, channels

    def read(self, start: int, count: int) -> Audio:
        wave = np.sin(np.arange(start, start + count) * 0.03, dtype=np.float64)
        return np.repeat(wave[None].astype(np.float32), self.channels, axis=0)


# ---------------------------------------------------------------- parts and blocks


@given(st.integers(0, 50), st.integers(0, 50), st.data())
@settings(deadline=None)
def test_a_part_is_a_part(start: int, length: int, data: st.DataObject) -> None:
    audio = noise(2, 100)
    begin = data.draw(st.integers(0, length))
    count = data.draw(st.integers(0, length - begin))
    expected = audio[:, start + begin:start + begin + count]
    for whole in (audio, Strict(audio)):
        part = Excerpt(whole, 48000, start, length)
        assert (part.channels, part.samples, part.sample_rate) == (2, length, 48000)
        assert np.array_equal(part.read(begin, count), expected)


def test_a_part_of_a_part() -> None:
    audio = noise(1, 100)
    inner = Excerpt(Excerpt(Strict(audio), 44100, 20, 60), 44100, 5, 10)
    assert np.array_equal(inner.read(2, 8), audio[:, 27:35])


@pytest.mark.parametrize("samples", [0, 1, 99, 100, 101, 1000])
def test_blocks_are_the_clip_in_order(samples: int) -> None:
    clip = Strict(noise(3, samples))
    found = list(blocks(clip, 100))
    assert all(block.shape[1] == 100 for block in found[:-1])
    assert all(0 < block.shape[1] <= 100 for block in found)
    assert np.array_equal(np.concatenate([np.zeros((3, 0), np.float32), *found], axis=1), clip._samples)


# ---------------------------------------------------------------- around a clip


@given(st.integers(1, 40), st.integers(-100, 100), st.integers(0, 150))
@settings(deadline=None)
def test_outside_of_a_clip_is_silence(samples: int, start: int, count: int) -> None:
    audio = noise(2, samples)
    around = np.pad(audio, ((0, 0), (100, 300)))
    found = read_around(Strict(audio), start, count)
    assert found.dtype == np.float32
    assert np.array_equal(found, around[:, 100 + start:100 + start + count])


@given(st.integers(1, 40), st.integers(-200, 200), st.integers(0, 150))
@settings(deadline=None)
def test_a_loop_goes_round_and_round(samples: int, start: int, count: int) -> None:
    audio = noise(2, samples)
    found = read_around(Strict(audio), start, count, period=samples)
    assert np.array_equal(found, audio.take(np.arange(start, start + count), axis=1, mode="wrap"))


@given(st.integers(1, 40), st.integers(1, 80), st.integers(-200, 200), st.integers(0, 150))
@settings(deadline=None)
def test_a_round_is_filled_up_or_cut(samples: int, period: int, start: int, count: int) -> None:
    audio = noise(1, samples)
    one_round = np.pad(audio, ((0, 0), (0, max(0, period - samples))))[:, :period]
    found = read_around(Strict(audio), start, count, period=period)
    assert np.array_equal(found, one_round.take(np.arange(start, start + count), axis=1, mode="wrap"))


def test_what_is_read_around_may_be_changed() -> None:
    audio = noise(1, 50)
    before = audio.copy()
    for period in (None, 50):
        read_around(source(audio), 0, 50, period=period)[:] = 7.0
    assert np.array_equal(audio, before)


def test_nothing_is_read_that_was_not_asked_for() -> None:
    clip = Strict(noise(1, 1000))
    read_around(clip, 900, 300)
    read_around(clip, 1000, 300)
    read_around(clip, -300, 300)
    assert clip.reads == [(900, 100)]
    clip.reads.clear()
    read_around(clip, 900, 300, period=1000)
    assert clip.reads == [(900, 100), (0, 200)]
    clip.reads.clear()
    read_around(clip, 100, 500, period=300)
    assert clip.reads == [(100, 200), (0, 300)]


# ---------------------------------------------------------------- another rate


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


def test_all_of_them_are_sources() -> None:
    clips: list[Source] = [source(noise(1, 10)), Strict(noise(1, 10)), Resampled(source(noise(1, 100)), 48000)]
    for clip in clips:
        assert clip.read(0, clip.samples).shape == (clip.channels, clip.samples)
