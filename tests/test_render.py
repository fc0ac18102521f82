"""Stems on disk: true ends, and a record that makes each stem again."""

import dataclasses
import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import rendering
from jsonschema import Draft202012Validator
from rendering import DEMO, TRUE_END_DB, clip, residual_db, stems
from trees import Tree

from lts_batch import __version__
from lts_batch.errors import ClipError, LtsError
from lts_batch.files import audio
from lts_batch.files.moves import sha256
from lts_batch.files.sources import Excerpt, Resampled
from lts_batch.models.checkpoint import Model, load_model
from lts_batch.protocol import from_lines, schema
from lts_batch.settings import Settings, as_dict, change, load_preset
from lts_batch.stems.manifest import from_json
from lts_batch.stems.render import Clip, render

pair = rendering.pair


# ---------------------------------------------------------------- true ends


@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (48000, 2), (96000, 1)],
                         ids=["recordings, mono 44.1 kHz", "stereo 48 kHz", "mono 96 kHz"])
def test_both_ends_are_the_clips(rate: int, channels: int, model: Model, tmp_path: Path) -> None:
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for path, recording, seconds, hz in zip(paths, DEMO, (0.5, 0.35), (110, 440), strict=True):
        if rate == 44100:
            audio.write(path, audio.read(recording)[0][:1], rate)
        else:
            clip(path, seconds, rate, channels, hz=hz)
    made = render([Clip(path) for path in paths], Settings(x=(0.0, 1.0)), tmp_path / "out", model=model)
    assert made.stems[0].samples != made.stems[1].samples
    for path, stem, entry in zip(paths, stems(tmp_path / "out", made), made.stems, strict=True):
        wanted, _ = audio.read(path)
        assert (entry.sample_rate, entry.channels) == (rate, channels)
        assert audio.info(tmp_path / "out" / entry.file).depth == "24-bit"
        assert 10 * np.log10(np.square(wanted, dtype=np.float64).mean()) > -50, "too soft to judge by"
        assert residual_db(stem, wanted) < TRUE_END_DB


def test_a_mono_clip_meets_a_stereo_clip(model: Model, tmp_path: Path) -> None:
    paths = [clip(tmp_path / "mono.wav", 0.2, 44100), clip(tmp_path / "stereo.wav", 0.25, 44100, 2, hz=330)]
    made = render([Clip(path) for path in paths], Settings(x=(0.0, 1.0)), tmp_path / "out", model=model)
    first, last = stems(tmp_path / "out", made)
    mono, stereo = (audio.read(path)[0] for path in paths)
    assert residual_db(first, np.repeat(mono, 2, axis=0)) < TRUE_END_DB
    assert residual_db(last, stereo) < TRUE_END_DB


def test_a_clip_of_another_rate_is_resampled_and_that_is_said(model: Model, tmp_path: Path) -> None:
    paths = [clip(tmp_path / "a.wav", 0.2, 44100), clip(tmp_path / "b.wav", 0.2, 48000, hz=330)]
    made = render([Clip(path) for path in paths], Settings(x=(0.0, 1.0)), tmp_path / "out", model=model)
    _, last = stems(tmp_path / "out", made)
    resampled = Resampled(Excerpt(audio.read(paths[1])[0], 48000, 0, 9600), 44100)
    assert residual_db(last, resampled.read(0, resampled.samples)) < TRUE_END_DB
    assert made.notes == ("clip 2 was resampled from 48000 to 44100 Hz",)
    assert {stem.sample_rate for stem in made.stems} == {44100}


