"""Figures of many pairs in one table, and what it says of one way beside another."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lts_batch.metrics import judge

Results = dict[str, Any]  # what JSON can hold, and nothing else


def summarised(pairs: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> Results:
    """Median and mean of each figure of each way over the pairs that have it.

    >>> pairs = {pair: {"way": {"step_cv": value}} for pair, value in (("a~b", 0.1), ("c~d", 0.4), ("e~f", None))}
    >>> summarised(pairs)["way"]["step_cv"]
    {'median': 0.25, 'mean': 0.25, 'pairs': 2}
    """
    names = dict.fromkeys(name for ways in pairs.values() for name in ways)
    table: Results = {}
    for name in names:
        rows = [ways[name] for ways in pairs.values() if name in ways]
        table[name] = {}
        for figure in rows[0]:
            known = [value for row in rows if (value := row[figure]) is not None]
            table[name][figure] = {"median": float(np.median(known)) if known else None,
                                   "mean": float(np.mean(known)) if known else None, "pairs": len(known)}
    return table


def verdict(ours: Mapping[str, Any], rival: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of the figures in which ours is better in the mean, and in which it is not; ends, exact or not, left out."""
    sides: dict[str, list[str]] = {"better": [], "not better": []}
    for name, figure in judge.FIGURES.items():
        mine, other = ours[name]["mean"], rival[name]["mean"]
        if name.startswith("end_") or mine is None or other is None:
            continue
        gain = abs(other - 1.0) - abs(mine - 1.0) if figure.best == 0 else figure.best * (mine - other)
        sides["better" if gain > 0.0 else "not better"].append(figure.title)
    return sides


def numbers(found: Mapping[str, float]) -> dict[str, float | None]:
    """What JSON can hold: None for what is no number."""
    return {name: float(value) if math.isfinite(value) else None for name, value in found.items()}
