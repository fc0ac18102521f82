"""Stems with a model of the original: a model that changes nothing must give the clips back, and mixtures of them between."""

import dataclasses
from pathlib import Path

import classic_clips
import numpy as np
import pytest
from classic_clips import HIGH, LOW, RATE, made_of, notes, share_db, stems
from sounds import null_db, pluck, rms_db, tone

from lts_batch.engine import classic_planning
from lts_batch.errors import ClipError, SettingsError
from lts_batch.files import audio
from lts_batch.models import checkpoint
from lts_batch.original import classic
from lts_batch.original.classic_model import ClassicModel
from lts_batch.settings import Settings
from lts_batch.stems.render import Clip, render

mirror = classic_clips.mirror


@pytest.fixture(scope="module")
def poor() -> ClassicModel:
    """Eight numbers for 144 bands: next to everything is lost."""
    rng = np.random.default_rng(0)
    encoder = rng.uniform(0, 1 / 144, (144, 8))
    return made_of(encoder, rng.uniform(0, 1, (8, 144)))


# ---------------------------------------------------------------- ends and between


def test_the_ends_are_what_the_transform_leaves_of_the_clips() -> None:
    """At the size of the original."""
    clips, full = [pluck(0.25, 220.0), pluck(0.25, 330.0, seed=1)], made_of(np.eye(384), np.eye(384), layout=classic.LTS)
    for detail in (0.0, 1.0):
        end, = stems(clips, full, 44100, x=(detail,), detail=detail, level="keep")
        clip = clips[round(detail)]
        assert null_db(end, classic.nearest(classic.coefficients(clip[0]), clip.shape[1])[None]) < -80.0
        assert null_db(end, clip) < -20.0


def test_linear_magnitudes_are_mixed(mirror: ClassicModel) -> None:
    middle, quarter = stems([LOW, HIGH], mirror, x=(0.5, 0.25), detail=0.0, level="keep")[::-1]
    for sound, share in ((middle, 0.5), (quarter, 0.25)):
        assert share_db(sound, 440.0) == pytest.approx(20 * np.log10(0.3 * (1 - share)), abs=0.6)
        assert share_db(sound, 1318.5) == pytest.approx(20 * np.log10(0.1 * share), abs=0.6)


def test_detail_puts_back_what_a_poor_model_loses(poor: ClassicModel) -> None:
    clips = [pluck(0.3, 220.0, RATE), pluck(0.3, 392.0, RATE)]
    bare, full = (stems(clips, poor, x=(0.0,), detail=detail, level="keep")[0] for detail in (0.0, 1.0))
    assert null_db(full, clips[0]) < -20.0
    assert null_db(bare, clips[0]) > -10.0


def test_beyond_a_clip_goes_on_in_the_same_direction_and_stays_bounded(mirror: ClassicModel) -> None:
    before, end = stems([LOW, HIGH], mirror, x=(-0.5, 0.0), detail=0.0, level="keep")
    assert share_db(before, 440.0) - share_db(end, 440.0) == pytest.approx(20 * np.log10(1.5), abs=0.6)
    assert share_db(before, 1318.5) < -60.0
    far = stems([LOW, HIGH], mirror, x=(3.0,), detail=1.0, level="keep")[0]
    assert rms_db(far) < rms_db(HIGH) + 14.0


def test_three_clips_mix_by_weights(mirror: ClassicModel) -> None:
    third = tone(0.4, 1900.0, 0.2, RATE)
    found, = stems([LOW, HIGH, third], mirror, weights=((0.2, 0.3, 0.5),), detail=0.0, level="keep")
    for hz, gain, weight in ((440.0, 0.3, 0.2), (1318.5, 0.1, 0.3), (1900.0, 0.2, 0.5)):
        assert share_db(found, hz) == pytest.approx(20 * np.log10(gain * weight), abs=0.6)


def test_a_curve_moves(mirror: ClassicModel) -> None:
    found, = stems([LOW, HIGH], mirror, curve=((0.0, 0.0), (1.0, 1.0)), detail=0.0)
    half = found.shape[1] // 2
    assert found.shape == LOW.shape
    assert share_db(found[:, :half], 440.0) > share_db(found[:, half:], 440.0) + 3.0
    assert share_db(found[:, :half], 1318.5) < share_db(found[:, half:], 1318.5) - 3.0


