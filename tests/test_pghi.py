"""Phase from magnitudes alone: sines, chirps, clicks and chords come back, on the STFT and on the filterbank itself."""

import subprocess
import sys

import numpy as np
import pytest
import sounds
import torch
from numpy.typing import NDArray
from phaseless import RATE, bank_for, by_frame, by_stft

from lts_batch.frame.stft import stft
from lts_batch.metrics.measures import mr_stft_sc_db
from lts_batch.resynthesis import phase


def sc_db(true: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    return mr_stft_sc_db(true, found)


def chirp(seconds: float, low: float, high: float) -> NDArray[np.float32]:
    time = np.arange(round(seconds * RATE)) / RATE
    rising = low * seconds / np.log(high / low) * np.expm1(time / seconds * np.log(high / low))
    return (0.3 * np.sin(2 * np.pi * rising) * np.sin(np.pi * time / seconds)).astype(np.float32)[None]


def clicks(seconds: float) -> NDArray[np.float32]:
    audio = np.zeros((1, round(seconds * RATE)), np.float32)
    audio[0, 5000::11_000] = 0.8
    return audio


def hiss(seconds: float, seed: int = 0, channels: int = 1) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, round(seconds * RATE)))).astype(np.float32)


# ---------------------------------------------------------------- sounds come back


@pytest.mark.parametrize(("name", "audio", "stft_db", "frame_db"), [
    ("sine", sounds.tone(1.0, 441.7), -34, -28),
    ("chirp", chirp(2.0, 80.0, 12_000.0), -48, -29),
    ("clicks", clicks(1.5), -27, -12),
    ("harmonic", sounds.harmonic(1.5, 155.0), -22, -19),
    ("pluck", sounds.pluck(1.5, 220.0), -24, -19),
    ("drum", sounds.drum(1.0, 0.2, 120.0), -24, -16),
    ("hiss", hiss(1.0), -16, -5),
])
def test_sounds_come_back(name: str, audio: NDArray[np.float32], stft_db: float, frame_db: float) -> None:
    """The bounds leave about 3 dB to what is reached; random phase lies near 0 dB."""
    assert sc_db(audio, by_stft(audio)) < stft_db
    assert sc_db(audio, by_frame(audio)) < frame_db


@pytest.mark.parametrize("rate", [8000, 48000, 96000])
def test_other_rates(rate: int) -> None:
    audio = sounds.pluck(1.0, 220.0, rate=rate)
    assert sc_db(audio, by_stft(audio, stft(rate))) < -19
    assert sc_db(audio, by_frame(audio, rate)) < -12


def test_more_frames_rebuild_better() -> None:
    audio = hiss(1.0)
    found = [sc_db(audio, by_stft(audio, stft(RATE, overlap))) for overlap in (4, 8, 16)]
    print(found)
    assert found[1] < found[0] - 3
    assert found[2] < found[1] - 3


@pytest.mark.parametrize("audio", [chirp(1.5, 80.0, 12_000.0),
                                   0.1 * sounds.round_noise(1.5, 1) + sounds.harmonic(1.5, 220.0)], ids=["chirp", "breathy"])
def test_it_beats_griffin_lim_from_noise(audio: NDArray[np.float32]) -> None:
    """On the filterbank, before any repair, against 32 steps of it."""
    bank = bank_for(audio.shape[1])
    true = bank.forward(torch.from_numpy(audio))
    magnitudes, rest = true[:, :bank.model_rows].abs(), torch.zeros_like(true[:, bank.model_rows:])
    start = torch.cat((magnitudes * phase.noise_phase(magnitudes.shape, 1), rest), dim=1)
    repaired = bank.inverse(phase.griffin_lim(magnitudes, start, bank, bank.model_rows, 32))[:, :audio.shape[1]].numpy()
    assert sc_db(audio, by_frame(audio)) < sc_db(audio, repaired) - 3


# ---------------------------------------------------------------- what is promised of the result


def test_a_tone_is_heard_in_its_own_bins_only() -> None:
    """What lies below the tolerance is not made louder: coefficients that no sound has would be."""
    audio = sounds.tone(1.0, 3000.0)
    found = by_stft(audio)
    spectrum = np.abs(np.fft.rfft(found[0] * np.hanning(RATE)))
    assert spectrum[np.abs(np.fft.rfftfreq(RATE, 1 / RATE) - 3000.0) > 200].max() < 1e-3 * spectrum.max()


def test_the_pipeline_does_not_wait_for_it() -> None:
    """Compiling takes seconds that only those shall spend who ask for it."""
    script = "import sys, lts_batch.engine.pipeline; assert not {'numba', 'lts_batch.resynthesis.pghi'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
