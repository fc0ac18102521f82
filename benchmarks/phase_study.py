"""Which phase to give magnitudes, on which transform, and how many repairs it is worth.

    python benchmarks/phase_study.py --json phase.json --picture docs/pictures/phase_study.png

Every way (``phase``/``domain``) with 0 to 32 fast Griffin-Lim steps makes the same sounds, so that phase is all that differs:

- morphs at x = 0.5 of the evaluation pairs, judged against the magnitudes that they were meant to have (target_mel.py): by a
  plain STFT, which is no way's own transform and decides, and by the filterbank, which flatters the ways that work on it;
- reconstructions of the first clip of each pair from its true magnitudes and from those that the model makes of it;
- both ends, which have to null against the clips for a way to be the default;
- beside them phase from the magnitudes of an STFT, with no filterbank and no model, as the literature measures it.

How a way is measured is in phase_ways.py, what is made of the figures in phase_report.py.
"""

import argparse
import sys

import evaluation_clips
import phase_report
import phase_ways
import study
import systems
from study import OptionGroup, Results, say

from lts_batch.models.checkpoint import load_model
from lts_batch.settings import DOMAINS, PHASES

TITLE = "Phase: where it comes from, on which transform, with how many repairs"
HEIGHT_INCHES = 4.0
WAYS = tuple(f"{one}/{domain}" for one in PHASES for domain in DOMAINS)
REPAIRS, QUICK_REPAIRS = (0, 4, 16, 32), (0, 4)
SECONDS = 3.0  # of each clip
table, failures, picture = phase_report.table, phase_report.failures, phase_report.picture


def add_options(parser: OptionGroup) -> None:
    parser.add_argument("--phase-seconds", type=float, default=SECONDS, help="how much of each clip is used")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS, metavar="WAY", help="ways of the phase study")


def run(options: argparse.Namespace) -> Results:
    model, folder = load_model(options.model), evaluation_clips.find_folder(options.clips)
    repairs = QUICK_REPAIRS if options.quick else REPAIRS
    pairs: dict[str, Results] = {}
    alone: dict[str, Results] = {}
    with systems.threads(1):
        phase_ways.warm_up(model, options.ways)
        for number, names in enumerate(evaluation_clips.pairs(options.pairs), 1):
            clips = [phase_ways.cut(evaluation_clips.load(folder, name)[None], options.phase_seconds) for name in names]
            pairs["~".join(names)] = {}
            for way in options.ways:
                say(f"phase, {'~'.join(names)} ({number} of {options.pairs}), {way}")
                pairs["~".join(names)] |= phase_ways.way_figures(clips, model, way, repairs)
            alone[names[0]] = {f"overlap {overlap}, {count} repairs": figures for overlap in phase_ways.OVERLAPS
                               for count, figures in phase_ways.stft_alone(clips[0], overlap, repairs).items()}
    return {"ways": list(options.ways), "repairs": list(repairs), "seconds": options.phase_seconds, "pairs": pairs,
            "alone": alone}


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
