"""What bands gain, carried over to the cells of an STFT.

The frame knows best how loud each band is to be, an STFT rebuilds phase better. So the gain that each clip's bands need is
spread over the STFT of the clip: the gain of a cell is the root of the wanted energy over the energy that is there, both
gathered from the bands and frames that the cell's window sees.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.frame.filterbank import Bands

MOST_GAIN_DB = 24.0
LEAST_GAIN_DB = -96.0
_COLUMNS = 64  # at a time: a column sees a few frames of thousands


class Carrier:
    """Gathers energies of bands and frames for the cells of an STFT.

    Args:
        bands: the layout.
        rows: how many of the bands there are at this sample rate.
        bin_hz: distance of the STFT's bins; its window is a Hann window of ``1 / bin_hz`` seconds.
        frame_seconds, column_seconds: when the frames and the columns are, rising ``[frames]``, ``[columns]``.

    Attributes:
        bins: how many bins the bands reach.
    """

    def __init__(self, bands: Bands, rows: int, bin_hz: float, frame_seconds: NDArray[np.float64],
                 column_seconds: NDArray[np.float64]) -> None:
        self._dense, self._below, self._share = _sees_bands(bands, rows, bin_hz)
        self.bins = len(self._dense) + len(self._below)
        self._spans = [_sees_frames(frame_seconds, column_seconds[start:start + _COLUMNS], 1.0 / bin_hz)
                       for start in range(0, len(column_seconds), _COLUMNS)]

    def energies(self, magnitudes: Tensor) -> Tensor:
        """Energies ``[channels, bins, columns]`` of magnitudes ``[channels, rows, frames]``.

        The bins of a column lie side by side in memory, as they do in the STFT.
        """
        device = magnitudes.device
        seen = self.columns(magnitudes).transpose(1, 2).contiguous()  # [channels, columns, rows]
        low, below = self._dense.to(device), self._below.to(device)
        found = seen.new_empty(*seen.shape[:2], self.bins)
        torch.matmul(seen[..., :low.shape[1]], low.T, out=found[..., :len(low)])
        # torch.gather takes a fifth of the time of an index here
        under, over = (torch.gather(seen, 2, band.expand(*seen.shape[:2], -1)) for band in (below, below + 1))
        found[..., len(low):] = torch.lerp(under, over, self._share.to(device))
        return found.transpose(1, 2)

    def log_energies(self, magnitudes: Tensor, floor: float) -> Tensor:
        """Logarithms of energies ``[channels, bins, columns]`` above a floor, a magnitude: silence is left silent."""
        return self.energies(magnitudes).add_(floor**2).log_()

    def columns(self, magnitudes: Tensor) -> Tensor:
        """Energies ``[..., columns]`` of magnitudes ``[..., frames]``, bands as they are."""
        return torch.cat([magnitudes[..., first:first + len(weights)].square() @ weights.to(magnitudes.device)
                          for first, weights in self._spans], dim=-1)


@lru_cache(maxsize=4)
def carrier(bands: Bands, rows: int, bin_hz: float, frame_ends: tuple[float, float], frames: int,
            column_ends: tuple[float, float], columns: int) -> Carrier:
    """A cached ``Carrier`` for evenly spaced frames and columns: the stems of a job share it."""
    return Carrier(bands, rows, bin_hz, np.linspace(*frame_ends, frames), np.linspace(*column_ends, columns))


def log_gains(wanted: Tensor, there: Tensor) -> Tensor:
    """Logarithms of the gains from the logarithms of energies, bounded."""
    least, most = LEAST_GAIN_DB / 20.0 * math.log(10.0), MOST_GAIN_DB / 20.0 * math.log(10.0)
    return (wanted - there).mul_(0.5).clamp_(least, most)


def _sees_frames(frames: NDArray[np.float64], columns: NDArray[np.float64], window_seconds: float) -> tuple[int, Tensor]:
    """First frame that any of the columns sees, and the energy of their windows at it and those after it ``[n, columns]``.

    A column sees at least its nearest frame.
    """
    first = min(int(np.searchsorted(frames, columns[0] - window_seconds / 2)), len(frames) - 1)
    stop = max(int(np.searchsorted(frames, columns[-1] + window_seconds / 2)), 1)
    distance: NDArray[np.float64] = np.abs(frames[first:stop, None] - columns)
    seen = np.cos(np.pi * np.clip(distance / window_seconds, 0.0, 0.5)) ** 4
    seen[distance.argmin(0), np.arange(len(columns))] += 1e-6
    return first, torch.from_numpy((seen / seen.sum(0)).astype(np.float32))


@lru_cache(maxsize=8)
def _sees_bands(bands: Bands, rows: int, bin_hz: float) -> tuple[Tensor, Tensor, Tensor]:
    """What each bin sees of the bands: weights of the lower bins ``[low bins, low bands]``, and for each higher bin the band
    below it and how much of the next.

    A lower bin sees what its window's main lobe covers. Higher up bands lie further apart than that, and a bin lies between
    two. Bins below the lowest band see that one.
    """
    hertz, spacings = bands.centres_hz[:rows], bands.spacings_hz[:rows]
    frequency = np.arange(0.0, hertz[-1] + spacings[-1] / 2, bin_hz)
    reach = 2.0 * bin_hz
    split = int(np.searchsorted(frequency, hertz[min(int(np.searchsorted(spacings, reach)), rows - 1)]))
    low = frequency[:split]
    heard = int(np.searchsorted(hertz, low[-1] + reach)) if split else 0
    distance = np.abs(np.maximum(low, hertz[0])[:, None] - hertz[:heard])
    seen = np.cos(0.5 * np.pi * np.clip(distance / reach, 0.0, 1.0)) ** 2
    dense = seen / seen.sum(1, keepdims=True) if split else seen
    place = np.interp(frequency[split:], hertz, np.arange(rows))
    below = np.clip(place.astype(np.int64), 0, max(rows - 2, 0))
    return (torch.from_numpy(dense.astype(np.float32)), torch.from_numpy(below),
            torch.from_numpy((place - below).astype(np.float32)))
