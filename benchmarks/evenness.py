"""How evenly eleven stems fill the way between two clips: x in equal steps, and x as ``spacing = even-distance`` finds it.

    python benchmarks/evenness.py --json evenness.json --picture evenness.png

Distances are log-mel distances of neighbouring stems, frames taken at the same shares of each stem's duration
(``lts_batch.metrics.rows``). Beside them stands what evenness alone would hide: whether stems move away from one clip
and towards the other throughout, and how far the first and the last stem are from the clips themselves.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import evaluation_clips
import job
import numpy as np
import study
import systems
from evaluation_clips import SAMPLE_RATE_HZ
from study import OptionGroup, Results, say

from lts_batch.engine import spacing
from lts_batch.files.sources import Excerpt
from lts_batch.metrics import measures, rows
from lts_batch.models.checkpoint import Model, load_model
from lts_batch.settings import Settings

TITLE = "Even steps: 11 stems between two clips"
HEIGHT_INCHES = 4.0
STEPS, QUICK_STEPS = 11, 5
ALL_PAIRS = 20
MOST_CV = 0.08  # in the mean over the pairs
LEAST_MONOTONY = 0.95  # of a pair that need not be named
WAYS = ("even-x", "even-distance")


def add_options(parser: OptionGroup) -> None:
    parser.add_argument("--quality", default="standard", choices=("standard", "draft"),
                        help="quality of the trial stems that x is found with; the stems that are judged are standard")


def run(options: argparse.Namespace) -> Results:
    """For each pair and way: x, distances of neighbours and to the ends, and what the table shows."""
    model, folder = load_model(options.model), evaluation_clips.find_folder(options.clips)
    # the definition of the measure takes in all pairs; fewer than the other studies take are a quick look
    count = options.pairs if options.pairs < study.PAIRS else ALL_PAIRS
    steps, found = QUICK_STEPS if options.quick else STEPS, {}
    with systems.threads(1):
        for names in evaluation_clips.pairs(count):
            say(f"evenness, {'~'.join(names)}")
            clips = [evaluation_clips.load(folder, name)[None] for name in names]
            found["~".join(names)] = _both_ways(clips, model, steps, options.quality)
    return {"steps": steps, "trial_quality": options.quality, "pairs": found}


def _both_ways(clips: Sequence[job.Audio], model: Model, steps: int, quality: str) -> Results:
    wanted = Settings(steps=steps, spacing="even-distance", quality=quality)
    sources = [Excerpt(clip, SAMPLE_RATE_HZ, 0, clip.shape[1]) for clip in clips]
    moved = spacing.resolved(sources, wanted, model, workers=1).x or ()
    return {way: _judged(clips, model, amounts)
            for way, amounts in zip(WAYS, (Settings(steps=steps).amounts(), moved), strict=True)}


def _judged(clips: Sequence[job.Audio], model: Model, amounts: Sequence[float]) -> Results:
    stems = job.stems(clips, SAMPLE_RATE_HZ, model, x=list(amounts))
    table = rows.step_distances_db(stems, SAMPLE_RATE_HZ)
    between = [float(table[n, n + 1]) for n in range(len(stems) - 1)]
    cv, most = rows.evenness(between)
    ends = [(measures.mr_stft_sc_db(clip, stem), measures.log_mel_distance_db(clip, stem, SAMPLE_RATE_HZ))
            for clip, stem in zip(clips, (stems[0], stems[-1]), strict=True)]
    return {"x": list(amounts), "steps_db": between, "to_first_db": table[0].tolist(), "to_last_db": table[-1].tolist(),
            "cv": cv, "max_to_mean": most, "path_length": rows.path_length(between, float(table[0, -1])),
            "monotony": [rows.monotony(table[0].tolist()), -rows.monotony(table[-1].tolist())],
            "end_sc_db": max(sc for sc, _ in ends), "end_log_mel_db": max(mel for _, mel in ends)}


def table(results: Results) -> str:
    pairs = results["pairs"]
    header = ["", "CV", "after", "max/mean", "after", "path", "after", "monotony", "after", "ends SC", "log-mel", "x found"]
    rows = [[name, *_figures(both), " ".join(f"{x:g}" for x in both["even-distance"]["x"])] for name, both in pairs.items()]
    values = np.array([_figures(both) for both in pairs.values()])
    rows += [[name, *of(values, axis=0).tolist(), ""] for name, of in (("mean", np.mean), ("median", np.median))]
    return (f"{results['steps']} stems; for x in equal steps, then (after) for x found with trial stems of"
            f" {results['trial_quality']} quality. path: the sum of all steps over the way straight from clip to clip.\n"
            "monotony: Spearman's correlation of x with the distance from clip 1, or with the nearness to clip 2, the lower of"
            " the two.\nends: the worse of the first and last stem against its clip, MR-STFT SC and log-mel distance in dB\n\n"
            + study.columns(header, rows) + "\n\ndistance as a share of the way from clip to clip, mean over the pairs\n"
            + "\n".join(f"{end}: " + " ".join(f"{value:.2f}" for value in row) for end, row in _mean_distances(results).items())
            + f"\npairs whose own distances turn back (monotony under {LEAST_MONOTONY:g}): {_turning(results)}")


def _mean_distances(results: Results) -> dict[str, list[float]]:
    """Distances of the steps from either clip, rising, as shares of the way from clip to clip; means over the pairs."""
    of_pairs = [both["even-distance"] for both in results["pairs"].values()]
    ways = {"from clip 1": [one["to_first_db"] for one in of_pairs],
            "from clip 2": [one["to_last_db"][::-1] for one in of_pairs]}
    return {end: np.mean([np.array(row) / max(row[-1], math.ulp(1.0)) for row in way], axis=0).round(4).tolist()
            for end, way in ways.items()}


def _turning(results: Results) -> str:
    """Pairs whose distances do not rise throughout."""
    found = {name: min(both["even-distance"]["monotony"]) for name, both in results["pairs"].items()}
    return ", ".join(f"{name} ({value:.3f})" for name, value in found.items() if value < LEAST_MONOTONY) or "none"


def _figures(both: Results) -> list[float]:
    before, after = (both[way] for way in WAYS)
    return [before["cv"], after["cv"], before["max_to_mean"], after["max_to_mean"], before["path_length"],
            after["path_length"], min(before["monotony"]), min(after["monotony"]), after["end_sc_db"], after["end_log_mel_db"]]


def failures(results: Results) -> list[str]:
    pairs, lines = results["pairs"], []
    cv = float(np.mean([both["even-distance"]["cv"] for both in pairs.values()]))
    if not cv <= MOST_CV:
        lines.append(f"coefficient of variation {cv:.3f} in the mean, wanted at most {MOST_CV:g}")
    for end, distances in _mean_distances(results).items():
        if rows.monotony(distances) < 1.0:
            lines.append(f"the distances {end} do not rise from step to step in the mean: {distances}")
    for name, both in pairs.items():
        x = both["even-distance"]["x"]
        if x[0] != 0.0 or x[-1] != 1.0 or any(b <= a for a, b in pairwise(x)):
            lines.append(f"{name}: x = {x} does not rise from 0 to 1")
    return lines


def picture(results: Results, figure: Any) -> None:
    """Each pair's steps before and after, on one scale; and the way from clip to clip."""
    pairs = results["pairs"]
    axes = figure.subplots(1, 3)
    for axis, way in zip(axes, WAYS, strict=False):
        for both in pairs.values():
            steps = np.array(both[way]["steps_db"])
            axis.plot(np.arange(1, len(steps) + 1), steps / (steps.mean() or 1.0), "o-", ms=2.5, lw=0.8, alpha=0.7)
        cv = np.mean([both[way]["cv"] for both in pairs.values()])
        axis.set(title=f"{way}: step / mean step (mean CV {cv:.3f})", xlabel="step", ylim=(0.0, None))
    axes[1].set_ylim(axes[0].get_ylim())
    for both in pairs.values():
        found = both["even-distance"]
        share = np.array(found["to_first_db"]) / max(found["to_first_db"][-1], math.ulp(1.0))
        axes[2].plot(found["x"], share, "o-", ms=2.5, lw=0.8, alpha=0.7)
    axes[2].set(title="even-distance: distance from clip 1 / distance of the clips", xlabel="x")
    for axis in axes:
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.3)


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
