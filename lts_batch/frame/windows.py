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

    edges = np.concatenate((centres, ladder))
    rows, places, values = _hanns(edges, np.concatenate((halves, np.full(len(ladder), cap_hz))), bin_hz)
    values *= np.concatenate((heights, np.ones(len(ladder))))[rows]
    low, low_values = _low_pass(low_edge - low_half, low_edge + low_half, bin_hz)
    rows = np.concatenate((rows, np.full(len(low), len(edges))))
    places, values = np.concatenate((places, low)), np.concatenate((values, low_values))
    bins, signs = _fold(places, samples)
    power = np.bincount(bins, values**2, samples // 2 + 1)
    power[0] *= 2.0
    if samples % 2 == 0:
        power[-1] *= 2.0
    weights = (values / np.sqrt(power[bins])).astype(np.float32)
    return rows * frames + places % frames, bins, weights, signs, np.concatenate((edges, [0.0])), int(inside.sum())


def _hanns(centres_hz: Hz, halves_hz: Hz, bin_hz: float) -> tuple[NDArray[np.int64], NDArray[np.int64], Hz]:
    """Number, bin and value of each entry ``[n]`` of Hann windows whose ends are zero, window after window."""
    starts = np.floor((centres_hz - halves_hz) / bin_hz).astype(np.int64) + 1
    counts = np.ceil((centres_hz + halves_hz) / bin_hz).astype(np.int64) - starts
    numbers = np.repeat(np.arange(len(centres_hz)), counts)
    bins = np.arange(counts.sum()) + (starts - np.cumsum(counts) + counts)[numbers]
    return numbers, bins, np.cos(0.5 * np.pi * (bins * bin_hz - centres_hz[numbers]) / halves_hz[numbers]) ** 2


def _low_pass(flat_hz: float, zero_hz: float, bin_hz: float) -> tuple[NDArray[np.int64], Hz]:
    """Bins and values of a window over DC: flat to ``flat_hz``, zero at ``zero_hz``, both signs of frequency."""
    stop = math.ceil(zero_hz / bin_hz)
    bins = np.arange(1 - stop, stop)
    offset = np.clip((np.abs(bins) * bin_hz - flat_hz) / (zero_hz - flat_hz), 0.0, 1.0)
    return bins, math.sqrt(0.5) * np.cos(0.5 * np.pi * offset) ** 2


def _fold(bins: NDArray[np.int64], samples: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Bins of the whole spectrum to bins of the half spectrum, with -1 where the value is a conjugate."""
    bins = bins % samples
    mirrored = bins > samples // 2
    return np.where(mirrored, samples - bins, bins), np.where(mirrored, -1.0, 1.0).astype(np.float32)
