"""Even steps on paths whose distances are known: curved, with jumps, with noise of their own, past the ends."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lts_batch.engine import steps
from lts_batch.metrics import measures, rows

ELEVEN = tuple(round(n / 10, 6) for n in range(11))
BANDS = 400


class Path:
    """Stems whose frames are all ``level(x)`` dB, plus a noise that no two amounts share, except at the ends."""

    def __init__(self, level: Callable[[float], float], noise_db: float = 0.0) -> None:
        self.level, self.noise_db, self.asked = level, noise_db, []

    def __call__(self, amounts: Sequence[float]) -> list[NDArray[np.float32]]:
        self.asked.append(list(amounts))
        return [self.frames(x) for x in amounts]

    def frames(self, x: float) -> NDArray[np.float32]:
        noise = np.random.default_rng(round((x + 3) * 1e6)).standard_normal((1, 1, BANDS)) * self.noise_db
        return (self.level(x) + noise * (x not in (0.0, 1.0))).astype(np.float32)

    def distances(self, amounts: Sequence[float]) -> list[float]:
        return [measures.frames_distance_db(self.frames(a), self.frames(b)) for a, b in pairwise(amounts)]


def cv(distances: Sequence[float]) -> float:
    return rows.evenness(distances)[0]


@pytest.mark.parametrize(("level", "inverse"), [
    (lambda x: 20 * x, lambda s: s),
    (lambda x: 20 * x**2, np.sqrt),
    (lambda x: -30 * np.log(1 + 9 * x), lambda s: (10**s - 1) / 9),
], ids=["straight", "slow start", "fast start"])
def test_where_distances_add_up_the_steps_are_those_of_the_inverse(level: Callable[[float], float],
                                                                   inverse: Callable[[float], float]) -> None:
    path = Path(level)
    found = steps.even_amounts(path, ELEVEN)
    assert cv(found.distances_db) <= steps.EVEN_ENOUGH
    np.testing.assert_allclose(found.amounts, [inverse(s) for s in np.linspace(0, 1, 11)], atol=0.02)
    np.testing.assert_allclose(found.distances_db, path.distances(found.amounts), rtol=1e-6)


def test_even_steps_stay_as_they_are_and_cost_one_round() -> None:
    path = Path(lambda x: 7 * x)
    found = steps.even_amounts(path, ELEVEN)
    assert found.amounts == ELEVEN and found.rounds == 1 and found.measured == 11 and path.asked == [list(ELEVEN)]


@pytest.mark.parametrize("noise_db", [0.5, 1.5])
@pytest.mark.parametrize("jump_db", [0.0, 1.5])
def test_noise_and_jumps_at_the_ends(noise_db: float, jump_db: float) -> None:
    """Stems that differ by next to nothing in x are still some way apart, as phase makes them."""
    path = Path(lambda x: 25 * x**1.7 + jump_db * (x > 0) + jump_db * (x == 1), noise_db)
    assert cv(path.distances(ELEVEN)) > 0.15
    found = steps.even_amounts(path, ELEVEN)
    assert cv(found.distances_db) < 0.04
    assert found.measured <= 9 * steps.MOST_ROUNDS + 2


def test_no_stem_is_made_twice() -> None:
    path = Path(lambda x: 25 * x**3, 1.0)
    found = steps.even_amounts(path, ELEVEN)
    asked = [x for amounts in path.asked for x in amounts]
    assert len(asked) == len(set(asked)) == found.measured and len(path.asked) == found.rounds
    assert all(amounts == sorted(amounts) for amounts in path.asked)


def test_the_same_path_gives_the_same_amounts() -> None:
    first, second = (steps.even_amounts(Path(lambda x: 25 * x**3, 1.0), ELEVEN) for _ in range(2))
    assert first == second


def test_where_nothing_is_to_be_heard_x_stays_even() -> None:
    found = steps.even_amounts(Path(lambda x: 0.0, 0.001), ELEVEN)
    assert found.amounts == ELEVEN and found.rounds == 1


def test_a_single_stem_is_the_middle_to_the_ear() -> None:
    path = Path(lambda x: 20 * x**2)
    x, = steps.even_amounts(path, (0.5,)).amounts
    assert x == pytest.approx(np.sqrt(0.5), abs=0.02)
    to_one, to_other = path.distances((0.0, x, 1.0))
    assert to_one == pytest.approx(to_other, rel=0.07)


def test_two_stems_are_the_clips_and_nothing_is_measured() -> None:
    path = Path(lambda x: x)
    assert steps.even_amounts(path, (0.0, 1.0)).amounts == (0.0, 1.0) and not path.asked


def test_past_the_ends_steps_are_as_large_as_between_them() -> None:
    # slower past 1 than between, and slower still before 0: there the limit comes first
    path = Path(lambda x: 20 * x if 0 <= x <= 1 else (20 + 30 * (x - 1) if x > 1 else 8 * x))
    amounts = tuple(round(n / 10, 6) for n in range(-4, 15))
    found = steps.even_amounts(path, amounts)
    assert len(found.amounts) == len(amounts) and found.amounts[4] == 0.0 and found.amounts[14] == 1.0
    distances = path.distances(found.amounts)
    assert distances[4:14] == pytest.approx([2.0] * 10, rel=0.05)
    assert distances[14:] == pytest.approx([2.0] * 4, rel=0.1) and found.amounts[-1] < 1.4
    assert distances[:4] == pytest.approx([0.8] * 4, rel=0.1) and found.amounts[0] == -0.4


def test_more_steps_than_are_measured_are_divided() -> None:
    path = Path(lambda x: 40 * (np.exp(2 * x) - 1) / (np.exp(2) - 1))
    amounts = tuple(round(n / 100, 6) for n in range(-20, 121))
    found = steps.even_amounts(path, amounts)
    assert len(found.amounts) == 141 and found.amounts[20] == 0.0 and found.amounts[120] == 1.0
    assert cv(path.distances(found.amounts[20:121])) < 0.08
    assert found.amounts[-1] <= 1.2 and found.amounts[0] >= -0.2
    assert found.measured <= steps.MOST_ROUNDS * 46


def test_steps_that_lead_back_are_avoided() -> None:
    """A path that wanders: of rows that are nearly as even, the one on which both clips are left and reached."""
    def frames(x: float) -> NDArray[np.float32]:
        wave = 1.2 * np.sin(40 * x) * np.sin(np.pi * x)
        return np.concatenate([np.full(BANDS, 20 * x), np.full(BANDS, 20 * x + 10 * wave)])[None, None].astype(np.float32)

    found = steps.even_amounts(lambda amounts: [frames(x) for x in amounts], ELEVEN)
    ends = [[measures.frames_distance_db(frames(end), frames(x)) for x in found.amounts] for end in (0.0, 1.0)]
    plain = [[measures.frames_distance_db(frames(end), frames(x)) for x in ELEVEN] for end in (0.0, 1.0)]
    gained = [rows.monotony(row) for row in ends], [rows.monotony(row) for row in plain]
    assert gained[0][0] >= gained[1][0] and gained[0][1] <= gained[1][1]
    assert cv(found.distances_db) < cv([measures.frames_distance_db(frames(a), frames(b)) for a, b in pairwise(ELEVEN)])


@hypothesis_settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.0, 30.0), min_size=4, max_size=8), st.floats(0.0, 2.0), st.integers(1, 12), st.integers(0, 3),
       st.integers(0, 3))
def test_whatever_the_path(knots: list[float], noise_db: float, count: int, below: int, above: int) -> None:
    """Also where it turns back, stands still or leaps: as many stems, in order, with both clips, never less even."""
    path = Path(lambda x: float(np.interp(x, np.linspace(-0.5, 1.5, len(knots)), knots)), noise_db)
    amounts = tuple(round(n / count, 6) for n in range(-below, count + above + 1))
    found = steps.even_amounts(path, amounts)
    assert len(found.amounts) == len(amounts)
    assert found.amounts[below] == 0.0 and found.amounts[below + count] == 1.0
    assert all(b - a > 0.9 * 10**-steps.DECIMALS for a, b in pairwise(found.amounts))
    assert amounts[0] - below * 10**-steps.DECIMALS <= found.amounts[0]
    assert found.amounts[-1] <= amounts[-1] + above * 10**-steps.DECIMALS


@pytest.mark.parametrize("wrong", [(0.1, 1.0), (0.0, 0.5), (0.0, 1.0, 0.5), (0.0, 0.5, 0.5, 1.0)])
def test_amounts_without_ends_or_order(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must rise, with 0 and 1 among them"):
        steps.even_amounts(Path(lambda x: x), wrong)
