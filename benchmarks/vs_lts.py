"""lts_batch beside Latent Timbre Synthesis: what a stem costs, and how far a clip is from itself after the model.

    python benchmarks/vs_lts.py --corpus CORPUS --lts-model FOLDER --train-minutes 20

Both systems get the same clips in the same run. Exit status 0 where lts_batch has the lower error on every clip and in
every measure, and is at least 5 times cheaper than LTS with 1 iteration; 1 otherwise. README.md beside this file says
what is measured and how to read it.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import evaluation_clips
import lts_model
import numpy as np
import report
import systems

import lts_batch
from lts_batch import measures
from lts_batch.whole import write_whole

AMOUNTS = (0.0, 0.25, 0.5, 0.75, 1.0)
LIBRARIES = ("librosa", "numpy", "scipy", "torch", "numba")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare lts_batch with Latent Timbre Synthesis on the same clips.")
    parser.add_argument("--lts-model", type=Path, required=True, metavar="FOLDER",
                        help="where the trained LTS model lies, or will be kept")
    parser.add_argument("--corpus", type=Path, help="audio to train the LTS model on, where there is none yet")
    parser.add_argument("--frames", type=Path, help="folder for the corpus' frames (default: beside the LTS model)")
    parser.add_argument("--train-minutes", type=float, default=20.0, help="training time of the LTS model")
    parser.add_argument("--clips", type=Path, help="folder of the evaluation clips (default: sonic-pi-samples)")
    parser.add_argument("--pairs", type=int, default=12, help="how many pairs of evaluation.toml")
    parser.add_argument("--model", default="general", help="model of lts_batch: a shipped name or a folder")
    parser.add_argument("--iterations", type=int, nargs="+", default=[1, 32],
                        help="Griffin-Lim iterations of LTS, one row each; the first is the one whose cost counts")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of a job, their median counts")
    parser.add_argument("--threads", type=int, default=1, help="threads of both systems while they are timed")
    parser.add_argument("--seed", type=int, default=0, help="seed of the LTS training")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--picture", type=Path, help="draw the figures here (.png or .svg)")
    return parser.parse_args(given)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def errors(system: systems.System, clip: systems.Clip) -> dict[str, float]:
    """How far a clip is from itself after the system's encoder, decoder and phase."""
    stem = systems.rebuild_clip(system, clip)[None]
    return {"mr_stft_sc_db": measures.mr_stft_sc_db(clip[None], stem), "lsd_db": measures.lsd_db(clip[None], stem),
            "log_mel_db": measures.log_mel_distance_db(clip[None], stem, evaluation_clips.SAMPLE_RATE_HZ)}


def compare(compared: Sequence[systems.System], pairs: Sequence[tuple[str, str]], folder: Path, repeats: int,
            threads: int) -> dict[str, Any]:
    """Errors of every clip and costs of every pair under every system."""
    clips = {name: evaluation_clips.load(folder, name) for pair in pairs for name in pair}
    found: dict[str, Any] = {"systems": [system.name for system in compared], "amounts": AMOUNTS, "errors": {},
                             "costs": {}}
    with systems.threads(threads):
        for system in compared:
            systems.warm_up(system)
        for number, (name, clip) in enumerate(clips.items(), 1):
            say(f"error of {name} ({number} of {len(clips)})")
            found["errors"][name] = {system.name: errors(system, clip) for system in compared}
        for number, pair in enumerate(pairs, 1):
            say(f"cost of {pair[0]} and {pair[1]} ({number} of {len(pairs)})")
            samples = min(len(clips[name]) for name in pair)  # LTS mixes excerpts of one length only
            first, second = (clips[name][:samples] for name in pair)
            found["costs"]["~".join(pair)] = {
                system.name: asdict(systems.time_job(system, first, second, AMOUNTS, repeats)) for system in compared}
    return found


def circumstances(options: argparse.Namespace, theirs: lts_model.LtsModel, ours: Any) -> dict[str, Any]:
    """Everything needed to read the figures: machine, versions, threads, and how both models were trained."""
    return {"machine": platform.machine(), "processor": platform.processor(), "cores": os.cpu_count(),
            "python": platform.python_version(), "libraries": {name: version(name) for name in LIBRARIES},
            "threads": options.threads, "repeats": options.repeats,
            "lts_training": {key: value for key, value in theirs.record.items() if key != "curve"},
            "lts_batch_training": {key: value for key, value in ours.record.get("training", {}).items()
                                   if not isinstance(value, list)},
            "lts_batch_provenance": ours.record.get("provenance", {})}


def training_times(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """One line: how long either model was trained, and on what."""
    times = [f"{name} {record['seconds'] / 60:.1f} minutes on {record.get('device', 'an unknown device')}"
             if "seconds" in record else f"{name} for a time that was not recorded"
             for name, record in (("LTS", theirs), ("lts_batch", ours))]
    return f"trained: {', '.join(times)}"


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    folder = evaluation_clips.find_folder(options.clips)
    pairs = evaluation_clips.pairs(options.pairs)
    ours = lts_batch.load_model(options.model)
    frames = options.frames or options.lts_model.with_name(options.lts_model.name + "-frames")
    theirs = lts_model.load_or_train(options.lts_model, options.corpus, frames, options.train_minutes, options.seed)
    rivals = [systems.Lts(theirs, iterations) for iterations in options.iterations]
    mine = systems.Ours(ours)
    results = compare([*rivals, mine, systems.Ours(ours, "griffinlim")], pairs, folder, options.repeats,
                      options.threads)
    worse = report.failures(results, mine.name, [rival.name for rival in rivals])
    saving = report.savings(results, mine.name, rivals[0].name)
    results |= {"summary": report.summary(results), "savings": saving, "failures": worse,
                "circumstances": circumstances(options, theirs, ours)}
    if options.json:
        write_whole(options.json, json.dumps(results, indent=1) + "\n", overwrite=True)
    if options.picture:
        report.picture(results, options.picture)
    print(report.table(results))
    print(f"\n{training_times(theirs.record, ours.record.get('training', {}))}")
    print(f"{mine.name} is {results['summary'][rivals[0].name]['cost'] / results['summary'][mine.name]['cost']:.1f}"
          f" times cheaper than {rivals[0].name} over all pairs ({min(saving):.1f} to {max(saving):.1f} pair by pair,"
          f" median {np.median(saving):.1f})")
    print("\n".join(["verdict: FAILED", *worse]) if worse else
          f"verdict: lower error on each of {len(results['errors'])} clips in each measure, and at least"
          f" {report.LEAST_SAVING:g} times cheaper")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
