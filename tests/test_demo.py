"""The demo, once, as the README runs it; everything else here looks at what it made."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from trees import Tree

from lts_batch import demo as work
from lts_batch.cli import commands
from lts_batch.errors import JobError, OutputError
from lts_batch.files import audio
from lts_batch.settings import presets_folder
from lts_batch.stems.manifest import from_json

CLIPS = ("choir.flac", "piano.flac")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "lts-demo"


@pytest.fixture(scope="module")
def printed(root: Path) -> Result:
    return CliRunner().invoke(commands, ["demo", "--folder", str(root)])


@pytest.fixture
def stems(root: Path, printed: Result) -> Path:
    (folder,) = (root / "outbox").iterdir()
    return folder


def test_it_ends_well_and_says_where_everything_lies(root: Path, printed: Result, stems: Path) -> None:
    assert printed.exit_code == 0 and printed.stderr == "", printed.output
    lines = printed.stdout.splitlines()
    assert lines[0] == f"The stems lie in {stems.resolve()}:"
    assert [line.strip() for line in lines[1:6]] == sorted(path.name for path in stems.glob("*.wav"))
    assert lines[6] == f"A picture of them: {(root / 'stems.png').resolve()}"
    assert lines[7].endswith(f"lts-batch watch {root} --once") and len(lines) == 8


def test_five_stems_go_from_the_choir_to_the_piano(stems: Path) -> None:
    record = from_json((stems / "manifest.json").read_text(encoding="utf-8"))
    assert [stem.x for stem in record.stems] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert record.model["name"] == "general" and record.job == stems.name
    clips = [audio.read(presets_folder() / "demo" / name)[0] for name in CLIPS]
    made = [audio.read(stems / stem.file)[0] for stem in record.stems]
    lengths = [samples.shape[1] for samples in made]
    assert lengths == sorted(lengths) and (lengths[0], lengths[-1]) == (clips[0].shape[1], clips[1].shape[1])
    for end, clip in ((made[0], clips[0]), (made[-1], clips[1])):
        assert np.abs(end - clip).max() < 1e-4 * np.abs(clip).max()
    for samples in made[1:-1]:
        assert np.sqrt(np.square(samples).mean()) > 0.01, "a stem between two sounds is a sound"


def test_the_clips_are_in_the_archive_and_the_inbox_is_empty(root: Path, stems: Path, tree: Tree) -> None:
    shipped = tree(presets_folder() / "demo")
    assert tree(root / "archive" / stems.name) == {name: shipped[name] for name in CLIPS}
    assert tree(root / "inbox") == tree(root / "failed") == {}


def test_the_picture_is_a_picture(root: Path, printed: Result) -> None:
    from matplotlib import image

    assert (root / "stems.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = image.imread(root / "stems.png")
    height, width, _ = pixels.shape
    assert height > 300 and width > 1.5 * height
    middle = pixels[height // 4:-height // 4, width // 8:-width // 8, :3]
    assert len(np.unique((middle * 255).astype(np.uint8).reshape(-1, 3), axis=0)) > 100


def test_a_second_run_into_the_same_folder_is_refused(root: Path, printed: Result, tree: Tree) -> None:
    before = tree(root)
    again = CliRunner().invoke(commands, ["demo", "--folder", str(root)])
    assert (again.exit_code, again.stdout) == (OutputError.exit_code, "")
    assert again.stderr == f"Error: {root} is there already and not empty: remove it, or give another folder with --folder\n"
    assert tree(root) == before


def test_json_is_the_manifest(root: Path, stems: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (stems / "manifest.json").read_text(encoding="utf-8")
    monkeypatch.setattr(work, "demo", lambda folder, progress: work.Demo(stems, from_json(text), root / "stems.png"))
    printed = CliRunner().invoke(commands, ["demo", "--json"])
    assert printed.exit_code == 0 and json.loads(printed.stdout) == json.loads(text)


def test_places_where_no_demo_can_be(tmp_path: Path, tree: Tree) -> None:
    (tmp_path / "file").touch()
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="file is a file, and the demo needs a folder: give another one with --folder"):
        work.demo(tmp_path / "file")
    with pytest.raises(OutputError, match="cannot be written"):
        work.demo(tmp_path / "file" / "deeper")
    with pytest.raises(OutputError, match=r"x cannot be written, "):
        work.demo(tmp_path / ("x" * 300))
    assert tree(tmp_path) == before


def test_a_demo_without_stems_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil_copy: Any = work.shutil.copyfile
    monkeypatch.setattr(work.shutil, "copyfile", lambda source, target: shutil_copy(__file__, target))
    with pytest.raises(JobError, match=r"the demo came to no stems: .*choir\.flac is not audio that can be read here: give a"):
        work.demo(tmp_path / "demo")
