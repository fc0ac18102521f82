"""From the bands of a filterbank to mel bands, so that magnitudes that never sounded are judged as sound would be.

A band at f with magnitude m counts as a sine of that amplitude and frequency: its power in a mel band is what the mel filter
takes from a Hann window of 2048 samples over that sine, the STFT of ``measures``. So a row of frames and a waveform are
measured in one scale, but for what bands smear and what sines in one window do to each other.
"""

import numpy as np
from numpy.typing import NDArray

from lts_batch.metrics import spectra

LEAST_POWER = 1e-30
_OVERSAMPLED = 32  # of the window's spectrum

Array = NDArray[np.float64]


def weights(centres_hz: NDArray[np.floating], sample_rate: int) -> Array:
    """Power in each mel band of a magnitude of 1 in each band ``[mel bands, bands]``.

    >>> found = weights(np.array([440.0]), 44100)
    >>> found.shape, bool(found.argmax() == spectra.mel_filters(44100)[:, round(440 * 2048 / 44100)].argmax())
    ((128, 1), True)
    """
    filters = spectra.mel_filters(sample_rate)
    window = spectra.WINDOW_SAMPLES
    bins_hz = np.arange(filters.shape[1]) * sample_rate / window
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    lobe = np.abs(np.fft.rfft(hann, window * _OVERSAMPLED)) ** 2 / 4.0  # power of a sine of amplitude 1
    lobe_hz = np.arange(len(lobe)) * sample_rate / (window * _OVERSAMPLED)
    return np.asarray(filters @ np.interp(np.abs(bins_hz[:, None] - centres_hz), lobe_hz, lobe))


def log_mel(magnitudes: NDArray[np.floating], found: Array) -> Array:
    """dB of mel bands ``[..., mel bands]`` of magnitudes ``[..., bands]``, by ``weights``."""
    power = np.square(np.asarray(magnitudes, np.float64)) @ found.T
    return np.asarray(10.0 * np.log10(np.maximum(power, LEAST_POWER)))
