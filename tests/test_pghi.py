"""Phase from magnitudes alone: sines, chirps, clicks and chords come back, on the STFT and on the filterbank itself."""

import math
import subprocess
import sys

import numpy as np
import pytest
import sounds
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.frame.filterbank import Bands, Filterbank, Grid, filterbank
from lts_batch.frame.stft import Stft, stft
from lts_batch.metrics.measures import mr_stft_sc_db
from lts_batch.resynthesis import pghi, phase

BANDS = Bands()
RATE = 44100
STFT = stft(RATE)


def bank_for(samples: int, rate: int = RATE) -> Filterbank:
    return filterbank(BANDS, rate, *Grid(rate, BANDS.frame_rate).covering(samples))


def by_stft(audio: NDArray[np.float32], transform: Stft = STFT) -> NDArray[np.float32]:
    magnitudes = transform.forward(torch.from_numpy(audio)).abs()
    return transform.inverse(pghi.on_stft(magnitudes, transform, seed=0), audio.shape[1]).numpy()


def by_frame(audio: NDArray[np.float32], rate: int = RATE) -> NDArray[np.float32]:
    """From the bands alone: the residual rows stay silent."""
    bank = bank_for(audio.shape[1], rate)
    coefficients = torch.zeros(audio.shape[0], bank.rows, bank.frames, dtype=torch.complex64)
    magnitudes = bank.forward(torch.from_numpy(audio))[:, :bank.model_rows].abs()
    coefficients[:, :bank.model_rows] = pghi.on_frame(magnitudes, BANDS, seed=0)
    return bank.inverse(coefficients)[:, :audio.shape[1]].numpy()


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


def wrapped(angle: Tensor) -> Tensor:
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


# ---------------------------------------------------------------- gradients


def test_the_stft_gradient_of_a_sine_is_its_frequency() -> None:
    magnitudes = STFT.forward(torch.from_numpy(sounds.tone(1.0, 1234.5))).abs()
    runs, turns = pghi._stft_gradient(pghi._relative(magnitudes), STFT)
    near, inner = np.abs(STFT.centres_hz - 1234.5) < 45, slice(20, 150)
    hop_seconds = STFT.hop_samples / RATE
    assert float(wrapped(runs[0, near, inner] - 2 * math.pi * 1234.5 * hop_seconds).abs().max()) < 0.04  # 1 Hz
    assert float(turns[0, near, inner].abs().max()) < 2e-4 * 2 * math.pi  # seconds


def test_the_stft_gradient_of_a_click_is_its_distance() -> None:
    audio = torch.zeros(1, RATE)
    audio[0, 80 * 256 + 100] = 1.0
    _, turns = pghi._stft_gradient(pghi._relative(STFT.forward(audio).abs()), STFT)
    for frame in (78, 79, 80, 81, 82):
        ago_seconds = ((frame - 80) * 256 - 100) / RATE
        assert torch.allclose(turns[0, 5:-5, frame], torch.tensor(2 * math.pi * ago_seconds), atol=2e-5)


@pytest.mark.parametrize("hz", [60.0, 440.3, 1501.0, 6003.0, 15_021.0])
def test_the_frame_gradient_of_a_sine_is_its_frequency(hz: float) -> None:
    bank = bank_for(RATE)
    magnitudes = bank.forward(torch.from_numpy(sounds.tone(1.0, hz)))[:, :bank.model_rows].abs()
    runs, _ = pghi._frame_gradient(pghi._relative(magnitudes), BANDS)
    near = np.abs(BANDS.centres_hz - hz) < 0.8 * BANDS.half_widths_hz
    apart = wrapped(runs[0, near, 80:250] - 2 * math.pi * hz / float(BANDS.frame_rate)).abs()
    assert int(near.sum()) >= 1
    assert float(apart.max()) < 0.03  # of a turn per frame a two-hundredth: 2 Hz


@pytest.mark.parametrize("low_hz", [200.0, 1000.0, 4000.0, 12_000.0])
def test_the_frame_gradient_of_a_click_is_its_distance(low_hz: float) -> None:
    bank, place = bank_for(RATE), 30_000
    audio = torch.zeros(1, RATE)
    audio[0, place] = 1.0
    magnitudes = bank.forward(audio)[:, :bank.model_rows].abs()
    _, turns = pghi._frame_gradient(pghi._relative(magnitudes), BANDS)
    row = int(np.searchsorted(BANDS.centres_hz, low_hz))
    ago_seconds = np.arange(bank.frames) / float(BANDS.frame_rate) - place / RATE
    heard = np.abs(ago_seconds) < 0.5 / BANDS.half_widths_hz[row]
    found = turns[0, row, heard].numpy() / (2 * np.pi)
    assert heard.sum() >= 2
    assert np.abs(found - ago_seconds[heard]).max() < 0.25 / BANDS.half_widths_hz[row]  # of windows 2 / h long


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
