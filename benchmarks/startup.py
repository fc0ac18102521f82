"""How long a user waits from a cold start: medians of fresh processes, beside the time Python itself takes.

    python benchmarks/startup.py [--json FILE]

Rows: an empty Python process; ``lts-batch --help``; a render of five stems from a 3-second mono pair at 44.1 kHz.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lts_batch.files import audio

RUNS = 5
RATE = 44100


def seconds(arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = np.arange(3 * RATE) / RATE
        for clip, hertz in (("a", 220.0), ("b", 330.0)):
            samples = sum(np.sin(2 * np.pi * hertz * k * clock) / k for k in range(1, 20)) * 0.1 * np.exp(-clock)
            audio.write(folder / f"{clip}.wav", samples[None].astype(np.float32), RATE)
        clips = [str(folder / "a.wav"), str(folder / "b.wav")]
        table = {
            "python, nothing": [seconds(["-c", "pass"]) for _ in range(RUNS)],
            "lts-batch --help": [seconds(["-m", "lts_batch", "--help"]) for _ in range(RUNS)],
            "render, 5 stems of a 3 s pair": [seconds(["-m", "lts_batch", "render", *clips, "-o", str(folder / f"{n}")])
                                              for n in range(RUNS)],
        }
    medians = {row: statistics.median(times) for row, times in table.items()}
    for row, median in medians.items():
        print(f"{row:32}{median:8.2f} s{median / medians['python, nothing']:8.1f} x python")
    if options.json:
        options.json.write_text(json.dumps({"medians": medians, "runs": table}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
