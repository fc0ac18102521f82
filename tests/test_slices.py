"""A long clip in slices: nothing is missing, nothing is there twice, and a cut is not to be seen in what is kept."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lts_batch.filterbank import Bands, Filterbank, Grid
from lts_batch.slices import WHOLE_SECONDS, Slices

BANDS = Bands()
RATES = st.sampled_from([8000, 22050, 44100, 48000, 96000, 192000, 11025, 47999])


@st.composite
def clips(draw: st.DrawFn) -> Slices:
    sample_rate = draw(RATES)
    return Slices(draw(st.integers(1, 90 * sample_rate)), sample_rate, BANDS)


@given(clips())
@settings(deadline=None)
def test_kept_parts_tile_the_clip(slices: Slices) -> None:
    reached = 0
    for number in range(slices.count):
        start, stop = slices.kept(number)
        assert start == reached < stop
        offset = start - slices.audio_start(number)
        assert offset >= 0
        assert offset + stop - start <= slices.transform[0], "a part that no transform holds"
        reached = stop
    assert reached == slices.samples


@given(clips())
@settings(deadline=None)
def test_every_frame_of_the_clip_is_located(slices: Slices) -> None:
    last = int(np.ceil(slices.samples / slices.hop_samples))
    frames = np.arange(-slices.lead_frames, last + 40)  # with the rings before and after
    numbers, places, known = slices.locate(frames)
    assert known.all()
    assert ((numbers >= 0) & (numbers < slices.count)).all()
    for number in np.unique(numbers):
        mine = numbers == number
        assert np.array_equal(slices.frames(int(number))[places[mine]], frames[mine])
    assert (np.diff(numbers) >= 0).all()


@given(clips(), st.lists(st.integers(-(10**6), 10**6), min_size=1))
@settings(deadline=None)
def test_a_frame_outside_is_not_known(slices: Slices, wanted: list[int]) -> None:
    frames = np.array(wanted)
    numbers, places, known = slices.locate(frames)
    assert ((places >= 0) & (places < slices.transform[1])).all()
    assert known.tolist() == [frame in slices.frames(int(number)) for frame, number in zip(wanted, numbers, strict=True)]


@given(clips())
@settings(deadline=None)
def test_the_clocks_agree(slices: Slices) -> None:
    samples, frames = slices.transform
    assert samples * BANDS.frame_rate == frames * slices.sample_rate
    if not slices.whole:
        assert samples % 4 == frames % 4 == 0
        for number in range(slices.count):
            first = slices.frames(number)[0] * slices.hop_samples
            assert first == pytest.approx(slices.audio_start(number), abs=1e-6 * abs(first) + 1e-9)


@given(RATES, st.integers(13, 5000))
@settings(deadline=None)
def test_a_transform_does_not_grow_with_the_clip(sample_rate: int, seconds: int) -> None:
    short, long = (Slices(n * sample_rate, sample_rate, BANDS) for n in (13, seconds))
    assert short.transform == long.transform
    assert short.whole is long.whole is False
    assert Slices(int(WHOLE_SECONDS * sample_rate), sample_rate, BANDS).whole


@given(clips())
@settings(deadline=None)
def test_kept_parts_lie_a_quarter_from_each_cut(slices: Slices) -> None:
    if slices.whole:
        return
    quarter = slices.transform[0] // 4
    assert quarter >= 1.5 * slices.sample_rate
    for number in range(slices.count):
        start, stop = slices.kept(number)
        assert start - slices.audio_start(number) == quarter
        assert stop - slices.audio_start(number) <= 3 * quarter


@pytest.mark.parametrize("sample_rate", [22050, 48000])
@pytest.mark.parametrize("kind", ["noise", "clicks", "chord"])
def test_slices_show_what_the_whole_shows(sample_rate: int, kind: str) -> None:
    samples = 13 * sample_rate + 77
    time = torch.arange(samples, dtype=torch.float64) / sample_rate
    audio = {
        "noise": torch.randn(samples, generator=torch.Generator().manual_seed(1)),
        "clicks": (torch.arange(samples) % (sample_rate // 3) == 0).double(),
        "chord": sum((torch.sin(2 * torch.pi * hz * time) for hz in (41.0, 220.3, 1001.0)), torch.zeros(samples)),
    }[kind][None].float()
    slices = Slices(samples, sample_rate, BANDS)
    assert slices.count > 2
    length = Grid(sample_rate, BANDS.frame_rate).covering(samples)
    whole = Filterbank(BANDS, sample_rate, *length).forward(audio)
    size = whole.abs().square().mean().sqrt()
    for number in range(slices.count):
        start, stop = slices.audio_start(number), slices.audio_start(number) + slices.transform[0]
        cut = audio[:, max(start, 0):min(stop, samples)]
        block = torch.nn.functional.pad(cut, (max(-start, 0), max(stop - samples, 0)))
        sliced = slices.bank.forward(block)
        frames = slices.frames(number)
        kept = (frames >= 0) & (frames <= samples / slices.hop_samples) & (frames // slices.hop_frames == number)
        difference = sliced[..., torch.from_numpy(kept)] - whole[..., torch.from_numpy(frames[kept])]
        assert 20 * torch.log10(difference.abs().square().mean().sqrt() / size) < -90
