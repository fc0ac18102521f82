"""Ways from clip to clip that are judged: ours is what the pipeline makes, its rivals are what they say they are."""

import math

import numpy as np
import pytest
import torch
from clip_pair import ONE, RATE, TWO
from sounds import null_db

import lts_batch
from lts_batch.engine import planning, targets
from lts_batch.engine.analysis import k_norms
from lts_batch.evaluation.framepath import AMOUNTS, FramePaths, fading
from lts_batch.evaluation.stempath import StemPaths
from lts_batch.files.sources import Excerpt
from lts_batch.frame.slices import Slices
from lts_batch.metrics import judge
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings

MIDDLE = AMOUNTS.index(0.5)
ZERO, LAST = AMOUNTS.index(0.0), AMOUNTS.index(1.0)


@pytest.fixture(scope="module")
def paths(model: Model) -> FramePaths:
    return FramePaths(model, (ONE, TWO), RATE)


# ---------------------------------------------------------------- magnitudes


def test_our_way_is_what_a_render_aims_at(model: Model, paths: FramePaths) -> None:
    settings = Settings(x=(0.5,), detail=0.0, loop="off")
    plan = planning.plan([Excerpt(clip[None], RATE, 0, len(clip)) for clip in (ONE, TWO)], settings, model)
    slices = Slices(len(ONE), RATE, model.bands)
    aim = targets.target(plan, 0, slices, 0, {}).magnitudes[0]
    numbers = slices.frames(0)
    asked = (numbers % 3 == 0) & (numbers >= 0) & (numbers * slices.hop_samples <= len(ONE))
    ours = paths.ours(0.0)[MIDDLE]
    assert ours.shape == (asked.sum(), len(model.bands))
    np.testing.assert_allclose(ours, aim[:, torch.from_numpy(asked)].T, atol=1e-4 * float(aim.max()))


def test_ends_with_detail_are_the_clips(paths: FramePaths) -> None:
    for magnitudes in (paths.ours(1.0), paths.log_lerp(), paths.crossfade(), paths.waveform_crossfade(), paths.ours(fading)):
        for step, true in zip((ZERO, LAST), paths.true, strict=True):
            np.testing.assert_allclose(magnitudes[step], true, atol=2e-6 * float(true.max()))


def test_detail_fades_to_nothing_half_way(paths: FramePaths) -> None:
    faded, bare, full = paths.ours(fading), paths.ours(0.0), paths.ours(1.0)
    np.testing.assert_array_equal(faded[MIDDLE], bare[MIDDLE])
    np.testing.assert_array_equal(faded[[0, ZERO, LAST, -1]], full[[0, ZERO, LAST, -1]])
    assert not np.allclose(faded[MIDDLE], full[MIDDLE], rtol=0.1)


def test_the_trivial_rivals_are_what_they_say(model: Model, paths: FramePaths) -> None:
    one, two = paths.true
    free = FramePaths(model, (ONE, TWO), RATE, settings=Settings(level="keep"))
    np.testing.assert_allclose(free.crossfade()[MIDDLE], (one + two) / 2, rtol=1e-6)
    loud = (one > 1e-3 * one.max()) & (two > 1e-3 * two.max())
    np.testing.assert_allclose(free.log_lerp()[MIDDLE][loud], np.sqrt(one * two)[loud], rtol=0.05)
    mixed = FramePaths(model, ((ONE + TWO) / 2, TWO), RATE).true[0]
    np.testing.assert_allclose(paths.waveform_crossfade()[MIDDLE], mixed, atol=1e-5 * float(mixed.max()))


def test_all_come_under_one_law_of_loudness(paths: FramePaths, model: Model) -> None:
    def loud(magnitudes: np.ndarray) -> np.ndarray:
        return k_norms(torch.from_numpy(np.moveaxis(magnitudes, 1, 2)), model).numpy()

    ours = loud(paths.ours())
    heard = ours > 1e-3 * ours.max()
    for rival in (paths.crossfade(), paths.log_lerp(), paths.moved()):
        np.testing.assert_allclose(loud(rival)[ZERO:LAST + 1][heard[ZERO:LAST + 1]], ours[ZERO:LAST + 1][heard[ZERO:LAST + 1]],
                                   rtol=1e-3)


def test_a_moved_envelope_has_its_centroid_on_the_line(paths: FramePaths) -> None:
    moved, plain = (judge.figures(paths.judged(way)) for way in (paths.moved(), paths.log_lerp()))
    assert moved["r2_centroid"] > max(0.8, plain["r2_centroid"])


def test_figures_of_a_pair(paths: FramePaths) -> None:
    found = {name: judge.figures(paths.judged(make())) for name, make in
             (("ours", paths.ours), ("log", paths.log_lerp), ("crossfade", paths.crossfade))}
    assert all(row.keys() == judge.FIGURES.keys() for row in found.values())
    assert all(math.isfinite(value) for row in found.values() for value in row.values())
    assert found["log"]["step_cv"] < found["crossfade"]["step_cv"]
    assert found["ours"]["end_sc_db"] < -100 and found["log"]["end_sc_db"] < -100
    assert judge.figures(paths.judged(paths.ours(0.0)))["end_sc_db"] > -30


def test_clips_of_two_lengths_are_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="of one length"):
        FramePaths(model, (ONE, TWO[:-1]), RATE)


# ---------------------------------------------------------------- stems


def test_our_stems_are_those_of_a_render(model: Model) -> None:
    x = (0.0, 0.5, 1.0)
    stems = StemPaths(model, (ONE, TWO), RATE, x, workers=1)
    wanted = lts_batch.morph([ONE, TWO], RATE, x=x, loop="off", model=model)
    for stem, other in zip(stems.ours(), wanted, strict=True):
        np.testing.assert_array_equal(stem, other[0])
    faded = stems.ours(fading)
    np.testing.assert_array_equal(faded[1], lts_batch.morph([ONE, TWO], RATE, x=x, detail=0.0, loop="off", model=model)[1][0])
    np.testing.assert_array_equal(faded[0], wanted[0][0])


def test_rivals_sound_and_their_ends_are_the_clips(model: Model) -> None:
    stems = StemPaths(model, (ONE, TWO), RATE, (0.0, 0.5, 1.0, 1.2), workers=1)
    for row in (stems.crossfade(), stems.log_lerp(), stems.waveform_crossfade()):
        assert [len(stem) for stem in row] == [len(ONE)] * 4 and all(np.isfinite(stem).all() for stem in row)
        assert null_db(row[0][None], ONE[None]) < -100 and null_db(row[2][None], TWO[None]) < -100
        assert 0.01 < np.abs(row[1]).max() < 1.0
