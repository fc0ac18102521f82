"""Distances between stems that have been measured, and rows of steps of one size through them.

Between what was measured distances lie on straight lines: a walk over them says where steps of one size would lead, a row
which measured stems come closest to it.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lts_batch.metrics import measures

Array = NDArray[np.floating]
Features = Callable[[Sequence[float]], Sequence[Array]]

TURN_PRICE = 0.02  # of a step that leads back towards a clip, as much as being 14 % too long or too short
_SAME = 0.02  # of a step: a stem measured this close to the one wanted stands for it
_NOTHING_DB = 1e-5
_HALVINGS = 24


class Table:
    """Distances between all stems measured so far."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._frames: list[Array] = []
        self.amounts: list[float] = []
        self._distances = np.zeros((0, 0))

    @property
    def widest(self) -> float:
        """The largest distance."""
        return float(self._distances.max())

    def holds(self, amounts: Sequence[float]) -> bool:
        """Whether all of these have been measured."""
        return set(amounts) <= set(self.amounts)

    def measure(self, amounts: Sequence[float]) -> None:
        """Adds the stems of these amounts."""
        new = sorted(set(amounts) - set(self.amounts))
        for x, frames in zip(new, self._features(new), strict=True):
            row = [measures.frames_distance_db(frames, other) for other in self._frames]
            place = bisect_left(self.amounts, x)
            self._distances = np.insert(np.insert(self._distances, place, row, axis=0), place,
                                        [*row[:place], 0.0, *row[place:]], axis=1)
            self.amounts.insert(place, x)
            self._frames.insert(place, frames)

    def steps(self, amounts: Sequence[float]) -> list[float]:
        """Measured distances between neighbours."""
        places = [self.amounts.index(x) for x in amounts]
        return [float(self._distances[a, b]) for a, b in pairwise(places)]

    def row(self, even: tuple[float, ...], size: float, *, loose: bool = False) -> tuple[float, tuple[float, ...]]:
        """As many measured stems as ``even`` has, from its start to its stop, each step as close to ``size`` as can be.

        Between 0 and 1, steps after which a stem lies closer to the end it comes from, or further from the end it goes to,
        are avoided at a price.

        Args:
            loose: the last step may end before the stop; nothing is said of the ends.

        Returns: sum of the squared relative deviations from the size (prices included), and the amounts.
        """
        if size < _NOTHING_DB:
            return 0.0, even
        places = self._between(even[0], even[-1])
        distances = self._distances[np.ix_(places, places)]
        price = (distances / size - 1.0) ** 2
        if not loose:
            back = np.subtract.outer(distances[0], distances[0]) > 0.0
            away = np.subtract.outer(distances[-1], distances[-1]) < 0.0
            price = price + TURN_PRICE * (back | away)
        price[np.tril_indices(len(places))] = np.inf
        cost, came_from = np.full(len(places), np.inf), []
        cost[0] = 0.0
        for _ in even[1:]:
            total = cost[:, None] + price
            came_from.append(total.argmin(axis=0))
            cost = total.min(axis=0)
        here = int(cost.argmin()) if loose else len(places) - 1
        least, path = float(cost[here]), [here]
        for step in reversed(came_from):
            path.append(int(step[path[-1]]))
        return least, tuple(self.amounts[places[n]] for n in reversed(path))

    def nearest(self, amounts: tuple[float, ...]) -> tuple[float, ...]:
        """These amounts; where a stem has been measured next to one, that one instead."""
        known, chosen = np.asarray(self.amounts), list(amounts)
        for n in range(1, len(amounts) - 1):
            closest = float(known[np.abs(known - amounts[n]).argmin()])
            if abs(closest - amounts[n]) < _SAME * min(amounts[n] - amounts[n - 1], amounts[n + 1] - amounts[n]):
                chosen[n] = closest
        return tuple(chosen)

    def walk(self, even: tuple[float, ...], most: float = math.inf) -> tuple[float, tuple[float, ...]]:
        """As many equal steps as lie between the amounts of ``even``, from its start to its stop, or to where steps of
        ``most`` end before it.

        Returns: the size of the steps, and start, stop and what lies between; ``even``, where there is no distance.
        """
        start, stop, count = even[0], even[-1], len(even) - 1
        if count == 0:
            return 0.0, even
        if math.isfinite(most):
            places = self._places(start, stop, count, most)
            if len(places) == count:
                return most, (start, *places)
        small, large = 0.0, self.widest
        for _ in range(_HALVINGS):
            size = (small + large) / 2.0
            small, large = (size, large) if len(self._places(start, stop, count, size)) == count else (small, size)
        if small < _NOTHING_DB:
            return small, even
        places = self._places(start, stop, count, small)
        # where the table rises by a jump the last step falls short of the stop: all are stretched a little
        stretch = (stop - start) / (places[-1] - start)
        return small, (start, *(start + (x - start) * stretch for x in places[:-1]), stop)

    def _places(self, start: float, stop: float, count: int, size: float) -> list[float]:
        """Where up to ``count`` steps of one size lead; fewer where ``stop`` comes first."""
        amounts = np.asarray(self.amounts)
        found = [start]
        while len(found) <= count:
            here = found[-1]
            order = self._between(here, stop)
            order = order[amounts[order] != here]
            reached = np.maximum.accumulate([0.0, *self._row(here)[order]])
            beyond = int(np.searchsorted(reached, size))
            if beyond == len(reached):
                break
            points = np.asarray([here, *amounts[order]])
            share = (size - reached[beyond - 1]) / (reached[beyond] - reached[beyond - 1])
            found.append(float(points[beyond - 1] * (1.0 - share) + points[beyond] * share))
        return found[1:]

    def _between(self, start: float, stop: float) -> NDArray[np.int64]:
        """Places of what was measured from one amount to another, in this direction."""
        amounts = np.asarray(self.amounts)
        found = np.flatnonzero((amounts >= min(start, stop)) & (amounts <= max(start, stop)))
        return found if stop > start else found[::-1]

    def _row(self, x: float) -> Array:
        """Distances of the stem at ``x`` to all measured ones, linear between the rows of its neighbours."""
        place = min(max(1, bisect_left(self.amounts, x)), len(self.amounts) - 1)
        low, high = self.amounts[place - 1], self.amounts[place]
        share = (x - low) / (high - low)
        return np.asarray((1.0 - share) * self._distances[place - 1] + share * self._distances[place])
