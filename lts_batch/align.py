"""How long a stem is, and which moment of each clip it takes its sound from.

Times are in samples at the output rate. A warp maps a time of the stem to a time of a clip; before the start and past
the end it goes on at unit rate, so that rings and tails are not stretched.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Warp:
    """A piecewise linear map from stem time to clip time, both rising: at least two knots each."""

    stem: tuple[float, ...]
    clip: tuple[float, ...]

    @property
    def is_identity(self) -> bool:
        """Whether the clip runs in its own time: then its own frames and phase are used, to the bit."""
        return self.stem == self.clip

    def __call__(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Clip times for stem times ``[n]``."""
        inside = np.interp(times, self.stem, self.clip)
        before = np.minimum(times - self.stem[0], 0.0)
        after = np.maximum(times - self.stem[-1], 0.0)
        return np.asarray(inside + before + after)


def shared_samples(lengths: tuple[int, int], align: str) -> tuple[int, int]:
    """Lengths of the clips after ``trim`` (both as the shorter) or ``pad`` (both as the longer)."""
    if align == "trim":
        return (min(lengths),) * 2
    if align == "pad":
        return (max(lengths),) * 2
    return lengths


def stem_samples(lengths: tuple[int, int], x: float | None, length: str) -> int:
    """Length of a stem: between the clips' lengths for a constant x (held beyond the ends), clip 1's for a curve.

    >>> stem_samples((100, 200), 0.5, "interpolate"), stem_samples((100, 200), 1.3, "interpolate")
    (150, 200)
    """
    if length == "longest":
        return max(lengths)
    if length == "second":
        return lengths[1]
    if length == "first" or x is None:
        return lengths[0]
    share = min(max(x, 0.0), 1.0)
    return round(lengths[0] + share * (lengths[1] - lengths[0]))


def stretch(stem_length: int, clip_length: int) -> Warp:
    """The uniform warp that lays a whole clip over a whole stem."""
    return Warp((0.0, float(stem_length)), (0.0, float(clip_length)))
