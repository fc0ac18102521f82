"""Frames and waveforms as the original Latent Timbre Synthesis made them: librosa's constant-Q transform.

The settings are those of the published configuration (functional/timbre-vae/default.ini of
github.com/ktatar/latent-timbre-synthesis): mono at 44.1 kHz, 8 octaves of 48 bins up from C1, hop 128, linear
magnitudes, phase by ``librosa.griffinlim_cqt`` with 1 iteration in the configuration and up to 64 in use; everything
not named there is librosa's default. The inverse of this transform is approximate and nothing above 8.4 kHz is in it;
it serves models trained by the original and comparisons with it. A run that was trained with other settings brings them
along as a ``Layout``.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 44100
HOP_SAMPLES = 128
BINS_PER_OCTAVE = 48
OCTAVES = 8
BANDS = OCTAVES * BINS_PER_OCTAVE
LOWEST_HZ = 440.0 * 2.0 ** (-45 / 12)  # C1, 32.70 Hz
FRAME_RATE_HZ = SAMPLE_RATE_HZ / HOP_SAMPLES


@dataclass(frozen=True)
class Layout:
    """The settings of a transform; those of the published configuration if nothing is said."""

    sample_rate_hz: int = SAMPLE_RATE_HZ
    hop_samples: int = HOP_SAMPLES
    bins_per_octave: int = BINS_PER_OCTAVE
    bands: int = BANDS
    lowest_hz: float = LOWEST_HZ

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def frames(self, samples: int) -> int:
        """How many frames a clip of so many samples has."""
        return 1 + samples // self.hop_samples

    def _for_librosa(self) -> dict[str, Any]:
        return {"sr": self.sample_rate_hz, "hop_length": self.hop_samples, "fmin": self.lowest_hz,
                "bins_per_octave": self.bins_per_octave}


LTS = Layout()


def band_frequencies_hz(layout: Layout = LTS) -> NDArray[np.float64]:
    """Centre of each band in Hz: f_k = C1 * 2^(k / 48).

    >>> band_frequencies_hz()[[0, 48, 384 - 1]].round(2)
    array([  32.7 ,   65.41, 8251.99])
    """
    return layout.lowest_hz * 2.0 ** (np.arange(layout.bands) / layout.bins_per_octave)


def coefficients(audio: NDArray[np.float32], layout: Layout = LTS) -> NDArray[np.complex64]:
    """Complex constant-Q transform of a mono clip at the layout's rate.

    Args:
        audio: ``[samples]``, at least one.

    Returns:
        ``[384, 1 + samples // 128]``, bands first as librosa has it.
    """
    import librosa  # here, because importing it takes seconds

    audio = _mono(audio)
    with _quiet():
        found = librosa.cqt(audio, n_bins=layout.bands, **layout._for_librosa())
    return np.asarray(found, np.complex64)


def frames(audio: NDArray[np.float32], layout: Layout = LTS) -> NDArray[np.float32]:
    """Magnitudes ``[1 + samples // 128, 384]`` of a mono clip ``[samples]`` at 44.1 kHz: what LTS' VAE sees."""
    return np.ascontiguousarray(np.abs(coefficients(audio, layout)).T)


def waveform(coefficients: NDArray[np.complex64], samples: int, layout: Layout = LTS) -> NDArray[np.float32]:
    """Waveform ``[samples]`` from complex coefficients ``[bands, 1 + samples // hop]``: librosa's inverse, nearly one."""
    import librosa

    with _quiet():
        audio = librosa.icqt(coefficients, length=samples, dtype=np.float32, **layout._for_librosa())
    return np.asarray(audio, np.float32)


def nearest(wanted: NDArray[np.complex64], samples: int, layout: Layout = LTS, steps: int = 3) -> NDArray[np.float32]:
    """The waveform ``[samples]`` whose transform comes nearest to coefficients ``[bands, 1 + samples // hop]``.

    librosa's inverse alone leaves -7 dB of a piano's or a plucked note's samples wrong, most of it by its gain. Here it gives
    directions: with what is left r, d = inverse(r) and q = transform(d), the step is a = <q, r> / <q, q> (the minimal
    residual iteration: Saad 2003, Iterative Methods for Sparse Linear Systems, 5.3.2), so that what is left never grows.
    After three steps a piano is wrong by -16 dB, which is what lies below the lowest band, and a plucked note by -29.
    """
    left = np.array(wanted, np.complex64)
    found = np.zeros(samples, np.float32)
    for _ in range(steps):
        direction = waveform(left, samples, layout)
        moved = coefficients(direction, layout)
        size = float(np.vdot(moved, moved).real)
        if not size > 0.0:  # silence
            break
        amount = np.float32(float(np.vdot(moved, left).real) / size)
        found += amount * direction
        left -= amount * moved
    return found


def rebuild(magnitude: NDArray[np.float32], samples: int, iterations: int = 1, seed: int = 0,
            layout: Layout = LTS) -> NDArray[np.float32]:
    """Waveform ``[samples]`` from magnitudes alone, by fast Griffin-Lim on the constant-Q transform.

    Random phase, then ``iterations`` rounds of inverse and forward transform with momentum 0.99 (Perraudin, Balazs,
    Sondergaard 2013), then a last inverse. The original drew another phase on every run; here ``seed`` repeats it.

    Args:
        magnitude: ``[frames, 384]`` with frames = 1 + samples // 128.
        samples: length of the result.
    """
    import librosa

    magnitude = np.asarray(magnitude, np.float32)
    wanted = (layout.frames(samples), layout.bands)
    if magnitude.ndim != 2 or magnitude.shape != wanted:
        raise ValueError(f"magnitude must be [frames, bands] = {wanted} for {samples} samples, found {magnitude.shape}")
    if iterations < 1:
        raise ValueError(f"iterations = {iterations}: give at least 1")
    with _quiet():
        audio = librosa.griffinlim_cqt(magnitude.T, n_iter=iterations, dtype=np.float32, length=samples, random_state=seed,
                                       **layout._for_librosa())
    return np.asarray(audio, np.float32)


def _mono(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    if np.ndim(audio) != 1 or np.size(audio) == 0:
        raise ValueError(f"audio must be mono [samples] with at least one sample, found shape {np.shape(audio)}")
    return np.ascontiguousarray(audio, np.float32)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without librosa's word that a clip is shorter than its longest window: zeros around it are right here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"n_fft=\d+ is too large for input signal")
        yield
