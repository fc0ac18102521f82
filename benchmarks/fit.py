"""What ``fit = true`` is worth: the error of the model on the clips at hand before and after, its time, and what lies between.

    python benchmarks/fit.py --json fit.json --picture fit.png

Both clips of a pair are cut to the shorter one's length, at most 5 s. The error is that of the clips' own frames through
encoder and decoder, of every third frame, as a render asks for them. What lies between is judged in the frames that stems are
made from, at ``detail = 0`` (lts_batch/metrics/judge.py), beside plain log-magnitude interpolation, for the more
a model knows of the clips, the nearer to that it comes. One thread.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import evaluation_clips
import numpy as np
import study
import systems
from evaluation_clips import SAMPLE_RATE_HZ
from numpy.typing import NDArray
from study import OptionGroup, Results, say

from lts_batch.engine import fit
from lts_batch.evaluation.framepath import FramePaths, Magnitudes
from lts_batch.files.sources import Excerpt
from lts_batch.metrics import judge, measures
from lts_batch.models.checkpoint import Model, load_frame_model
from lts_batch.settings import Settings
from lts_batch.training import adapt

TITLE = "Fit: a model that has learnt the clips at hand"
HEIGHT_INCHES = 3.5
LONGEST_SECONDS = 5.0
QUICK_STEPS = 6
MOST_SHARE = 0.5  # of the shape error, of each pair
MOST_SECONDS = 20.0
MOST_DISORDER = 0.02  # less monotony than before, in the mean
MOST_LOST = 0.05  # of any R² in the mean, against the lower one of the other two ways
WAYS, RIVAL = ("as it is", "fitted"), "log-magnitude interpolation"
R2 = ("r2_centroid", "r2_spread", "r2_flatness", "r2_rolloff")
SHOWN = (*R2, "step_cv", "path_length", "monotony")


def add_options(parser: OptionGroup) -> None:
    parser.add_argument("--fit-steps", type=int, default=adapt.STEPS, help="steps of the decoder's learning")


def run(options: argparse.Namespace) -> Results:
    """For each pair: seconds, axes, and the figures of both ways."""
    model, folder = load_frame_model(options.model), evaluation_clips.find_folder(options.clips)
    steps, found = QUICK_STEPS if options.quick else options.fit_steps, {}
    with systems.threads(1):
        for names in evaluation_clips.pairs(options.pairs):
            say(f"fit, {'~'.join(names)}")
            clips = [evaluation_clips.load(folder, name) for name in names]
            samples = min(*map(len, clips), round(LONGEST_SECONDS * SAMPLE_RATE_HZ))
            found["~".join(names)] = _pair([clip[:samples] for clip in clips], model, steps)
    return {"steps": steps, "pairs": found}


def _pair(clips: Sequence[NDArray[np.float32]], model: Model, steps: int) -> Results:
    sources = [Excerpt(clip[None], SAMPLE_RATE_HZ, 0, len(clip)) for clip in clips]
    with tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        made = fit.fitted(sources, Settings(fit=True), model, steps=steps, cache=Path(cache)).adapted
        seconds = time.perf_counter() - start
    if made is None:
        raise ValueError("the model could not be fitted")
    plain, fitted = (FramePaths(one, clips, SAMPLE_RATE_HZ) for one in (model, made.model))
    return {"clip_seconds": len(clips[0]) / SAMPLE_RATE_HZ, "seconds": seconds, "axes": made.axes,
            **dict(zip(WAYS, (_judged(plain), _judged(fitted)), strict=True)),
            RIVAL: judge.figures(plain.judged(plain.log_lerp()))}


def _judged(paths: FramePaths) -> Results:
    """Errors of the clips through encoder and decoder, and the figures of the path without detail."""
    rebuilt = [_rebuilt(paths.model, true) for true in paths.true]
    pairs = list(zip(paths.true, rebuilt, strict=True))
    return {"shape_lsd_db": [measures.shape_lsd_db(*pair) for pair in pairs],
            "sc_db": [measures.spectral_convergence_db(*pair) for pair in pairs],
            **judge.figures(paths.judged(paths.ours(detail=0.0)))}


def _rebuilt(model: Model, true: Magnitudes) -> Magnitudes:
    level = np.linalg.norm(true, axis=1, keepdims=True)
    return np.asarray(level * model.decode(model.encode(true)[0]), np.float32)


def table(results: Results) -> str:
    pairs = results["pairs"]
    header = ["", "s", "fit s", "axes", "LSD", "after", "SC", "after"]
    errors = [[name, one["clip_seconds"], one["seconds"], one["axes"], *_errors(one)] for name, one in pairs.items()]
    values = np.array([row[1:] for row in errors], np.float64)
    errors.append(["mean", *values.mean(axis=0).tolist()])
    between = [[way, *(_over(results, way, name, of) for name in SHOWN for of in (np.median, np.mean))]
               for way in (*WAYS, RIVAL)]
    names = [judge.FIGURES[name].title for name in SHOWN]
    return (f"{results['steps']} steps. Shape LSD and spectral convergence in dB, mean of both clips\n\n"
            f"{study.columns(header, errors)}\n\nwhat lies between at detail = 0, median and mean over the pairs\n\n"
            + study.columns(["", *(title for name in names for title in (name, ""))], between))


def _errors(one: Results) -> list[float]:
    return [float(np.mean(one[way][name])) for name in ("shape_lsd_db", "sc_db") for way in WAYS]


def _over(results: Results, way: str, name: str, of: Callable[..., Any]) -> float | None:
    """A figure over the pairs that have it."""
    known = [one[way][name] for one in results["pairs"].values() if np.isfinite(one[way][name])]
    return float(of(known)) if known else None


def failures(results: Results) -> list[str]:
    lines = []
    for name, one in results["pairs"].items():
        before, after, *_ = _errors(one)
        if not after <= MOST_SHARE * before:
            lines.append(f"{name}: shape LSD {before:.2f} -> {after:.2f} dB, wanted at most {MOST_SHARE:g} of it")
        if not one["seconds"] <= MOST_SECONDS:
            lines.append(f"{name}: fitted in {one['seconds']:.1f} s, wanted at most {MOST_SECONDS:g}")
    for name in R2:
        was, now, other = (_over(results, way, name, np.mean) for way in (*WAYS, RIVAL))
        if now is not None and was is not None and other is not None and now < min(was, other) - MOST_LOST:
            lines.append(f"{name} of what lies between is {now:.2f} in the mean, {was:.2f} before and {other:.2f} for {RIVAL}:"
                         f" wanted at most {MOST_LOST:g} less than the lower one")
    before, after = (_over(results, way, "monotony", np.mean) for way in WAYS)
    if before is not None and after is not None and after < before - MOST_DISORDER:
        lines.append(f"monotony of what lies between {before:.2f} -> {after:.2f} in the mean, wanted at most {MOST_DISORDER:g}"
                     " less")
    return lines


def picture(results: Results, figure: Any) -> None:
    """Errors before and after; and R² of what lies between."""
    left, right = figure.subplots(1, 2)
    errors = np.array([_errors(one)[:2] for one in results["pairs"].values()])
    longest = float(errors.max())
    left.plot(errors[:, 0], errors[:, 1], "o", ms=4)
    left.plot([0, longest], [0, MOST_SHARE * longest], "--", lw=0.8, color="grey")
    left.set(title="shape LSD of a pair / dB (dashed: half)", xlabel="as it is", ylabel="fitted")
    left.set(xlim=(0.0, None), ylim=(0.0, None))
    places = np.arange(len(R2))
    for offset, way in zip((-0.27, 0.0, 0.27), (*WAYS, RIVAL), strict=True):
        right.bar(places + offset, [_over(results, way, name, np.mean) or 0.0 for name in R2], 0.27, label=way)
    right.set(title="R² of what lies between at detail = 0, mean")
    right.set_xticks(places, [judge.FIGURES[name].title for name in R2])
    right.legend(fontsize=8, loc="upper right")  # where bars seldom reach
    for axis in (left, right):
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.3)


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
