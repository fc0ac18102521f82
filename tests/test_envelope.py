"""The moved envelope: ends untouched, energy on the straight way, what is silent has no say, bounds hold."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import pluck
from torch import Tensor

from lts_batch import morph
from lts_batch.frame import envelope
from lts_batch.frame.filterbank import Bands

BANDS = Bands()
ROWS = len(BANDS)
OCTAVES = np.log2(BANDS.centres_hz)
SHAPE = envelope.envelope(BANDS, ROWS)


def bump(centre_hz: float, octaves: float, frames: int = 3) -> Tensor:
    """Magnitudes ``[1, rows, frames]`` of a Gaussian hill over log frequency."""
    hill = np.exp(-0.5 * ((OCTAVES - np.log2(centre_hz)) / octaves) ** 2)
    return torch.from_numpy(hill.astype(np.float32))[None, :, None].expand(1, ROWS, frames).contiguous()


def noise(seed: int, frames: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, ROWS, frames, generator=generator) * 10.0 ** (-2.0 * torch.rand(1, ROWS, 1, generator=generator))


def weights(x: float, frames: int = 3) -> Tensor:
    return torch.tensor([[1.0 - x], [x]]).expand(2, frames)


def centre(shares: Tensor) -> Tensor:
    """Centroid of envelopes, in windows ``[channels, frames]``."""
    return (shares * torch.arange(shares.shape[-1])).sum(-1) / shares.sum(-1)


@pytest.mark.parametrize("x", [0.0, 1.0])
@pytest.mark.parametrize("seeds", [(1, 2), (3, 4)])
def test_an_end_is_its_clip(x: float, seeds: tuple[int, int]) -> None:
    clips = [noise(seed) for seed in seeds]
    found = envelope.transported([SHAPE.of(one) for one in clips], weights(x))
    now = SHAPE.of(clips[int(x)])
    assert torch.allclose(found, now, rtol=1e-6, atol=0)
    assert SHAPE.gains_db(now, now).abs().max() == 0.0


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=40)
def test_the_centroid_lies_on_the_line(one: int, two: int, x: float) -> None:
    ends = [SHAPE.of(noise(seed)) for seed in (one, two)]
    found = envelope.transported(ends, weights(x))
    line = (1.0 - x) * centre(ends[0]) + x * centre(ends[1])
    # energy counts in the middle of its window, wherever in it it lies
    assert (centre(found) - line).abs().max() < 0.25
    assert torch.allclose(found.sum(-1), torch.ones(1, dtype=found.dtype), atol=1e-4)


@pytest.mark.parametrize("x", [0.25, 0.5, 0.75])
def test_a_hill_moves_where_a_mean_would_leave_two(x: float) -> None:
    ends = [SHAPE.of(bump(300.0, 0.3)), SHAPE.of(bump(4800.0, 0.3))]
    found = envelope.transported(ends, weights(x))[0, 0]
    top = int(found.argmax()) * envelope.STEP_OCTAVES + OCTAVES[0]
    assert abs(top - (np.log2(300.0) + 4.0 * x)) < 0.25
    assert found[int((np.log2(300.0) - OCTAVES[0]) / envelope.STEP_OCTAVES)] < 0.05 * found.max()


def test_three_clips_have_a_middle() -> None:
    ends = [SHAPE.of(bump(hertz, 0.3)) for hertz in (200.0, 800.0, 3200.0)]
    found = envelope.transported(ends, torch.full((3, 3), 1 / 3))
    assert (centre(found) - centre(ends[1])).abs().max() < 0.25


@pytest.mark.parametrize("x", [-1.0, -0.2, 1.3, 2.0])
def test_beyond_the_ends_it_goes_on_and_stays_an_envelope(x: float) -> None:
    ends = [SHAPE.of(bump(300.0, 0.3)), SHAPE.of(bump(1200.0, 0.3))]
    found = envelope.transported(ends, weights(x))
    assert bool(torch.isfinite(found).all())
    assert float(found.min()) > 0.0
    nearer = ends[int(x > 0.5)]
    assert bool((torch.sign(centre(found) - centre(nearer)) == (1 if x > 0.5 else -1)).all())


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(-1.0, 2.0))
@settings(deadline=None, max_examples=25)
def test_gains_are_bounded(one: int, two: int, x: float) -> None:
    ends = [SHAPE.of(noise(seed)) for seed in (one, two)]
    gains = SHAPE.gains_db(SHAPE.of(bump(100.0, 0.2)), envelope.transported(ends, weights(x)))
    assert gains.shape == (1, ROWS, 3)
    assert float(gains.min()) >= envelope.LEAST_GAIN_DB - 1e-3
    assert float(gains.max()) <= envelope.MOST_GAIN_DB + 1e-3


def test_gains_turn_one_envelope_into_the_other() -> None:
    now, wanted = noise(5), noise(6)
    wanted = wanted * torch.linspace(1.0, 0.2, ROWS)[None, :, None]
    turned = now * 10.0 ** (SHAPE.gains_db(SHAPE.of(now), SHAPE.of(wanted)) / 20.0)
    before, after = ((10.0 * (SHAPE.of(one) / SHAPE.of(wanted)).log10()).abs().mean() for one in (now, turned))
    assert after < 0.25 * before


def test_a_silent_clip_has_no_say() -> None:
    levels = [torch.tensor([[1.0, 1.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 1.0, 0.0]])]
    found = envelope.heard(weights(0.25, 4), levels, [1.0, 1.0])
    assert torch.allclose(found[:, 0], torch.tensor([0.75, 0.25]))
    assert torch.allclose(found[:, 1], torch.tensor([1.0, 0.0]))
    assert torch.allclose(found[:, 2], torch.tensor([0.0, 1.0]))
    assert bool(torch.isfinite(found).all())


def test_silence_is_a_frame_like_any_other() -> None:
    silent = torch.zeros(2, ROWS, 3)
    found = envelope.transported([SHAPE.of(silent), SHAPE.of(silent)], weights(0.5))
    assert bool(torch.isfinite(SHAPE.gains_db(SHAPE.of(silent), found)).all())


def test_stems_are_of_medium_brightness() -> None:
    """Two plucks, one low-passed: the energy of the middle stem lies between, with one hill; faded in, there would be two."""
    dark, bright = pluck(0.6, 220), pluck(0.6, 220)
    spectrum = np.fft.rfft(dark)
    hertz = np.fft.rfftfreq(dark.shape[1], 1 / 44100)
    dark = np.fft.irfft(spectrum * np.exp(-0.5 * (hertz / 600.0) ** 2), dark.shape[1]).astype(np.float32)
    bright = np.fft.irfft(spectrum * (1.0 - np.exp(-0.5 * (hertz / 2500.0) ** 2)), dark.shape[1]).astype(np.float32)

    def brightness(stem: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(stem[0])) ** 2
        heard = hertz > 30
        return float((power[heard] * np.log2(hertz[heard])).sum() / power[heard].sum())

    off = {}
    for way in ("transport", "straight"):
        stems = morph([dark, bright], 44100, x=[0.0, 0.25, 0.5, 0.75, 1.0], envelope=way)
        found = np.array([brightness(stem) for stem in stems])
        off[way] = float(np.abs(found - np.linspace(found[0], found[-1], 5)).max() / abs(found[-1] - found[0]))
    assert off["transport"] < 0.5 * off["straight"]
