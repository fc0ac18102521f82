"""Phase: magnitudes stay what was asked for, and time may be stretched without a tone losing its pitch."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lts_batch import phase
from lts_batch.filterbank import Bands, Filterbank, Grid, filterbank

BANDS = Bands()
RATE = 22050


def bank_for(samples: int) -> Filterbank:
    return filterbank(BANDS, RATE, *Grid(RATE, BANDS.frame_rate).covering(samples))


def tone(samples: int, hz: float, amplitude: float = 0.3) -> Tensor:
    time = torch.arange(samples, dtype=torch.float64) / RATE
    return (amplitude * torch.sin(2 * math.pi * hz * time + 0.4))[None].float()


def noise(samples: int) -> Tensor:
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(1))


def complex_noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


# ---------------------------------------------------------------- impose and blend


@given(st.integers(0, 10**6), st.floats(-27, 4))
def test_impose_gives_the_magnitudes_and_keeps_the_phase(seed: int, exponent: float) -> None:
    carrier = complex_noise(seed, 2, 5, 7)
    magnitudes = complex_noise(seed + 1, 2, 5, 7).abs()
    found = phase.impose(magnitudes, carrier * 10.0**exponent)
    assert torch.allclose(found.abs(), magnitudes, rtol=1e-4)
    assert float((found * carrier.conj()).angle().abs().max()) < 1e-4


def test_impose_on_silence_has_phase_zero_and_is_finite() -> None:
    carrier = torch.zeros(1, 2, 3, dtype=torch.complex64)
    found = phase.impose(torch.full((1, 2, 3), 0.7), carrier)
    assert torch.allclose(found, torch.full_like(found, 0.7))
    for smallest in (1e-45, 1.2e-38, 2e-38, 1e-37):
        found = phase.impose(torch.full((1, 1, 1), 50.0), torch.full((1, 1, 1), smallest, dtype=torch.complex64))
        assert bool(torch.isfinite(torch.view_as_real(found)).all())
        assert float(found.abs().max()) == pytest.approx(50.0, rel=1e-3)


def test_a_blend_is_the_clip_itself_at_the_ends() -> None:
    one, two = complex_noise(1, 2, 5, 7), complex_noise(2, 2, 5, 7)
    levels = (torch.linalg.vector_norm(one, dim=1), torch.linalg.vector_norm(two, dim=1))
    for x, own in ((0.0, one), (1.0, two)):
        mixed = phase.blend((one, two), levels, (1e-3, 1e-3), (torch.full((7,), 1 - x), torch.full((7,), x)))
        assert float((mixed * own.conj()).angle().abs().max()) < 1e-5


def test_a_blend_does_not_hear_loudness() -> None:
    """Levels matched: the quieter clip has its say."""
    one, two = complex_noise(1, 1, 5, 7), complex_noise(2, 1, 5, 7)
    half = torch.full((7,), 0.5)

    def mixed(gain: float) -> Tensor:
        clips = (one, gain * two)
        levels = (torch.linalg.vector_norm(clips[0], dim=1), torch.linalg.vector_norm(clips[1], dim=1))
        return phase.blend(clips, levels, (1e-6, 1e-6), (half, half))

    assert torch.allclose(mixed(1e-3), mixed(1.0), atol=1e-5)


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


# ---------------------------------------------------------------- Griffin-Lim


def inconsistency_db(coefficients: Tensor, bank: Filterbank) -> float:
    apart = bank.forward(bank.inverse(coefficients)) - coefficients
    return float(20 * torch.log10(torch.linalg.vector_norm(apart) / torch.linalg.vector_norm(coefficients)))


def test_griffin_lim_brings_magnitudes_and_phase_together() -> None:
    bank = bank_for(RATE)
    true = bank.forward(tone(RATE, 440.0) + 0.2 * noise(RATE))
    target = true[:, :bank.model_rows].abs()
    start = torch.cat((phase.impose(target, phase.noise_phase(target.shape, 1)), true[:, bank.model_rows:]), dim=1)
    found = [inconsistency_db(phase.griffin_lim(target, start, bank, bank.model_rows, steps), bank)
             for steps in (0, 1, 2, 4, 8, 16, 32)]
    assert (np.diff(found) < 0.3).all()
    assert found[-1] < found[0] - 8
    assert found[-1] < -14


def test_acceleration_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = bank_for(RATE)
    true = bank.forward(tone(RATE, 440.0) + 0.2 * noise(RATE))
    target = true[:, :bank.model_rows].abs()
    start = torch.cat((phase.impose(target, phase.noise_phase(target.shape, 1)), true[:, bank.model_rows:]), dim=1)

    def reached(alpha: float) -> float:
        monkeypatch.setattr(phase, "ALPHA", alpha)
        return inconsistency_db(phase.griffin_lim(target, start, bank, bank.model_rows, 16), bank)

    assert reached(0.99) < reached(0.0) - 1


def test_griffin_lim_keeps_the_magnitudes_and_the_residual() -> None:
    bank = bank_for(RATE)
    true = bank.forward(noise(RATE))
    target = 2 * true[:, :bank.model_rows].abs().flip(-1)
    start = torch.cat((phase.impose(target, true[:, :bank.model_rows]), true[:, bank.model_rows:]), dim=1)
    found = phase.griffin_lim(target, start, bank, bank.model_rows, 3)
    assert torch.allclose(found[:, :bank.model_rows].abs(), target, rtol=1e-4, atol=1e-7)
    assert torch.equal(found[:, bank.model_rows:], true[:, bank.model_rows:])


@pytest.mark.parametrize(("steps", "bound_db"), [(1, -110), (8, -100), (32, -90)])
def test_griffin_lim_leaves_what_is_consistent(steps: int, bound_db: float) -> None:
    bank = bank_for(RATE)
    true = bank.forward(noise(RATE) + tone(RATE, 1000.0))
    found = phase.griffin_lim(true[:, :bank.model_rows].abs(), true, bank, bank.model_rows, steps)
    difference = torch.linalg.vector_norm(found - true) / torch.linalg.vector_norm(true)
    # rounding grows with each accelerated step; the ends of a repaired stem have to null below -90 dB
    assert 20 * torch.log10(difference) < bound_db


def test_no_steps_change_nothing() -> None:
    bank = bank_for(RATE)
    start = bank.forward(noise(RATE))
    assert torch.equal(phase.griffin_lim(start[:, :bank.model_rows].abs(), start, bank, bank.model_rows, 0), start)


# ---------------------------------------------------------------- attacks and integration


def test_attacks_are_where_the_level_jumps() -> None:
    levels = torch.full((2, 300), 0.01)
    for start in (60, 150, 240):
        levels[:, start:start + 50] = 0.5 * torch.exp(-torch.arange(50) / 15)
    found = phase.attacks(levels)
    assert len(found) == 3
    for frame, start in zip(found, (60, 150, 240), strict=True):
        assert 0 <= frame - start < phase.ATTACK_FRAMES


def test_a_steady_sound_and_silence_have_no_attacks() -> None:
    assert len(phase.attacks(torch.full((1, 100), 0.3))) == 0
    assert len(phase.attacks(torch.zeros(1, 100))) == 0
    assert len(phase.attacks(torch.exp(-torch.arange(100.0) / 20)[None])) == 0


def at_positions(coefficients: Tensor, positions: np.ndarray) -> tuple[Tensor, Tensor]:
    """The nearest frames with magnitudes between neighbours, and the phase advances there, as the clips are read."""
    lower = np.floor(positions).astype(int)
    share = torch.from_numpy(positions - lower).float()
    below, above = coefficients[..., lower], coefficients[..., lower + 1]
    nearest = torch.where(share < 0.5, below, above)
    return phase.impose(torch.lerp(below.abs(), above.abs(), share), nearest), (above * below.conj()).angle()


def test_at_unit_rate_the_clip_keeps_its_phase() -> None:
    bank = bank_for(RATE)
    true = bank.forward(tone(RATE, 523.25) + 0.1 * noise(RATE))
    positions = np.arange(20, 320, dtype=np.float64)
    coefficients, advances = at_positions(true, positions)
    found = phase.integrate(coefficients, advances, np.array([], dtype=np.int64), None)
    own = true[..., 20:320]
    strong = own.abs() > 1e-4 * own.abs().max()
    assert float((found * own.conj()).angle()[strong].abs().max()) < 1e-3
    assert torch.allclose(found.abs(), own.abs(), rtol=1e-4, atol=1e-9)


def test_phase_goes_on_from_where_it_is_told_and_locks_at_attacks() -> None:
    coefficients = torch.polar(torch.ones(1, 3, 50), torch.rand(1, 3, 50, generator=torch.Generator().manual_seed(1)))
    advances = torch.full((1, 3, 50), 0.3)
    start = torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64)
    found = phase.integrate(coefficients, advances, np.array([20]), start)
    expected = start[..., None] + 0.3 * torch.arange(20)
    assert torch.allclose(found[..., :20], torch.polar(torch.ones(1, 3, 20), expected.float()), atol=1e-4)
    assert torch.allclose(found[..., 20], coefficients[..., 20], atol=1e-5)
    later = coefficients[..., 20].angle()[..., None] + 0.3 * torch.arange(30)
    assert torch.allclose(found[..., 20:], torch.polar(torch.ones(1, 3, 30), later), atol=1e-4)


@pytest.mark.parametrize("hz", [110.0, 443.0, 1234.5, 5000.0])
@pytest.mark.parametrize("rate", [0.5, 0.8, 2.0])
@pytest.mark.parametrize(("first_frame", "most_db"), [(60, 0.1), (0, 2.0)], ids=["steady", "with its onset"])
def test_a_stretched_tone_keeps_its_pitch_and_loudness(hz: float, rate: float, first_frame: int, most_db: float) -> None:
    """``rate`` frames of the clip pass in each frame of the stem: 0.5 makes it twice as long.

    Over an abrupt onset the bands drift apart (each runs at its own frequency there), and some loudness is lost.
    """
    clip_seconds = 3.0
    samples = int(clip_seconds * RATE)
    clip = bank_for(samples).forward(tone(samples, hz))
    bank = bank_for(int(samples / rate))
    frames = np.arange(int((clip_seconds * float(BANDS.frame_rate) - first_frame) / rate) - 2)
    coefficients, advances = at_positions(clip, first_frame + frames * rate)
    found = phase.integrate(coefficients, advances, np.array([], dtype=np.int64), None)
    stem = bank.inverse(torch.nn.functional.pad(found, (0, bank.frames - len(frames))))[0]
    quarter = int(samples / rate) // 4
    middle = stem[quarter:3 * quarter].double().numpy()
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), size))
    peak = int(spectrum.argmax())
    below, at, above = np.log(spectrum[peak - 1:peak + 2])
    measured = (peak + 0.5 * (below - above) / (below - 2 * at + above)) * RATE / size
    assert abs(1200 * math.log2(measured / hz)) < 3
    loudness = math.sqrt(2 * float(np.mean(middle**2)))
    assert abs(20 * math.log10(loudness / 0.3)) < most_db
