"""The spectral envelope on its way between clips: moved, not faded.

Half-way between a dark and a bright sound lies a sound of medium brightness. A mean of their logarithmic magnitudes is not:
both envelopes shine through it at half their height. What moves an envelope is optimal transport: over one dimension,
the quantiles of the energy of a frame run on straight lines,

    Q_x(u) = sum_i w_i Q_i(u),   Q_i the inverse of the cumulated energy of clip i over log frequency

(displacement interpolation: McCann 1997; for audio: Henderson, Solomon 2019), and with them centroid and roll-off. Moved as a
whole, though, partials would come loose from each other. So only the envelope is moved, the energy seen through windows of
0.7 octaves, and the fine structure keeps what the path made of it: magnitudes are turned up or down until their own
envelope is the moved one. At an end that is no change at all.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lts_batch.frame.filterbank import Bands

WIDTH_OCTAVES = 0.7  # of the windows that the envelope is seen through, at half their height
STEP_OCTAVES = 0.2
MOST_GAIN_DB, LEAST_GAIN_DB = 24.0, -60.0
FLOOR_DB = -70.0  # under the energy of its frame: what lies lower is not worth moving
MOVED_DB, LEFT_DB = -20.0, -40.0  # under the loudest window: what is moved in full, and what stays where the path put it
QUIET_DB = -80.0  # under its clip's peak: a frame below it has less and less of a say


class Envelope:
    """Envelopes of frames over the first ``rows`` bands.

    Attributes:
        points: number of windows.
    """

    def __init__(self, bands: Bands, rows: int) -> None:
        octaves = np.log2(bands.centres_hz[:rows])
        places = np.arange(octaves[0], octaves[-1] + STEP_OCTAVES, STEP_OCTAVES)
        self.points = len(places)
        deviation = WIDTH_OCTAVES / (2.0 * np.sqrt(2.0 * np.log(2.0)))
        seen = np.exp(-0.5 * ((places[:, None] - octaves) / deviation) ** 2)
        self._seen = torch.from_numpy((seen / seen.sum(1, keepdims=True)).astype(np.float32))  # [points, rows]
        at = (octaves - places[0]) / STEP_OCTAVES
        below = np.clip(at.astype(np.int64), 0, max(self.points - 2, 0))
        spread = np.zeros((rows, self.points))
        spread[np.arange(rows), below] = 1.0 - (at - below)
        spread[np.arange(rows), np.minimum(below + 1, self.points - 1)] += at - below
        self._spread = torch.from_numpy(spread.astype(np.float32))  # [rows, points]

    def of(self, magnitudes: Tensor) -> Tensor:
        """Shares of each window in the energy of a frame ``[channels, frames, points]``, of magnitudes ``[channels, rows,
        frames]``; what is silent has a level envelope."""
        energy = (self._seen.to(magnitudes) @ magnitudes.square()).transpose(1, 2).double()
        floor = 10.0 ** (FLOOR_DB / 10.0)
        shares: Tensor = energy / energy.sum(-1, keepdim=True).clamp_min(1e-30) + floor
        shares /= shares.sum(-1, keepdim=True)
        return shares

    def contrast_db(self, magnitudes: Tensor) -> Tensor:
        """How far each band of magnitudes ``[channels, rows, frames]`` lies above the energy around it."""
        around = (self._seen.to(magnitudes) @ magnitudes.square()).clamp_min_(1e-30).log10_()
        return magnitudes.clamp_min(1e-15).log10_().mul_(20.0).sub_(self._spread.to(magnitudes) @ around.mul_(10.0))

    def gains_db(self, now: Tensor, wanted: Tensor) -> Tensor:
        """Gains ``[channels, rows, frames]`` in dB that turn one envelope into another where it is heard, bounded: to move what
        lies far below is to make detours that nobody asked for."""
        found = (10.0 * (wanted / now).log10()).clamp_(LEAST_GAIN_DB, MOST_GAIN_DB)
        heard = torch.maximum(now, wanted)
        under_db = 10.0 * (heard / heard.amax(-1, keepdim=True)).log10()
        found = found.mul_(((under_db - LEFT_DB) / (MOVED_DB - LEFT_DB)).clamp_(0.0, 1.0)).float()
        return self._spread.to(found) @ found.transpose(1, 2)


@lru_cache(maxsize=4)
def envelope(bands: Bands, rows: int) -> Envelope:
    """A cached ``Envelope``."""
    return Envelope(bands, rows)


def transported(envelopes: Sequence[Tensor], w: Tensor) -> Tensor:
    """The displacement interpolant of envelopes ``[channels, frames, points]`` with weights ``[clips, frames]``.

    Weights outside of 0..1 go on in the same direction, as far as the range of frequencies and the order of quantiles allow.
    """
    points = envelopes[0].shape[-1]
    sums = [torch.nn.functional.pad(one.cumsum(-1), (1, 0)) for one in envelopes]
    sums = [one / one[..., -1:] for one in sums]
    levels = torch.cat(sums, dim=-1).sort(dim=-1).values  # [channels, frames, clips * (points + 1)]
    quantiles = torch.zeros_like(levels)
    for weight, one in zip(w.double(), sums, strict=True):
        quantiles += weight[:, None] * _read(one, torch.arange(points + 1, dtype=one.dtype, device=one.device), levels)
    quantiles = quantiles.clamp_(0.0, float(points)).cummax(-1).values  # beyond the ends they might overtake each other
    edges = torch.arange(points + 1, dtype=levels.dtype, device=levels.device).expand(*levels.shape[:-1], -1)
    cumulated = _read(quantiles, levels, edges.contiguous())
    cumulated[..., 0], cumulated[..., -1] = 0.0, 1.0
    return cumulated.diff(dim=-1).clamp_min_(0.1 * 10.0 ** (FLOOR_DB / 10.0))


def heard(w: Tensor, levels: Sequence[Tensor], peaks: Sequence[float]) -> Tensor:
    """Weights ``[clips, frames]`` of envelopes: a clip that falls silent gives its weight to those that sound.

    Args:
        w: weights ``[clips, frames]``.
        levels: of the clips' frames ``[channels, frames]``.
    """
    sounding = torch.stack([(level.amax(0) / (peak * 10.0 ** (QUIET_DB / 20.0))).clamp_max(1.0)
                            for level, peak in zip(levels, peaks, strict=True)])
    kept = w * sounding
    return kept + (1.0 - kept.sum(0)) * sounding / sounding.sum(0).clamp_min(1e-12)


def _read(x: Tensor, y: Tensor, at: Tensor) -> Tensor:
    """Straight lines through points (x, y), x rising ``[..., n]``, read at ``[..., m]``."""
    above = torch.searchsorted(x, at, right=True).clamp_(1, x.shape[-1] - 1)
    low, high = x.gather(-1, above - 1), x.gather(-1, above)
    share = ((at - low) / (high - low).clamp_min(1e-300)).clamp_(0.0, 1.0)
    if y.ndim == 1:
        return torch.lerp(y[above - 1], y[above], share)
    return torch.lerp(y.gather(-1, above - 1), y.gather(-1, above), share)
