"""How long a stem is, and which moment of each clip it takes its sound from.

Times are in samples at the output rate. A warp maps a time of the stem to a time of a clip; before the start and past
the end it goes on at unit rate, so that rings and tails are not stretched. Where attacks or beats are to meet they are
the anchors of the warps: clip i has them at ``a[i, k]``, a stem with weights w at ``s[k] = sum_i w[i] a[i, k]``, as its
duration is ``sum_i w[i] d[i]``. Around an anchor a clip runs in its own time; what is stretched lies between.
"""

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BEFORE_SECONDS, AFTER_SECONDS = 0.010, 0.030  # around an anchor, in the clip's own time
STEEPEST = 8.0  # warps with anchors are no steeper, and no flatter than 1/8

_SAME_SAMPLES = 1e-6

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Warp:
    """A piecewise linear map from stem time to clip time, both rising: at least two knots each.

    The knots of a periodic warp make one round: it goes on with ``warp(t + stem round) = warp(t) + clip round``.
    """

    stem: tuple[float, ...]
    clip: tuple[float, ...]
    periodic: bool = False

    @property
    def is_identity(self) -> bool:
        """Whether the clip runs in its own time: then its own frames and phase are used, to the bit."""
        return self.stem == self.clip

    @property
    def speed(self) -> float:
        """How fast clip time passes, all in all."""
        return (self.clip[-1] - self.clip[0]) / (self.stem[-1] - self.stem[0])

    @property
    def back(self) -> "Warp":
        """The map from clip time to stem time."""
        return Warp(self.clip, self.stem, self.periodic)

    def __call__(self, times: Times) -> Times:
        """Clip times for stem times ``[n]``."""
        if self.is_identity:
            return np.array(times, dtype=np.float64)
        if self.periodic:
            turns = np.floor((times - self.stem[0]) / (self.stem[-1] - self.stem[0]))
            inside = np.interp(times - turns * (self.stem[-1] - self.stem[0]), self.stem, self.clip)
            return np.asarray(inside + turns * (self.clip[-1] - self.clip[0]))
        inside = np.interp(times, self.stem, self.clip)
        before = np.minimum(times - self.stem[0], 0.0)
        after = np.maximum(times - self.stem[-1], 0.0)
        return np.asarray(inside + before + after)

    def speeds(self, times: Times) -> Times:
        """How fast clip time passes at stem times ``[n]``, which are evenly spaced: the mean from half a step before each to
        half a step after."""
        half = (times[-1] - times[0]) / max(1, len(times) - 1) / 2.0 or 0.5
        return (self(times + half) - self(times - half)) / (2.0 * half)


@dataclass(frozen=True)
class Anchors:
    """Moments that meet: ``times`` rising in each clip ``[clips, n]``, and what they weigh where not all can ``[n]``."""

    times: Times
    strengths: Times


@dataclass(frozen=True)
class Layout:
    """How the clips lie in a stem: its length, a warp for each clip, and where in the stem anchors meet ``[n]``."""

    samples: int
    warps: tuple[Warp, ...]
    anchors: tuple[float, ...] = ()


# ---------------------------------------------------------------- lengths and warps


def laid_out(lengths: Sequence[int], align: str) -> tuple[int, ...]:
    """Lengths of the clips as they go into the layout.

    Under ``trim`` all are cut to the shortest. Under ``pad`` and ``loop`` all are as long as the longest: those that are
    shorter are followed by silence under ``pad``, and go round and round under ``loop``, each after its own length. Thus
    all have one length, and every clip its own time in every stem.

    >>> laid_out((100, 300, 200), "trim"), laid_out((100, 300, 200), "onsets")
    ((100, 100, 100), (100, 300, 200))
    """
    if align == "trim":
        return (min(lengths),) * len(lengths)
    if align in ("pad", "loop"):
        return (max(lengths),) * len(lengths)
    return tuple(lengths)


def stretch(stem_length: int, clip_length: int, *, periodic: bool = False) -> Warp:
    """The uniform warp that lays a whole clip over a whole stem."""
    return Warp((0.0, float(stem_length)), (0.0, float(clip_length)), periodic)


