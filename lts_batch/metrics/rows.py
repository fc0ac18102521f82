"""How evenly a row of stems fills the way between two clips, told by the distances between them."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from lts_batch.metrics.measures import frames_distance_db, log_mel_frames
from lts_batch.metrics.spectra import Array


def step_distances_db(stems: Sequence[Array], sample_rate: int) -> Array:
    """Log-mel distances between all stems of a row ``[stems, stems]``, laid over each other as in ``log_mel_frames``.

    The first diagonal beside the main one holds the steps, the first and last row the distances to the ends.
    """
    longest = max(1, *(np.shape(stem)[1] for stem in stems))
    frames = [log_mel_frames(stem, sample_rate, longest) for stem in stems]
    found = np.zeros((len(stems), len(stems)))
    for one, other in combinations(range(len(stems)), 2):
        found[one, other] = found[other, one] = frames_distance_db(frames[one], frames[other])
    return found


def monotony(distances: Sequence[float]) -> float:
    """Spearman's rank correlation of distances with their order: 1 where they rise throughout, -1 where they fall.

    Equal distances share the mean of their ranks; 0 where all are equal.

    >>> monotony([0.0, 1.0, 3.0, 2.0])
    0.8
    """
    values = _distances(distances)
    below = (values[None, :] < values[:, None]).sum(axis=1)
    ranks = below + ((values[None, :] == values[:, None]).sum(axis=1) - 1) / 2
    ranks, order = ranks - ranks.mean(), np.arange(values.size) - (values.size - 1) / 2
    spread = math.sqrt(float(np.sum(ranks**2)) * float(np.sum(order**2)))
    return float(ranks @ order) / spread if spread > 0 else 0.0


def evenness(distances: Sequence[float]) -> tuple[float, float]:
    """Coefficient of variation (standard deviation / mean) and largest / mean of the distances of neighbouring steps.

    0 and 1 are ideal. Steps that do not move at all are even: (0, 1).

    >>> evenness([2.0, 2.0, 2.0])
    (0.0, 1.0)
    """
    steps = _distances(distances)
    mean = float(np.mean(steps))
    return (float(np.std(steps)) / mean, float(np.max(steps)) / mean) if mean > 0 else (0.0, 1.0)


def path_length(distances: Sequence[float], direct: float) -> float:
    """Sum of the distances of neighbouring steps over the distance of the two ends: 1 is straight, more is a detour.

    Infinite where the ends coincide but the path moves; 1 where nothing moves.

    >>> path_length([1.0, 2.0, 1.0], 4.0)
    1.0
    """
    total = float(np.sum(_distances(distances)))
    if direct > 0:
        return total / direct
    return math.inf if total > 0 else 1.0


def _distances(distances: Sequence[float]) -> Array:
    steps = np.asarray(distances, np.float64)
    if steps.ndim != 1 or steps.size == 0 or not np.all(steps >= 0):
        raise ValueError(f"distances of neighbouring steps must be one or more numbers >= 0, found {distances!r}")
    return steps
