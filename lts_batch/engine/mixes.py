"""What each stem is made of: how much of which clip, and a short word for it.

Two clips are mixed by an amount x or along a curve; up to four by weights that sum to 1, given one by one or by a grid.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lts_batch.errors import SettingsError
from lts_batch.settings import CURVES, FIELDS, LEAST_CLIPS, MOST_CLIPS, Settings, even_steps

MOST_STEMS = 10_000
MOST_DECIMALS = 9
_CORNERS = 4
_EXAMPLES = {3: "0.4,0.3,0.3", 4: "0.4,0.2,0.2,0.2"}


@dataclass(frozen=True)
class Mix:
    """What one stem is made of.

    Attributes:
        weights: of each clip in its order, summing to 1, outside 0..1 beyond the clips; None where a curve moves them.
        x: the amount between two clips; None for a curve, and for more clips.
        label: what tells the stem from the others of its set, legal in file names: ``x+0.30``, ``u+0.00_v+0.50``.
    """

    weights: tuple[float, ...] | None
    x: float | None
    label: str


def mixes(settings: Settings, clips: int) -> tuple[Mix, ...]:
    """The mix of each stem in the order of the stems: x rising, weights as given, the rows of a grid from the top.

    With ``spacing = even-distance`` these are the even steps that the search for better ones starts from.

    Args:
        clips: how many there are.

    Raises:
        SettingsError: the settings do not say how to mix so many.

    >>> [mix.label for mix in mixes(Settings(steps=3), 2)]
    ['x+0.00', 'x+0.50', 'x+1.00']
    >>> mixes(Settings(grid="3x2"), 4)[1].weights
    (0.5, 0.5, 0.0, 0.0)
    """
    if not LEAST_CLIPS <= clips <= MOST_CLIPS:
        raise SettingsError(f"{clips} clip{'s were' if clips != 1 else ' was'} given: stems are made of {LEAST_CLIPS} to"
                            f" {MOST_CLIPS}")
    if clips > LEAST_CLIPS:
        _refuse_what_takes_two(settings, clips)
    if settings.weights is not None:
        return _weighted(settings.weights, clips)
    if settings.grid is not None:
        return _grid(settings, clips)
    if clips > LEAST_CLIPS:
        grid = "a grid (--grid 3x3, or the preset grid-3x3), or " if clips == _CORNERS else ""
        raise SettingsError(f"{clips} clips need {grid}weights for each stem (for example --weights {_EXAMPLES[clips]}):"
                            " x and steps lead from one clip to another, give two for them")
    return (Mix(None, None, "curve"),) if settings.curve is not None else at(settings.amounts())


def at(amounts: Sequence[float]) -> tuple[Mix, ...]:
    """Stems between two clips at amounts x, in their order.

    >>> at([0.0, 0.3])[1]
    Mix(weights=(0.7, 0.3), x=0.3, label='x+0.30')
    """
    places = decimals([(x,) for x in amounts], 2)
    return tuple(Mix((1.0 - x, x), x, f"x{signed(x, places)}") for x in amounts)


def decimals(rows: Sequence[tuple[float, ...]], least: int) -> int:
    """Decimals enough that no two rows of numbers look alike, and up to 3 where that says them exactly.

    >>> decimals([(0.5,), (0.25,)], 1), decimals([(0.125,)], 2), decimals([(1 / 3,)], 2)
    (2, 3, 2)
    """
    wanted = len(set(rows))
    apart = [d for d in range(least, MOST_DECIMALS + 1)
             if len({tuple(round(x, d) + 0.0 for x in row) for row in rows}) == wanted]
    exact = [d for d in apart if d <= 3 and all(abs(round(x, d) - x) < 1e-9 for row in rows for x in row)]
    return (exact or apart or [MOST_DECIMALS])[0]


def signed(value: float, places: int) -> str:
    """A number with its sign, never -0.

    >>> signed(0.3, 2), signed(-0.001, 2)
    ('+0.30', '+0.00')
    """
    return f"{round(value, places) + 0.0:+.{places}f}"


def _refuse_what_takes_two(settings: Settings, clips: int) -> None:
    for name in CURVES:
        if getattr(settings, name) is not None:
            raise SettingsError(f"{name} moves between two clips, and {clips} were given: leave it out, or give two clips")
    if settings.path == "spherical":
        raise SettingsError(f"path = 'spherical' leads from one clip to another, and {clips} were given: say path = 'linear',"
                            " or give two clips")


def _weighted(rows: Sequence[tuple[float, ...]], clips: int) -> tuple[Mix, ...]:
    for number, row in enumerate(rows, 1):
        if len(row) != clips:
            raise SettingsError(f"stem {number} has {len(row)} weights ({', '.join(f'{w:g}' for w in row)}) for {clips} clips:"
                                " give one weight for each clip")
    sums = [round(math.fsum(row), 9) for row in rows]  # a hair off 1 where thirds were written
    rows = [tuple(w / total for w in row) for row, total in zip(rows, sums, strict=True)]
    places = decimals(rows, 2)
    return tuple(Mix(row, row[1] if clips == LEAST_CLIPS else None, "w" + "".join(signed(w, places) for w in row))
                 for row in rows)


def _grid(settings: Settings, clips: int) -> tuple[Mix, ...]:
    """Clip 1 at the top left (u = 0, v = 0), 2 at the top right (1, 0), 3 at the bottom left (0, 1), 4 opposite of 1."""
    if clips != _CORNERS:
        raise SettingsError(f"grid = {settings.grid!r} has a clip in each of its four corners, and {clips} were given: give"
                            f" four clips, or {'steps or x' if clips == LEAST_CLIPS else 'weights'} instead of a grid")
    across, down = (even_steps(count, settings.beyond) for count in settings.grid_size())
    if len(across) * len(down) > MOST_STEMS:
        raise SettingsError(f"grid = {settings.grid!r} with beyond = {settings.beyond:g} makes {len(across) * len(down)} stems;"
                            f" the limit is {MOST_STEMS}: choose a smaller grid, or go less far beyond")
    points = [(u, v) for v in down for u in across]
    rows = [tuple(w + 0.0 for w in ((1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v)) for u, v in points]
    least, most = FIELDS["weights"].metadata["least"], FIELDS["weights"].metadata["most"]
    lowest, highest = min(map(min, rows)), max(map(max, rows))
    if lowest < least or highest > most:
        raise SettingsError(f"grid = {settings.grid!r} with beyond = {settings.beyond:g} needs weights from {lowest:g} to"
                            f" {highest:g}; they go from {least:g} to {most:g}: beyond = 1 is always within")
    places = decimals(points, 2)
    return tuple(Mix(row, None, f"u{signed(u, places)}_v{signed(v, places)}")
                 for row, (u, v) in zip(rows, points, strict=True))