def test_the_arc_keeps_the_length_of_latents(mirror: ClassicModel) -> None:
    same = [tone(0.4, 440.0, 0.2, RATE), tone(0.4, 1318.5, 0.2, RATE)]
    line, arc = (stems(same, mirror, x=(0.5,), path=path, detail=0.0, level="keep")[0] for path in ("linear", "spherical"))
    assert share_db(arc, 440.0) - share_db(line, 440.0) == pytest.approx(3.0, abs=0.5)  # 1 / sqrt 2 in place of 1 / 2


# ---------------------------------------------------------------- chance


def test_sampling_is_seeded_and_as_wide_as_asked() -> None:
    spread = made_of(np.eye(144), np.eye(144), log_variance=-6.0)
    base = {"x": (0.5,), "detail": 0.0, "level": "keep"}
    plain, = stems([LOW, HIGH], spread, **base)
    one, again, other, wide, none = (stems([LOW, HIGH], spread, sample=True, seed=seed, temperature=temperature, **base)[0]
                                     for seed, temperature in ((1, 1.0), (1, 1.0), (2, 1.0), (1, 2.0), (1, 0.0)))
    assert np.array_equal(one, again) and np.array_equal(none, plain)
    assert null_db(one, plain) > -40.0 and not np.array_equal(one, other)
    assert null_db(wide, plain) > null_db(one, plain) + 3.0


# ---------------------------------------------------------------- what is told and refused


def test_settings_without_a_say_are_told(mirror: ClassicModel) -> None:
    said = notes([LOW, HIGH], mirror, align="onsets", pitch="glide", domain="stft", quality="draft", loop="on", phase="pghi")
    assert "align = onsets, loop = on, pitch = glide, domain = stft, quality = draft had no say" in said
    assert "phase = pghi became griffinlim" in said
    assert notes([LOW, HIGH], mirror) == ""


def test_what_cannot_be_used_is_refused(mirror: ClassicModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classic_planning, "MOST_SECONDS", 0.3)
    with pytest.raises(ClipError, match=r"clip 1 is 0 s long.*may last 0.3 s"):
        stems([LOW, LOW[:, :100]], mirror)
    monkeypatch.undo()
    with pytest.raises(ClipError, match="clip 2 is silent"):
        stems([LOW, np.zeros_like(LOW)], mirror)
    with pytest.raises(SettingsError, match="3 clips"):
        stems([LOW, LOW, LOW], mirror)


# ---------------------------------------------------------------- on disk


def test_render_writes_them_with_a_record(tmp_path: Path) -> None:
    small = classic.Layout(RATE, 128, 12, 60)
    checkpoint.save_classic(tmp_path / "m", made_of(np.eye(60), np.eye(60), layout=small))
    model = checkpoint.load_model(tmp_path / "m")
    for name, sound in (("a", LOW), ("b", HIGH)):
        audio.write(tmp_path / f"{name}.wav", np.repeat(sound[:, :4410], 2, axis=0), RATE)
    clips = [Clip(tmp_path / f"{name}.wav") for name in "ab"]
    wanted = Settings(x=(0.0, 1.0), model=str(tmp_path / "m"))
    manifest = render(clips, wanted, tmp_path / "out", model=model, preview=True)
    assert manifest.model["sha256"] == model.record["sha256"]
    assert [(stem.sample_rate, stem.channels, stem.samples) for stem in manifest.stems] == [(22050, 1, 4410)] * 2
    assert any("2 channels to mono" in note for note in manifest.notes)
    again = render(clips, wanted, tmp_path / "again", model=model)
    assert [stem.sha256 for stem in again.stems] == [stem.sha256 for stem in manifest.stems]
    even = dataclasses.replace(wanted, x=None, steps=3, spacing="even-distance")
    assert [stem.x for stem in render(clips, even, tmp_path / "even", model=model).stems][::2] == [0.0, 1.0]
