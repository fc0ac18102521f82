"""What slices hold: what the whole clip or an endless loop would show, every third frame of it, and the clip again."""

import numpy as np
import pytest
import torch
from banks import error_db
from hypothesis import given, settings
from slicing import BANDS, analysed, clips

from lts_batch.frame.filterbank import RING_SECONDS, Filterbank, Grid
from lts_batch.frame.slices import ROUND_SECONDS, Slices

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
