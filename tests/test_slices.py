"""A long clip in slices: nothing is missing, nothing is there twice, and every frame has its place."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slicing import BANDS, HOUR_SECONDS, RATES, analysed, clips

from lts_batch.frame.slices import KEPT_SECONDS, MARGIN_SECONDS, WHOLE_SECONDS, Slices

# ---------------------------------------------------------------- where slices lie


@given(clips(most_seconds=HOUR_SECONDS))
@settings(deadline=None, max_examples=60)
def test_kept_parts_tile_the_clip(slices: Slices) -> None:
    margin = 0 if slices.whole else MARGIN_SECONDS * slices.sample_rate
    length, reached = slices.transform[0], 0
    for number in range(slices.count):
        start, stop = slices.kept(number)
        assert start == reached < stop
        offset = start - slices.audio_start(number)
        assert offset >= margin
        assert length - (offset + stop - start) >= margin, "a cut lies too near to what is kept"
        reached = stop
    assert reached == slices.samples


@pytest.mark.parametrize("sample_rate", RATES)
def test_cutting_starts_with_one_sample_too_many(sample_rate: int) -> None:
    limit = int(WHOLE_SECONDS * sample_rate)
    assert Slices(limit, sample_rate, BANDS).whole
    longer = Slices(limit + 1, sample_rate, BANDS)
    assert not longer.whole
    for samples in (longer.hop_kept_samples * 9 - 1, longer.hop_kept_samples * 9):
        assert Slices(samples, sample_rate, BANDS).count == 9
    assert Slices(longer.hop_kept_samples * 9 + 1, sample_rate, BANDS).count == 10


@given(clips(most_seconds=HOUR_SECONDS))
@settings(deadline=None)
def test_every_frame_of_the_clip_is_known(slices: Slices) -> None:
    last = int(np.ceil(slices.samples / slices.hop_samples))
    around = np.arange(-slices.lead_frames, 50), np.arange(last - 50, last + slices.lead_frames)
    seams = np.arange(0, slices.count, max(1, slices.count // 20))[:, None] * slices.hop_frames + np.arange(-3, 4)
    frames = np.unique(np.concatenate((*around, seams.ravel())))
    frames = frames[(frames >= -slices.lead_frames) & (frames < last + slices.lead_frames)]  # with the rings outside
    numbers, places, known = slices.locate(frames)
    assert known.all()
    assert ((numbers >= 0) & (numbers < slices.count)).all()
    assert (np.diff(numbers) >= 0).all()
    for number in np.unique(numbers):
        mine = numbers == number
        assert np.array_equal(slices.frames(int(number))[places[mine]], frames[mine])
    inside = (frames >= 0) & (frames < last)
    far = slices.size - places[inside] >= slices.lead_frames
    assert ((places[inside] >= slices.lead_frames) & far).all(), "another slice knows it better"


@given(clips(), st.lists(st.integers(-(10**6), 10**6), min_size=1))
@settings(deadline=None)
def test_a_frame_outside_is_not_known(slices: Slices, wanted: list[int]) -> None:
    frames = np.array(wanted)
    numbers, places, known = slices.locate(frames)
    assert ((places >= 0) & (places < slices.size)).all()
    assert known.tolist() == [frame in slices.frames(int(number)) for frame, number in zip(wanted, numbers, strict=True)]


@given(clips())
@settings(deadline=None)
def test_the_clocks_agree(slices: Slices) -> None:
    samples, frames = slices.transform
    assert samples * BANDS.frame_rate == frames * slices.sample_rate
    assert frames % slices.every == 0
    assert slices.hop_samples == pytest.approx(slices.every * slices.sample_rate / float(BANDS.frame_rate))
    for number in range(slices.count):
        first = slices.frames(number)[0] * slices.hop_samples
        # a slice of a long clip begins with a frame; a whole clip's first frame is at sample 0, and rings lie before it
        assert first == pytest.approx(slices.audio_start(number), abs=0.5 if slices.whole else 1e-6 * abs(first) + 1e-9)


@given(st.sampled_from(RATES), st.integers(13, HOUR_SECONDS), st.sampled_from([1, 3]))
@settings(deadline=None)
def test_a_transform_does_not_grow_with_the_clip(sample_rate: int, seconds: int, every: int) -> None:
    short, long = (Slices(n * sample_rate, sample_rate, BANDS, every) for n in (13, seconds))
    assert short.transform == long.transform
    assert short.size == long.size
    assert short.hop_kept_samples >= KEPT_SECONDS * sample_rate


@pytest.mark.parametrize("sample_rate", [44100, 48000, 96000, 192000])
def test_little_is_thrown_away(sample_rate: int) -> None:
    hour = Slices(HOUR_SECONDS * sample_rate, sample_rate, BANDS)
    assert hour.hop_kept_samples > 0.8 * hour.transform[0]
    assert hour.transform[0] < 11 * sample_rate


@pytest.mark.parametrize("samples", [5000, 30 * 22050])
def test_clips_of_one_length_share_a_filterbank(samples: int) -> None:
    one, other = (Slices(samples, 22050, BANDS) for _ in range(2))
    assert one == other
    assert one.bank() is other.bank()
    assert (one.bank().samples, one.bank().frames) == one.transform


# ---------------------------------------------------------------- circles and runs


@given(clips(every=1), st.integers(1, 3))
@settings(deadline=None)
def test_laid_is_the_inverse_of_risen(slices: Slices, channels: int) -> None:
    frames = torch.arange(channels * slices.size).reshape(channels, 1, -1) + 1
    circle = slices.laid(frames)
    assert circle.shape == (channels, 1, slices.transform[1])
    assert torch.equal(slices.risen(circle), frames)
    assert int((circle != 0).sum()) == frames.numel(), "nothing but zeros elsewhere"
    columns = torch.arange(slices.transform[1]) + 1
    again = slices.laid(slices.risen(columns))
    there = again != 0
    assert torch.equal(again[there], columns[there])


@given(clips())
@settings(deadline=None)
def test_frame_0_of_a_whole_clip_is_column_0(slices: Slices) -> None:
    if not slices.whole:
        return
    columns = torch.arange(slices.transform[1] // slices.every)
    expected = slices.frames(0) % len(columns)
    assert np.array_equal(slices.risen(columns).numpy(), expected)


@pytest.mark.parametrize("sample_rate", [22050, 48000])
@pytest.mark.parametrize("seconds", [0.5, 13.0])
@pytest.mark.parametrize("every", [1, 3])
def test_a_click_is_in_the_frame_of_its_time(sample_rate: int, seconds: float, every: int) -> None:
    samples = int(seconds * sample_rate)
    slices = Slices(samples, sample_rate, BANDS, every)
    for frame in (0, 7, int(0.8 * samples / slices.hop_samples), int(samples / slices.hop_samples) - 1):
        audio = torch.zeros(1, samples)
        audio[0, min(round(frame * slices.hop_samples), samples - 1)] = 1.0
        number = int(slices.locate(np.array([frame]))[0][0])
        strength = analysed(slices, audio, number)[0].abs().square().sum(0)
        assert slices.frames(number)[int(strength.argmax())] == frame
