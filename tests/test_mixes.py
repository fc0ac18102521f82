"""What each stem is made of: weights that sum to 1, ends that are the clips, and words that tell the stems apart."""

import math
import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lts_batch.engine.mixes import MOST_DECIMALS, Mix, at, decimals, mixes
from lts_batch.errors import SettingsError
from lts_batch.settings import X_LIMIT, Settings

AMOUNTS = st.lists(st.floats(-X_LIMIT, X_LIMIT), min_size=1, max_size=30, unique=True)
SIZES = st.integers(2, 7)


def wrong(settings: Settings, clips: int) -> str:
    with pytest.raises(SettingsError) as caught:
        mixes(settings, clips)
    return str(caught.value)


# ---------------------------------------------------------------- two clips


def test_amounts_are_weights_of_both_clips() -> None:
    assert mixes(Settings(steps=3, beyond=0.5), 2) == (
        Mix((1.5, -0.5), -0.5, "x-0.50"), Mix((1.0, 0.0), 0.0, "x+0.00"), Mix((0.5, 0.5), 0.5, "x+0.50"),
        Mix((0.0, 1.0), 1.0, "x+1.00"), Mix((-0.5, 1.5), 1.5, "x+1.50"))
    assert mixes(Settings(x=(1.0, 0.25)), 2) == at([0.25, 1.0])


@given(AMOUNTS)
def test_amounts_come_back_with_ends_that_are_the_clips(amounts: list[float]) -> None:
    for x, mix in zip(amounts, at(amounts), strict=True):
        assert mix.weights == (1.0 - x, x) and mix.x == x
        assert math.fsum(mix.weights) == pytest.approx(1.0, abs=1e-15)
    assert at([0.0])[0].weights == (1.0, 0.0) and at([1.0])[0].weights == (0.0, 1.0)


def test_even_distance_starts_from_even_steps() -> None:
    assert mixes(Settings(steps=11, spacing="even-distance"), 2) == mixes(Settings(steps=11), 2)


@pytest.mark.parametrize("curve", [((0.0, 0.0), (1.0, 1.0)), ((0.0, 0.5),), ((0.0, 0.5), (1.0, 0.5))])
def test_a_curve_is_one_stem_also_where_it_never_moves(curve: tuple[tuple[float, float], ...]) -> None:
    assert mixes(Settings(curve=curve), 2) == (Mix(None, None, "curve"),)


def test_level_and_pitch_of_their_own_change_no_mix() -> None:
    level = Settings(steps=3, x_level=((0.0, 1.0),), x_pitch=((0.0, 0.0), (1.0, 1.0)))
    assert mixes(level, 2) == mixes(Settings(steps=3), 2)


# ---------------------------------------------------------------- weights


def test_weights_stay_in_their_order() -> None:
    rows = ((0.5, 0.25, 0.25), (1.0, 0.0, 0.0), (1.25, -0.25, 0.0))
    made = mixes(Settings(weights=rows), 3)
    assert [mix.weights for mix in made] == list(rows) and all(mix.x is None for mix in made)
    assert [mix.label for mix in made] == ["w+0.50+0.25+0.25", "w+1.00+0.00+0.00", "w+1.25-0.25+0.00"]


def test_weights_of_two_clips_have_an_x() -> None:
    assert mixes(Settings(weights=((0.75, 0.25),)), 2) == (Mix((0.75, 0.25), 0.25, "w+0.75+0.25"),)


def test_thirds_are_made_to_sum_to_one() -> None:
    (mix,) = mixes(Settings(weights=((0.33333, 0.33333, 0.33333),)), 3)
    assert mix.weights == pytest.approx((1 / 3, 1 / 3, 1 / 3), abs=1e-12)


@pytest.mark.parametrize(("row", "clips"), [((0.5, 0.5), 3), ((0.5, 0.25, 0.25), 2), ((0.25,) * 4, 3)])
def test_one_weight_for_each_clip(row: tuple[float, ...], clips: int) -> None:
    good = (1.0, *(0.0,) * (clips - 1))
    shown = ", ".join(f"{weight:g}" for weight in row)
    assert wrong(Settings(weights=(good, row)), clips) == \
        f"stem 2 has {len(row)} weights ({shown}) for {clips} clips: give one weight for each clip"


# ---------------------------------------------------------------- grids


def test_the_corners_of_a_grid_are_the_clips() -> None:
    made = mixes(Settings(grid="4x3"), 4)
    assert len(made) == 12
    for number, corner in enumerate((0, 3, 8, 11)):  # rows from the top, each from the left
        assert made[corner].weights == tuple(float(clip == number) for clip in range(4))
    assert [made[corner].label for corner in (0, 3, 8, 11)] == [
        "u+0.00_v+0.00", "u+1.00_v+0.00", "u+0.00_v+1.00", "u+1.00_v+1.00"]
    assert mixes(Settings(grid="3x3"), 4)[4] == Mix((0.25,) * 4, None, "u+0.50_v+0.50")


