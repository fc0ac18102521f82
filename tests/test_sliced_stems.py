"""A stem made in slices is the stem that one transform would have made."""

import numpy as np
import pytest
from sounds import Audio, null_db, pluck, tone

from lts_batch.engine import pipeline
from lts_batch.engine.arrays import morph
from lts_batch.frame import slices
from lts_batch.metrics import measures
from lts_batch.models.checkpoint import load_model

RATE = 16000


def song(seconds: float, seed: int) -> Audio:
    """Notes and silences, one after another."""
    rng = np.random.default_rng(seed)
    notes = [pluck(1.0, float(hz), RATE, seed=seed) for hz in rng.uniform(110, 500, int(np.ceil(seconds)))]
    return np.concatenate(notes, axis=1)[:, :round(seconds * RATE)]


JOIN = slices.Slices(20 * RATE, RATE, load_model().bands).kept(0)[1]  # where the first two slices meet
ONE, TWO, LONG = song(20.0, 1), song(20.0, 2), song(23.0, 3)


def both(monkeypatch: pytest.MonkeyPatch, clips: list[Audio], **settings: object) -> tuple[Audio, Audio]:
    """The stem at x = 0.5 in slices and in one piece."""
    (sliced,) = morph(clips, RATE, x=0.5, **settings)
    monkeypatch.setattr(slices, "WHOLE_SECONDS", 100.0)
    (whole,) = morph(clips, RATE, x=0.5, **settings)
    return sliced, whole


@pytest.mark.parametrize("settings", [{"detail": 0.0}, {"detail": 1.0}, {"domain": "stft"}])
def test_slices_of_clips_of_one_length(monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]) -> None:
    sliced, whole = both(monkeypatch, [ONE, TWO], **settings)
    assert null_db(sliced, whole) < -80


class OnePiece(slices.Slices):
    """A stem that is one transform, whatever its length."""

    whole = True


def swelling_noise(seconds: float, rng: np.random.Generator) -> Audio:
    samples = round(seconds * RATE)
    swell = 1.0 + np.sin(3.0 * np.arange(samples) / RATE)
    return (0.05 * rng.standard_normal((1, samples)) * swell).astype(np.float32)


@pytest.mark.parametrize("second", ["notes", "noise"])
def test_slices_of_a_stretched_stem(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, second: str) -> None:
    """The stem in slices and in one piece, from the same frames of its clips: phases that run on do so over every join."""
    clips = [TWO, LONG if second == "notes" else swelling_noise(24.0, rng)]
    (sliced,) = morph(clips, RATE, x=0.5, detail=0.0)
    monkeypatch.setattr(pipeline, "Slices", OnePiece)
    (whole,) = morph(clips, RATE, x=0.5, detail=0.0)
    assert null_db(sliced, whole) < -110


def test_slices_of_clips_that_are_stretched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips in slices and in one piece as well."""
    sliced, whole = both(monkeypatch, [ONE, LONG], detail=0.0)
    # a vocoder hangs on every bit of the frames it reads: where a region of bands is about to divide, the last one decides
    assert null_db(sliced, whole) < -55
    assert measures.log_mel_distance_db(sliced, whole, RATE) < 0.1


@pytest.mark.parametrize("settings", [{"repair": 8, "detail": 0.0}, {"repair": 8, "domain": "stft"},
                                      {"phase": "griffinlim", "repair": 16}])
def test_repairs_leave_no_seam(monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]) -> None:
    sliced, whole = both(monkeypatch, [ONE, TWO], **settings)
    around, elsewhere = slice(JOIN - 4000, JOIN + 4000), slice(JOIN - 24000, JOIN - 16000)
    apart, usual = (measures.log_mel_distance_db(sliced[:, piece], whole[:, piece], RATE) for piece in (around, elsewhere))
    if settings.get("phase") == "griffinlim":  # two renders from noise differ everywhere: no more at the seam than elsewhere
        assert apart < usual + 0.5
    else:
        assert apart < 0.1


@pytest.mark.parametrize("domain", ["frame", "stft"])
def test_a_stretched_tone_goes_on_from_slice_to_slice(domain: str) -> None:
    """Phase is carried over the join: no dip where slices meet."""
    one, two = tone(14.0, 441.0, rate=RATE), tone(18.0, 441.0, rate=RATE)
    (stem,) = morph([one, two], RATE, curve=[[0, 1], [1, 0.99]], domain=domain, loop="off")
    middle = stem[0, RATE:-RATE].astype(np.float64)
    envelope = np.sqrt(np.convolve(middle**2, np.ones(400) / 400, mode="valid") * 2)  # 11 periods
    assert 20 * np.log10(envelope.max() / envelope.min()) < 1.0
