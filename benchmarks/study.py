"""The interface of the studies, so that each runs alone (``python benchmarks/floor.py``) and all together (engine.py).

A study is a module of this folder with the names of ``Study`` and, at its end,

    if __name__ == "__main__":
        sys.exit(study.main(sys.modules[__name__]))
"""

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from lts_batch.files.whole import write_whole

FOLDER = Path(__file__).parent
PAIRS, QUICK_PAIRS = 12, 2
LIBRARIES = ("librosa", "numpy", "scipy", "torch", "numba", "pyloudnorm")
WIDTH_INCHES = 13.0

Results = dict[str, Any]  # what JSON can hold, and nothing else
OptionGroup = argparse._ActionsContainer  # a parser, or a group of options in one


class Study(Protocol):
    """What a module has to have to be a study."""

    TITLE: str  # of its tables, a line
    HEIGHT_INCHES: float  # of its picture, which is ``WIDTH_INCHES`` wide; 0 where there is none

    def add_options(self, parser: OptionGroup) -> None:
        """Options of its own; no two studies have one of the same name."""

    def run(self, options: argparse.Namespace) -> Results:
        """Measures. ``options`` has the common ones (``parser``) and its own; progress goes to ``say``."""

    def table(self, results: Results) -> str:
        """The figures for people."""

    def failures(self, results: Results) -> list[str]:
        """What misses its target, a line each."""

    def picture(self, results: Results, figure: Any) -> None:
        """Draws into a matplotlib figure, or a part of one (``SubFigure``)."""


def load(name: str) -> Study:
    """A study of this folder by the name of its file.

    Raises:
        SystemExit: there is none, or the module is no study.
    """
    if not (FOLDER / f"{name}.py").is_file():
        raise SystemExit(f"there is no study {name}: {FOLDER} holds no {name}.py")
    return checked(importlib.import_module(name))


def checked(module: ModuleType) -> Study:
    """The module, with everything a study has to have."""
    missing = [part for part in ("TITLE", "HEIGHT_INCHES", "add_options", "run", "table", "failures", "picture")
               if not hasattr(module, part)]
    if missing:
        raise SystemExit(f"{module.__name__}.py is no study: it lacks {', '.join(missing)}")
    return cast(Study, module)


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with the options that all studies share."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    made.add_argument("--clips", type=Path, metavar="FOLDER", help="evaluation clips (None: the package sonic-pi-samples)")
    made.add_argument("--pairs", type=int, help=f"how many pairs of evaluation.toml (None: {PAIRS}, or {QUICK_PAIRS})")
    made.add_argument("--model", default="general", help="model of lts_batch: a shipped name or a folder")
    made.add_argument("--quick", action="store_true", help="a look: few pairs, short sounds; its figures are not to be quoted")
    made.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    made.add_argument("--picture", type=Path, metavar="FILE", help="draw the figures here (.png or .svg)")
    return made


def parsed(from_parser: argparse.ArgumentParser, given: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, with what ``--quick`` decides filled in."""
    options = from_parser.parse_args(given)
    if options.pairs is None:
        options.pairs = QUICK_PAIRS if options.quick else PAIRS
    return options


def measure(study: Study, options: argparse.Namespace) -> Results:
    """A study's results with its title, its failures, and the state of the machine while it ran."""
    before, start = load_average(), time.perf_counter()
    results = study.run(options)
    return {"title": study.TITLE, "seconds": round(time.perf_counter() - start, 1), "quick": options.quick,
            "load_average": {"before": before, "after": load_average()}, "failures": study.failures(results),
            "results": results}


def report(study: Study, measured: Results) -> str:
    """Title, table and verdict."""
    loads = [f"{value:.1f}" if value is not None else "unknown" for value in measured["load_average"].values()]
    verdict = "\n".join(["verdict: FAILED", *measured["failures"]] if measured["failures"] else ["verdict: all targets met"])
    return (f"== {study.TITLE}\n\n{study.table(measured['results'])}\n\n{verdict}\n({measured['seconds']:.0f} s, load average"
            f" {loads[0]} before and {loads[1]} after{', a quick look' if measured['quick'] else ''})\n")


def main(module: ModuleType, given: Sequence[str] | None = None) -> int:
    """Runs one study by itself. Exit status 1 where something misses its target."""
    study = checked(module)
    made = parser(study.TITLE)
    study.add_options(made)
    options = parsed(made, given)
    measured = measure(study, options)
    print(report(study, measured))
    if options.json:
        write_json(options.json, measured | {"circumstances": circumstances()})
    if options.picture and study.HEIGHT_INCHES:
        figure = new_figure(study.HEIGHT_INCHES)
        study.picture(measured["results"], figure)
        save(figure, options.picture)
    return 1 if measured["failures"] else 0


# ---------------------------------------------------------------- parts that studies use


def say(line: str) -> None:
    """Progress, which is no result."""
    print(line, file=sys.stderr, flush=True)


def load_average() -> float | None:
    """How many processes wanted a core in the last minute; Windows does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def circumstances() -> Results:
    """The machine and the versions that figures come from."""
    return {"machine": platform.machine(), "processor": platform.processor(), "cores": os.cpu_count(),
            "system": platform.system(), "python": platform.python_version(),
            "libraries": {name: _version(name) for name in LIBRARIES}, "date": time.strftime("%Y-%m-%d")}


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def columns(header: Sequence[str], rows: Sequence[Sequence[Any]], digits: int = 2) -> str:
    """Plain text in columns: words to the left, numbers to the right, ``-`` for what was not measured."""
    cells = [[_cell(value, digits) for value in row] for row in rows]
    wide = [max(len(row[n]) for row in [list(header), *cells]) for n in range(len(header))]
    words = [any(isinstance(row[n], str) for row in rows) for n in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) if word else cell.rjust(width)
                               for cell, width, word in zip(row, wide, words, strict=True)).rstrip()
                     for row in [list(header), *cells])


def _cell(value: Any, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def write_json(path: Path, results: Results) -> None:
    """Whole or not at all; a folder that is missing is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(results, indent=1) + "\n", overwrite=True)


def new_figure(height_inches: float) -> Any:
    """A matplotlib figure that is drawn off screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Any, path: Path) -> None:
    """Writes a picture whole or not at all."""
    from io import BytesIO

    data = BytesIO()
    figure.savefig(data, format=path.suffix.lstrip(".").lower() or "png", dpi=110)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data.getvalue(), overwrite=True)
