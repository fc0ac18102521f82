"""The training corpus: the same seed gives the same bits, an interrupted render goes on, nothing is overwritten."""

import json
import shutil
from pathlib import Path

import fonts
import numpy as np
import pytest
import soundfile
from fonts import RATE
from trees import Tree

from lts_batch.errors import CorpusError, OutputError
from lts_batch.files.moves import sha256
from lts_batch.files.whole import is_temporary, temporary_beside
from lts_batch.material import corpus

font = fonts.font


@pytest.fixture
def no_fluidsynth(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A search path on which there is no program."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def test_a_damaged_soundfont_is_named(tmp_path: Path, font: Path) -> None:
    broken = tmp_path / "broken.sf2"
    broken.write_bytes(font.read_bytes()[:1000])
    with pytest.raises(CorpusError, match=r"broken\.sf2"):
        corpus.render(tmp_path / "out", minutes=0.05, soundfont=broken)
    assert not (tmp_path / "out" / corpus.DONE).exists()


def test_without_fluidsynth_our_own_share_is_rendered(tmp_path: Path, no_fluidsynth: None) -> None:
    report = corpus.render(tmp_path / "out", minutes=0.5)
    assert set(report.files) == {"synthesis"}
    assert report.soundfont == {}
    assert "fluidsynth was not found" in report.note
    assert 0.26 * 30 <= report.seconds["synthesis"] < 0.26 * 30 + 6


def test_the_same_seed_gives_the_same_files(tmp_path: Path, tree: Tree, font: Path) -> None:
    ticks: list[tuple[int, int]] = []
    first = corpus.render(tmp_path / "a", minutes=0.6, seed=3, workers=1, progress=lambda *n: ticks.append(n))
    corpus.render(tmp_path / "b", minutes=0.6, seed=3, workers=3)
    corpus.render(tmp_path / "c", minutes=0.6, seed=4)
    a, b, c = (tree(tmp_path / name) for name in "abc")
    assert a == b
    assert not {v for k, v in a.items() if k.endswith(".flac")} & set(c.values())
    assert set(first.files) == set(corpus.SHARES)
    assert ticks[-1] == (sum(first.files.values()),) * 2
    assert 36 <= sum(first.seconds.values()) < 36 + 25


def test_the_files_are_sound_of_many_levels(tmp_path: Path, font: Path) -> None:
    report = corpus.render(tmp_path / "out", minutes=1.2, seed=1)
    peaks_db = []
    paths = sorted((tmp_path / "out").rglob("*.flac"))
    for path in paths:
        sound, rate = soundfile.read(path, dtype="float64", always_2d=True)
        assert (rate, sound.shape[1]) == (RATE, 1)
        assert soundfile.info(path).subtype == "PCM_16"
        assert 4 <= len(sound) / rate <= 20
        peak = np.abs(sound).max()
        assert -31 < 20 * np.log10(peak) < -0.5
        assert np.sqrt(np.mean(sound**2)) > 0.005 * peak
        assert abs(sound.mean()) < 0.01 * peak
        peaks_db.append(20 * np.log10(peak))
    assert np.std(peaks_db) > 4
    record = json.loads((tmp_path / "out" / corpus.DONE).read_text(encoding="utf-8"))
    assert sum(record["files"].values()) == len(paths) == sum(report.files.values())
    assert record["seed"] == 1
    assert record["soundfont"]["sha256"] == sha256(font)
    assert record["soundfont"]["licence"]
    assert record["fluidsynth"].startswith("FluidSynth")
    assert not [path for path in (tmp_path / "out").rglob("*") if is_temporary(path)]
    assert not (tmp_path / "out" / corpus.UNDER_WAY).exists()


def test_an_interrupted_render_goes_on_to_the_same_end(tmp_path: Path, tree: Tree, no_fluidsynth: None,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "BATCH_CLIPS", 2)
    corpus.render(tmp_path / "whole", minutes=2)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corpus.render(tmp_path / "out", minutes=2, workers=1, progress=stop)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.flac")}
    assert 0 < len(kept) < 6
    assert not (tmp_path / "out" / corpus.DONE).exists()
    temporary_beside(min(kept)).write_bytes(b"half a file, of a crash")
    corpus.render(tmp_path / "out", minutes=2)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_one_lost_file_of_a_soundfont_batch_comes_back_the_same(tmp_path: Path, tree: Tree, font: Path) -> None:
    corpus.render(tmp_path / "out", minutes=0.6)
    before = tree(tmp_path / "out")
    record = json.loads((tmp_path / "out" / corpus.DONE).read_text(encoding="utf-8"))
    (tmp_path / "out" / corpus.DONE).unlink()
    facts = {key: value for key, value in record.items() if key not in ("files", "seconds", "note")}
    (tmp_path / "out" / corpus.UNDER_WAY).write_text(json.dumps(facts), encoding="utf-8")
    sorted((tmp_path / "out" / "soundfont").glob("*.flac"))[1].unlink()
    corpus.render(tmp_path / "out", minutes=0.6)
    assert tree(tmp_path / "out") == before


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, tree: Tree, no_fluidsynth: None) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="not empty"):
        corpus.render(out, minutes=0.1)
    with pytest.raises(OutputError, match="is a file"):
        corpus.render(out / "mine.txt", minutes=0.1)
    assert list(tree(out)) == ["mine.txt"]


def test_a_finished_or_different_corpus_is_not_written_over(tmp_path: Path, tree: Tree, no_fluidsynth: None) -> None:
    out = tmp_path / "out"
    corpus.render(out, minutes=0.1)
    before = tree(out)
    with pytest.raises(OutputError, match="finished corpus"):
        corpus.render(out, minutes=0.1)
    assert tree(out) == before
    shutil.move(out / corpus.DONE, out / corpus.UNDER_WAY)
    with pytest.raises(OutputError, match="seed 0 there, 7 here"):
        corpus.render(out, minutes=0.1, seed=7)
    (out / corpus.UNDER_WAY).write_text("{", encoding="utf-8")
    with pytest.raises(OutputError, match="damaged"):
        corpus.render(out, minutes=0.1)


@pytest.mark.parametrize(("options", "words"), [({"minutes": 0.0}, "minutes = 0"), ({"seed": -1}, "seed = -1"),
                                                ({"minutes": float("nan")}, "minutes = nan"),
                                                ({"soundfont": Path("no.sf2")}, "no.sf2 does not exist")])
def test_what_cannot_be_rendered_is_said_before_anything_is_written(options: dict[str, object], words: str,
                                                                    tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=words):
        corpus.render(tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_soundfont_is_said_before_anything_is_written(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.sf2").write_bytes(content)
    with pytest.raises(CorpusError, match=r"a\.sf2 is no SoundFont: name an \.sf2 file, or leave it out"):
        corpus.render(tmp_path / "out", soundfont=tmp_path / "a.sf2")
    assert not (tmp_path / "out").exists()


def test_a_soundfont_is_found_by_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine.sf2"
    mine.write_bytes(b"RIFF")
    monkeypatch.setenv("FLUID_SOUNDFONT", str(mine))
    assert corpus.find_soundfont() == mine
    monkeypatch.setenv("FLUID_SOUNDFONT", str(tmp_path / "gone.sf2"))
    assert corpus.find_soundfont() is None
