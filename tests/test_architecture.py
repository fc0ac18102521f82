"""A module imports only from floors below its own. The floors are written here, the imports read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lts_batch

PACKAGE = Path(lts_batch.__file__).parent

# From the ground up, a floor a line. Rooms on one line know nothing of each other. Of a folder, its modules stand behind the
# colon, and each may import only those before it in the row; "settings", "cli" and "material.synthesis" are rooms without rows.
FLOORS = """
errors
settings devices
protocol
files: whole riff promises decoders wav moves allowed audio sources
metrics: spectra measures rows descriptors mel_bands judge
clips: loudness attacks loops pitch survey
frame: windows filterbank features slices stft envelope
original: classic keras_layers keras_convolutions keras_kinds keras_graph classic_model lts_run
resynthesis: phase turning carry pghi vocoder
models: networks vae bundle checkpoint shelf
material: tones synthesis soundfont effects arrangement programme corpus
training: alike sides sounds frame_cache schedule augment dataset mixing_loss course feed held_out state learner \
speed train trial adapt board
engine: mixes curves effects chain interpolate align levels meeting distances steps frames thinning analysis planning reading \
targets blending made_up repairs on_frame on_stft rebuild guard finish classic_planning classic_stems fit pipeline spacing \
arrays
evaluation: framepath stempath clip_pairs summary evaluate
stems: names manifest rpp plots latent_map delivery stored render
watch: refusals jobfile whereabouts jobs entries view written sets scan spool status endings journal events disks wakeup \
heartbeat closing summary workshop desk presence ends hands processes assignment crew daemon notify options configuration \
logs listeners
client: overview again cancelling cleaning
service: wanted mark system systemd launchd windows place tools install supervise
daw: hosts scripts reapack
demo
cli
__init__
__main__
"""


def heights():
    """The height of each room: (floor, place in the row of its folder)."""
    found = {}
    for floor, line in enumerate(FLOORS.split("\n")):
        head, colon, row = line.partition(":")
        if colon:
            found |= {f"{head}.{module}": (floor, place) for place, module in enumerate(row.split())}
            found[head] = (floor, -1)  # the folder's own __init__, a sentence that imports nothing
        else:
            found |= dict.fromkeys(head.split(), (floor, 0))
    return found


FLOOR = heights()
HEAVY = {"torch", "librosa", "numba", "scipy", "matplotlib", "pedalboard", "soundfile", "soxr", "sklearn",
         "h5py"}


def room_of(parts):
    """The room of a module by its path in the package: ("engine", "pipeline") is engine.pipeline, ("cli", "render") is cli."""
    for length in (2, 1):
        if ".".join(parts[:length]) in FLOOR:
            return ".".join(parts[:length])
    return ".".join(parts)


def imported_modules(source, room):
    """Rooms of lts_batch that a module imports anywhere, also inside functions and for type checkers only."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{room} imports by dots, which says less than the full name"
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("lts_batch."):
            found.add(node.value)  # a name for importlib
    rooms = set()
    for name in found:
        package, _, rest = name.partition(".")
        if package == "lts_batch" and rest != "__version__":
            rest = lts_batch._HOMES.get(rest, rest).removeprefix("lts_batch.")
            rooms.add(room_of(rest.split(".")) if rest else "__init__")
    return rooms - {room}


def imports():
    """Each room with the rooms it imports."""
    graph = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        room = room_of(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        graph.setdefault(room, set()).update(imported_modules(path.read_text(encoding="utf-8"), room))
    return graph


GRAPH = imports()


def test_the_reader_of_imports_sees_every_kind():
    source = """
import numpy
import lts_batch.files.audio
from lts_batch import __version__, morph
from lts_batch.files import riff
from lts_batch.errors import ClipError
def later():
    from lts_batch.models import vae
    import lts_batch.training.train as t
    import_module("lts_batch.cli.render")
"""
    assert imported_modules(source, "page") == {
        "files.audio", "files.riff", "errors", "models.vae", "training.train", "engine.arrays", "cli"}
    assert GRAPH["files.audio"] == {"files.decoders", "files.promises", "errors", "files.wav"}
    with pytest.raises(AssertionError, match="by dots"):
        imported_modules("from . import audio", "page")


def test_every_module_has_a_floor():
    assert set(GRAPH) - set(FLOOR) == set()
    assert set(FLOOR) - set(GRAPH) == set(), "the table names modules that are not there"
    assert len(FLOOR) == len(FLOORS.replace(":", " ").split()), "a module is on two floors"


@pytest.mark.parametrize("room", sorted(GRAPH))
def test_imports_go_downwards_only(room):
    own_floor, own_place = FLOOR[room]
    wrong = set()
    for other in GRAPH[room]:
        floor, place = FLOOR.get(other, (sys.maxsize, 0))
        same_folder = floor == own_floor and room.split(".")[0] == other.split(".")[0]
        if not (floor < own_floor or (same_folder and place < own_place)):
            wrong.add(other)
    assert not wrong, f"{room} may only import from floors below it, not {', '.join(sorted(wrong))}"


def test_there_are_no_cycles():
    """The table rules them out; this holds also where the table is wrong."""
    left = {room: others & set(GRAPH) for room, others in GRAPH.items()}
    while free := {room for room, others in left.items() if not others}:
        left = {room: others - free for room, others in left.items() if room not in free}
    assert not left, f"these import each other in a ring, or import one that does: {', '.join(sorted(left))}"


@pytest.mark.parametrize("folder", sorted({room.split(".")[0] for room in FLOOR if "." in room}))
def test_folders_say_what_they_hold(folder):
    """A sentence for those who read the listing; and no code, which importing one module would run for all."""
    (sentence,) = ast.parse((PACKAGE / folder / "__init__.py").read_text(encoding="utf-8")).body
    assert isinstance(sentence, ast.Expr) and isinstance(sentence.value, ast.Constant)
    assert len(sentence.value.value) > 40


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
