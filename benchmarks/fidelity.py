"""What must not be lost: the clips at the ends, attacks, the line of loudness, and the seams of loops.

    python benchmarks/fidelity.py

The parts are ends.py, attack_energy.py, loudness_line.py and seams.py.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import attack_energy
import ends
import evaluation_clips
import loudness_line
import seams
import study
import systems
from study import OptionGroup, Results

from lts_batch.models.checkpoint import load_model

TITLE = "Fidelity: ends, attacks, loudness, loops"
HEIGHT_INCHES = 3.0
ATTACKS_PICTURE = study.FOLDER.parent / "docs" / "pictures" / "attacks.png"
PARTS = {"ends": ends, "attacks": attack_energy, "loudness": loudness_line, "seams": seams}


def add_options(parser: OptionGroup) -> None:
    parser.add_argument("--attacks-picture", type=Path, metavar="FILE",
                        help="draw waveforms around attacks here (None: in the docs, or nowhere if --quick)")


def run(options: argparse.Namespace) -> Results:
    model, folder = load_model(options.model), evaluation_clips.find_folder(options.clips)
    pairs = {"~".join(names): (evaluation_clips.load(folder, names[0])[None], evaluation_clips.load(folder, names[1])[None])
             for names in evaluation_clips.pairs(options.pairs)}
    drawn = options.attacks_picture or (None if options.quick else ATTACKS_PICTURE)
    with systems.threads(1):
        return {"ends": ends.run(pairs, model), "attacks": attack_energy.run(folder, model, options.quick, drawn),
                "loudness": loudness_line.run(pairs, model), "seams": seams.run(model, options.quick)}


def table(results: Results) -> str:
    return "\n\n".join(part.table(results[name]) for name, part in PARTS.items())


def failures(results: Results) -> list[str]:
    return [line for name, part in PARTS.items() for line in part.failures(results[name])]


def picture(results: Results, figure: Any) -> None:
    for axis, (name, part) in zip(figure.subplots(1, len(PARTS)), PARTS.items(), strict=True):
        part.picture(results[name], axis)


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
