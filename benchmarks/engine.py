"""Every study of the sound engine in one go: all tables on the screen, one JSON, one picture.

    python benchmarks/engine.py --lts-model LTS

A study that breaks down does not stop the others. Exit status 1 where one did, or where a target was missed.
"""

import argparse
import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import study
from study import FOLDER, Results, Study

# those that are there, in this order
STUDIES = ("vs_lts", "floor", "scale", "fidelity", "evenness", "morph", "phase_study", "fit")
JSON = FOLDER / "results" / "engine.json"
PICTURE = FOLDER.parent / "docs" / "pictures" / "engine.png"


def arguments(studies: Mapping[str, Study], given: Sequence[str] | None = None) -> argparse.Namespace:
    made = study.parser(__doc__ or "")
    made.set_defaults(json=JSON, picture=PICTURE)
    made.add_argument("--only", nargs="+", choices=sorted(studies), metavar="STUDY",
                      help="run these, and take the others from the JSON as they are; known are " + ", ".join(studies))
    made.add_argument("--show", action="store_true", help="run nothing: print and draw what the JSON holds")
    for name, one in studies.items():
        one.add_options(made.add_argument_group(f"{name}: {one.TITLE}"))
    return study.parsed(made, given)


def attempt(name: str, one: Study, options: argparse.Namespace) -> Results:
    """What a study measured, or how it broke down."""
    study.say(f"== {name}")
    try:
        return study.measure(one, options)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        return {"title": one.TITLE, "error": f"{type(error).__name__}: {error}"}


def picture(studies: Mapping[str, Study], measured: Mapping[str, Results], path: Path) -> None:
    """A row of the picture for each study that has one."""
    drawn = {name: one for name, one in studies.items() if one.HEIGHT_INCHES and "results" in measured.get(name, {})}
    if not drawn:
        return
    heights = [one.HEIGHT_INCHES for one in drawn.values()]
    figure = study.new_figure(sum(heights))
    rows: Sequence[Any] = figure.subfigures(len(drawn), 1, height_ratios=heights, squeeze=False)[:, 0]
    for row, (name, one) in zip(rows, drawn.items(), strict=True):
        row.suptitle(one.TITLE, fontsize=11, fontweight="bold")
        one.picture(measured[name]["results"], row)
    study.save(figure, path)


def main(given: Sequence[str] | None = None, studies: Mapping[str, Study] | None = None) -> int:
    if studies is None:
        studies = {name: study.load(name) for name in STUDIES if (FOLDER / f"{name}.py").is_file()}
    options = arguments(studies, given)
    chosen = [] if options.show else options.only or list(studies)
    measured: Results = {}
    if (options.only or options.show) and options.json.is_file():
        measured = json.loads(options.json.read_text(encoding="utf-8"))["studies"]
    for name in chosen:
        measured[name] = attempt(name, studies[name], options) | {"circumstances": study.circumstances()}
        study.write_json(options.json, {"studies": measured})  # what is there survives what breaks later
    for name, one in studies.items():
        if "results" in measured.get(name, {}):
            print(study.report(one, measured[name]))
    picture(studies, measured, options.picture)
    missed = {name: found["failures"] for name, found in measured.items() if found.get("failures")}
    broken = {name: found["error"] for name, found in measured.items() if "error" in found}
    print(f"{len(measured)} studies: {len(broken)} broke down, {len(missed)} missed a target")
    for name, error in broken.items():
        print(f"{name}: {error}")
    return 1 if missed or broken else 0


if __name__ == "__main__":
    sys.exit(main())