def test_excerpts_are_what_is_used(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    parts = [dataclasses.replace(pair[0], offset_samples=1000, length_samples=5000, name="part"),
             dataclasses.replace(pair[1], offset_samples=2000)]
    made = render(parts, Settings(x=(0.0, 1.0)), tmp_path / "out", model=model)
    first, last = stems(tmp_path / "out", made)
    assert residual_db(first, audio.read(pair[0].path)[0][:, 1000:6000]) < TRUE_END_DB
    assert residual_db(last, audio.read(pair[1].path)[0][:, 2000:]) < TRUE_END_DB
    assert [(entry.name, entry.offset_samples, entry.length_samples) for entry in made.clips] == [
        ("part", 1000, 5000), ("high", 2000, audio.info(pair[1].path).samples - 2000)]
    assert made.stems[0].file == "part~high_01_x+0.00.wav"


@pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, 0), (0, 10**9), (10**9, None), (13229, 2)])
def test_excerpts_outside_of_the_clip_are_refused(offset: int, length: int | None, pair: list[Clip], model: Model,
                                                  tmp_path: Path, tree: Tree) -> None:
    before = tree(tmp_path)
    with pytest.raises(ClipError, match=r"low\.wav has 13230 samples; the part from .* does not lie in it: choose"):
        render([Clip(pair[0].path, offset, length), pair[1]], Settings(), tmp_path / "out", model=model)
    assert tree(tmp_path) == before


