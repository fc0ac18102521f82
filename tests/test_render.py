"""Stems on disk: true ends, a record that makes each stem again, and nothing left behind when it goes wrong."""

import dataclasses
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from numpy.typing import NDArray

from lts_batch import __version__
from lts_batch.clips.loudness import Meter, TruePeak
from lts_batch.engine import mixes, pipeline
from lts_batch.errors import ClipError, LtsError, OutputError, SettingsError
from lts_batch.files import audio, wav, whole
from lts_batch.files.moves import sha256
from lts_batch.files.sources import Excerpt, Resampled
from lts_batch.models.checkpoint import Model, load_model
from lts_batch.protocol import from_lines, schema
from lts_batch.settings import Settings, as_dict, change, load_preset, presets_folder
from lts_batch.stems.manifest import Manifest, from_json
from lts_batch.stems.render import Cancelled, Clip, render

Tree = Callable[[Path], dict[str, str]]
DEMO = [presets_folder() / "demo" / name for name in ("choir.flac", "piano.flac")]
TRUE_END_DB = -90.0


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


def clip(path: Path, seconds: float, rate: int, channels: int = 1, *, hz: float = 220.0, peak: float = 0.5,
         subtype: wav.Subtype = "PCM_24") -> Path:
    """A struck tone with a noisy attack, another one on each channel."""
    rng = np.random.default_rng(round(hz))
    times = np.arange(round(seconds * rate)) / rate
    rows = [sum(np.sin(2 * np.pi * hz * (1 + channel / 7) * k * times) / k for k in range(1, 9)) * np.exp(-3 * times)
            + rng.normal(0, 0.5, len(times)) * np.exp(-60 * times) for channel in range(channels)]
    samples = np.stack(rows)
    audio.write(path, np.asarray(peak * samples / np.abs(samples).max(), np.float32), rate, subtype=subtype)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> list[Clip]:
    """Two short mono clips of different lengths."""
    folder = tmp_path / "clips"
    folder.mkdir()
    return [Clip(clip(folder / "low.wav", 0.30, 44100, hz=110)), Clip(clip(folder / "high.wav", 0.21, 44100, hz=500))]


