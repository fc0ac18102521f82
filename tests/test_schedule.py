"""Plans of a training: presets, times as people write them, and what fits into one."""

import dataclasses
import itertools

import pytest

from lts_batch.errors import SettingsError
from lts_batch.models import vae
from lts_batch.training import schedule
from lts_batch.training.schedule import KINDS, PRESETS, Schedule, fit, preset


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_network(name: str) -> None:
    s = preset(name)
    network = vae.FrameVAE(vae.Architecture(467, s.latent, s.width, s.blocks, s.kind))
    assert vae.multiply_adds(network) > 500_000


def test_presets_differ_and_hold_every_kind() -> None:
    assert {preset(name).kind for name in PRESETS} == set(KINDS)
    assert preset("standard") == Schedule()
    sizes = [preset(name).width for name in ("small", "standard", "large")]
    assert sizes == sorted(sizes) and len(set(sizes)) == 3


def test_what_the_user_says_goes_before_the_preset() -> None:
    assert preset("small", width=77, rate=1e-4) == Schedule(width=77, rate=1e-4)


def test_what_is_not_known_is_told() -> None:
    with pytest.raises(SettingsError, match="'smal'; there are small, standard"):
        preset("smal")
    with pytest.raises(SettingsError, match="'round' is not known: choose one of residual"):
        Schedule(kind="round")
    with pytest.raises(SettingsError, match="blocks = 2 does not fit a dense network"):
        preset("dense", blocks=2)


@pytest.mark.parametrize(("text", "expected"), [("10m", 600), ("90s", 90), ("2h", 7200), ("1h30m", 5400), ("0.5", 30),
                                                (" 1 h 5 s ", 3605), ("1.5M", 90)])
def test_times_as_people_write_them(text: str, expected: float) -> None:
    assert schedule.seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "m", "10 minutes", "-5m", "0s", "1h 2", "nan", "ten", "1d"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is not understood: write for example 90s, 10m or 2h"):
        schedule.seconds(text)


def machine(s: Schedule) -> float:
    """Frames a second of a machine whose time goes by the weights and a little by the step."""
    return s.batch / (s.batch * (s.width * 1100 + s.width**2 * 2) / 2e10 + 2e-3)


def test_more_time_gives_a_network_that_is_no_smaller_and_sees_no_fewer_frames() -> None:
    found = [fit(Schedule(), minutes * 60.0, 200_000, machine) for minutes in (0.5, 1, 2, 5, 10, 30, 120)]
    for less, more in itertools.pairwise(found):
        assert more.schedule.width >= less.schedule.width
        assert more.frames >= less.frames or more.schedule.width > less.schedule.width
    assert found[0].schedule.width < 1024 and found[-1].schedule.width == 1024


@pytest.mark.parametrize("minutes", [0.2, 1, 3, 10, 60])
@pytest.mark.parametrize("corpus", [2_000, 200_000, 1_200_000])
def test_the_rule_is_what_it_says(minutes: float, corpus: int) -> None:
    found = fit(Schedule(), minutes * 60.0, corpus, machine)
    s, wanted = found.schedule, max(schedule.LEAST_FRAMES, schedule.LEAST_PASSES * corpus)
    assert s.steps * s.batch / found.frames_per_second <= minutes * 60.0 or s.steps == 100
    if s.width < 1024:  # the next wider would have seen too few
        assert machine(dataclasses.replace(s, width=2 * s.width, batch=512)) * minutes * 60 * schedule.SPARE < wanted
    if s.batch < 512:
        assert s.steps < 2 * schedule.LEAST_STEPS * 1.2
    if s.steps < schedule.LEAST_STEPS - 1:
        assert s.batch == schedule.LEAST_BATCH
    assert found.passes == pytest.approx(s.steps * s.batch / corpus)
    assert f"width {s.width}, {s.steps} steps of {s.batch} frames" in found.sentence()


def test_what_was_said_is_kept() -> None:
    asked: list[Schedule] = []
    found = fit(Schedule(width=2048, batch=1024), 20.0, 10**6, lambda s: asked.append(s) or machine(s), free=frozenset())
    assert (found.schedule.width, found.schedule.batch) == (2048, 1024)
    assert len(asked) == 1


def test_figures_come_often_enough() -> None:
    assert [Schedule(steps=steps).figures_every for steps in (100, 1500, 7500, 10**6)] == [50, 100, 500, 500]
