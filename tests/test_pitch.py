"""Pitch over time, and rows that move along the frequency axis."""

import threading
import time

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sounds import Audio, harmonic

from lts_batch.clips import pitch
from lts_batch.files.sources import Excerpt
from lts_batch.frame.filterbank import Bands

RATE = 44100
CENTRES = Bands().centres_hz


def source(samples: Audio, rate: int = RATE) -> Excerpt:
    return Excerpt(samples, rate, 0, samples.shape[1])


def cents(found: NDArray[np.float64], wanted: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(1200.0 * np.log2(found / wanted))


def gliding(hz: NDArray[np.float64], gain: float = 0.2, rate: int = RATE) -> Audio:
    """A harmonic tone whose pitch moves."""
    angle = 2 * np.pi * np.cumsum(hz) / rate
    return (gain * sum(np.sin(k * angle + k * k) / k for k in range(1, 9))).astype(np.float32)[None]


# ---------------------------------------------------------------- tracking


@pytest.mark.parametrize(("hz", "rate"), [(131.0, 44100), (220.0, 22050), (330.0, 48000)])
def test_the_pitch_of_a_harmonic_tone(hz: float, rate: int) -> None:
    track = pitch.track(source(harmonic(0.7, hz, rate), rate))
    assert track.is_pitched
    assert abs(cents(np.array([track.median_hz]), hz)).max() < 10
    inside = np.linspace(0.1, 0.6, 50)
    assert np.abs(cents(track.f0_at(inside), hz)).max() < 10
    assert (track.strength_at(inside) == 1.0).all()


def test_the_time_axis_is_that_of_the_clip() -> None:
    hz = np.where(np.arange(RATE) < RATE // 2, 220.0, 330.0)
    track = pitch.track(source(gliding(hz)))
    times = np.linspace(0.1, 0.9, 801)
    crossing = times[np.argmax(track.f0_at(times) > 270.0)]
    assert crossing == pytest.approx(0.5, abs=0.03)
    assert len(track.log2_hz) == len(track.strength) == pytest.approx(1.0 / track.hop_seconds, abs=1)


def test_a_vibrato_is_followed() -> None:
    time = np.arange(round(1.2 * RATE)) / RATE
    hz = 220.0 * 2.0 ** (40.0 / 1200.0 * np.sin(2 * np.pi * 5.0 * time))
    track = pitch.track(source(gliding(hz)))
    inside = np.linspace(0.15, 1.05, 200)
    off = cents(track.f0_at(inside), np.interp(inside, time, hz))
    assert np.sqrt(np.mean(off**2)) < 15
    swing = np.ptp(cents(track.f0_at(inside), 220.0))
    assert 40 < swing < 90  # of 80: frames of 93 ms and the median even it out


def test_pitch_goes_on_through_what_has_none(rng: np.random.Generator) -> None:
    clip = np.concatenate((harmonic(0.5, 220.0), 0.1 * rng.standard_normal((1, RATE // 4)), harmonic(0.5, 220.0)),
                          axis=1).astype(np.float32)
    track = pitch.track(source(clip))
    assert np.abs(cents(track.f0_at(np.linspace(0.05, 1.2, 100)), 220.0)).max() < 20
    assert track.strength_at(np.array([0.62])) < 0.5
    assert track.strength_at(np.array([0.25])) == 1.0


def test_noise_and_clicks_have_no_pitch(rng: np.random.Generator) -> None:
    noise = 0.1 * rng.standard_normal((1, RATE // 2))
    clicks = 1e-4 * rng.standard_normal((1, RATE // 2))
    clicks[0, [5000, 9111, 14730, 19003]] += 0.5
    for clip in (noise, clicks):
        track = pitch.track(source(clip.astype(np.float32)))
        assert not track.is_pitched
        assert track.median_hz == 0.0
        assert not track.strength.any()


def test_a_clip_shorter_than_a_frame_is_tracked() -> None:
    track = pitch.track(source(harmonic(0.02, 440.0)))
    assert np.isfinite(track.log2_hz).all()
    assert len(track.log2_hz) == len(track.strength) > 0


def test_other_threads_run_while_pitch_is_tracked(rng: np.random.Generator) -> None:
    """A daemon gives signs of life meanwhile, and hears that it is to end."""
    pitch.track(source(rng.uniform(-0.5, 0.5, (1, 4096)).astype(np.float32), 22050))  # what is compiled at the first time
    noise, over, gaps = rng.uniform(-0.5, 0.5, (1, 10 * 22050)).astype(np.float32), threading.Event(), [0.0]

    def watch() -> None:
        last = time.perf_counter()
        while not over.wait(0.01):
            gaps.append(time.perf_counter() - last)
            last += gaps[-1]

    thread = threading.Thread(target=watch)
    thread.start()
    begun = time.perf_counter()
    pitch.track(source(noise, 22050))
    seconds = time.perf_counter() - begun
    over.set()
    thread.join()
    assert max(gaps) < 0.3 * seconds


def test_channels_are_heard_together() -> None:
    clip = np.concatenate((harmonic(0.5, 220.0), np.zeros((1, RATE // 2), dtype=np.float32)))
    assert abs(cents(np.array([pitch.track(source(clip)).median_hz]), 220.0)).max() < 10


def test_chunks_of_a_long_clip_join_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = 22050
    clip = gliding(np.geomspace(150.0, 400.0, round(1.9 * rate)), rate=rate)
    whole = pitch.track(source(clip, rate))
    monkeypatch.setattr(pitch, "_CHUNK_SECONDS", 0.9)
    monkeypatch.setattr(pitch, "_OVERLAP_SECONDS", 0.2)
    parts = pitch.track(source(clip, rate))
    assert len(parts.log2_hz) == len(whole.log2_hz) == len(parts.strength)
    inside = slice(5, -5)
    off = 1200.0 * np.abs(parts.log2_hz - whole.log2_hz)[inside]
    assert off.max() < 25
    assert np.median(off) < 1
    assert np.abs(parts.strength - whole.strength)[inside].max() < 0.2


# ---------------------------------------------------------------- shifting


def test_no_shift_is_the_same_object() -> None:
    values = torch.rand(2, len(CENTRES), 7)
    assert pitch.shift(values, np.zeros(7), CENTRES) is values


def test_frames_that_stay_are_untouched_to_the_bit() -> None:
    values = torch.rand(2, len(CENTRES), 6)
    before = values.clone()
    octaves = np.array([0.0, 0.5, 0.0, -0.25, 0.0, 1.0])
    found = pitch.shift(values, octaves, CENTRES)
    assert torch.equal(found[..., octaves == 0.0], before[..., octaves == 0.0])
    assert torch.equal(values, before), "the clip's own values stay"
    assert all(not torch.equal(found[..., n], before[..., n]) for n in np.flatnonzero(octaves))


@pytest.mark.parametrize("octaves", [1.0, -1.0, np.log2(1.5), -0.3])
@pytest.mark.parametrize("row", [100, 160])
def test_a_peak_moves_to_the_row_of_its_new_frequency(octaves: float, row: int) -> None:
    values = torch.zeros(1, len(CENTRES), 3)
    values[0, row] = 1.0
    found = pitch.shift(values, np.full(3, octaves), CENTRES)
    wanted = int(np.abs(CENTRES - CENTRES[row] * 2.0**octaves).argmin())
    assert abs(int(found[0, :, 1].argmax()) - wanted) <= 1
    centre = float((found[0, :, 1].double().numpy() * CENTRES).sum() / found[0, :, 1].sum())
    assert abs(cents(np.array([centre]), CENTRES[row] * 2.0**octaves)).max() < 13  # half a row


def test_zeros_come_in_from_the_edges() -> None:
    hertz, lowest, highest = CENTRES.copy(), CENTRES[0], CENTRES[-1]
    values = torch.ones(1, len(CENTRES), 2)
    up, down = (pitch.shift(values, np.full(2, octaves), CENTRES)[0, :, 0].numpy() for octaves in (1.0, -1.0))
    assert not up[hertz < 2 * lowest * 0.999].any()
    assert (up[hertz > 2 * lowest * 1.001] == 1.0).all()
    assert not down[hertz > highest / 2 * 1.001].any()
    assert (down[hertz < highest / 2 * 0.999] == 1.0).all()


def test_there_and_back_is_where_it_was() -> None:
    values = torch.exp(-0.5 * (torch.arange(len(CENTRES)) - 120.0).div(12.0).square())[None, :, None].expand(1, -1, 2)
    moved = np.full(2, 0.4)
    back = pitch.shift(pitch.shift(values, moved, CENTRES), -moved, CENTRES)
    assert float((back - values).abs().max()) < 0.02


def test_rows_below_say_where_each_row_comes_from() -> None:
    below, share = pitch.rows_below(CENTRES, np.array([0.0, 0.7, -0.2]))
    for frame, octaves in enumerate((0.0, 0.7, -0.2)):
        known = below[:, frame] >= 0
        first = CENTRES[below[known, frame]]
        second = CENTRES[np.minimum(below[known, frame] + 1, len(CENTRES) - 1)]
        source_hz = first + share[known, frame] * (second - first)
        assert np.allclose(source_hz * 2.0**octaves, CENTRES[known])
        outside = (CENTRES / 2.0**octaves < CENTRES[0] * (1 - 1e-6)) | (CENTRES / 2.0**octaves > CENTRES[-1] * (1 + 1e-6))
        assert np.array_equal(~known, outside)
