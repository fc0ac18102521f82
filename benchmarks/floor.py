"""How far a job is from the least that this machine could spend on it, and where the rest goes.

    python benchmarks/floor.py

A job is two clips and five stems, mono at 44.1 kHz, one thread. The floor: the multiply-adds of the network for each frame of
sound that it is to be asked for, once for each clip and for each stem between the clips, at the rate that matrix products of
those very shapes reach here and now; and the FFTs that the job calls, alone. No copying, no exponentials, no files.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

import evaluation_clips
import job
import kernels
import numpy as np
import study
import systems
import torch
from study import OptionGroup, Results, columns, say

from lts_batch.engine import finish, guard, pipeline, planning, rebuild, targets
from lts_batch.engine.analysis import Analysis
from lts_batch.frame.filterbank import COARSEST, Filterbank
from lts_batch.models.checkpoint import Model, load_model

TITLE = "Distance to the floor: a job of two clips and five stems, one thread"
HEIGHT_INCHES = 2.6
PAIR = ("loop_mika", "loop_garzul")  # 8 s each
QUICK_SECONDS = 3.0
AMOUNTS = (0.0, 0.25, 0.5, 0.75, 1.0)
REPEATS = 5
JOBS: dict[str, dict[str, Any]] = {"standard": {}, "standard, detail 0": {"detail": 0.0}, "draft": {"quality": "draft"}}
PLACES: dict[str, list[kernels.Place]] = {
    "plan and survey": [(pipeline, "plan")],
    "filterbank": [(Filterbank, "forward"), (Filterbank, "inverse")],
    "network": [(Model, "encode_shapes"), (Model, "decode_shapes")],
    "analysis, the rest": [(Analysis, "_analyse")],
    "targets, the rest": [(targets, "target")],
    "rebuild, the rest": [(rebuild, "waveform")],
    "guard": [(guard, "guard")],
    "finish": [(finish, "finish_arrays")],
}
OTHER = "joining, threads"


def add_options(parser: OptionGroup) -> None:
    """None of its own."""


def run(options: argparse.Namespace) -> Results:
    model, folder = load_model(options.model), evaluation_clips.find_folder(options.clips)
    clips = [evaluation_clips.load(folder, name)[None] for name in PAIR]
    seconds = QUICK_SECONDS if options.quick else min(clip.shape[1] for clip in clips) / evaluation_clips.SAMPLE_RATE_HZ
    clips = [clip[:, :round(seconds * evaluation_clips.SAMPLE_RATE_HZ)] for clip in clips]
    with systems.threads(1), torch.no_grad():
        network = _network(model)
        found: Results = {"seconds": seconds, "stems": len(AMOUNTS), "network": network, "jobs": {}}
        for name, settings in JOBS.items():
            say(f"{name}, load average {study.load_average()}")
            found["jobs"][name] = _job(clips, model, settings, network)
    return found


def _network(model: Model) -> Results:
    """Per frame: multiply-adds, and seconds at the best rate of the machine."""
    used = {"encoder": kernels.layers(model.network, lambda: model.network.encode(torch.zeros(1, len(model.bands)))),
            "decoder": kernels.layers(model.network, lambda: model.network.decode(
                torch.zeros(1, model.network.architecture.latent)))}
    found: Results = {}
    for name, layers in used.items():
        adds, seconds = kernels.multiply_adds(layers), kernels.frame_seconds(layers)
        found[name] = {"multiply_adds": adds, "seconds": seconds, "multiply_adds_per_second": adds / seconds}
    return found


def _job(clips: Sequence[job.Audio], model: Model, settings: dict[str, Any], network: Results) -> Results:
    def work() -> list[job.Audio]:
        return job.stems(clips, evaluation_clips.SAMPLE_RATE_HZ, model, 1, x=list(AMOUNTS), **settings)

    work()  # imports, plans and caches
    with kernels.recorded_transforms() as calls:
        stems = work()
    audio = sum(stem.shape[1] for stem in stems) / evaluation_clips.SAMPLE_RATE_HZ
    frames = clips[0].shape[1] / evaluation_clips.SAMPLE_RATE_HZ * float(model.bands.frame_rate)
    quality = settings.get("quality", "standard")
    frames /= planning.ASK_EVERY[quality] * (COARSEST if quality == "draft" else 1)
    detail = settings.get("detail", 1.0) > 0.0
    # with full detail the ends are the clips, and what the model says of those is needed for the others
    decoded = len(clips) + sum(0.0 < x < 1.0 for x in AMOUNTS) if detail else len(AMOUNTS)
    floor = {"encoder": len(clips) * frames * network["encoder"]["seconds"],
             "decoder": decoded * frames * network["decoder"]["seconds"], "FFTs": kernels.transform_seconds(calls)}
    times, parts, rows = [], [], []
    for _ in range(REPEATS):
        start = time.process_time()
        with kernels.Stopwatch().on(PLACES) as watch:
            work()
        times.append(time.process_time() - start)
        parts.append({**{label: watch.seconds[label] for label in PLACES}, OTHER: times[-1] - sum(watch.seconds.values())})
        rows.append(watch.rows["network"])
    middle = int(np.argsort(times)[len(times) // 2])
    least = sum(floor.values())
    return {"audio_seconds": audio, "processor_seconds": times[middle], "cost": times[middle] / audio, "parts": parts[middle],
            "floor": floor, "floor_cost": least / audio, "ratio": times[middle] / least,
            "network_rows": rows[middle], "network_rows_needed": (len(clips) + decoded) * frames}


def table(results: Results) -> str:
    network = [[name, one["multiply_adds"] / 1e6, one["multiply_adds_per_second"] / 1e9, one["seconds"] * 1e6]
               for name, one in results["network"].items()]
    jobs = results["jobs"]
    floors = [[name, one["cost"], one["floor_cost"], one["ratio"],
               *(seconds / one["audio_seconds"] for seconds in one["floor"].values()),
               one["network_rows"] / one["network_rows_needed"]] for name, one in jobs.items()]
    labels = [*PLACES, OTHER]
    parts = [[name, *(one["parts"][label] / one["audio_seconds"] for label in labels)] for name, one in jobs.items()]
    kinds = [f"floor: {kind}" for kind in next(iter(jobs.values()))["floor"]]
    return "\n\n".join((
        f"the network, per frame\n{columns(['', 'million multiply-adds', '10^9 a second', 'microseconds'], network)}",
        f"seconds per second of stem ({results['stems']} stems, clips of {results['seconds']:g} s)\n"
        + columns(["", "cost", "floor", "ratio", *kinds, "frames asked / needed"], floors, 4),
        f"where it goes, seconds per second of stem\n{columns(['', *labels], parts, 4)}"))


def failures(results: Results) -> list[str]:
    """None: the distance is told, not judged."""
    return []


def picture(results: Results, figure: Any) -> None:
    axis = figure.subplots(1, 1)
    jobs: dict[str, Results] = results["jobs"]
    names: list[str] = []
    widest = max(one["cost"] for one in jobs.values())
    for name, one in jobs.items():
        for title, parts in ((name, one["parts"]), ("its floor", one["floor"])):
            left = 0.0
            for number, (label, seconds) in enumerate(parts.items()):
                width = seconds / one["audio_seconds"]
                axis.barh(len(names), width, left=left, color=f"C{number}" if title == name else f"{0.55 + 0.15 * number}")
                if width > 0.008 * len(label) * widest:  # where it fits
                    axis.annotate(label, (left + width / 2, len(names)), ha="center", va="center", fontsize=6)
                left += width
            names.append(title)
    axis.set(yticks=range(len(names)), yticklabels=names)
    axis.set_title("seconds of computing per second of stem", fontsize=9)
    axis.tick_params(labelsize=7)
    axis.legend([axis.patches[n] for n in range(len(PLACES) + 1)], [*PLACES, OTHER], fontsize=6, loc="lower right")
    axis.invert_yaxis()


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
