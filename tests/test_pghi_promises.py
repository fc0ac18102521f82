"""What phase from magnitudes alone promises for any magnitudes, on the STFT and on the filterbank itself."""

import numpy as np
import pytest
import sounds
import torch
from numpy.typing import NDArray
from phaseless import BANDS, STFT, bank_for, wrapped
from torch import Tensor

from lts_batch.resynthesis import pghi


def stft_magnitudes(audio: NDArray[np.float32]) -> Tensor:
    return STFT.forward(torch.from_numpy(audio)).abs()


def frame_magnitudes(audio: NDArray[np.float32]) -> Tensor:
    bank = bank_for(audio.shape[1])
    return bank.forward(torch.from_numpy(audio))[:, :bank.model_rows].abs()


WAYS = [
    pytest.param(stft_magnitudes, lambda m, **options: pghi.on_stft(m, STFT, **options), id="stft"),
    pytest.param(frame_magnitudes, lambda m, **options: pghi.on_frame(m, BANDS, **options), id="frame"),
]
CHORD = sounds.pluck(1.0, 220.0, seed=3) + sounds.pluck(1.0, 277.2, seed=4)


@pytest.mark.parametrize(("magnitudes_of", "rebuild"), WAYS)
def test_magnitudes_stay_and_seeds_repeat(magnitudes_of, rebuild) -> None:
    magnitudes = magnitudes_of(CHORD)
    found = rebuild(magnitudes, seed=5)
    assert found.dtype == torch.complex64
    assert torch.allclose(found.abs(), magnitudes, rtol=1e-5, atol=1e-12)
    assert torch.equal(found, rebuild(magnitudes.clone(), seed=5))
    assert not torch.equal(found, rebuild(magnitudes, seed=6))


@pytest.mark.parametrize(("magnitudes_of", "rebuild"), WAYS)
def test_loudness_does_not_matter(magnitudes_of, rebuild) -> None:
    magnitudes = magnitudes_of(CHORD)
    quiet = rebuild(magnitudes * 2.0**-40, seed=5) * 2.0**40
    assert torch.allclose(quiet, rebuild(magnitudes, seed=5), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(("magnitudes_of", "rebuild"), WAYS)
def test_silence_and_extremes_stay_finite(magnitudes_of, rebuild) -> None:
    magnitudes = magnitudes_of(CHORD)
    for scale in (0.0, 1e-44, 1e-38, 1e-20, 1e15):
        assert bool(torch.isfinite(torch.view_as_real(rebuild(magnitudes * scale, seed=0))).all())
    assert not rebuild(torch.zeros_like(magnitudes), seed=0).any()
    with_holes = magnitudes.clone()
    with_holes[:, 10:20], with_holes[..., 30:33] = 0.0, 0.0
    assert bool(torch.isfinite(torch.view_as_real(rebuild(with_holes, seed=0))).all())


@pytest.mark.parametrize(("magnitudes_of", "rebuild"), WAYS)
def test_single_frames_and_single_samples(magnitudes_of, rebuild) -> None:
    magnitudes = magnitudes_of(CHORD)
    for frames in (1, 2, 3):
        assert torch.allclose(rebuild(magnitudes[..., :frames], seed=0).abs(), magnitudes[..., :frames], rtol=1e-5)
    one = magnitudes_of(np.ones((1, 1), np.float32))
    assert torch.allclose(rebuild(one, seed=0).abs(), one, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(("magnitudes_of", "rebuild"), WAYS)
def test_equal_channels_stay_equal_and_panned_ones_in_phase(magnitudes_of, rebuild) -> None:
    magnitudes = magnitudes_of(np.concatenate((CHORD, CHORD, 0.25 * CHORD, 0.0 * CHORD)))
    found = rebuild(magnitudes, seed=0)
    assert torch.equal(found[0], found[1])
    assert torch.allclose(found[2] * 4.0, found[0], rtol=1e-5)
    assert not found[3].any()


@pytest.mark.parametrize(("magnitudes_of", "rebuild"), WAYS)
def test_random_phase_belongs_to_frames(magnitudes_of, rebuild) -> None:
    """Below the tolerance phase is random, even, and the same from whichever frame a slice begins."""
    quiet = torch.full_like(magnitudes_of(CHORD)[..., :100], 1e-6)
    quiet[:, :, 99] = 0.0
    quiet[:, 0, 0] = 1.0  # all else lies 120 dB below
    early, late = rebuild(quiet, seed=3, first_frame=-40), rebuild(quiet, seed=3, first_frame=0)
    assert torch.equal(early[..., 41:99], late[..., 1:59])
    assert not torch.equal(early[..., 1:59], late[..., 1:59])
    assert abs(complex(late[..., 1:99].mean())) < 2e-8


@pytest.mark.parametrize(("magnitudes_of", "rebuild"), WAYS)
def test_it_goes_on_from_what_is_known(magnitudes_of, rebuild) -> None:
    """A slice that is told the phase of its first frames meets the one before it."""
    magnitudes = magnitudes_of(sounds.tone(1.0, 330.0) + sounds.tone(1.0, 1000.0))[..., :160]
    count = magnitudes.shape[2]
    first, second = count // 2, count // 3
    before = rebuild(magnitudes[..., :first], seed=1)
    after = rebuild(magnitudes[..., second:], seed=2, first_frame=second, known=before[..., second:])
    kept = first - second
    assert torch.allclose(after[..., :kept], before[..., second:], rtol=1e-4, atol=1e-7)
    whole = torch.cat((before, after[..., kept:]), dim=2)
    loud = magnitudes[0, :, count // 2] > 0.2 * float(magnitudes.max())
    advances = (whole[0, loud, 1:] * whole[0, loud, :-1].conj()).angle()[:, first - 20:first + 20]
    assert float(wrapped(advances - advances.mean(dim=1, keepdim=True)).abs().max()) < 0.05