@settings(deadline=None)
@given(SIZES, SIZES, st.floats(0.0, 1.0))
def test_a_grid_is_bilinear(columns: int, rows: int, beyond: float) -> None:
    made = mixes(Settings(grid=f"{columns}x{rows}", beyond=beyond), 4)
    points = []
    for mix in made:
        assert mix.weights is not None and mix.x is None
        a, b, c, d = mix.weights
        assert a + b + c + d == pytest.approx(1.0, abs=1e-12)
        assert a * d == pytest.approx(b * c, abs=1e-12)  # what makes weights bilinear
        assert not any(math.copysign(1.0, w) < 0.0 for w in mix.weights if w == 0.0)
        points.append((round(c + d, 5), round(b + d, 5)))  # v, u
    assert points == sorted(points)
    for axis, count in ((0, rows), (1, columns)):
        values = sorted({point[axis] for point in points})
        assert len([v for v in values if 0.0 <= v <= 1.0]) == count and 0.0 in values and 1.0 in values
        assert -beyond - 1e-5 <= values[0] and values[-1] <= 1.0 + beyond + 1e-5
        assert values[0] < 1.0 / (count - 1) - beyond + 1e-5, "one more step would fit"


def test_labels_of_a_grid_are_places() -> None:
    labels = [mix.label for mix in mixes(Settings(grid="3x2", beyond=0.5), 4)]
    assert labels == [f"u{u}_v{v}" for v, u in product(("+0.00", "+1.00"), ("-0.50", "+0.00", "+0.50", "+1.00", "+1.50"))]


@pytest.mark.parametrize(("grid", "beyond", "sentence"), [
    ("100x100", 0.5, "grid = '100x100' with beyond = 0.5 makes 39204 stems; the limit is 10000: choose a smaller grid, or go"
                     " less far beyond"),
    ("3x3", 2.0, "grid = '3x3' with beyond = 2 needs weights from -6 to 9; they go from -3 to 4: beyond = 1 is always within"),
])
def test_a_grid_has_limits(grid: str, beyond: float, sentence: str) -> None:
    assert wrong(Settings(grid=grid, beyond=beyond), 4) == sentence
    assert len(mixes(Settings(grid="100x100"), 4)) == 10_000
    assert len(mixes(Settings(grid="3x3", beyond=1.0), 4)) == 49


# ---------------------------------------------------------------- how many clips


@pytest.mark.parametrize(("clips", "sentence"), [
    (0, "0 clips were given: stems are made of 2 to 4"), (1, "1 clip was given: stems are made of 2 to 4"),
    (5, "5 clips were given: stems are made of 2 to 4"),
])
def test_too_few_and_too_many_clips(clips: int, sentence: str) -> None:
    assert wrong(Settings(), clips) == sentence


@pytest.mark.parametrize(("asked", "clips", "sentence"), [
    (Settings(), 3, "3 clips need weights for each stem (for example --weights 0.4,0.3,0.3): x and steps lead from one clip to"
                    " another, give two for them"),
    (Settings(x=(0.5,)), 4, "4 clips need a grid (--grid 3x3, or the preset grid-3x3), or weights for each stem (for example"
                            " --weights 0.4,0.2,0.2,0.2): x and steps lead from one clip to another, give two for them"),
    (Settings(grid="3x3"), 2, "grid = '3x3' has a clip in each of its four corners, and 2 were given: give four clips, or steps"
                              " or x instead of a grid"),
    (Settings(grid="3x3"), 3, "grid = '3x3' has a clip in each of its four corners, and 3 were given: give four clips, or"
                              " weights instead of a grid"),
    (Settings(curve=((0.0, 1.0),)), 3, "curve moves between two clips, and 3 were given: leave it out, or give two clips"),
    (Settings(grid="3x3", x_level=((0.0, 1.0),)), 4,
     "x_level moves between two clips, and 4 were given: leave it out, or give two clips"),
    (Settings(grid="3x3", x_pitch=((0.0, 1.0),)), 4,
     "x_pitch moves between two clips, and 4 were given: leave it out, or give two clips"),
    (Settings(grid="3x3", path="spherical"), 4, "path = 'spherical' leads from one clip to another, and 4 were given: say path"
                                                " = 'linear', or give two clips"),
])
def test_what_does_not_go_with_so_many_clips(asked: Settings, clips: int, sentence: str) -> None:
    assert wrong(asked, clips) == sentence


def test_the_examples_in_sentences_are_right() -> None:
    for clips in (3, 4):
        (text,) = re.findall(r"--weights ([\d.,]+)", wrong(Settings(), clips))
        assert len(mixes(Settings(weights=(tuple(map(float, text.split(","))),)), clips)) == 1


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize(("amounts", "shown"), [
    ([0.125, 0.25], ["+0.125", "+0.250"]),  # exact where three decimals do
    ([1 / 3, 2 / 3], ["+0.33", "+0.67"]),
    ([0.30001, 0.30002], ["+0.30001", "+0.30002"]),  # as many as it takes to tell them apart
    ([-0.0, 1e-4], ["+0.0000", "+0.0001"]),  # no minus before nothing
    ([-1e-12], ["+0.00"]),
])
def test_decimals(amounts: list[float], shown: list[str]) -> None:
    assert [mix.label.removeprefix("x") for mix in at(amounts)] == shown


@given(AMOUNTS)
def test_labels_differ_where_nine_decimals_do(amounts: list[float]) -> None:
    labels = {mix.label for mix in at(amounts)}
    assert len(labels) == len({round(x, MOST_DECIMALS) + 0.0 for x in amounts}) or len(labels) == len(amounts)
    assert all(re.fullmatch(r"x[+-]\d\.\d{2,9}", label) for label in labels)


def test_decimals_of_nothing() -> None:
    assert decimals([], 2) == 2