def test_a_curve_that_stays_at_clip_1_is_clip_1(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    settings = Settings(curve=((0.0, 0.0), (1.0, 0.0)))
    made = render([pair[0], dataclasses.replace(pair[1], name="a/../b")], settings, tmp_path / "out", model=model)
    assert [stem.file for stem in made.stems] == ["low~a_.._b_01_curve.wav"] and made.stems[0].x is None
    assert residual_db(stems(tmp_path / "out", made)[0], audio.read(pair[0].path)[0]) < TRUE_END_DB


# ---------------------------------------------------------------- the record


@pytest.mark.parametrize("settings", [
    Settings(steps=3, beyond=0.5, fade_out_seconds=0.02),
    Settings(x=(0.5,), sample=True, temperature=0.7, seed=5),
    Settings(steps=2, phase="griffinlim", repair=3, sample_rate=48000, length="longest"),
    change(load_preset("sweep"), {"detail": 0.3, "align": "pad"}, ""),
], ids=["beyond", "sample", "griffinlim", "sweep"])
def test_the_manifest_makes_each_stem_again_to_the_bit(settings: Settings, pair: list[Clip], model: Model,
                                                       tmp_path: Path) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    render([pair[0], dataclasses.replace(pair[1], offset_samples=100, name="other")], settings, out, model=model)
    record = from_json((out / "manifest.json").read_text(encoding="utf-8"))
    clips = [Clip(Path(entry.path), entry.offset_samples, entry.length_samples, entry.name) for entry in record.clips]
    wanted = change(Settings(), record.settings, "manifest")
    assert wanted == settings and record.model["sha256"] == model.record["sha256"]
    second = render(clips, wanted, again, model=load_model(record.model["name"]))
    assert [stem.sha256 for stem in second.stems] == [stem.sha256 for stem in record.stems]
    assert (again / "manifest.json").read_bytes() == (out / "manifest.json").read_bytes()


def test_another_seed_draws_other_sounds(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    made = [render(pair, Settings(x=(0.5,), sample=True, seed=seed, detail=0.0), tmp_path / str(seed), model=model)
            for seed in (0, 1)]
    assert made[0].stems[0].sha256 != made[1].stems[0].sha256


def test_the_record_says_what_is_there(pair: list[Clip], model: Model, tmp_path: Path, tree: Tree) -> None:
    out = tmp_path / "deep" / "out"
    settings = Settings(x=(1.2, 0.0, 0.4))
    made = render(pair, settings, out, model=model, job="j1", job_digest="0" * 64, echo={"track": 4, "muted": True})
    text = (out / "manifest.json").read_text(encoding="utf-8")
    Draft202012Validator(schema("manifest")).validate(json.loads(text))
    assert from_json(text) == from_json(made.to_json())
    lines = from_lines("manifest", (out / "manifest.tsv").read_text(encoding="utf-8"))
    assert [row[3] for row in lines if row[0] == "stem"] == [stem.file for stem in made.stems]

    assert set(tree(out)) == {*(stem.file for stem in made.stems), "manifest.json", "manifest.tsv"}
    assert (made.job, made.job_digest, made.lts_batch, made.echo) == ("j1", "0" * 64, __version__, {"track": 4, "muted": True})
    assert dict(made.settings) == as_dict(settings)
    assert [(stem.index, stem.x) for stem in made.stems] == [(1, 0.0), (2, 0.4), (3, 1.2)]
    for entry, given in zip(made.clips, pair, strict=True):
        info = audio.info(given.path)
        assert (entry.path, entry.name, entry.sha256) == (str(given.path), given.path.stem, sha256(given.path))
        assert (entry.size_bytes, entry.sample_rate, entry.channels, entry.offset_samples, entry.length_samples) == (
            given.path.stat().st_size, info.sample_rate, info.channels, 0, info.samples)
    for stem in made.stems:
        samples, rate = audio.read(out / stem.file)
        info = audio.info(out / stem.file)
        assert (stem.channels, stem.samples, stem.sample_rate, stem.subtype) == (*samples.shape, rate, info.subtype)
        assert stem.sha256 == sha256(out / stem.file)
        assert stem.peak == pytest.approx(audio.peak(samples), abs=2**-23)


# ---------------------------------------------------------------- progress and preview


def test_progress_rises_from_0_to_1_and_the_preview_comes_first(pair: list[Clip], model: Model, tmp_path: Path,
                                                                tree: Tree) -> None:
    out, told, seen = tmp_path / "out", [], []

    def report(fraction: float, message: str) -> None:
        told.append((fraction, message))
        if message.startswith("preview"):
            seen.extend(path.name for path in out.iterdir() if not path.name.startswith("."))
            assert str(out / "preview.wav") in message

    made = render(pair, Settings(steps=3), out, model=model, preview=True, progress=report)
    fractions = [fraction for fraction, _ in told]
    assert fractions[0] == 0.0 and fractions[-1] == 1.0 and fractions == sorted(fractions)
    assert {f"stem {n} of 3" for n in (1, 2, 3)} <= {message for _, message in told}
    assert seen == ["preview.wav"]
    assert set(tree(out)) == {*(stem.file for stem in made.stems), "manifest.json", "manifest.tsv", "preview.wav"}
    samples, rate = audio.read(out / "preview.wav")
    assert rate == 44100 and samples.shape == (1, made.stems[1].samples) and samples.any()


def test_the_preview_changes_no_stem(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    with_it = render(pair, Settings(steps=2), tmp_path / "a", model=model, preview=True)
    without = render(pair, Settings(steps=2), tmp_path / "b", model=model)
    assert with_it == without


def test_every_refusal_is_one_sentence_with_a_file_and_a_remedy(model: Model, tmp_path: Path, tree: Tree) -> None:
    """Clips that cannot be used; what they say is looked at in test_cli_mistakes.py."""
    good = clip(tmp_path / "good.wav", 0.1, 44100)
    silent = tmp_path / "silent.wav"
    audio.write(silent, np.zeros((1, 4410), np.float32), 44100)
    before = tree(tmp_path)
    for bad in (tmp_path / "missing.wav", silent, tmp_path):
        for clips in ([Clip(good), Clip(bad)], [Clip(bad), Clip(good)]):
            with pytest.raises(LtsError) as caught:
                render(clips, Settings(), tmp_path / "out", model=model)
            assert str(bad) in str(caught.value) and ": " in str(caught.value) and "\n" not in str(caught.value)
            assert tree(tmp_path) == before


# ---------------------------------------------------------------- a picture of them


def test_a_picture_of_the_stems_lies_beside_them_and_overwrites_nothing(model: Model, tmp_path: Path) -> None:
    clips, many = [Clip(path) for path in DEMO], Settings(steps=15, quality="draft", detail=0.0)
    made = render(clips, many, tmp_path / "out", model=model, draw_stems=True)
    picture = matplotlib.image.imread(tmp_path / "out" / "stems.png")
    assert len(made.stems) == 15
    assert picture.shape[1] > 13 * 200 and picture[..., :3].std() > 0.1, "thirteen of them, and not one colour"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "stems.png").write_text("mine", encoding="utf-8")
    with pytest.raises(LtsError, match=r"already holds stems\.png"):
        render(clips, many, mine, model=model, draw_stems=True)
    assert [path.name for path in mine.iterdir()] == ["stems.png"]
