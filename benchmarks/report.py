"""What was measured, as a table, as a verdict and as a picture."""

from pathlib import Path
from typing import Any

import numpy as np

MEASURES = {"mr_stft_sc_db": "MR-STFT SC dB", "lsd_db": "LSD dB", "log_mel_db": "log-mel dB"}
LEAST_SAVING = 5.0  # how many times cheaper than LTS with 1 iteration

Results = dict[str, Any]


def summary(results: Results) -> dict[str, dict[str, float]]:
    """Per system: the mean of each error over the clips, and the cost of all jobs over all audio."""
    rows = {}
    for name in results["systems"]:
        row = {key: float(np.mean([clip[name][key] for clip in results["errors"].values()])) for key in MEASURES}
        jobs = [pair[name] for pair in results["costs"].values()]
        audio = sum(job["audio_seconds"] for job in jobs)
        row["cost"] = sum(job["processor_seconds"] for job in jobs) / audio
        row["wall"] = sum(job["wall_seconds"] for job in jobs) / audio
        rows[name] = row
    return rows


def savings(results: Results, ours: str, rival: str) -> list[float]:
    """How many times cheaper ours is, pair by pair."""
    costs = [(pair[ours], pair[rival]) for pair in results["costs"].values()]
    return [theirs["processor_seconds"] / theirs["audio_seconds"] * mine["audio_seconds"] / mine["processor_seconds"]
            for mine, theirs in costs]


def failures(results: Results, ours: str, rivals: list[str]) -> list[str]:
    """Everything in which ours is not better; ``rivals[0]`` is the one that sets the cost."""
    found = [f"{clip}: {label} {errors[ours][key]:.2f}, {rival} {errors[rival][key]:.2f}"
             for clip, errors in results["errors"].items() for rival in rivals for key, label in MEASURES.items()
             if not errors[ours][key] < errors[rival][key]]
    rows = summary(results)
    saving = rows[rivals[0]]["cost"] / rows[ours]["cost"]
    if not saving >= LEAST_SAVING:
        found.append(f"only {saving:.1f} times cheaper than {rivals[0]}, wanted {LEAST_SAVING:g}")
    return found


def table(results: Results) -> str:
    """Errors clip by clip, costs pair by pair, and the summary, as plain text."""
    names, stems = results["systems"], len(results["amounts"])
    numbered = "".join(f"{f'({number})':>8}" for number in range(1, len(names) + 1))
    rows = [("error of each clip after the model", [f"{label:>{8 * len(names)}}" for label in MEASURES.values()]),
            ("", [numbered] * len(MEASURES))]
    rows += [(clip, [f"{errors[name][key]:8.2f}" for key in MEASURES for name in names])
             for clip, errors in results["errors"].items()]
    rows += [("", []), (f"processor seconds per second of audio, {stems} stems a pair", []), ("", [numbered])]
    rows += [(pair, [f"{jobs[name]['processor_seconds'] / jobs[name]['audio_seconds']:8.3f}" for name in names])
             for pair, jobs in results["costs"].items()]
    columns = (*MEASURES.values(), "cost", "wall clock")
    rows += [("", []), ("all clips, all pairs", [f"{label:>15}" for label in columns])]
    rows += [(f"({number}) {name}", [f"{value:15.3f}" for value in row.values()])
             for number, (name, row) in enumerate(summary(results).items(), 1)]
    wide = max(len(title) for title, cells in rows if cells)
    return "\n".join((title.ljust(wide) + "".join(cells)).rstrip() for title, cells in rows)


def picture(results: Results, path: Path) -> None:
    """Each clip's error under each system, and each system's cost."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names, clips = results["systems"], list(results["errors"])
    figure = Figure(figsize=(13, 1.6 + 0.22 * len(clips)), layout="constrained")
    FigureCanvasAgg(figure)
    *error_axes, cost_axis = figure.subplots(1, len(MEASURES) + 1)
    for axis, (key, label) in zip(error_axes, MEASURES.items(), strict=True):
        for number, name in enumerate(names):
            axis.plot([results["errors"][clip][name][key] for clip in clips], range(len(clips)), "o", ms=4,
                      color=f"C{number}", label=name)
        axis.set(title=label, yticks=range(len(clips)), yticklabels=clips if axis is error_axes[0] else [])
        axis.invert_yaxis()
        axis.grid(alpha=0.3)
    rows = summary(results)
    cost_axis.barh(range(len(names)), [rows[name]["cost"] for name in names],
                   color=[f"C{number}" for number in range(len(names))])
    cost_axis.set(title="cost: seconds per second", xscale="log", yticks=[])
    cost_axis.invert_yaxis()
    figure.legend(*error_axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names))
    figure.savefig(path, format=path.suffix.lstrip(".").lower() or "png", dpi=120)
