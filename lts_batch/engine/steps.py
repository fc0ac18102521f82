"""Amounts x whose stems are equally far apart, found by measuring stems.

Distance is not additive, d(a, c) < d(a, b) + d(b, c), and it may jump as soon as x leaves an end; so no density of
distance over x is assumed. Each round walks from 0 to 1 in steps of one size over the table of measured distances,
linear between its entries, finds the size with which the last step ends on 1, and measures the stems found there, which
makes the table finer just where the next walk reads it. What is kept is the most even row among all stems measured.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lts_batch.metrics import measures

Array = NDArray[np.floating]
Features = Callable[[Sequence[float]], Sequence[Array]]

LEAST_DB = 0.05  # where no two stems lie further apart than this, there is nothing to be heard and x stays even
EVEN_ENOUGH = 0.03  # coefficient of variation at which the search ends
MOST_ROUNDS = 5  # of measuring, the first included
MOST_STEPS = 32  # from 0 to 1; finer steps divide these
DECIMALS = 4  # of x
TURN_PRICE = 0.02  # of a step that leads back towards a clip, as much as being 14 % too long or too short
_SAME = 0.02  # of a step: a stem measured this close to the one wanted stands for it
_NOTHING_DB = 1e-5
_HALVINGS = 24


@dataclass(frozen=True)
class Spacing:
    """What was found.

    Attributes:
        amounts: x of each stem, rising.
        distances_db: measured between neighbours; of the coarser steps where there are more than ``MOST_STEPS``.
        rounds: of measuring.
        measured: number of stems that were made for it.
    """

    amounts: tuple[float, ...]
    distances_db: tuple[float, ...]
    rounds: int
    measured: int


def even_amounts(features: Features, amounts: Sequence[float]) -> Spacing:
    """As many amounts as given, equally far apart from each other.

    0 and 1 stay where they are, and so does the number of stems between and on either side of them. Steps outside of 0..1
    are as large as those inside, but do not lead beyond the first and last amount given: where they would, they are
    smaller, and end there. A single amount becomes the middle, equally far from both ends. The same features give the
    same amounts.

    Args:
        features: takes rising amounts, 0 and 1 among the first, and gives ``measures.log_mel_frames`` of their stems, all
            taken with one reference.
        amounts: evenly spaced to begin with, rising, with 0 and 1 among them; or a single one.
    """
    if len(amounts) == 1:
        found = even_amounts(features, (0.0, amounts[0] if 0.0 < amounts[0] < 1.0 else 0.5, 1.0))
        return Spacing(found.amounts[1:2], (), found.rounds, found.measured)
    if 0.0 not in amounts or 1.0 not in amounts or any(b <= a for a, b in pairwise(amounts)):
        raise ValueError(f"amounts must rise, with 0 and 1 among them, found {list(amounts)}")
    inside = [x for x in amounts if 0.0 <= x <= 1.0]
    if len(amounts) == 2:
        return Spacing(tuple(amounts), (), 0, 0)
    if len(inside) - 1 > MOST_STEPS:
        return _divided(features, amounts, len(inside) - 1)
    return _search(features, tuple(round(x, DECIMALS) for x in amounts))


def _search(features: Features, amounts: tuple[float, ...]) -> Spacing:
    table, wanted, rounds = _Table(features), amounts, 0
    while rounds < MOST_ROUNDS and not table.holds(wanted):
        table.measure(wanted)
        rounds += 1
        if table.widest <= LEAST_DB:
            return Spacing(amounts, tuple(table.steps(amounts)), rounds, len(table.amounts))
        best, unevenness = _pick(table, amounts)
        if unevenness <= EVEN_ENOUGH:
            break
        wanted = table.nearest(_even(table, amounts))
    return Spacing(best, tuple(table.steps(best)), rounds, len(table.amounts))


def _divided(features: Features, amounts: Sequence[float], steps: int) -> Spacing:
    """Finer steps than are worth measuring: the coarse ones, divided evenly in x."""
    first, last = amounts.index(0.0), amounts.index(1.0)
    width = steps / MOST_STEPS
    below, above = math.ceil(first / width), math.ceil((len(amounts) - 1 - last) / width)
    coarse = [n / MOST_STEPS for n in range(-below, MOST_STEPS + above + 1)]
    coarse[0], coarse[-1] = min(0.0, amounts[0]), max(1.0, amounts[-1])
    found = _search(features, tuple(coarse))
    places = (np.arange(len(amounts)) - first) / width  # counted in coarse steps
    fine = np.interp(places, np.arange(-below, MOST_STEPS + above + 1), found.amounts)
    return Spacing(_apart(fine.tolist(), first, last), found.distances_db, found.rounds, found.measured)


def _even(table: "_Table", amounts: tuple[float, ...]) -> tuple[float, ...]:
    """The amounts that lie evenly, as far as the table knows."""
    first, last = amounts.index(0.0), amounts.index(1.0)
    step, inside = table.walk(amounts[first:last + 1])
    _, below = table.walk(amounts[first::-1], step)
    _, above = table.walk(amounts[last:], step)
    return _apart([*below[:0:-1], *inside, *above[1:]], first, last)


def _pick(table: "_Table", amounts: tuple[float, ...]) -> tuple[tuple[float, ...], float]:
    """The most even row among all stems measured, and by how much of a step its steps are too long or too short."""
    first, last = amounts.index(0.0), amounts.index(1.0)
    step, _ = table.walk(amounts[first:last + 1])
    inside = min(table.row(amounts[first:last + 1], size) for size in np.linspace(0.7, 1.3, 61) * step)[1]
    step = float(np.mean(table.steps(inside)))
    sizes = [table.walk(part, step)[0] for part in (amounts[first::-1], amounts[last:])]
    below, above = (table.row(part, size, loose=True)[1]
                    for part, size in zip((amounts[first::-1], amounts[last:]), sizes, strict=True))
    off = [_off(table.steps(part), size) for part, size in zip((inside, below, above), (step, *sizes), strict=True)]
    return (*below[:0:-1], *inside, *above[1:]), max(off)


def _off(distances: Sequence[float], size: float) -> float:
    return math.sqrt(np.mean(np.square(np.asarray(distances) / size - 1.0))) if distances and size > 0.0 else 0.0


def _apart(amounts: list[float], first: int, last: int) -> tuple[float, ...]:
    """Rounded, at least one unit of the last decimal apart, with 0 and 1 at their places."""
    unit = 10**DECIMALS
    whole = [round(x * unit) for x in amounts]
    whole[first], whole[last] = 0, unit
    for n in range(first + 1, last):
        whole[n] = min(max(whole[n], whole[n - 1] + 1), unit - (last - n))
    for n in range(last + 1, len(whole)):
        whole[n] = max(whole[n], whole[n - 1] + 1)
    for n in range(first - 1, -1, -1):
        whole[n] = min(whole[n], whole[n + 1] - 1)
    return tuple(n / unit for n in whole)


class _Table:
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
