"""``spacing = even-distance`` on real stems: judged by the distances of stems that ``pipeline`` makes at the x it found."""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lts_batch import morph
from lts_batch.engine import pipeline, spacing
from lts_batch.errors import ClipError, SettingsError
from lts_batch.files.sources import Excerpt
from lts_batch.metrics import rows
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings

RATE = 22050
Audio = NDArray[np.float32]


def source(samples: NDArray[np.float64], rate: int = RATE) -> Excerpt:
    return Excerpt(np.atleast_2d(samples).astype(np.float32), rate, 0, np.atleast_2d(samples).shape[1])


def pair(seconds: float = 0.5, other_seconds: float = 0.5) -> list[Excerpt]:
    """A dark tone that dies away, and a soft bright noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 110 * n * time) / n**2 for n in range(1, 12)) * np.exp(-4 * time)
    noise = np.random.default_rng(0).standard_normal(round(other_seconds * RATE))
    return [source(0.3 * tone), source(0.02 * np.diff(noise, prepend=0.0))]


def stems(clips: Sequence[Excerpt], settings: Settings, model: Model) -> list[Audio]:
    planned = pipeline.plan(clips, settings, model)
    made = [np.zeros((planned.channels, stem.samples), np.float32) for stem in planned.stems]
    for block in pipeline.blocks(planned):
        made[block.stem][:, block.start:block.start + block.samples.shape[1]] = block.samples
    return made


def unevenness(clips: Sequence[Excerpt], settings: Settings, model: Model) -> float:
    distances = rows.step_distances_db(stems(clips, settings, model), RATE)
    return rows.evenness(np.diagonal(distances, 1).tolist())[0]


@pytest.mark.parametrize(("lengths", "more"), [((0.5, 0.5), {}), ((0.5, 0.8), {"length": "interpolate"}),
                                               ((0.5, 0.8), {"detail": 0.0, "align": "trim"})])
def test_stems_come_out_even(lengths: tuple[float, float], more: dict[str, Any], model: Model) -> None:
    clips = pair(*lengths)
    settings = Settings(steps=6, level="keep", spacing="even-distance", **more)
    found = spacing.resolved(clips, settings, model)
    assert found == dataclasses.replace(settings, spacing="even-x", x=found.x)
    assert found.x is not None and len(found.x) == 6 and found.x[0] == 0.0 and found.x[-1] == 1.0
    assert all(a < b for a, b in pairwise(found.x))
    before = unevenness(clips, dataclasses.replace(settings, spacing="even-x"), model)
    after = unevenness(clips, found, model)
    assert before > 0.15 and after < 0.08


def test_other_settings_are_left_alone_and_nothing_is_made(model: Model) -> None:
    settings = Settings(steps=7, beyond=0.5)
    assert spacing.resolved([], settings, model) is settings


def test_the_same_clips_give_the_same_x_also_a_few_stems_at_a_time(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(steps=4, spacing="even-distance")
    together = spacing.resolved(pair(), settings, model).x
    counts = []
    plan = pipeline.plan

    def counted(clips: Any, wanted: Settings, *rest: Any) -> pipeline.Plan:
        counts.append(len(wanted.x or ()))
        return plan(clips, wanted, *rest)

    monkeypatch.setattr(pipeline, "plan", counted)
    monkeypatch.setattr(spacing, "_MEMORY_BYTES", 2 * 4 * RATE // 2)
    assert spacing.resolved(pair(), settings, model).x == together
    assert counts[0] == 4 and counts[1:3] == [2, 2]


def test_morph_gives_the_stems_at_the_x_that_were_found(model: Model) -> None:
    clips = pair(0.3, 0.4)
    asked = morph([clip.read(0, clip.samples) for clip in clips], RATE, steps=3, spacing="even-distance", model=model)
    x = spacing.resolved(clips, Settings(steps=3, spacing="even-distance"), model).x
    assert x is not None and x[1] != 0.5
    named = morph([clip.read(0, clip.samples) for clip in clips], RATE, x=x, model=model)
    for one, other in zip(asked, named, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_clip_that_cannot_be_used_is_named(model: Model) -> None:
    tone, _ = pair()
    settings = Settings(steps=5, spacing="even-distance")
    with pytest.raises(ClipError, match=r"b\.wav is silent"):
        spacing.resolved([tone, source(np.zeros(RATE))], settings, model, ["a.wav", "b.wav"])
    with pytest.raises(SettingsError, match="3 clips"):
        spacing.resolved([tone, tone, tone], settings, model)


def sounding(seconds: float, begin: float, end: float, rate: int = 1000) -> Excerpt:
    """Noise from ``begin`` to ``end`` (shares of the duration), next to nothing elsewhere."""
    samples = np.random.default_rng(1).standard_normal(round(seconds * rate)) * 1e-4
    samples[round(begin * len(samples)):round(end * len(samples))] *= 1e3
    return source(samples, rate)


def test_short_clips_are_tried_whole() -> None:
    assert spacing._excerpts([sounding(30.0, 0, 1), sounding(2.0, 0, 1)], "stretch") is None


@pytest.mark.parametrize("align", spacing.RELATIVE)
def test_of_long_clips_the_same_share_is_tried_where_both_sound(align: str) -> None:
    first, second = sounding(600.0, 0.4, 1.0, 2000), sounding(300.0, 0.0, 0.6)
    parts = spacing._excerpts([first, second], align)
    assert parts is not None
    assert [part.samples / part.sample_rate for part in parts] == pytest.approx([20.0, 10.0])
    places = [part.start / clip.samples for part, clip in zip(parts, (first, second), strict=True)]
    assert places[0] == pytest.approx(places[1], abs=1e-3) and 0.39 < places[0] < 0.6
    np.testing.assert_array_equal(parts[0].read(0, 5), first.read(parts[0].start, 5))


@pytest.mark.parametrize("align", ["trim", "pad", "loop"])
def test_of_clips_that_are_not_stretched_the_same_time_is_tried(align: str) -> None:
    parts = spacing._excerpts([sounding(600.0, 0.4, 1.0), sounding(300.0, 0.0, 1.0)], align)
    assert parts is not None and [part.samples for part in parts] == [20000, 20000]
    assert parts[0].start == parts[1].start and 240000 <= parts[0].start <= 280000
    with_short = spacing._excerpts([sounding(600.0, 0.0, 1.0), sounding(3.0, 0.0, 1.0)], align)
    assert with_short is not None and [(part.start, part.samples) for part in with_short] == [(0, 20000), (0, 3000)]


def test_of_a_very_short_clip_beside_a_long_one_a_second_is_left() -> None:
    parts = spacing._excerpts([sounding(600.0, 0.0, 1.0), sounding(4.0, 0.0, 1.0)], "stretch")
    assert parts is not None and [part.samples for part in parts] == [20000, 1000]


def test_clips_that_never_sound_together_are_tried_whole() -> None:
    first, second = sounding(600.0, 0.0, 0.2), sounding(600.0, 0.6, 0.8)
    assert spacing._excerpts([first, second], "stretch") is None


def test_the_trials_of_long_clips_are_short(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacing, "LONGEST_SECONDS", 1.5)
    monkeypatch.setattr(spacing, "EXCERPT_SECONDS", 1.0)
    made = []
    blocks = pipeline.blocks

    def watched(planned: pipeline.Plan, workers: int | None) -> Any:
        made.extend(stem.samples for stem in planned.stems)
        assert workers == 1
        return blocks(planned, workers)

    monkeypatch.setattr(pipeline, "blocks", watched)
    found = spacing.resolved(pair(4.0, 4.0), Settings(steps=4, spacing="even-distance"), model, workers=1)
    assert found.x is not None and len(found.x) == 4 and found.loop == "auto"
    assert made and max(made) == RATE
