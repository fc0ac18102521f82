"""A model fitted to the clips at hand loses half as much of them and keeps its latents, whatever the clips are."""

import dataclasses
from pathlib import Path
from typing import Any

import fitting
import numpy as np
import pytest
import torch
from fitting import FIT, RATE, adapted, sources
from sounds import Audio, harmonic, pluck, tone

from lts_batch.engine import fit
from lts_batch.engine.arrays import morph
from lts_batch.errors import ClipError, SettingsError
from lts_batch.files import audio
from lts_batch.files.sources import Excerpt
from lts_batch.frame.filterbank import Grid, filterbank
from lts_batch.metrics import measures
from lts_batch.models import vae
from lts_batch.models.checkpoint import Model
from lts_batch.original.classic_model import ClassicModel
from lts_batch.settings import Settings, presets_folder
from lts_batch.training import adapt

cache = fitting.cache
pair = fitting.pair


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
