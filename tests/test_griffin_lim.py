"""Fast Griffin-Lim: magnitudes and phase come together, what is consistent stays."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from lts_batch.frame.filterbank import Bands, Filterbank, Grid, filterbank
from lts_batch.resynthesis import phase

BANDS = Bands()
RATE = 22050


def bank_for(samples: int) -> Filterbank:
    return filterbank(BANDS, RATE, *Grid(RATE, BANDS.frame_rate).covering(samples))


def tone(samples: int, hz: float, amplitude: float = 0.3) -> Tensor:
    time = torch.arange(samples, dtype=torch.float64) / RATE
    return (amplitude * torch.sin(2 * math.pi * hz * time + 0.4))[None].float()


def noise(samples: int) -> Tensor:
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(1))


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
