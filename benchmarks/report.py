"""What vs_lts measured, as a table, as a verdict and as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from study import columns

MEASURES = {"mr_stft_sc_db": "MR-STFT SC dB", "lsd_db": "LSD dB", "log_mel_db": "log-mel dB"}

Results = dict[str, Any]


@dataclass(frozen=True)
class Demand:
    """What one of our rows has to reach: lower errors than its rivals on each clip in each measure, and savings.

    Attributes:
        savings: (rival, how many times cheaper we have to be over all pairs).
    """

    ours: str
    rivals: tuple[str, ...]
    savings: tuple[tuple[str, float], ...]


def summary(results: Results) -> dict[str, dict[str, float | None]]:
    """Per system: the mean of each error over the clips, and the cost of all jobs over all audio."""
    rows: dict[str, dict[str, float | None]] = {}
    for name in results["systems"]:
        found = [clip[name] for clip in results["errors"].values() if name in clip]
        row = {key: float(np.mean([errors[key] for errors in found])) if found else None for key in MEASURES}
        rows[name] = {**row, "cost": cost(results, name), "wall": cost(results, name, "wall_seconds")}
    return rows


def cost(results: Results, name: str, clock: str = "processor_seconds") -> float:
    """Seconds of computing per second of stem, over all jobs."""
    jobs = [pair[name] for pair in results["costs"].values()]
    return float(sum(job[clock] for job in jobs) / sum(job["audio_seconds"] for job in jobs))


def savings(results: Results, ours: str, rival: str) -> list[float]:
    """How many times cheaper ours is, pair by pair."""
    costs = [(pair[ours], pair[rival]) for pair in results["costs"].values()]
    return [theirs["processor_seconds"] / theirs["audio_seconds"] * mine["audio_seconds"] / mine["processor_seconds"]
            for mine, theirs in costs]


def failures(results: Results, demands: Sequence[Demand]) -> list[str]:
    """Everything in which a row of ours is not what it has to be."""
    return [line for demand in demands for line in (*_worse(results, demand), *_dear(results, demand))]


def _worse(results: Results, demand: Demand) -> list[str]:
    return [f"{demand.ours}: {clip}: {label} {errors[demand.ours][key]:.2f}, {rival} {errors[rival][key]:.2f}"
            for clip, errors in results["errors"].items() for rival in demand.rivals for key, label in MEASURES.items()
            if not errors[demand.ours][key] < errors[rival][key]]


def _dear(results: Results, demand: Demand) -> list[str]:
    found = [(rival, least, cost(results, rival) / cost(results, demand.ours)) for rival, least in demand.savings]
    return [f"{demand.ours}: only {saving:.1f} times cheaper than {rival}, wanted {least:g}" for rival, least, saving in found
            if not saving >= least]


def table(results: Results, demands: Sequence[Demand]) -> str:
    """Errors clip by clip, costs pair by pair, the summary and the savings, as plain text."""
    names = results["systems"]
    numbers = {name: f"({number})" for number, name in enumerate(names, 1)}
    judged = [name for name in names if any(name in clip for clip in results["errors"].values())]
    errors = [[clip, *(found[name][key] for key in MEASURES for name in judged)] for clip, found in results["errors"].items()]
    costs = [[pair, *(jobs[name]["processor_seconds"] / jobs[name]["audio_seconds"] for name in names)]
             for pair, jobs in results["costs"].items()]
    rows = [[f"{numbers[name]} {name}", *row.values()] for name, row in summary(results).items()]
    saved = [[demand.ours, rival, least, cost(results, rival) / cost(results, demand.ours), min(each), max(each)]
             for demand in demands for rival, least in demand.savings
             for each in [savings(results, demand.ours, rival)]]
    return "\n\n".join((
        f"error of each clip after the model: {', '.join(MEASURES.values())}\n"
        + columns(["", *(numbers[name] for _ in MEASURES for name in judged)], errors),
        f"processor seconds per second of stem, {len(results['amounts'])} stems a pair\n"
        + columns(["", *numbers.values()], costs, 3),
        "all clips, all pairs\n" + columns(["", *MEASURES.values(), "cost", "wall clock"], rows, 3),
        "times cheaper\n" + columns(["", "than", "wanted", "over all pairs", "least", "most"], saved, 1)))


def picture(results: Results, figure: Any) -> None:
    """Each clip's error under each system, and each system's cost."""
    names, clips = results["systems"], list(results["errors"])
    *error_axes, cost_axis = figure.subplots(1, len(MEASURES) + 1)
    for axis, (key, label) in zip(error_axes, MEASURES.items(), strict=True):
        for number, name in enumerate(names):
            found = [(errors[name][key], place) for place, errors in enumerate(results["errors"].values()) if name in errors]
            axis.plot([error for error, _ in found], [place for _, place in found], "o", ms=4, color=f"C{number}")
        axis.set(yticks=range(len(clips)), yticklabels=clips if axis is error_axes[0] else [])
        axis.set_title(label, fontsize=9)
        axis.tick_params(labelsize=6)
        axis.invert_yaxis()
        axis.grid(alpha=0.3)
    rows = summary(results)
    costs = [rows[name]["cost"] for name in names]
    cost_axis.barh(range(len(names)), costs, color=[f"C{number}" for number in range(len(names))], alpha=0.6)
    for place, (name, seconds) in enumerate(zip(names, costs, strict=True)):
        cost_axis.annotate(f" {name}: {seconds:.3g}", (min(costs), place), fontsize=7, va="center")
    cost_axis.set(xscale="log", yticks=[])
    cost_axis.set_title("seconds of computing per second of stem", fontsize=9)
    cost_axis.tick_params(labelsize=7)
    cost_axis.invert_yaxis()
