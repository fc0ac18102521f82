"""Audio by position: parts and rounds are what they would be of the whole clip in memory."""

import numpy as np
import pytest
from clip_sources import Strict, noise, source
from hypothesis import given, settings
from hypothesis import strategies as st

from lts_batch.files.sources import Excerpt, Resampled, Source, blocks, read_around

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


# ---------------------------------------------------------------- what is a source


def test_all_of_them_are_sources() -> None:
    clips: list[Source] = [source(noise(1, 10)), Strict(noise(1, 10)), Resampled(source(noise(1, 100)), 48000)]
    for clip in clips:
        assert clip.read(0, clip.samples).shape == (clip.channels, clip.samples)
