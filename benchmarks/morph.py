"""How morphs lie between the clips: ``lts-batch evaluate`` over the evaluation list, with rivals that it cannot bring along.

    python benchmarks/morph.py --rival-lts LTS --sms-python ENV/bin/python --json morph.json --picture morph.png

Beside the crossfades and plain interpolation that ``evaluate`` knows: the LTS model that ``lts_model.py`` trained on the same
corpus for the same time (with 32 Griffin-Lim iterations), and ``hpsMorph`` of sms-tools. That one is AGPL and runs in an
environment of its own (``pip install sms-tools`` there), as a program that is given clips and gives back stems (sms_morph.py).
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import lts_model
import numpy as np
import study
import systems
from evaluation_clips import find_folder
from study import FOLDER, OptionGroup, Results, say

from lts_batch.evaluation import clip_pairs, evaluate
from lts_batch.frame.filterbank import COARSEST
from lts_batch.metrics import judge
from lts_batch.metrics.judge import FIGURES
from lts_batch.models.checkpoint import load_model
from lts_batch.original import classic
from lts_batch.stems import plots

TITLE = "Morphs: what lies between two clips"
HEIGHT_INCHES = 11.0
ALL_PAIRS = 20
LEAST_END_SC_DB = -90.0
MOST_SECONDS = 600  # for the stems of a pair by another program

Clips = tuple[clip_pairs.Audio, clip_pairs.Audio]


class Lts:
    """The published path: linear magnitudes of a constant-Q transform, dense VAE, Griffin-Lim."""

    name = "LTS-style dense model"

    def __init__(self, folder: Path) -> None:
        self._model = lts_model.load(folder)

    def frames(self, clips: Clips, x: Sequence[float]) -> judge.Way:
        """In its own transform, each band scaled to the amplitude of a sine in it."""
        centres = classic.band_frequencies_hz()
        quality = 1.0 / (2.0 ** (1.0 / classic.BINS_PER_OCTAVE) - 1.0)
        scale = 2.0 / np.sqrt(quality * clip_pairs.SAMPLE_RATE_HZ / centres)  # librosa divides by the root of a window's length
        true = [classic.frames(clip)[::COARSEST] for clip in clips]
        one, two = (self._model.encode(magnitudes) for magnitudes in true)
        steps = np.stack([self._model.decode(one + amount * (two - one)) for amount in x])
        return judge.of_magnitudes(steps * scale, [magnitudes * scale for magnitudes in true], x, centres,
                                   clip_pairs.SAMPLE_RATE_HZ, classic.FRAME_RATE_HZ / COARSEST)

    def stems(self, clips: Clips, x: Sequence[float]) -> list[clip_pairs.Audio]:
        system = systems.Lts(self._model, 32)
        return system.render(system.prepare(*clips), x)


class Sms:
    """hpsMorph, which has stems only."""

    name = "hpsMorph (sms-tools)"

    def __init__(self, python: Path) -> None:
        self._python = python

    def frames(self, clips: Clips, x: Sequence[float]) -> None:
        return None

    def stems(self, clips: Clips, x: Sequence[float]) -> list[clip_pairs.Audio] | None:
        """None where it finds no answer: it breaks down on some clips."""
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder, "clips.npz"), Path(folder, "stems.npz")
            np.savez(given, clips=np.stack(clips), x=np.array(x), sample_rate=clip_pairs.SAMPLE_RATE_HZ)
            done = subprocess.run([self._python, FOLDER / "sms_morph.py", given, made], check=False, capture_output=True,
                                  text=True, timeout=MOST_SECONDS)
            if done.returncode:
                say(f"hpsMorph has no answer: {done.stderr.strip().splitlines()[-1]}")
                return None
            stems = np.load(made)["stems"]
        return list(stems) if np.isfinite(stems).all() else None


def add_options(parser: OptionGroup) -> None:
    parser.add_argument("--rival-lts", type=Path, metavar="FOLDER", help="a trained LTS model (None: that of --lts-model)")
    parser.add_argument("--sms-python", type=Path, metavar="PYTHON", help="the Python of an environment with sms-tools")
    parser.add_argument("--morph-frames-only", action="store_true", help="leave out what has to sound")


def run(options: argparse.Namespace) -> Results:
    count = options.pairs if options.pairs < study.PAIRS else ALL_PAIRS
    lts = options.rival_lts or getattr(options, "lts_model", None)
    rivals: list[evaluate.Rival] = [Lts(lts)] if lts and (lts / "lts.json").is_file() else []
    rivals += [Sms(options.sms_python)] if options.sms_python else []
    with systems.threads(1):
        results = evaluate.run({options.model: load_model(options.model)}, clip_pairs.choose(find_folder(options.clips), count),
                               frames_only=options.morph_frames_only, rivals=rivals, workers=1,
                               progress=lambda fraction, message: say(f"morph, {100 * fraction:.0f} %: {message}"))
    return results | {"rivals": [rival.name for rival in rivals]}


def table(results: Results) -> str:
    kinds = [kind for kind in ("frames", "audio") if kind in results]
    clips = results["reconstruction"]["mean"]
    parts = [study.columns(["model alone, dB", *(evaluate.REBUILT[name] for name in next(iter(clips.values())))],
                           [[label, *row.values()] for label, row in clips.items()])]
    for kind in kinds:
        summary = results[kind]["summary"]
        rows = [[way, *(_cell(found[name]) for name in FIGURES), found["step_cv"]["pairs"]] for way, found in summary.items()]
        parts.append(study.columns([f"{kind}: median/mean", *(figure.title for figure in FIGURES.values()), "pairs"], rows))
    return "\n\n".join(parts)


def _cell(found: Results) -> str | None:
    return None if found["median"] is None else f"{found['median']:.2f}/{found['mean']:.2f}"


def failures(results: Results) -> list[str]:
    """Where the default is no better than plain interpolation in the mean, or its ends are not the clips."""
    lines = []
    for kind in ("frames", "audio"):
        for label, sides in results.get(kind, {}).get("verdict", {}).items():
            lines += [f"{kind}: {label} is not better than {evaluate.LOG_LERP} in {title}" for title in sides["not better"]]
            worst = max(ways[results["default"][label]]["end_sc_db"] for ways in results[kind]["pairs"].values())
            if worst > LEAST_END_SC_DB:
                lines.append(f"{kind}: an end of {label} is {worst:.1f} dB from its clip, wanted under {LEAST_END_SC_DB:g}")
    return lines


def picture(results: Results, figure: object) -> None:
    plots.draw_evaluation(figure, results)


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
