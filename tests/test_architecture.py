"""A module imports only from floors below its own. The floors are written here, the imports read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lts_batch

PACKAGE = Path(lts_batch.__file__).parent

# From the ground up, a floor a line. Modules on one line know nothing of each other. A folder counts as one room.
FLOORS = """
errors
riff whole tones
decoders
settings audio soundfont
keras_layers devices schedule
filterbank features classic measures descriptors synthesis effects protocol allowed moves curves sources loudness mixes chain
alike networks
vae mel_bands keras_graph augment arrangement slices steps stft attacks survey loops carry turning envelope
classic_model mixing_loss
phase pghi align pitch interpolate finish checkpoint corpus dataset lts_run plots judge
vocoder meeting
analysis
planning train
targets adapt board
rebuild guard framepath classic_stems fit
pipeline
spacing stempath
evaluate stems names manifest jobfile samplers shelf latent_map
render arrays
jobs journal pack page spool wakeup
scan heartbeat
closing summary
workshop
daemon service dawinstall
demo
cli
__init__
__main__
"""
FLOOR = {room: height for height, line in enumerate(FLOORS.split("\n")) for room in line.split()}
HEAVY = {"torch", "librosa", "numba", "scipy", "matplotlib", "pedalboard", "soundfile", "soxr", "sklearn",
         "h5py"}


def imported_modules(source, room):
    """Rooms of lts_batch that a module imports anywhere, also inside functions and for type checkers only."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{room} imports by dots, which says less than the full name"
            whole_package = node.module == "lts_batch"
            found |= {f"lts_batch.{name.name}" if whole_package else node.module for name in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("lts_batch."):
            found.add(node.value)  # a name for importlib
    rooms = set()
    for name in found:
        package, _, rest = name.partition(".")
        if package == "lts_batch" and rest != "__version__":
            target = rest.split(".")[0] or "__init__"
            exports = lts_batch._HOMES
            rooms.add(exports[target].removeprefix("lts_batch.") if target in exports else target)
    return rooms - {room}


def imports():
    """Each room with the rooms it imports."""
    graph = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE).with_suffix("")
        room = inside.parts[0]
        graph.setdefault(room, set()).update(imported_modules(path.read_text(encoding="utf-8"), room))
    return graph


GRAPH = imports()


def test_the_reader_of_imports_sees_every_kind():
    source = """
import numpy
import lts_batch.audio
from lts_batch import riff, __version__, morph
from lts_batch.errors import ClipError
def later():
    from lts_batch import vae
    import lts_batch.train as t
    import_module("lts_batch.pack")
"""
    assert imported_modules(source, "page") == {"audio", "riff", "arrays", "errors", "vae", "train", "pack"}
    assert GRAPH["audio"] == {"decoders", "errors", "riff", "whole"}
    with pytest.raises(AssertionError, match="by dots"):
        imported_modules("from . import audio", "page")


def test_every_module_has_a_floor():
    assert set(GRAPH) - set(FLOOR) == set()
    assert len(FLOOR) == len(FLOORS.split()), "a module is on two floors"


@pytest.mark.parametrize("room", sorted(GRAPH))
def test_imports_go_downwards_only(room):
    wrong = {other for other in GRAPH[room] if FLOOR.get(other, sys.maxsize) >= FLOOR[room]}
    assert not wrong, f"{room} may only import from floors below it, not {', '.join(sorted(wrong))}"


def test_there_are_no_cycles():
    """The table rules them out; this holds also where the table is wrong."""
    left = {room: others & set(GRAPH) for room, others in GRAPH.items()}
    while free := {room for room, others in left.items() if not others}:
        left = {room: others - free for room, others in left.items() if room not in free}
    assert not left, f"these import each other in a ring, or import one that does: {', '.join(sorted(left))}"


def test_importing_the_package_costs_nothing():
    script = "import sys, lts_batch; lts_batch.__version__; dir(lts_batch); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("lts_batch.")}
    assert loaded == set()
    assert not HEAVY & set(done.stdout.split())


def test_help_loads_nothing_heavy():
    script = """
import sys
from lts_batch.cli import main
sys.argv = ["lts-batch", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("MODULES", *sys.modules)
"""
    # what it takes in time is in benchmarks/startup.py
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    words, _, modules = done.stdout.rpartition("MODULES")
    assert "Usage" in words
    assert HEAVY & set(modules.split()) == set()
