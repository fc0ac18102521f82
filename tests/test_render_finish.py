"""How stems are finished and written: full scale, depth, dither, ceiling, effects, fades."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rendering
from numpy.typing import NDArray
from rendering import TRUE_END_DB, clip, residual_db, stems
from trees import Tree

from lts_batch.clips.loudness import Meter, TruePeak
from lts_batch.engine import mixes, pipeline
from lts_batch.errors import OutputError, SettingsError
from lts_batch.files import audio
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings, change
from lts_batch.stems.manifest import from_json
from lts_batch.stems.render import Clip, render

pair = rendering.pair


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
