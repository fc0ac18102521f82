"""The phase vocoder on the filterbank that stems are made on, in a clip's own time: it comes through as it was."""

import numpy as np
import pytest
import torch
from sounds import drum, harmonic, null_db, tone
from vocoding import HOP, RATE, columns, read, slices, sound

# ---------------------------------------------------------------- the clip's own time


@pytest.mark.parametrize("locked", [(), (40, 41, 90)])
def test_at_unit_rate_the_clip_comes_out_as_it_was(locked: tuple[int, ...]) -> None:
    clip = drum(0.6, 0.2, 110.0) + harmonic(0.6, 220.0, gain=0.05)
    frames = slices(clip.shape[1]).frames(0)
    found, state = read(clip, frames.astype(np.float64), locked=locked, following=100)
    assert null_db(sound(found, clip.shape[1]), clip) < -90
    assert state is not None
    assert not state.any(), "nothing is turned"


def test_a_whole_delay_moves_a_clip_and_changes_nothing() -> None:
    clip = drum(0.6, 0.2, 110.0)
    frames = slices(clip.shape[1]).frames(0)
    late = sound(read(clip, frames - 10.0)[0], clip.shape[1])
    assert null_db(late[:, 10 * HOP:], clip[:, :-10 * HOP]) < -60  # the start of the clip rings before it


def test_a_lock_takes_up_the_phase_of_the_clip() -> None:
    clip = harmonic(1.0, 220.0)
    positions = np.concatenate((40 + 0.37 * np.arange(80), 70 + np.arange(60.0)))
    free, turned = read(clip, positions, following=100)
    assert turned is not None
    assert np.abs(turned).max() > 0.1, "without a lock it stays turned"
    found, state = read(clip, positions, locked=(80,), following=100)
    assert state is not None
    assert not state.any()
    own = columns(clip, positions[80:].astype(np.int64))
    assert torch.allclose(found[..., 80:], own, atol=1e-6)
    assert not torch.allclose(free[..., 80:], own, atol=1e-3)
    assert torch.equal(found[..., :40], free[..., :40]), "what comes long before a lock does not know of it"


def test_unit_rate_keeps_the_turn_that_it_was_given(rng: np.random.Generator) -> None:
    clip = harmonic(0.5, 330.0)
    positions = np.arange(30.0, 60.0)
    turn = rng.uniform(-3.0, 3.0)
    rows = slices(clip.shape[1]).bank().rows
    found, state = read(clip, positions, state=np.full(rows, turn), following=29)
    wanted = columns(clip, positions.astype(np.int64)) * np.exp(1j * turn)
    assert torch.allclose(found, wanted.to(found.dtype), atol=1e-6)
    assert state is not None
    assert np.allclose(np.exp(1j * state), np.exp(1j * turn))


# ---------------------------------------------------------------- nothing to hear


@pytest.mark.parametrize("octaves", [None, 0.6])
def test_silence_stays_silent(octaves: float | None) -> None:
    silence = np.zeros((2, RATE // 4), dtype=np.float32)
    found, state = read(silence, 0.4 * np.arange(60), octaves=octaves, locked=(20,), following=59)
    assert torch.equal(found.abs(), torch.zeros_like(found.abs()))
    assert state is not None
    assert np.isfinite(state).all()


def test_sound_after_digital_silence_is_finite_and_there() -> None:
    clip = np.pad(tone(0.4, 440.0), ((0, 0), (RATE // 4, 0)))
    positions = 0.7 * np.arange(-40, 240)
    found, state = read(clip, positions, octaves=0.2, following=200)
    assert bool(torch.isfinite(torch.view_as_real(found)).all())
    assert state is not None
    assert np.isfinite(state).all()
    assert float(found.abs().amax()) > 0.1
