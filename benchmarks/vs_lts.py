"""lts_batch beside Latent Timbre Synthesis: what a stem costs, and how far a clip is from itself after the model.

    python benchmarks/vs_lts.py --corpus CORPUS --lts-model FOLDER --train-minutes 20

Both systems get the same clips in the same run. README.md beside this file says what is measured and how to read it.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import evaluation_clips
import lts_model
import report
import study
import systems
from study import OptionGroup, Results, say

from lts_batch.metrics import measures
from lts_batch.models.checkpoint import Model, load_model

TITLE = "Beside Latent Timbre Synthesis: error after the model, and cost of a stem"
HEIGHT_INCHES = 5.0
AMOUNTS = (0.0, 0.25, 0.5, 0.75, 1.0)
FAST, GOOD = "LTS, 1 iteration", "LTS, 32 iterations"  # the default of the published configuration, and what its users wait for
STANDARD, DRAFT, BLIND = "lts_batch", "lts_batch, draft", "lts_batch, phase from magnitudes only"
DEMANDS = (
    report.Demand(STANDARD, (FAST, GOOD), ((FAST, 10.0), (GOOD, 150.0))),
    report.Demand(DRAFT, (FAST, GOOD), ((FAST, 25.0), (GOOD, 400.0))),
    report.Demand(BLIND, (GOOD,), ((GOOD, 20.0),)),
)


def add_options(parser: OptionGroup) -> None:
    parser.add_argument("--lts-model", type=Path, metavar="FOLDER", help="where the trained LTS model lies, or will be kept")
    parser.add_argument("--corpus", type=Path, help="audio to train the LTS model on, where there is none yet")
    parser.add_argument("--lts-frames", type=Path, help="folder for the corpus' frames (None: beside the LTS model)")
    parser.add_argument("--train-minutes", type=float, default=20.0, help="training time of the LTS model")
    parser.add_argument("--lts-seed", type=int, default=0, help="seed of the LTS training")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of a job, their median counts")
    parser.add_argument("--threads", type=int, default=1, help="threads of both systems while they are timed")
    parser.add_argument("--magnitude-phase", nargs=2, default=["pghi", "frame"], metavar=("PHASE", "DOMAIN"),
                        help="how phase is found where it comes from magnitudes only")


def compared(theirs: lts_model.LtsModel, ours: Model, magnitude_phase: Sequence[str]) -> list[systems.System]:
    """All rows. What lts_batch costs is told for the default settings and for ``detail = 0``, which leaves out what has no
    counterpart in LTS; errors are always those of ``detail = 0``."""
    phase, domain = magnitude_phase
    return [systems.Lts(theirs, 1), systems.Lts(theirs, 32),
            systems.Ours(STANDARD, ours), systems.Ours(f"{STANDARD}, detail 0", ours, {"detail": 0.0}, judged=False),
            systems.Ours(DRAFT, ours, {"quality": "draft"}),
            systems.Ours(f"{DRAFT}, detail 0", ours, {"quality": "draft", "detail": 0.0}, judged=False),
            systems.Ours(BLIND, ours, {"phase": phase, "domain": domain, "detail": 0.0})]


def errors(system: systems.System, clip: systems.Clip) -> dict[str, float]:
    """How far a clip is from itself after the system's encoder, decoder and phase."""
    stem = system.rebuild(clip)[None]
    return {"mr_stft_sc_db": measures.mr_stft_sc_db(clip[None], stem), "lsd_db": measures.lsd_db(clip[None], stem),
            "log_mel_db": measures.log_mel_distance_db(clip[None], stem, evaluation_clips.SAMPLE_RATE_HZ)}


def compare(rows: Sequence[systems.System], pairs: Sequence[tuple[str, str]], folder: Path, repeats: int,
            threads: int) -> Results:
    """Errors of every clip and costs of every pair under every system."""
    clips = {name: evaluation_clips.load(folder, name) for pair in pairs for name in pair}
    found: Results = {"systems": [system.name for system in rows], "amounts": AMOUNTS, "errors": {}, "costs": {}}
    with systems.threads(threads):
        for system in rows:
            systems.warm_up(system)
        for number, (name, clip) in enumerate(clips.items(), 1):
            say(f"error of {name} ({number} of {len(clips)})")
            found["errors"][name] = {system.name: errors(system, clip) for system in rows if system.judged}
        for number, pair in enumerate(pairs, 1):
            say(f"cost of {pair[0]} and {pair[1]} ({number} of {len(pairs)}), load average {study.load_average()}")
            samples = min(len(clips[name]) for name in pair)  # LTS mixes excerpts of one length only
            first, second = (clips[name][:samples] for name in pair)
            found["costs"]["~".join(pair)] = {
                name: asdict(cost) for name, cost in systems.time_jobs(rows, first, second, AMOUNTS, repeats).items()}
    return found


def training_times(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """One line: how long either model was trained, and on what."""
    times = [f"{name} {record['seconds'] / 60:.1f} minutes on {record.get('device', 'an unknown device')}"
             if "seconds" in record else f"{name} for a time that was not recorded"
             for name, record in (("LTS", theirs), ("lts_batch", ours))]
    return f"trained: {', '.join(times)}"


def run(options: argparse.Namespace) -> Results:
    if options.lts_model is None:
        raise SystemExit("vs_lts needs --lts-model FOLDER: where the trained LTS model lies, or will be kept")
    folder, pairs = evaluation_clips.find_folder(options.clips), evaluation_clips.pairs(options.pairs)
    ours = load_model(options.model)
    frames = options.lts_frames or options.lts_model.with_name(options.lts_model.name + "-frames")
    theirs = lts_model.load_or_train(options.lts_model, options.corpus, frames, options.train_minutes, options.lts_seed)
    results = compare(compared(theirs, ours, options.magnitude_phase), pairs, folder, options.repeats, options.threads)
    return results | {
        "summary": report.summary(results), "threads": options.threads, "repeats": options.repeats,
        "magnitude_phase": options.magnitude_phase,
        "lts_training": {key: value for key, value in theirs.record.items() if key != "curve"},
        "lts_batch_training": {key: value for key, value in ours.record.get("training", {}).items()
                               if not isinstance(value, list)},
        "lts_batch_provenance": ours.record.get("provenance", {})}


def table(results: Results) -> str:
    return f"{report.table(results, DEMANDS)}\n\n{training_times(results['lts_training'], results['lts_batch_training'])}"


def failures(results: Results) -> list[str]:
    return report.failures(results, DEMANDS)


def picture(results: Results, figure: Any) -> None:
    report.picture(results, figure)


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
