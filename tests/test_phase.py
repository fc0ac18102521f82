"""Phase: magnitudes stay what was asked for, and phase comes from where it was said to come from."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lts_batch.resynthesis import phase


def complex_noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


# ---------------------------------------------------------------- strengths and impose


@given(st.integers(0, 10**6), st.floats(-18, 18))
@settings(deadline=None)
def test_strengths_are_magnitudes(seed: int, exponent: float) -> None:
    values = complex_noise(seed, 2, 5, 7) * 10.0**exponent
    true = values.to(torch.complex128).abs()
    usual = (true > 1e-18) & (true < 1e19)
    assert torch.allclose(phase.strengths(values).double()[usual], true[usual], rtol=1e-6)


def test_strengths_of_almost_nothing_are_almost_nothing() -> None:
    sizes = torch.tensor([0.0, 1e-45, 1e-38, 1e-30, 1e-22, 1e-19, 1e-18])
    for direction in (1.0, -1.0, 1j, 0.6 - 0.8j):
        found = phase.strengths(sizes * complex(direction))
        assert bool(((found >= 0) & (found <= sizes * 1.1 + 1e-22)).all())
    assert not phase.strengths(torch.zeros(3, dtype=torch.complex64)).any()


@given(st.integers(0, 10**6), st.floats(-40, 4))
@settings(deadline=None)
def test_impose_gives_the_magnitudes_and_keeps_the_phase(seed: int, exponent: float) -> None:
    carrier = complex_noise(seed, 2, 5, 7) * 10.0**exponent
    magnitudes = complex_noise(seed + 1, 2, 5, 7).abs()
    found = phase.impose(magnitudes, carrier)
    assert torch.allclose(found.abs(), magnitudes, rtol=1e-4)
    strength = carrier.to(torch.complex128).abs()
    heard, silent = strength > 1.001 * phase.LEAST_STRENGTH, strength < 0.999 * phase.LEAST_STRENGTH
    turned = (found * carrier.to(torch.complex128).conj()).angle().abs()
    assert bool((turned[heard] < 1e-4).all())
    assert torch.equal(found[silent], magnitudes[silent].to(torch.complex64)), "what has no phase gets phase 0"


@given(st.integers(0, 10**6), st.floats(-38, 15))
@settings(deadline=None)
def test_impose_takes_any_magnitudes(seed: int, exponent: float) -> None:
    carrier = complex_noise(seed, 2, 5, 7)
    carrier[0, :2] = 0.0
    magnitudes = complex_noise(seed + 1, 2, 5, 7).abs() * 10.0**exponent
    magnitudes[:, :, 3] = 0.0
    found = phase.impose(magnitudes, carrier)
    assert bool(torch.isfinite(torch.view_as_real(found)).all())
    assert torch.allclose(found.to(torch.complex128).abs(), magnitudes.double(), rtol=1e-4, atol=1e-40)
    assert not found[:, :, 3].any()


def test_impose_on_silence_has_phase_zero_and_is_finite() -> None:
    carrier = torch.zeros(1, 2, 3, dtype=torch.complex64)
    found = phase.impose(torch.full((1, 2, 3), 0.7), carrier)
    assert torch.allclose(found, torch.full_like(found, 0.7))
    for smallest in (1e-45, 1.2e-38, 2e-38, 1e-37, 1e-30, 1e-20, 1e-19, 0.999e-18, 1e-18, 1.001e-18, 1e-17):
        found = phase.impose(torch.full((1, 1, 1), 50.0), torch.full((1, 1, 1), smallest, dtype=torch.complex64))
        assert bool(torch.isfinite(torch.view_as_real(found)).all())
        assert float(found.abs().max()) == pytest.approx(50.0, rel=1e-3)


@pytest.mark.parametrize("smallest", [1e-17, 1e-10, 1.0])
def test_quiet_as_it_may_be_a_carrier_has_a_phase(smallest: float) -> None:
    angles = torch.linspace(-3, 3, 25)
    found = phase.impose(torch.ones(25), torch.polar(torch.full((25,), smallest), angles))
    assert torch.allclose(found.angle(), angles, atol=1e-5)


def test_impose_changes_nothing_that_it_was_given() -> None:
    for silent in (False, True):
        carrier, magnitudes = complex_noise(1, 1, 4, 5), complex_noise(2, 1, 4, 5).abs()
        carrier[:, 0] *= 0.0 if silent else 1.0
        before = carrier.clone(), magnitudes.clone()
        phase.impose(magnitudes, carrier)
        assert torch.equal(carrier, before[0])
        assert torch.equal(magnitudes, before[1])


# ---------------------------------------------------------------- blend


def norms(values: Tensor) -> Tensor:
    found: Tensor = torch.linalg.vector_norm(values, dim=1)
    return found


def weights(*values: float, frames: int = 7) -> Tensor:
    return torch.tensor(values)[:, None].expand(-1, frames)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_blend_is_the_clip_itself_at_the_ends(count: int) -> None:
    clips = [complex_noise(n, 2, 5, 7) for n in range(count)]
    for place, own in enumerate(clips):
        alone = torch.nn.functional.one_hot(torch.full((7,), place), count).T.float()
        mixed = phase.blend(clips, [norms(one) for one in clips], [1e-3] * count, alone)
        assert float((mixed * own.conj()).angle().abs().max()) < 1e-5
        assert torch.allclose(norms(mixed), torch.ones(2, 7))


def test_a_blend_does_not_hear_loudness() -> None:
    """Levels matched: the quieter clips have their say."""
    clips = [complex_noise(n, 1, 5, 7) for n in range(3)]
    shares = weights(0.5, 0.3, 0.2)

    def mixed(*gains: float) -> Tensor:
        parts = [gain * one for gain, one in zip(gains, clips, strict=True)]
        return phase.blend(parts, [norms(one) for one in parts], [1e-6] * 3, shares)

    assert torch.allclose(mixed(1.0, 1e-3, 30.0), mixed(1.0, 1.0, 1.0), atol=1e-5)
    expected = sum((share * one / norms(one)[:, None] for share, one in zip((0.5, 0.3, 0.2), clips, strict=True)),
                   torch.zeros(1))
    assert torch.allclose(mixed(1.0, 1.0, 1.0), expected, atol=1e-6)


def test_what_lies_below_its_floor_is_not_raised() -> None:
    loud, quiet = complex_noise(1, 1, 5, 7), 1e-5 * complex_noise(2, 1, 5, 7)
    found = phase.blend([loud, quiet], [norms(loud), norms(quiet)], [1e-2, 1e-2], weights(0.5, 0.5))
    expected = 0.5 * loud / norms(loud)[:, None] + 0.5 * quiet / 1e-2
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1e-45, 1e-30, 1e-12])
def test_a_blend_with_silence_has_the_phase_of_the_other(scale: float) -> None:
    own, silent = complex_noise(1, 1, 5, 7), scale * complex_noise(2, 1, 5, 7)
    found = phase.blend([own, silent], [norms(own), norms(silent)], [1e-3, 1e-3], weights(0.1, 0.9))
    assert bool(torch.isfinite(torch.view_as_real(found)).all())
    assert float((found * own.conj()).angle().abs().max()) < 1e-4
    nothing = phase.blend([silent, silent], [norms(silent), norms(silent)], [1e-3, 1e-3], weights(0.5, 0.5))
    assert bool(torch.isfinite(torch.view_as_real(phase.impose(torch.ones(1, 5, 7), nothing))).all())


def test_the_shares_of_a_blend_may_move() -> None:
    clips = [complex_noise(n, 2, 5, 7) for n in range(2)]
    levels = [norms(one) for one in clips]
    x = torch.linspace(0, 1, 7)
    moving = phase.blend(clips, levels, [1e-3, 1e-3], torch.stack((1 - x, x)))
    for frame in range(7):
        held = phase.blend(clips, levels, [1e-3, 1e-3], weights(float(1 - x[frame]), float(x[frame])))
        assert torch.allclose(moving[..., frame], held[..., frame], atol=1e-6)


# ---------------------------------------------------------------- noise


def test_random_phase_is_seeded_and_even() -> None:
    shape = torch.Size((2, 100, 100))
    one = phase.noise_phase(shape, 5)
    assert torch.equal(one, phase.noise_phase(shape, 5))
    assert not torch.equal(one, phase.noise_phase(shape, 6))
    assert torch.allclose(one.abs(), torch.ones(shape))
    assert abs(one.mean()) < 0.03


def test_noise_belongs_to_frames_so_that_slices_start_alike() -> None:
    shape = torch.Size((2, 3, 500))
    early, late = phase.noise_phase(shape, 5, -130, 256), phase.noise_phase(shape, 5, 120, 256)
    assert torch.equal(early[:, :, 250:], late[:, :, :250])
    assert not torch.equal(early, late)
    short = phase.noise_phase(torch.Size((2, 3, 7)), 5, 249, 256)
    assert torch.equal(short, early[:, :, 379:386]), "however many are asked for"