def layout(lengths: Sequence[int], weights: Sequence[float] | None, sample_rate: int, *, length: str = "interpolate",
           anchors: Anchors | None = None, round: bool = False) -> Layout:
    """Length of a stem and the warps onto its clips.

    Args:
        lengths: of the clips, laid out.
        weights: of the clips, 0 to 1 and 1 in sum; None for a curve, which has the time of clip 1.
        length: ``interpolate``, ``first``, ``second`` or ``longest``: what is not interpolated is scaled to fit.
        anchors: what meets; those that would bend a warp too much are left out, the weakest first.
        round: all clips are seamless loops, and so is the stem.

    >>> layout((100, 200), (0.5, 0.5), 44100).samples, layout((100, 200), None, 44100).samples
    (150, 100)
    """
    shares = np.eye(len(lengths))[0] if weights is None else np.asarray(weights, dtype=np.float64)
    natural = float((shares * np.asarray(lengths)).sum())
    samples = {"first": lengths[0], "second": lengths[1], "longest": max(lengths)}.get(length, int(natural + 0.5))
    rows = np.zeros((1 + len(lengths), 0))  # [stem and clips, n]
    if anchors is not None:
        scale = 1.0 if length == "interpolate" else samples / natural
        rows = np.concatenate(((shares[:, None] * anchors.times).sum(axis=0, keepdims=True) * scale, anchors.times))
        rows = rows[:, compatible(rows, anchors.strengths, sample_rate, (samples, *lengths) if round else None)]
    if not rows.size:
        return Layout(samples, tuple(stretch(samples, one, periodic=round) for one in lengths))
    warps = tuple(_through(rows[0], row, (samples, one), sample_rate, round)
                  for row, one in zip(rows[1:], lengths, strict=True))
    return Layout(samples, warps, tuple(rows[0].tolist()))


def _own_time(gaps: Times, wanted: float) -> float:
    """How much of a gap can pass at unit rate, so that what is left is not too steep or flat to join it up again.

    Args:
        gaps: the gap in the stem and in the clips.
        wanted: how much there should be; less than half of it is nothing.
    """
    least, most = float(np.min(gaps)), float(np.max(gaps))
    found = min(wanted, 0.9 * least, (STEEPEST * least - most) / (STEEPEST - 1.0))
    return found if found >= wanted / 2.0 else 0.0


def compatible(rows: Times, strengths: Times, sample_rate: int, rounds: Sequence[int] | None = None) -> NDArray[np.bool_]:
    """Which anchors go together without bending time too much: the strongest first, each that leaves room to those before.

    Args:
        rows: times of the anchors in several clips (and perhaps a stem) ``[rows, n]``.
        rounds: lengths of the rows where time goes round.

    Returns:
        ``[n]``.
    """
    wanted = (BEFORE_SECONDS + AFTER_SECONDS) * sample_rate
    kept: list[int] = []
    for one in np.argsort(-strengths, kind="stable").tolist():
        place = bisect.bisect(kept, one)
        trial = [*kept[:place], one, *kept[place:]]
        gaps = [rows[:, trial[n + 1]] - rows[:, trial[n]] for n in (place - 1, place) if 0 <= n < len(trial) - 1]
        if rounds is not None:
            gaps.append(rows[:, trial[0]] + np.asarray(rounds) - rows[:, trial[-1]])
        if all(_own_time(gap, wanted) for gap in gaps):
            kept = trial
    return np.isin(np.arange(rows.shape[1]), kept)


def _through(stem: Times, clip: Times, lengths: tuple[int, int], sample_rate: int, periodic: bool) -> Warp:
    """The warp through anchors (times in stem and clip) with unit rate around each.

    A gap is divided into time after the anchor before it, stretched time, and time before the anchor that follows. Where
    there is no room for that between an anchor and an end, the clip goes on at unit rate there: silence comes in, or what
    is too much falls away.
    """
    before, after = BEFORE_SECONDS * sample_rate, AFTER_SECONDS * sample_rate
    stem = np.where(np.abs(stem - clip) < _SAME_SAMPLES, clip, stem)  # rounding is no reason to leave a clip's own time
    gaps = np.stack((np.diff(stem), np.diff(clip)), axis=1)
    if periodic:
        turn = np.array([[stem[0] + lengths[0] - stem[-1], clip[0] + lengths[1] - clip[-1]]])
        shares = np.array([_own_time(gap, before + after) for gap in (*turn, *gaps, *turn)]) / (before + after)
        befores, afters = before * shares[:-1], after * shares[1:]
        first, last = [], [(stem[0] - befores[0] + lengths[0], clip[0] - befores[0] + lengths[1])]
    else:
        shares = np.array([_own_time(gap, before + after) for gap in gaps]) / (before + after)
        lead = _own_time(np.array([stem[0], clip[0]]), before)
        rest = _own_time(np.array([lengths[0] - stem[-1], lengths[1] - clip[-1]]), after)
        befores, afters = np.array([lead or before, *before * shares]), np.array([*after * shares, rest or after])
        first, last = [(0.0, 0.0)] * bool(lead), [(float(lengths[0]), float(lengths[1]))] * bool(rest)
    around = [[(s - b, a - b), (s, a), (s + f, a + f)] for s, a, b, f in zip(stem, clip, befores, afters, strict=True)]
    knots = [*first, *itertools.chain.from_iterable(around), *last]
    return Warp(tuple(float(s) for s, _ in knots), tuple(float(a) for _, a in knots), periodic)
