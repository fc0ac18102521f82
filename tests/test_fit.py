"""A model fitted to the clips at hand loses half as much of them, keeps its latents, and is made once."""

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from sounds import Audio, harmonic, pluck, tone

from lts_batch.cli import commands
from lts_batch.engine import fit
from lts_batch.engine.arrays import morph
from lts_batch.errors import ClipError, SettingsError
from lts_batch.files import audio
from lts_batch.files.sources import Excerpt
from lts_batch.frame.filterbank import Grid, filterbank
from lts_batch.metrics import measures
from lts_batch.models import vae
from lts_batch.models.checkpoint import Model, load_model
from lts_batch.original.classic_model import ClassicModel
from lts_batch.settings import Settings, presets_folder
from lts_batch.stems.manifest import from_json
from lts_batch.stems.render import Cancelled, Clip, render
from lts_batch.training import adapt
from lts_batch.training.adapt import Adapted
from lts_batch.watch.daemon import Daemon

RATE = 44100
STEPS = 6  # what the tests let the decoder learn
FIT = Settings(fit=True)


@pytest.fixture(scope="module")
def model() -> Model:
    found = load_model()
    assert isinstance(found, Model)
    return found


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test writes into the user's cache, and none learns for long."""
    monkeypatch.setattr(fit, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setitem(fit.fitted.__kwdefaults__, "steps", STEPS)
    return tmp_path / "cache"


@pytest.fixture
def pair() -> list[Excerpt]:
    return sources(pluck(0.3, 220), harmonic(0.2, 500))


def sources(*clips: Audio, rate: int = RATE) -> list[Excerpt]:
    return [Excerpt(clip, rate, 0, clip.shape[1]) for clip in clips]


def adapted(clips: list[Excerpt], model: Model, settings: Settings = FIT, **more: Any) -> Adapted:
    found = fit.fitted(clips, settings, model, **more)
    assert found.adapted is not None and found.model is found.adapted.model
    return found.adapted


def same(one: Model, other: Model) -> bool:
    tensors, others = one.network.state_dict(), other.network.state_dict()
    return set(tensors) == set(others) and all(torch.equal(tensors[name], others[name]) for name in tensors)


def frames(clip: Audio, model: Model) -> np.ndarray[Any, Any]:
    """All magnitude frames of a mono clip ``[frames, bands]``: three for each that a fit looks at."""
    samples, count = Grid(RATE, model.bands.frame_rate).covering(clip.shape[1])
    bank = filterbank(model.bands, RATE, samples, count)
    found = bank.forward(torch.from_numpy(clip))[0, :bank.model_rows].abs().T.numpy()
    return found[:int(clip.shape[1] * float(model.bands.frame_rate) / RATE)]


def shape_error_db(clip: Audio, model: Model) -> float:
    true = frames(clip, model)
    return measures.shape_lsd_db(true, model.decode(model.encode(true)[0]))


# ---------------------------------------------------------------- what it is for


def test_the_shape_error_of_a_real_pair_is_halved(model: Model) -> None:
    clips = [audio.read(presets_folder() / "demo" / name)[0][:1, :RATE] for name in ("choir.flac", "piano.flac")]
    made = adapted(sources(*clips), model)
    for clip, before, after in zip(clips, made.before_db, made.after_db, strict=True):
        known, knew = shape_error_db(clip, made.model), shape_error_db(clip, model)
        assert known < 0.5 * knew, "in all frames, also those between the ones that it learnt from"
        assert (before, after) == pytest.approx((knew, known), rel=0.15)


def test_noise_is_halved_too(model: Model, rng: np.random.Generator) -> None:
    clips = [0.1 * rng.standard_normal((1, RATE // 2)).astype(np.float32), pluck(0.5, 220)]
    made = adapted(sources(*clips), model)
    assert made.axes > 32, "noise has no few axes"
    assert all(after < 0.5 * before for before, after in zip(made.before_db, made.after_db, strict=True))


def test_latents_stay_where_they_were(pair: list[Excerpt], model: Model) -> None:
    made = adapted(pair, model).model
    own = model.network.architecture.latent
    shapes = torch.rand(5, len(model.bands), generator=torch.Generator().manual_seed(0))
    wide, doubts = made.encode_shapes(shapes)
    mean, log_variance = model.encode_shapes(shapes)
    torch.testing.assert_close(wide[:, :own], mean)
    torch.testing.assert_close(doubts[:, :own], log_variance)
    assert made.network.architecture.latent == wide.shape[1] > own
    assert bool((doubts[:, own:] == vae.LOG_VARIANCE_RANGE[0]).all())


def test_the_middle_is_a_mixture_and_no_garbage(model: Model) -> None:
    """Half-way in latents the fitted model says nearly what it said, and moves towards what the clips are."""
    clips = [pluck(0.3, 220), harmonic(0.3, 330)]
    made = adapted(sources(*clips), model)
    true = [frames(clip, model)[20:60] for clip in clips]

    def middle(of: Model) -> np.ndarray[Any, Any]:
        return of.decode(np.mean([of.encode(one)[0] for one in true], axis=0))

    apart = measures.shape_lsd_db(*true)
    assert measures.shape_lsd_db(middle(model), middle(made.model)) < 0.5 * apart
    for one in true:
        assert measures.shape_lsd_db(one, middle(made.model)) < 0.9 * apart


def test_the_stems_at_detail_0_come_nearer_to_the_clips() -> None:
    clips = [pluck(0.3, 220), harmonic(0.3, 330)]
    plain, near = (morph(clips, RATE, x=[0.0, 1.0], detail=0.0, fit=wanted) for wanted in (False, True))
    for clip, far, close in zip(clips, plain, near, strict=True):
        assert measures.mr_stft_sc_db(clip, close) < measures.mr_stft_sc_db(clip, far) - 3.0


def test_without_fit_nothing_happens(pair: list[Excerpt], model: Model, cache: Path) -> None:
    assert fit.fitted(pair, Settings(), model) == fit.Fit(model) and not cache.exists()


# ---------------------------------------------------------------- the same again


def test_the_same_clips_give_the_same_bits(pair: list[Excerpt], model: Model, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    torch.manual_seed(1)
    one = adapted(pair, model, cache=tmp_path / "one")
    torch.manual_seed(2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        other = adapted(pair, model, cache=tmp_path / "other")
        assert torch.get_num_threads() == 2, "threads are given back"
    finally:
        torch.set_num_threads(threads)
    assert same(one.model, other.model) and one.after_db == other.after_db
    assert all(torch.equal(before[name], value) for name, value in model.network.state_dict().items()), "it was touched"


def test_a_fit_is_found_again(pair: list[Excerpt], model: Model, cache: Path) -> None:
    first = fit.fitted(pair, FIT, model)
    again = fit.fitted(pair, dataclasses.replace(FIT, steps=9, detail=0.0, align="onsets"), model)
    assert first.fresh and not again.fresh and len(list(cache.iterdir())) == 1
    assert isinstance(first.model, Model) and isinstance(again.model, Model) and same(first.model, again.model)
    assert first.note is not None and first.note.startswith("the model was fitted to the clips: shape LSD ")
    assert again.note == f"{first.note.rpartition(' in ')[0]}, by an earlier render"
    latents = again.model.encode_shapes(torch.zeros(3, len(model.bands)))[0]
    assert torch.equal(again.model.decode_shapes(latents), first.model.decode_shapes(latents))


def test_other_clips_parts_models_and_rates_are_fitted_anew(pair: list[Excerpt], model: Model, cache: Path) -> None:
    fit.fitted(pair, FIT, model)
    part = dataclasses.replace(pair[0], start=2000, samples=pair[0].samples - 2000)
    other = dataclasses.replace(model, network=vae.FrameVAE(model.network.architecture).requires_grad_(False))
    other.network.load_state_dict(model.network.state_dict() | {"centre": model.network.centre + 0.01})
    cases = [([part, pair[1]], FIT, model), (pair[::-1], FIT, model), (pair, FIT, other),
             (pair, dataclasses.replace(FIT, sample_rate=22050), model)]
    for clips, settings, network in cases:
        assert fit.fitted(clips, settings, network).fresh
    assert len(list(cache.iterdir())) == 1 + len(cases)


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "empty"])
def test_a_damaged_fit_is_made_again(damage: str, pair: list[Excerpt], model: Model, cache: Path) -> None:
    sound = adapted(pair, model)
    path, = cache.iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 64
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-1000], "flipped": bytes(data), "foreign": b"no tensors" * 100, "empty": b""}[damage])
    found = fit.fitted(pair, FIT, model)
    assert found.fresh and found.adapted is not None and same(found.adapted.model, sound.model)
    assert len(path.read_bytes()) == len(whole) and not fit.fitted(pair, FIT, model).fresh


def test_a_cache_that_cannot_be_written_stops_nothing(pair: list[Excerpt], model: Model, cache: Path) -> None:
    cache.write_text("a file where a folder should be", encoding="utf-8")
    found = fit.fitted(pair, FIT, model)
    assert found.adapted is not None and found.note is not None
    assert "not kept for the next time" in found.note and str(cache) in found.note


def test_the_oldest_fits_make_room(pair: list[Excerpt], model: Model, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "MOST_KEPT", 2)
    cache.mkdir()
    for age, name in enumerate(("new", "old", "older")):
        (cache / f"{name}.safetensors").write_bytes(b"")
        os.utime(cache / f"{name}.safetensors", (1e9 - age, 1e9 - age))
    fit.fitted(pair, FIT, model)
    left = {path.name for path in cache.iterdir()}
    assert len(left) == 2 and "new.safetensors" in left


# ---------------------------------------------------------------- all kinds of clips


def test_four_clips_of_all_kinds(model: Model) -> None:
    silent_side = np.concatenate([pluck(0.2, 400, rate=48000), np.zeros((1, 9600), np.float32)])
    clips = [*sources(pluck(0.2, 220)), *sources(silent_side, pluck(0.3, 100, 48000, channels=2), rate=48000),
             *sources(tone(0.2, 700, rate=8000), rate=8000)]
    wanted = dataclasses.replace(FIT, grid="2x2", pitch="glide")
    assert len(adapted(clips, model, wanted).before_db) == 4


def test_long_clips_are_thinned(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames come from all of a clip, and no more of them than from a short one; what follows its end is not looked at."""
    monkeypatch.setattr(fit, "MOST_FRAMES", 40)
    monkeypatch.setattr(fit, "MOST_SLICES", 3)
    loud_end = np.concatenate([0.1 * harmonic(35.0, 220, rate=8000), tone(5.0, 900, rate=8000)], axis=1)
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(adapt, "adapted", lambda model, sounds, **more: seen.extend(sounds))
    found = fit.fitted(sources(loud_end, tone(1.0, 300, rate=8000), rate=8000), FIT, model)
    assert found.model is model and found.note == "the model could not be fitted to the clips, and was used as it is"
    assert [len(shapes) for shapes in seen] == [40, 40]
    nearest = int(np.abs(model.bands.centres_hz - 900).argmin())
    ends_in_the_tone = seen[0].argmax(1) == nearest
    assert 0 < int(ends_in_the_tone.sum()) < 40 and not bool(ends_in_the_tone[0]) and bool(ends_in_the_tone[-1])


def test_a_sound_in_a_long_silence_is_found(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "MOST_SLICES", 2)
    rare = np.zeros((1, 40 * 8000), np.float32)
    rare[:, 20 * 8000:21 * 8000] = tone(1.0, 900, rate=8000)
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(adapt, "adapted", lambda model, sounds, **more: seen.extend(sounds))
    fit.fitted(sources(rare, tone(1.0, 300, rate=8000), rate=8000), FIT, model)
    assert 20 < len(seen[0]) < 150 and len(seen[1]) > 100


def test_a_fit_that_runs_wild_leaves_the_model_as_it_is(pair: list[Excerpt], model: Model, cache: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapt.Schedule, "rate_at", lambda self, step: float("nan"))
    found = fit.fitted(pair, FIT, model)
    assert found.model is model and found.adapted is None and not cache.exists()
    assert found.note == "the model could not be fitted to the clips, and was used as it is"


def test_models_of_the_original_are_refused(pair: list[Excerpt]) -> None:
    with pytest.raises(SettingsError, match="fit = true adapts models that lts-batch train made, and the model runs/7 comes"):
        fit.fitted(pair, dataclasses.replace(FIT, model="runs/7"), object.__new__(ClassicModel))


def test_a_silent_clip_is_named(model: Model) -> None:
    with pytest.raises(ClipError, match="mute is silent"):
        fit.fitted(sources(pluck(0.2, 220), np.zeros((1, 9000), np.float32)), FIT, model, ["loud", "mute"])


# ---------------------------------------------------------------- in a render


@pytest.fixture
def clips(tmp_path: Path) -> Iterator[list[Clip]]:
    for name, samples in (("a", pluck(0.15, 220)), ("b", harmonic(0.12, 330))):
        audio.write(tmp_path / f"{name}.wav", samples, RATE)
    yield [Clip(tmp_path / "a.wav"), Clip(tmp_path / "b.wav")]


def test_a_render_tells_of_its_fit(clips: list[Clip], model: Model, tmp_path: Path) -> None:
    said: list[tuple[float, str]] = []
    settings = dataclasses.replace(FIT, x=(0.0, 1.0))
    made = render(clips, settings, tmp_path / "out", model=model, progress=lambda *word: said.append(word))
    fitting = [fraction for fraction, message in said if message == "fitting the model"]
    assert len(fitting) > STEPS and fitting == sorted(fitting) and fitting[-1] < 0.5
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions) and said[-1] == (1.0, "done")
    assert made.notes[0].startswith("the model was fitted to the clips: shape LSD") and made.settings["fit"] is True
    assert made.model["sha256"] == model.record["sha256"], "the model is still known by its name"
    again = render(clips, settings, tmp_path / "again", model=model)
    assert again.notes[0].endswith(", by an earlier render")
    assert [stem.sha256 for stem in again.stems] == [stem.sha256 for stem in made.stems]
    for clip, stem in zip(clips, made.stems, strict=True):
        true, end = (audio.read(path)[0] for path in (clip.path, tmp_path / "out" / stem.file))
        assert measures.residual_db(true, end) < -90.0, "detail still makes the ends the clips"


def test_a_render_is_given_up_while_it_fits(clips: list[Clip], model: Model, tmp_path: Path, cache: Path) -> None:
    calls = 0

    def stop(fraction: float, message: str) -> None:
        nonlocal calls
        calls += message == "fitting the model"
        if calls > STEPS // 2:
            raise Cancelled

    threads = torch.get_num_threads()
    with pytest.raises(Cancelled):
        render(clips, FIT, tmp_path / "out", model=model, progress=stop)
    assert calls == STEPS // 2 + 1 and not (tmp_path / "out").exists() and not cache.exists()
    assert torch.get_num_threads() == threads


def test_the_command(clips: list[Clip], tmp_path: Path) -> None:
    result = CliRunner().invoke(commands, ["render", *(str(clip.path) for clip in clips), "-o", str(tmp_path / "out"), "--fit",
                                           "--steps", "1", "--detail", "0"])
    assert result.exit_code == 0, result.output
    assert "Note: the model was fitted to the clips: shape LSD" in result.stderr
    record = from_json((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert record.settings["fit"] is True


def test_a_job_may_ask_for_it(clips: list[Clip], tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "inbox").mkdir(parents=True)
    paths = [clip.path.rename(root / "inbox" / clip.path.name) for clip in clips]
    job = {"format": "lts-batch/job", "version": 1, "clips": [{"path": path.name} for path in paths],
           "settings": {"fit": True, "x": [0.5]}}
    (root / "inbox" / "one.job.json").write_text(json.dumps(job), encoding="utf-8")
    summary = Daemon(root, settle_seconds=0.0, lease_seconds=0.0, allowed=lambda: ()).run_once()
    assert len(summary.of("done")) == 1, summary.lines()
    record = from_json((root / "outbox" / "one" / "manifest.json").read_text(encoding="utf-8"))
    assert record.notes[0].startswith("the model was fitted to the clips")