def residual_db(stem: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """How far the difference lies below what was wanted."""
    assert stem.shape == wanted.shape
    left = float(np.square(stem.astype(np.float64) - wanted).mean())
    return 10 * np.log10(max(left, 1e-30) / float(np.square(wanted.astype(np.float64)).mean()))


def stems(out: Path, manifest: Manifest) -> list[NDArray[np.float32]]:
    return [audio.read(out / stem.file)[0] for stem in manifest.stems]


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


# ---------------------------------------------------------------- full scale


@pytest.fixture
def loud(tmp_path: Path) -> list[Clip]:
    """Clip 1 passes full scale by 6 dB, which 32-bit float files may."""
    folder = tmp_path / "loud"
    folder.mkdir()
    return [Clip(clip(folder / "a.wav", 0.2, 44100, peak=2.0, subtype="FLOAT")),
            Clip(clip(folder / "b.wav", 0.2, 44100, hz=330, peak=0.25))]


def test_stems_past_full_scale_are_written_as_float(loud: list[Clip], model: Model, tmp_path: Path) -> None:
    made = render(loud, Settings(steps=2), tmp_path / "out", model=model)
    assert {stem.subtype for stem in made.stems} == {"FLOAT"}
    assert made.stems[0].peak == pytest.approx(2.0, rel=1e-4)
    assert made.notes[-1].startswith("written as 32-bit float, for the loudest stem peaks at +6.02 dBFS")
    for source, stem in zip(loud, stems(tmp_path / "out", made), strict=True):
        assert residual_db(stem, audio.read(source.path)[0]) < TRUE_END_DB


def test_or_scaled_by_one_gain(loud: list[Clip], model: Model, tmp_path: Path) -> None:
    made = render(loud, Settings(steps=3, clip="scale"), tmp_path / "scaled", model=model)
    plain = render(loud, Settings(steps=3), tmp_path / "float", model=model)
    assert {stem.subtype for stem in made.stems} == {"PCM_24"}
    assert max(stem.peak for stem in made.stems) == pytest.approx(1.0, abs=2**-22)
    assert made.notes[-1].startswith("all stems were scaled by -6.02 dB")
    gain = 1.0 / max(stem.peak for stem in plain.stems)
    for scaled, full in zip(stems(tmp_path / "scaled", made), stems(tmp_path / "float", plain), strict=True):
        assert np.abs(scaled - full * gain).max() <= 2**-23 * 1.01


def test_what_fits_is_never_scaled(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    made = [render(pair, Settings(steps=2, clip=way), tmp_path / way, model=model) for way in ("float", "scale")]
    assert [stem.sha256 for stem in made[0].stems] == [stem.sha256 for stem in made[1].stems]
    assert {stem.subtype for stem in made[0].stems} == {"PCM_24"} and made[0].notes == ()


# ---------------------------------------------------------------- the finish


def test_the_depth_is_the_one_that_was_asked_for(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    made = {depth: render(pair, Settings(x=(0.5,), bit_depth=depth), tmp_path / str(depth), model=model)
            for depth in (16, 24, 32)}
    sounds = {depth: stems(tmp_path / str(depth), one)[0] for depth, one in made.items()}
    for depth, subtype, info in ((16, "PCM_16", "16-bit"), (24, "PCM_24", "24-bit"), (32, "FLOAT", "32-bit float")):
        assert made[depth].stems[0].subtype == subtype and made[depth].notes == ()
        assert audio.info(tmp_path / str(depth) / made[depth].stems[0].file).depth == info
        assert np.abs(sounds[depth] - sounds[32]).max() <= (0.0 if depth == 32 else 2.0**-depth * 1.001)


def test_a_loud_job_of_16_bits_becomes_float_too(loud: list[Clip], model: Model, tmp_path: Path) -> None:
    made = render(loud, Settings(x=(0.0,), bit_depth=16, dither=True), tmp_path / "out", model=model)
    assert made.stems[0].subtype == "FLOAT" and made.notes[-1].startswith("written as 32-bit float")


def test_dither_is_noise_of_its_own_for_each_stem_and_the_same_every_time(pair: list[Clip], model: Model,
                                                                          tmp_path: Path) -> None:
    made = [render([pair[0], pair[0]], Settings(x=(0.0, 1.0), bit_depth=16, dither=dither), tmp_path / str(n), model=model)
            for n, dither in enumerate((True, True, False))]
    assert [stem.sha256 for stem in made[0].stems] == [stem.sha256 for stem in made[1].stems]
    noise = [(stem - one)[0] * 2**15 for stem, one in zip(stems(tmp_path / "0", made[0]), stems(tmp_path / "2", made[2]),
                                                         strict=True)]
    assert all({float(value) for value in np.unique(one)} == {-1.0, 0.0, 1.0} for one in noise)
    assert abs(np.corrcoef(*noise)[0, 1]) < 0.4  # not 0, for both stems are clip 1, and so is what rounding leaves


def test_the_ceiling_turns_the_whole_job_down_and_says_so(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    plain = render(pair, Settings(steps=3), tmp_path / "plain", model=model)
    made = render(pair, Settings(steps=3, ceiling_db=-9.0), tmp_path / "low", model=model)
    before, after = stems(tmp_path / "plain", plain), stems(tmp_path / "low", made)
    assert 20 * np.log10(max(true_peak(stem) for stem in after)) == pytest.approx(-9.0, abs=0.01)
    gains = [20 * np.log10(np.linalg.norm(low) / np.linalg.norm(full)) for low, full in zip(after, before, strict=True)]
    assert gains == pytest.approx([gains[0]] * 3, abs=1e-3) and gains[0] < -1
    assert made.notes == (f"all stems were turned down by {-gains[0]:.2f} dB to the ceiling of -9 dBTP, for the loudest reached"
                          f" {-9.0 - gains[0]:+.2f} dBTP",)
    high = render(pair, Settings(steps=3, ceiling_db=0.0), tmp_path / "high", model=model)
    assert [stem.sha256 for stem in high.stems] == [stem.sha256 for stem in plain.stems] and high.notes == ()


def true_peak(sound: NDArray[np.float32]) -> float:
    meter = TruePeak(44100, len(sound))
    meter.add(sound)
    return meter.finish()


def test_a_loud_job_under_a_ceiling_fits_into_24_bits(loud: list[Clip], model: Model, tmp_path: Path) -> None:
    for way in ("float", "scale"):
        made = render(loud, Settings(steps=2, ceiling_db=-1.0, clip=way), tmp_path / way, model=model)
        assert {stem.subtype for stem in made.stems} == {"PCM_24"}
        assert made.notes[-1].endswith("dBTP") and "ceiling of -1 dBTP" in made.notes[-1]
        assert max(true_peak(stem) for stem in stems(tmp_path / way, made)) <= 10 ** (-0.99 / 20)


def test_the_manifest_holds_the_length_after_trim_and_tail(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    quiet = tmp_path / "quiet.wav"
    sound, rate = audio.read(pair[0].path)
    audio.write(quiet, np.pad(sound, ((0, 0), (3000, 5000))), rate)
    settings = Settings(x=(0.0, 0.5), trim_db=-50.0, effects=({"name": "Reverb", "room_size": 0.2},), tail_seconds=0.1)
    made = render([Clip(quiet), pair[1]], settings, tmp_path / "out", model=model)
    first, middle = stems(tmp_path / "out", made)
    loud = np.flatnonzero(np.abs(sound[0]) >= 10**-2.5 * np.abs(sound).max())
    assert first.shape[1] == pytest.approx(loud[-1] + 1 - loud[0] + 4410, abs=30)
    assert [stem.samples for stem in made.stems] == [first.shape[1], middle.shape[1]]
    assert np.abs(first[:, -4410:]).max() > 1e-4, "the room rings on"
    again = change(Settings(), from_json((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8")).settings, "manifest")
    assert again == settings


def test_effects_that_do_not_work_are_refused_before_anything_is_made(pair: list[Clip], model: Model, tmp_path: Path,
                                                                      tree: Tree) -> None:
    before, told = tree(tmp_path), []
    for effect, words in (({"name": "Reverbb"}, r"effects: effect 1 \(Reverbb\): there is no such effect"),
                          ({"name": "MP3Compressor"}, r"effect 1 \(MP3Compressor\) does not work with 1 channel at 96000 Hz")):
        with pytest.raises(SettingsError, match=words):
            render(pair, Settings(effects=(effect,), sample_rate=96000), tmp_path / "out", model=model,
                   progress=lambda fraction, message: told.append(fraction))
    assert set(told) <= {0.0} and tree(tmp_path) == before


def with_stems(monkeypatch: pytest.MonkeyPatch, **values: list[Any]) -> None:
    """Plans come out with these values of their stems."""
    plan = pipeline.plan

    def changed(*given: Any, **more: Any) -> pipeline.Plan:
        planned = plan(*given, **more)
        stems = [dataclasses.replace(stem, **{name: value[n] for name, value in values.items()})
                 for n, stem in enumerate(planned.stems)]
        return dataclasses.replace(planned, stems=tuple(stems))

    monkeypatch.setattr(pipeline, "plan", changed)


def test_each_stem_comes_to_the_loudness_that_was_planned(pair: list[Clip], model: Model, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    with_stems(monkeypatch, loudness_db=[-25.0, None])
    first, last = stems(tmp_path / "out", render(pair, Settings(steps=2), tmp_path / "out", model=model))
    meter = Meter(44100, 1)
    meter.add(first)
    assert meter.loudness_db() == pytest.approx(-25.0, abs=0.01)
    assert residual_db(last, audio.read(pair[1].path)[0]) < TRUE_END_DB


def test_names_and_record_follow_the_amounts_that_were_found(pair: list[Clip], model: Model, tmp_path: Path, tree: Tree,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(steps=3, spacing="even-distance")
    with_stems(monkeypatch, mix=list(mixes.at([0.0, 0.31, 1.0])))
    made = render(pair, settings, tmp_path / "out", model=model)
    assert [(stem.file, stem.x, stem.weights) for stem in made.stems] == [
        ("low~high_01_x+0.00.wav", 0.0, (1.0, 0.0)), ("low~high_02_x+0.31.wav", 0.31, (0.69, 0.31)),
        ("low~high_03_x+1.00.wav", 1.0, (0.0, 1.0))]
    (tmp_path / "out" / "manifest.json").unlink()
    (tmp_path / "out" / "manifest.tsv").unlink()
    before = tree(tmp_path)
    with pytest.raises(OutputError, match=r"already holds low~high_01_x.0\.00\.wav and 2 more"):
        render(pair, settings, tmp_path / "out", model=model)
    assert tree(tmp_path) == before


def test_fades_and_offset_reach_the_files(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    sound, rate = audio.read(pair[0].path)
    audio.write(tmp_path / "leaning.wav", 0.5 * sound + np.float32(0.2), rate)
    settings = Settings(x=(0.0,), remove_dc=True, fade_in_seconds=0.01, fade_out_seconds=0.1)
    made = render([Clip(tmp_path / "leaning.wav"), pair[1]], settings, tmp_path / "out", model=model)
    stem, = stems(tmp_path / "out", made)
    assert np.abs(stem[:, [0, -1]]).max() < 2**-22
    middle = slice(1000, 8000)
    assert residual_db(stem[:, middle], 0.5 * (sound - sound.mean())[:, middle]) < -80


def test_no_working_files_are_left_and_few_are_there_at_a_time(pair: list[Clip], model: Model, tmp_path: Path, tree: Tree,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    out, seen = tmp_path / "out", []

    def look(fraction: float, message: str) -> None:
        seen.append(sorted(path.name for path in out.glob(".*/*")))

    made = render(pair, Settings(steps=3, remove_dc=True), out, model=model, progress=look)
    assert set(tree(out)) == {*(stem.file for stem in made.stems), "manifest.json", "manifest.tsv"}
    assert ["0.finished", "1.finished", "2.finished"] in seen, "each is finished when its last block is there"
    assert max(map(len, seen)) <= 4


# ---------------------------------------------------------------- nothing overwritten


@pytest.mark.parametrize("name", ["manifest.json", "manifest.tsv", "low~high_02_x+1.00.wav", "preview.wav"])
def test_one_file_in_the_way_is_enough_to_refuse(name: str, pair: list[Clip], model: Model, tmp_path: Path,
                                                 tree: Tree) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine", encoding="utf-8")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match=f"out already holds {name.replace('+', '.')}, and nothing is overwritten unasked:"
                                          " choose another folder, or say --force"):
        render(pair, Settings(steps=2), out, model=model, preview=True)
    assert tree(tmp_path) == before


def test_force_replaces_its_own_names_and_leaves_the_rest(pair: list[Clip], model: Model, tmp_path: Path,
                                                          tree: Tree) -> None:
    out = tmp_path / "out"
    old = render(pair, Settings(steps=2), out, model=model)
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="and 3 more"):
        render(pair, Settings(steps=2), out, model=model)
    new = render([pair[0], Clip(pair[1].path, 500)], Settings(steps=2), out, model=model, overwrite=True)
    assert [stem.file for stem in new.stems] == [stem.file for stem in old.stems]
    assert new.stems[1].sha256 == sha256(out / new.stems[1].file) != old.stems[1].sha256
    assert (out / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert len(tree(out)) == 5


# ---------------------------------------------------------------- all or nothing


class Full:
    """A disk that is full from the n-th time on that something is forced to it; -1 counts only."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.at, self.count, self._real = at, 0, os.fsync
        monkeypatch.setattr(whole.os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        self.count += 1
        if self.count > self.at >= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._real(descriptor)


@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "over an old set"])
def test_a_disk_that_gets_full_leaves_all_as_it_was(overwrite: bool, pair: list[Clip], model: Model, tmp_path: Path,
                                                    tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "deep" / "out"
    if overwrite:
        render([pair[1], pair[0]], Settings(steps=2), out, model=model)
        for path in out.glob("high~low*"):
            path.rename(out / path.name.replace("high~low", "low~high"))
    before = tree(tmp_path)
    for at in (0, 3):  # the first stem, a manifest
        full = Full(monkeypatch, at)
        with pytest.raises(OutputError) as caught:
            render(pair, Settings(steps=2), out, model=model, overwrite=overwrite)
        assert full.count > at
        assert "the disk is full: make room on it, or choose another folder" in str(caught.value)
        assert str(out) in str(caught.value) and whole.TEMPORARY_SUFFIX not in str(caught.value)
        assert tree(tmp_path) == before
        monkeypatch.undo()


def test_a_file_that_comes_in_between_is_neither_replaced_nor_removed(pair: list[Clip], model: Model, tmp_path: Path,
                                                                      tree: Tree) -> None:
    out = tmp_path / "out"
    before = tree(tmp_path)

    def somebody_else(fraction: float, message: str) -> None:
        if fraction > 0.5:
            (out / "low~high_02_x+1.00.wav").write_text("theirs", encoding="utf-8")

    with pytest.raises(OutputError, match=r"02_x.1\.00\.wav cannot be written, it exists already"):
        render(pair, Settings(steps=2), out, model=model, progress=somebody_else)
    assert (out / "low~high_02_x+1.00.wav").read_text(encoding="utf-8") == "theirs"
    (out / "low~high_02_x+1.00.wav").unlink()
    out.rmdir()  # nothing else is in it
    assert tree(tmp_path) == before


@pytest.mark.parametrize(("moment", "end"), [(0.0, Cancelled), (0.4, KeyboardInterrupt), (0.95, Cancelled),
                                             (1.0, Cancelled), ("preview", Cancelled)])
def test_a_render_that_is_given_up_leaves_nothing(moment: Any, end: type[BaseException], pair: list[Clip], model: Model,
                                                  tmp_path: Path, tree: Tree) -> None:
    before = tree(tmp_path)

    def give_up(fraction: float, message: str) -> None:
        if message.startswith("preview") if moment == "preview" else fraction >= moment:
            raise end

    with pytest.raises(end):
        render(pair, Settings(steps=2), tmp_path / "new" / "out", model=model, progress=give_up, preview=moment == "preview")
    assert tree(tmp_path) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let go of an open file")
def test_a_clip_that_vanishes_meanwhile_is_named(pair: list[Clip], model: Model, tmp_path: Path) -> None:
    def take_away(fraction: float, message: str) -> None:
        pair[1].path.unlink(missing_ok=True)

    with pytest.raises(ClipError, match=r"high\.wav cannot be read any more \(.+\): leave clips where they are until"):
        render(pair, Settings(steps=1), tmp_path / "out", model=model, progress=take_away)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["clips/low.wav", "clips/low.wav/deeper", "x" * 300, "new/sub/" + "x" * 300])
def test_places_where_no_folder_can_be(place: str, pair: list[Clip], model: Model, tmp_path: Path, tree: Tree) -> None:
    before = tree(tmp_path)
    with pytest.raises(OutputError) as caught:
        render(pair, Settings(steps=1), tmp_path / place, model=model)
    if place.startswith("clips"):
        assert str(caught.value) == \
            f"{pair[0].path} is a file, and stems need a folder: choose another name for it"
    assert str(tmp_path) in str(caught.value)
    assert tree(tmp_path) == before


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
    """Clips that cannot be used; what they say is looked at in test_cli.py."""
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
