"""The windows of the filterbank: what each sees of the spectrum, and how much of it.

Hann windows stand on the bands, more of them at equal distances above the last one, and a low-pass over DC below the first;
divided by the root of their summed squares they are a tight frame (see ``filterbank.py``).
"""

import math

import numpy as np
from numpy.typing import NDArray

Hz = NDArray[np.float64]


def entries(centres_hz: Hz, spacings_hz: Hz, half_widths_hz: Hz, cap_hz: float, sample_rate: int, samples: int, frames: int
            ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], Hz, int]:
    """All that the windows see, one entry for each bin of each window ``[n]``: the slot of the rows' FFTs it goes to (flat, of
    ``[rows, frames]``), its spectrum bin, its weight, and the sign of its imaginary part.

    Bin b of a window goes to slot b modulo ``frames`` of its row. Windows that reach past DC or Nyquist go on into the mirror
    image X[-b] = conj(X[b]) (sign -1): cut off there, they would ring for seconds. The last values are the centre of each row
    in Hz ``[rows]`` and the number of model rows.

    Args:
        centres_hz, spacings_hz, half_widths_hz: of the bands ``[bands]``; those that reach past Nyquist get no window.
        cap_hz: the most that half a window may be wide, half the frame rate.
        samples, frames: of the transform.
    """
    bin_hz, nyquist = sample_rate / samples, sample_rate / 2.0
    inside = centres_hz + half_widths_hz <= nyquist
    centres, halves = centres_hz[inside], half_widths_hz[inside]
    heights = np.sqrt(spacings_hz[inside] / halves * 4.0 / 3.0)  # makes S = 1 where windows overlap densely
    low_edge, low_half = (centres[0], halves[0]) if len(centres) else (0.0, cap_hz)
    ladder_start = centres[-1] + halves[-1] if len(centres) else cap_hz
    ladder = ladder_start + cap_hz * np.arange(max(1, math.ceil((nyquist - cap_hz / 2 - ladder_start) / cap_hz) + 1))

    windows = [_hann(c, h, bin_hz) for c, h in zip(centres, halves, strict=True)]
    windows = [(start, window * height) for (start, window), height in zip(windows, heights, strict=True)]
    windows += [_hann(c, cap_hz, bin_hz) for c in ladder]
    windows += [_low_pass(low_edge - low_half, low_edge + low_half, bin_hz)]

    rows = np.repeat(np.arange(len(windows)), [len(window) for _, window in windows])
    places = np.concatenate([np.arange(start, start + len(window)) for start, window in windows])
    values = np.concatenate([window for _, window in windows])
    bins, signs = _fold(places, samples)
    power = np.bincount(bins, values**2, samples // 2 + 1)
    power[0] *= 2.0
    if samples % 2 == 0:
        power[-1] *= 2.0
    weights = (values / np.sqrt(power[bins])).astype(np.float32)
    return rows * frames + places % frames, bins, weights, signs, np.concatenate((centres, ladder, [0.0])), int(inside.sum())


def _hann(centre_hz: float, half_hz: float, bin_hz: float) -> tuple[int, NDArray[np.float64]]:
    """First bin and values of a Hann window whose ends are zero."""
    start, stop = math.floor((centre_hz - half_hz) / bin_hz) + 1, math.ceil((centre_hz + half_hz) / bin_hz)
    return start, np.cos(0.5 * np.pi * (np.arange(start, stop) * bin_hz - centre_hz) / half_hz) ** 2


def _low_pass(flat_hz: float, zero_hz: float, bin_hz: float) -> tuple[int, NDArray[np.float64]]:
    """First bin and values of a window over DC: flat to ``flat_hz``, zero at ``zero_hz``, both signs of frequency."""
    stop = math.ceil(zero_hz / bin_hz)
    offset = np.clip((np.abs(np.arange(1 - stop, stop)) * bin_hz - flat_hz) / (zero_hz - flat_hz), 0.0, 1.0)
    return 1 - stop, math.sqrt(0.5) * np.cos(0.5 * np.pi * offset) ** 2


def _fold(bins: NDArray[np.int64], samples: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Bins of the whole spectrum to bins of the half spectrum, with -1 where the value is a conjugate."""
    bins = bins % samples
    mirrored = bins > samples // 2
    return np.where(mirrored, samples - bins, bins), np.where(mirrored, -1.0, 1.0).astype(np.float32)
