"""Amounts x whose stems are equally far apart, found by measuring stems.

Distance is not additive, d(a, c) < d(a, b) + d(b, c), and it may jump as soon as x leaves an end; so no density of
distance over x is assumed. Each round walks from 0 to 1 in steps of one size over the table of measured distances,
linear between its entries, finds the size with which the last step ends on 1, and measures the stems found there, which
makes the table finer just where the next walk reads it. What is kept is the most even row among all stems measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lts_batch.engine.distances import Features, Table

LEAST_DB = 0.05  # where no two stems lie further apart than this, there is nothing to be heard and x stays even
EVEN_ENOUGH = 0.03  # coefficient of variation at which the search ends
MOST_ROUNDS = 5  # of measuring, the first included
MOST_STEPS = 32  # from 0 to 1; finer steps divide these
DECIMALS = 4  # of x


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
    table, wanted, rounds = Table(features), amounts, 0
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


def _even(table: Table, amounts: tuple[float, ...]) -> tuple[float, ...]:
    """The amounts that lie evenly, as far as the table knows."""
    first, last = amounts.index(0.0), amounts.index(1.0)
    step, inside = table.walk(amounts[first:last + 1])
    _, below = table.walk(amounts[first::-1], step)
    _, above = table.walk(amounts[last:], step)
    return _apart([*below[:0:-1], *inside, *above[1:]], first, last)


def _pick(table: Table, amounts: tuple[float, ...]) -> tuple[tuple[float, ...], float]:
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
