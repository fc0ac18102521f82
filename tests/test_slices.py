"""A long clip in slices: nothing is missing, nothing is there twice, and a cut is not to be seen in what is kept."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lts_batch.files.sources import Excerpt, read_around
from lts_batch.frame.filterbank import RING_SECONDS, Bands, Filterbank, Grid
from lts_batch.frame.slices import KEPT_SECONDS, MARGIN_SECONDS, ROUND_SECONDS, WHOLE_SECONDS, Slices

BANDS = Bands()
RATES = [8000, 11025, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000, 47999, 48048]
HOUR_SECONDS = 3600


@st.composite
def clips(draw: st.DrawFn, *, most_seconds: float = 90.0, every: int | None = None) -> Slices:
    """Clips of a few samples, around the length at which cutting starts, and up to ``most_seconds``."""
    sample_rate = draw(st.sampled_from(RATES))
    limit = int(WHOLE_SECONDS * sample_rate)
    samples = draw(st.one_of(st.integers(1, limit), st.integers(limit - 100, limit + 100),
                             st.integers(limit, int(most_seconds * sample_rate))))
    return Slices(samples, sample_rate, BANDS, every or draw(st.sampled_from([1, 3])), draw(st.booleans()))


def error_db(value: Tensor, true: Tensor) -> float:
    wide = torch.complex128 if true.is_complex() else torch.float64
    apart = torch.linalg.vector_norm(value.to(wide) - true.to(wide))
    return float(20 * torch.log10(apart / torch.linalg.vector_norm(true.to(wide)) + 1e-20))


def block_of(slices: Slices, audio: Tensor, number: int) -> Tensor:
    """What the transform of a slice is given; a loop goes round."""
    source = Excerpt(audio.numpy(), slices.sample_rate, 0, audio.shape[1])
    start, period = slices.audio_start(number), slices.samples if slices.round else None
    samples = read_around(source, start, slices.transform[0], period=period)
    return torch.from_numpy(np.roll(samples, start, axis=1) if slices.whole else samples)


def analysed(slices: Slices, audio: Tensor, number: int) -> Tensor:
    """The frames of a slice in rising order."""
    return slices.risen(slices.bank().forward(block_of(slices, audio, number), slices.every))


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


# ---------------------------------------------------------------- thinned out


@given(clips(every=3))
@settings(deadline=None)
def test_thinned_frames_are_every_third(thin: Slices) -> None:
    full = Slices(thin.samples, thin.sample_rate, BANDS, 1, thin.round)
    assert thin.transform == full.transform
    assert thin.count == full.count
    assert thin.hop_samples == pytest.approx(3 * full.hop_samples)
    for number in range(thin.count):
        assert thin.kept(number) == full.kept(number)
        inside = thin.frames(number) * thin.hop_samples <= full.samples
        assert np.isin(3 * thin.frames(number)[inside], full.frames(number)).all()
        if not thin.whole:
            assert thin.audio_start(number) == full.audio_start(number)
            assert np.array_equal(3 * thin.frames(number), full.frames(number)[::3])


@pytest.mark.parametrize("sample_rate", [44100, 48000])
@pytest.mark.parametrize("seconds", [0.9, 14.0])
@pytest.mark.parametrize("round_", [False, True])
def test_thinned_frames_hold_what_full_ones_hold(sample_rate: int, seconds: float, round_: bool) -> None:
    samples = int(seconds * sample_rate)
    audio = torch.randn(1, samples, generator=torch.Generator().manual_seed(2))
    thin, full = (Slices(samples, sample_rate, BANDS, every, round_) for every in (3, 1))
    for number in range(full.count):
        inside = (thin.frames(number) >= 0) & (thin.frames(number) * thin.hop_samples <= samples)
        places = np.searchsorted(full.frames(number), 3 * thin.frames(number)[inside])
        found = analysed(thin, audio, number)[..., torch.from_numpy(inside)]
        assert error_db(found, analysed(full, audio, number)[..., torch.from_numpy(places)]) < (-100 if round_ else -120)


# ---------------------------------------------------------------- loops


@given(clips())
@settings(deadline=None)
def test_a_loop_has_room_for_the_rounds_beside_it(slices: Slices) -> None:
    straight = Slices(slices.samples, slices.sample_rate, BANDS, slices.every)
    loop = Slices(slices.samples, slices.sample_rate, BANDS, slices.every, True)
    if not loop.whole:
        assert (loop.transform, loop.lead_frames) == (straight.transform, straight.lead_frames)
        return
    assert loop.transform[0] >= loop.samples + (ROUND_SECONDS + RING_SECONDS) * loop.sample_rate
    before = -loop.audio_start(0)
    after = loop.audio_start(0) + loop.transform[0] - loop.samples
    least = (ROUND_SECONDS + RING_SECONDS) / 2 * loop.sample_rate - loop.hop_samples
    assert min(before, after) >= least


@pytest.mark.parametrize("samples", [11025, 4001, 66150, 13 * 22050])
def test_a_loop_shows_what_an_endless_one_shows(samples: int) -> None:
    rate = 22050
    audio = torch.randn(1, samples, generator=torch.Generator().manual_seed(4))
    slices = Slices(samples, rate, BANDS, round=True)
    turns = max(3, 2 * (2 * rate // samples) + 1)  # with some seconds of it on either side
    length = Grid(rate, BANDS.frame_rate).covering(turns * samples)
    # shifted so that a frame lies on the first sample of the round in the middle
    ahead = turns // 2 * samples
    offset = -ahead % 128
    endless = Filterbank(BANDS, rate, *length).forward(torch.nn.functional.pad(audio.tile(turns), (offset, 0))[:, :length[0]])
    first = round((ahead + offset) / slices.hop_samples)
    for number in range(slices.count):
        frames = slices.frames(number)
        mine = (frames >= 0) & (frames * slices.hop_samples < samples) & (slices.locate(frames)[0] == number)
        expected = endless[..., torch.from_numpy(first + frames[mine])]
        assert error_db(analysed(slices, audio, number)[..., torch.from_numpy(mine)], expected) < -100


# ---------------------------------------------------------------- what slices hold


@pytest.mark.parametrize("sample_rate", [22050, 48000])
@pytest.mark.parametrize("kind", ["noise", "clicks", "chord"])
def test_slices_show_what_the_whole_shows(sample_rate: int, kind: str) -> None:
    samples = 18 * sample_rate + 77
    time = torch.arange(samples, dtype=torch.float64) / sample_rate
    audio = {
        "noise": torch.randn(samples, generator=torch.Generator().manual_seed(1)),
        "clicks": (torch.arange(samples) % (sample_rate // 3) == 0).double(),
        "chord": sum((torch.sin(2 * torch.pi * hz * time) for hz in (41.0, 220.3, 1001.0)), torch.zeros(samples)),
    }[kind][None].float()
    slices = Slices(samples, sample_rate, BANDS)
    assert slices.count > 2
    length = Grid(sample_rate, BANDS.frame_rate).covering(samples + 2 * sample_rate)  # or its own ring is what differs
    whole = Filterbank(BANDS, sample_rate, *length).forward(audio)
    size = whole.abs().square().mean().sqrt()
    for number in range(slices.count):
        frames = slices.frames(number)
        kept = (frames >= 0) & (frames <= samples / slices.hop_samples) & (frames // slices.hop_frames == number)
        difference = analysed(slices, audio, number)[..., torch.from_numpy(kept)] - whole[..., torch.from_numpy(frames[kept])]
        assert 20 * torch.log10(difference.abs().square().mean().sqrt() / size) < -95


@pytest.mark.parametrize(("sample_rate", "seconds", "channels"), [
    (44100, 60, 1), (48000, 60, 2), (22050, 13, 8), (96000, 20, 1), (192000, 17, 1),
])
def test_slices_join_to_the_clip(sample_rate: int, seconds: float, channels: int) -> None:
    joined_is_the_clip(sample_rate, int(seconds * sample_rate) + 1, channels, round_=False)


@pytest.mark.parametrize(("sample_rate", "samples", "channels"), [
    (44100, 1, 1), (48000, 480, 2), (11025, 120_000, 3), (22050, 13 * 22050, 1), (96000, 13 * 96000, 1),
])
@pytest.mark.parametrize("round_", [False, True])
def test_short_clips_and_loops_join_too(sample_rate: int, samples: int, channels: int, round_: bool) -> None:
    joined_is_the_clip(sample_rate, samples, channels, round_=round_)


def joined_is_the_clip(sample_rate: int, samples: int, channels: int, *, round_: bool) -> None:
    """There and back, with only what is kept of each slice."""
    audio = torch.randn(channels, samples, generator=torch.Generator().manual_seed(3)) * 0.1
    slices = Slices(samples, sample_rate, BANDS, round=round_)
    joined = torch.zeros_like(audio)
    for number in range(slices.count):
        start, stop = slices.kept(number)
        rebuilt = slices.bank().inverse(slices.laid(analysed(slices, audio, number)))
        offset = 0 if slices.whole else slices.audio_start(number)
        joined[:, start:stop] = rebuilt[:, start - offset:stop - offset]
    assert error_db(joined, audio) < -120


def test_an_hour_comes_back() -> None:
    """A twelfth of the slices of an hour, the first and the last among them: what is kept of each, through the filterbank."""
    rate = 22050
    slices = Slices(3600 * rate, rate, BANDS)
    bank = slices.bank()
    chosen = sorted({*range(0, slices.count, 12), slices.count - 2, slices.count - 1})
    assert slices.kept(slices.count - 1)[1] == slices.samples
    assert all(slices.kept(number)[1] == slices.kept(number + 1)[0] for number in range(slices.count - 1))
    lost, whole = 0.0, 0.0
    for number in chosen:
        start, count = slices.audio_start(number), slices.transform[0]
        audio = torch.randn(1, count, generator=torch.Generator().manual_seed(number))
        audio[:, :max(0, -start)] = 0.0
        audio[:, max(0, slices.samples - start):] = 0.0
        first, last = (place - start for place in slices.kept(number))
        lost += float((bank.inverse(bank.forward(audio)) - audio)[:, first:last].double().square().sum())
        whole += float(audio[:, first:last].double().square().sum())
    assert 10 * np.log10(lost / whole) < -120
