"""What the study of phase says: which ways may be the default, the table, what misses its target, and the picture."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import study
from study import Results

from lts_batch.settings import Settings

NULL_DB = -90.0
ALONE_SC_DB, ALONE_COST = -25.0, 0.15  # wanted of one that knows the magnitudes of an STFT alone
COST_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
HEADER = ("way, repairs", "x = 0.5", "median", "by bands", "louder", "cost", "wins", "worst null", "true SC", "log-mel",
          "decoded SC", "log-mel")
LEGEND = (
    "x = 0.5: log-mel distance of a stem from its target magnitudes / dB, by a plain STFT (mean, median), by the filterbank;",
    "louder: than the target, in the mean over what can be heard / dB; cost: processor seconds of one more stem per second of",
    "it (median); wins: pairs, among the ways with phase from the clips whose ends null; worst null: of x = 0 and 1 / dB",
    "true, decoded: clips from their true and from their decoded magnitudes, MR-STFT SC and log-mel distance / dB",
)


def _variants(results: Results) -> Iterator[tuple[str, list[Results]]]:
    """Each variant with its figures of all pairs."""
    for way in results["ways"]:
        for count in results["repairs"]:
            yield f"{way} {count}", [found[f"{way} {count}"] for found in results["pairs"].values()]


def _nulls(rows: Sequence[Results]) -> float:
    return max(db for row in rows for db in row["null_db"])


def eligible(results: Results) -> list[str]:
    """Variants with phase from the clips whose ends null for all pairs, in rising order of their mean error at x = 0.5."""
    errors = {name: float(np.mean([row["log_mel_db"] for row in rows])) for name, rows in _variants(results)
              if name.startswith("source/") and _nulls(rows) < NULL_DB}
    return sorted(errors, key=errors.__getitem__)


def wins(results: Results, names: Sequence[str]) -> dict[str, int]:
    """For how many pairs each of some variants has the least error at x = 0.5."""
    best = [min(names, key=lambda name: found[name]["log_mel_db"]) for found in results["pairs"].values()] if names else []
    return {name: best.count(name) for name in names}


def table(results: Results) -> str:
    won, rows = wins(results, eligible(results)), []
    for name, found in _variants(results):
        rows.append([name, _mean(found, "log_mel_db"), _median(found, "log_mel_db"), _mean(found, "own_log_mel_db"),
                     _mean(found, "louder_db"), _median(found, "cost"), won.get(name), _nulls(found),
                     *(_mean([row[kind] for row in found], key) for kind in ("true", "decoded")
                       for key in ("mr_stft_sc_db", "log_mel_db"))])
    floor_db, chosen, default = _mean(next(_variants(results))[1], "floor_db"), eligible(results), Settings()
    return "\n".join((
        f"{len(results['pairs'])} pairs, the first {results['seconds']:g} s of each clip", *LEGEND,
        f"Sounds are {floor_db:.2f} dB from their own magnitudes by that measure.", "", study.columns(HEADER, rows), "",
        "by the distance at x = 0.5, of the ways with phase from the clips whose ends null: "
        + (", then ".join(chosen) or "none") + f"; the default is {default.phase}/{default.domain} {default.repair or 0}", "",
        "phase by heap integration from the magnitudes of an STFT alone (Gaussian window): means, cost the median",
        study.columns(["", "MR-STFT SC", "log-mel", "cost"], [
            [name, _mean(found, "mr_stft_sc_db"), _mean(found, "log_mel_db"), _median(found, "cost")]
            for name, found in _alone(results).items()])))


def _mean(rows: Sequence[Results], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def _median(rows: Sequence[Results], key: str) -> float:
    return float(np.median([row[key] for row in rows]))


def _alone(results: Results) -> dict[str, list[Results]]:
    clips = list(results["alone"].values())
    return {name: [found[name] for found in clips] for name in clips[0]}


def failures(results: Results) -> list[str]:
    lines = []
    if any(way.startswith("source/") for way in results["ways"]) and not eligible(results):
        lines.append(f"no way with phase from the clips nulls below {NULL_DB:g} dB at both ends of all pairs")
    alone = {name: (_mean(rows, "mr_stft_sc_db"), _mean(rows, "cost")) for name, rows in _alone(results).items()}
    if not any(sc <= ALONE_SC_DB and cost <= ALONE_COST for sc, cost in alone.values()):
        lines.append(f"from STFT magnitudes alone nothing reaches {ALONE_SC_DB:g} dB at {ALONE_COST:g} s a second: "
                     + "; ".join(f"{name} {sc:.1f} dB at {cost:.2f}" for name, (sc, cost) in alone.items()))
    return lines


def picture(results: Results, figure: Any) -> None:
    """Error against cost: a line for each way, a dot for each number of repairs."""
    views = (("x = 0.5: log-mel distance from the target / dB", lambda row: row, "log_mel_db"),
             ("a clip from its true magnitudes: MR-STFT SC / dB", lambda row: row["true"], "mr_stft_sc_db"),
             ("from its decoded magnitudes: MR-STFT SC / dB", lambda row: row["decoded"], "mr_stft_sc_db"))
    found = dict(_variants(results))
    for number, (axis, (title, part, key)) in enumerate(zip(figure.subplots(1, len(views)), views, strict=True)):
        for place, way in enumerate(results["ways"]):
            if number == 1 and way.startswith("source/"):
                continue  # exact: nothing to be seen
            dots = [[part(row) for row in found[f"{way} {count}"]] for count in results["repairs"]]
            axis.plot([_median(rows, "cost") for rows in dots], [_mean(rows, key) for rows in dots], "o-", ms=3, lw=1,
                      color=f"C{place}", label=way)
        axis.set_xscale("log")
        axis.set_xticks(COST_TICKS, [f"{cost:g}" for cost in COST_TICKS])
        axis.set_xticks([], minor=True)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel(f"cost of a stem, s / s; dots: {', '.join(map(str, results['repairs']))} repairs", fontsize=8)
        axis.set_xlim(0.01, 1.0)
        axis.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=7)
