"""Stems with a model of the original: a model that changes nothing must give the clips back, and mixtures of them between."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sounds import Audio, null_db, pluck, rms_db, tone

import lts_batch
from lts_batch.clips.loudness import Meter
from lts_batch.engine import classic_planning, classic_stems, pipeline
from lts_batch.errors import ClipError, SettingsError
from lts_batch.files import audio
from lts_batch.files.sources import Excerpt
from lts_batch.metrics import measures
from lts_batch.models import checkpoint
from lts_batch.original import classic
from lts_batch.original.classic_model import ClassicModel, ClassicVAE
from lts_batch.original.keras_graph import Graph, Step
from lts_batch.original.keras_layers import Dense
from lts_batch.settings import Settings
from lts_batch.stems.render import Clip, render

RATE = 22050
QUICK = classic.Layout(RATE, 128, 24, 144)  # six octaves: computed in a fraction of the time


def made_of(encoder: Any, decoder: Any, log_variance: float = -50.0, layout: classic.Layout = QUICK) -> ClassicModel:
    """A linear network with these matrices."""
    bands, latent = encoder.shape
    graph = Graph(bands, (Step("mean", "frames", Dense(latent, bias=False)), Step("spread", "frames", Dense(latent))),
                  "mean", "spread", (Step("out", "latent", Dense(bands, bias=False)),), "out")
    weights = {"mean/kernel": encoder, "spread/kernel": np.zeros((bands, latent)),
               "spread/bias": np.full(latent, log_variance), "out/kernel": decoder}
    tensors = {name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in weights.items()}
    return ClassicModel(ClassicVAE(graph, tensors).eval(), layout, 2, {"sha256": "0" * 64})


@pytest.fixture(scope="module")
def mirror() -> ClassicModel:
    """Magnitudes come back as they were: what is left is the original's transform."""
    return made_of(np.eye(144), np.eye(144))


@pytest.fixture(scope="module")
def poor() -> ClassicModel:
    """Eight numbers for 144 bands: next to everything is lost."""
    rng = np.random.default_rng(0)
    encoder = rng.uniform(0, 1 / 144, (144, 8))
    return made_of(encoder, rng.uniform(0, 1, (8, 144)))


def stems(clips: list[Audio], model: ClassicModel, rate: int | list[int] = RATE, **settings: Any) -> list[Audio]:
    rates = rate if isinstance(rate, list) else [rate] * len(clips)
    sources = [Excerpt(clip, one, 0, clip.shape[1]) for clip, one in zip(clips, rates, strict=True)]
    planned = pipeline.plan(sources, Settings(**settings), model)
    found = {block.stem: block for block in pipeline.blocks(planned)}
    assert [found[n].samples.shape for n in range(len(found))] == [(1, stem.samples) for stem in planned.stems]
    assert all(block.start == 0 and block.samples.dtype == np.float32 for block in found.values())
    return [found[number].samples for number in range(len(planned.stems))]


def notes(clips: list[Audio], model: ClassicModel, rate: list[int] | None = None, **settings: Any) -> str:
    rates = rate or [RATE] * len(clips)
    sources = [Excerpt(clip, one, 0, clip.shape[1]) for clip, one in zip(clips, rates, strict=True)]
    return "; ".join(pipeline.plan(sources, Settings(**settings), model).notes)


