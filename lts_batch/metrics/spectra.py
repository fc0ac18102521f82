"""The spectra that sounds are judged by: a plain STFT, and the mel bands over it.

A method's own transform flatters it, so all measures of audio share one of their own: periodic Hann window, frames centred on
multiples of the hop, the clip zero-padded on both sides. Audio is ``[channels, samples]``.
"""

import math
import warnings
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

WINDOW_SAMPLES = 2048
HOP_SAMPLES = 512
MEL_BANDS = 128


def magnitudes(audio: Array) -> Array:
    """STFT magnitudes ``[channels, 1 + ceil(samples / 512), 1025]`` of audio, of 2048 samples, hop 512."""
    return stft(audio, WINDOW_SAMPLES, HOP_SAMPLES)


def stft(audio: Array, window_samples: int, hop_samples: int) -> Array:
    """STFT magnitudes ``[channels, 1 + ceil(samples / hop), bins]``."""
    return around(audio, window_samples, hop_samples * np.arange(1 + math.ceil(audio.shape[1] / hop_samples)))


def around(audio: Array, window_samples: int, centres: NDArray[np.int64]) -> Array:
    """Magnitudes ``[channels, frames, bins]`` under Hann windows around rising ``centres`` (samples); zeros outside."""
    half = window_samples // 2
    padded = np.pad(audio, ((0, 0), (half, max(0, int(centres[-1]) + half - audio.shape[1]))))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, window_samples, axis=1)[:, centres]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_samples) / window_samples)
    return np.abs(np.fft.rfft(pieces * hann, axis=-1))


def mel(audio: Array, sample_rate: int, centres: NDArray[np.int64] | None = None) -> Array:
    """Mel magnitudes, the root of band power: ``[channels, frames, bands]``; frames of the STFT, or around ``centres``."""
    found = magnitudes(audio) if centres is None else around(audio, WINDOW_SAMPLES, centres)
    return np.asarray(np.sqrt(found**2 @ mel_filters(sample_rate).T))


@lru_cache(maxsize=4)
def mel_filters(sample_rate: int) -> NDArray[np.float64]:
    """Slaney's mel filters over those bins, of power: ``[bands, 1025]``; bands narrower than one bin are left out."""
    import librosa  # here, because importing it takes longer than most measures

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty filters detected")
        weights = librosa.filters.mel(sr=sample_rate, n_fft=WINDOW_SAMPLES, n_mels=MEL_BANDS, dtype=np.float64)
    return np.asarray(weights[weights.any(axis=1)])
