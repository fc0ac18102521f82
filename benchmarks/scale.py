"""From seconds to ten minutes: what a pair costs and how much memory it takes, through the command line, files to files.

    python benchmarks/scale.py [--seconds 10 60 600]

Stereo at 48 kHz, 5 stems, in a process of its own (``python -m lts_batch render``), whose processor time and peak resident
memory the system reports when it ends. What every process pays once (start, imports, the model) is measured by a clip of a
twentieth of a second and taken off. All but the longest pairs run three times, and medians count. POSIX only: Windows
does not report the peak.
"""

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import study
import synthetic
from study import OptionGroup, Results, columns, say

TITLE = "From seconds to minutes: memory and cost of 5 stems of a stereo pair at 48 kHz, files to files"
HEIGHT_INCHES = 2.6
RATE, CHANNELS, STEMS = 48000, 2, 5
SECONDS, QUICK_SECONDS = (10.0, 60.0, 600.0), (10.0, 30.0)
REPEATS, REPEATED_SECONDS = 3, 60.0  # medians of three runs of all but the longest pairs
START_SECONDS = 0.05  # a clip that costs nothing but the start
SLICED_SECONDS = 25.0  # long enough to go through in slices, of which two workers make two at a time
MOST_BYTES = 1.5e9
MOST_RISE = 0.2  # of the cost per second, from the shortest pair to the longest
LEAST_CORES = 1.5  # of two, in the longest render; a machine with one core is not judged


@dataclass(frozen=True)
class Child:
    """What a finished process took."""

    processor_seconds: float
    wall_seconds: float
    peak_bytes: int


def add_options(parser: OptionGroup) -> None:
    parser.add_argument("--seconds", type=float, nargs="+", help=f"lengths of the pairs (None: {SECONDS})")
    parser.add_argument("--scratch", type=Path, metavar="FOLDER", help="folder for clips and stems (None: a temporary one)")


def render(clips: list[Path], out: Path, *options: str) -> Child:
    """Renders 5 stems by the command line, in a process of its own.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, "-m", "lts_batch", "render", *map(str, clips), "-o", str(out), "--steps", str(STEMS), *options]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as heard:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=heard)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)  # else it would be waited for once more
        if child.returncode:
            heard.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with status {child.returncode}: {heard.read().decode()[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Child(usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss * unit)


def pair(folder: Path, seconds: float) -> list[Path]:
    """Two clips of a length on disk."""
    paths = [folder / f"{name}.wav" for name in ("first", "second")]
    for seed, path in enumerate(paths):
        synthetic.write_notes(path, seconds, RATE, CHANNELS, seed)
    return paths


def digests(out: Path) -> list[str]:
    """Hashes of the stems."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.glob("*.wav"))]


def run(options: argparse.Namespace) -> Results:
    if not hasattr(os, "wait4"):
        raise SystemExit("scale needs os.wait4 for the memory of a process, and this system has none: run it on Linux or macOS")
    lengths = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    rows, start = [], None
    for seconds in (START_SECONDS, *lengths):
        children = []
        for _ in range(1 if seconds > REPEATED_SECONDS or options.quick else REPEATS):
            with tempfile.TemporaryDirectory(dir=options.scratch) as name:
                say(f"5 stems of {seconds:g} s, load average {study.load_average()}")
                children.append(render(pair(Path(name), seconds), Path(name) / "stems"))
        child = _median(children)
        if start is None:
            start = child
        else:
            rows.append(_row(seconds, child, start))
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        say("the same stems by one worker and by two")
        clips, found = pair(Path(name), SLICED_SECONDS), []
        for workers in ("1", "2"):
            render(clips, Path(name) / workers, "--workers", workers)
            found.append(digests(Path(name) / workers))
    return {"start": asdict(start) if start else None, "rows": rows, "cores": os.cpu_count(),
            "identical": found[0] == found[1] and len(found[0]) == STEMS}


def _median(children: list[Child]) -> Child:
    """The medians of what several runs took."""
    return Child(*(statistics.median(values) for values in zip(*(astuple(child) for child in children), strict=True)))


def _row(seconds: float, child: Child, start: Child) -> Results:
    audio = seconds * STEMS
    processor = child.processor_seconds - start.processor_seconds
    wall = child.wall_seconds - start.wall_seconds
    return {"seconds": seconds, **asdict(child), "cost": processor / audio, "wall": wall / audio,
            "cores_busy": processor / wall if wall > 0 else None}


def table(results: Results) -> str:
    rows = [[f"{row['seconds']:g} s", row["peak_bytes"] / 1e9, row["cost"], row["wall"], row["cores_busy"],
             row["processor_seconds"], row["wall_seconds"]] for row in results["rows"]]
    start = results["start"]
    once = f"{start['processor_seconds']:.1f} s of processor, {start['wall_seconds']:.1f} s, {start['peak_bytes'] / 1e9:.2f} GB"
    return (columns(["pair of", "peak GB", "cost", "wall clock", "cores busy", "processor s", "wall s"], rows, 3)
            + f"\n(cost and wall clock: seconds per second of stem, less the start of the process: {once})"
            f"\nstems by one worker and by two: {'the same bits' if results['identical'] else 'DIFFERENT'}")


def failures(results: Results) -> list[str]:
    rows, found = results["rows"], []
    found += [f"{row['seconds']:g} s: {row['peak_bytes'] / 1e9:.2f} GB resident, wanted less than {MOST_BYTES / 1e9:g}"
              for row in rows if not row["peak_bytes"] < MOST_BYTES]
    costs = [row["cost"] for row in rows]
    if len(rows) > 1 and not max(costs) / min(costs) <= 1.0 + MOST_RISE:
        found.append(f"the cost of a second goes from {min(costs):.3f} to {max(costs):.3f} s, wanted within {MOST_RISE:.0%}")
    if (results["cores"] or 1) > 1 and not (rows[-1]["cores_busy"] or 0.0) >= LEAST_CORES:
        found.append(f"{rows[-1]['cores_busy']:.2f} cores busy, wanted {LEAST_CORES:g}")
    return found if results["identical"] else [*found, "two workers make other bits than one"]


def picture(results: Results, figure: Any) -> None:
    axes = figure.subplots(1, 3)
    names = [f"{row['seconds']:g} s" for row in results["rows"]]
    for axis, key, title, unit in zip(axes, ("peak_bytes", "cost", "cores_busy"),
                                      ("peak memory / GB", "seconds of computing per second of stem", "cores busy"),
                                      (1e-9, 1.0, 1.0), strict=True):
        values = [(row[key] or 0.0) * unit for row in results["rows"]]
        axis.bar(names, values, color="C2")
        axis.set_title(title, fontsize=9)
        axis.tick_params(labelsize=7)
        axis.margins(y=0.1)  # room for the figure over the highest
        for place, value in enumerate(values):
            axis.annotate(f"{value:.3g}", (place, value), ha="center", va="bottom", fontsize=7)
    axes[0].axhline(MOST_BYTES / 1e9, color="C3", lw=1)
    axes[1].axhline(results["rows"][0]["cost"] * (1.0 + MOST_RISE), color="C3", lw=1)


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