def strongest_hz(sound: Audio, rate: int = RATE) -> float:
    middle = sound[0, sound.shape[1] // 4:3 * sound.shape[1] // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    return float(np.argmax(spectrum)) * rate / (1 << 18)


def share_db(sound: Audio, hz: float) -> float:
    """Level of one partial over the middle half."""
    middle = sound[0, sound.shape[1] // 4:3 * sound.shape[1] // 4].astype(np.float64)
    window = np.hanning(len(middle))
    bar = (middle * window) @ np.exp(-2j * np.pi * hz * np.arange(len(middle)) / RATE)
    return float(20 * np.log10(2 * abs(bar) / window.sum() + 1e-12))


LOW, HIGH = tone(0.4, 440.0, 0.3, RATE), tone(0.4, 1318.5, 0.1, RATE)

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


# ---------------------------------------------------------------- time


def test_lengths_lie_between_and_pitch_stays(mirror: ClassicModel) -> None:
    long = tone(0.6, 440.0, 0.3, RATE)
    found = stems([LOW, long], mirror, x=(0.0, 0.25, 1.0), detail=0.0)
    assert [sound.shape[1] for sound in found] == [8820, 9923, 13230]
    for sound in found:
        assert strongest_hz(sound) == pytest.approx(440.0, abs=1.0)


def test_phase_goes_on_smoothly_where_a_clip_is_stretched() -> None:
    """A tone read at 0.7 of its speed has the coefficients of a tone of its own frequency, turned by one angle."""
    found = classic.coefficients(tone(0.6, 440.0, 0.3, RATE)[0], QUICK)
    positions = 20.0 + 0.7 * np.arange(70)
    low = np.floor(positions).astype(np.int64)
    share = (positions - low).astype(np.float32)
    new = classic_stems.propagated(found, low, low + 1, share, np.zeros(0, np.int64))
    band = int(np.abs(found[:, 50]).argmax())
    apart = np.angle(new[band] * found[band, 20:90].conj())
    assert np.abs(apart - apart[0]).max() < 0.05


def test_propagation_at_unit_speed_is_the_clip_itself() -> None:
    found = classic.coefficients(pluck(0.3, 220.0, RATE)[0], QUICK)
    low = np.arange(found.shape[1] - 1)
    new = classic_stems.propagated(found, low, low + 1, np.zeros(len(low), np.float32), np.array([7, 40]))
    assert np.abs(new - found[:, :-1]).max() < 1e-4 * np.abs(found).max()


def test_trim_pad_and_loop(mirror: ClassicModel) -> None:
    short, long = tone(0.2, 440.0, 0.3, RATE), tone(0.5, 440.0, 0.3, RATE)
    for align, samples, sounds in (("trim", 4410, True), ("pad", 11025, False), ("loop", 11025, True)):
        found, = stems([short, long], mirror, x=(0.0,), align=align, level="keep")
        assert found.shape == (1, samples)
        assert (rms_db(found[:, -1500:]) > -25.0) == sounds, align


# ---------------------------------------------------------------- phase, chance


def test_griffin_lim_is_librosas_on_the_mixed_magnitudes(mirror: ClassicModel) -> None:
    found, again, other = (stems([LOW, HIGH], mirror, x=(0.5,), detail=0.0, phase="griffinlim", seed=seed, level="keep")[0]
                           for seed in (3, 3, 4))
    magnitudes = (classic.frames(LOW[0], QUICK) + classic.frames(HIGH[0], QUICK)) / 2
    wanted = classic.rebuild(magnitudes, LOW.shape[1], mirror.iterations, 3, QUICK)[None]
    assert null_db(found, wanted) < -60.0
    assert np.array_equal(found, again) and not np.array_equal(found, other)


def test_the_clips_phase_is_better_than_a_guess(mirror: ClassicModel) -> None:
    clips = [pluck(0.5, 220.0, RATE), pluck(0.5, 330.0, RATE)]
    source, guess = (stems(clips, mirror, x=(0.0,), detail=0.0, phase=phase, level="keep")[0]
                     for phase in ("source", "griffinlim"))
    assert measures.mr_stft_sc_db(clips[0], source) < measures.mr_stft_sc_db(clips[0], guess) - 15.0


def test_repairs_follow_the_first_phase(mirror: ClassicModel) -> None:
    plain, repaired = (stems([LOW, HIGH], mirror, x=(0.5,), repair=repair, level="keep")[0] for repair in (0, 2))
    assert -60.0 < null_db(repaired, plain) < 0.0


def test_sampling_is_seeded_and_as_wide_as_asked() -> None:
    spread = made_of(np.eye(144), np.eye(144), log_variance=-6.0)
    base = {"x": (0.5,), "detail": 0.0, "level": "keep"}
    plain, = stems([LOW, HIGH], spread, **base)
    one, again, other, wide, none = (stems([LOW, HIGH], spread, sample=True, seed=seed, temperature=temperature, **base)[0]
                                     for seed, temperature in ((1, 1.0), (1, 1.0), (2, 1.0), (1, 2.0), (1, 0.0)))
    assert np.array_equal(one, again) and np.array_equal(none, plain)
    assert null_db(one, plain) > -40.0 and not np.array_equal(one, other)
    assert null_db(wide, plain) > null_db(one, plain) + 3.0


# ---------------------------------------------------------------- level, rate, channels


def test_loudness_lies_on_the_line(mirror: ClassicModel, tmp_path: Path) -> None:
    clips = [tone(0.6, 440.0, 0.3, RATE), tone(0.6, 1000.0, 0.05, RATE)]
    found = lts_batch.morph(clips, RATE, x=[0.0, 0.5, 1.0], model=mirror)
    loud = []
    for sound in (*clips, *found):
        meter = Meter(RATE, 1)
        meter.add(sound)
        loud.append(meter.loudness_db())
    assert loud[2:] == pytest.approx([loud[0], (loud[0] + loud[1]) / 2, loud[1]], abs=0.1)


def test_levels_have_amounts_of_their_own(mirror: ClassicModel) -> None:
    loud, faint = tone(0.4, 440.0, 0.3, RATE), tone(0.4, 440.0, 0.03, RATE)
    moving, = stems([loud, faint], mirror, curve=((0.0, 0.0), (1.0, 1.0)), x_level=((0.0, 0.0), (1.0, 1.0)))
    first, second, third = (rms_db(part) for part in (moving[:, 2000:3000], moving[:, 3900:4900], moving[:, 5800:6800]))
    assert first - second == pytest.approx(4.3, abs=0.8)  # 20 dB in a straight line, 1900 of 8820 samples
    assert second - third == pytest.approx(4.3, abs=0.8)
    matched, = stems([loud, faint], mirror, x=(1.0,), level="match")
    assert rms_db(matched) == pytest.approx(rms_db(loud), abs=1.0)


def test_other_rates_and_channels_are_told(mirror: ClassicModel) -> None:
    stereo = np.concatenate([LOW, HIGH])
    high = tone(0.4, 1318.5, 0.1, rate=48000)
    said = notes([high, stereo], mirror, [48000, RATE])
    assert "clip 2 was mixed from 2 channels to mono" in said
    assert "clip 1 was resampled from 48000 to 22050 Hz" in said
    assert "the stems have the model's rate of 22050 Hz" in said
    found, = stems([high, stereo], mirror, [48000, RATE], x=(1.0,), detail=0.0, level="keep")
    assert share_db(found, 440.0) == pytest.approx(20 * np.log10(0.15), abs=0.6)


def test_another_output_rate(mirror: ClassicModel) -> None:
    assert "resampled to 48000 Hz" in notes([LOW, HIGH], mirror, sample_rate=48000)
    found, = stems([LOW, HIGH], mirror, x=(0.0,), sample_rate=48000)
    assert found.shape == (1, 19200)
    assert strongest_hz(found, 48000) == pytest.approx(440.0, abs=1.0)


def test_morph_keeps_the_first_clips_rate(mirror: ClassicModel) -> None:
    found, = lts_batch.morph([tone(0.2, 440.0, rate=48000), LOW[:, :4410]], [48000, RATE], x=[0.0], model=mirror)
    assert found.shape == (1, 9600)


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
