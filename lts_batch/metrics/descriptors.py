"""What a moment of sound is like, in four numbers, and how well the moments of a path lie between those of its ends.

Intermediateness after Caetano and Rodet 2013 (Musical Instrument Sound Morphing Guided by Perceptually Motivated Features,
IEEE TASLP 21:8): half-way between two sounds, each feature of the sound should be half-way, too. Features are taken frame by
frame, for those of a whole clip measure its levels more than its timbre. Magnitudes may come from any transform: each band
counts with its power at the logarithm of its centre frequency, whatever the level of the frame.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NAMES = ("centroid", "spread", "flatness", "roll-off")
ROLL_OFF = 0.85  # share of the power below the roll-off
UNITS = np.array([1.0, 1.0, 10.0, 1.0])  # octaves and dB, on one scale: 10 dB of flatness count as much as an octave
FLATNESS_FLOOR = 1e-8  # of the power of the frame: what lies 80 dB below it counts as silence
LEAST_R2 = -2.0  # a pair far off must not rule the mean over all pairs
ATTACK_FROM, ATTACK_TO = 0.2, 0.9  # of the highest value of the envelope
LEAST_ATTACK_SECONDS = 1e-3
COEFFICIENTS = 20  # of the cepstrum, the first (loudness) left out

_STILL = 1e-24  # of the energy of the line: rounding moves by less

Array = NDArray[np.floating]


def described(magnitudes: Array, centres_hz: Array) -> NDArray[np.float64]:
    """Centroid, spread, flatness and roll-off of frames ``[..., frames, bands]``, as ``[4, ..., frames]``.

    With p the power of each band over the power of the frame, and o its centre in octaves above 1 Hz: centroid sum p o,
    spread sqrt(sum p (o - centroid)^2), both in octaves; flatness 10 log10 of the geometric over the arithmetic mean of
    p + 1e-8, in dB; roll-off the o below which 85 % of the power lies, found on a straight line between the centres.
    ``nan`` for silent frames.

    >>> described(np.array([[0.0, 1.0, 0.0, 1.0, 0.0]]), np.array([100.0, 200.0, 400.0, 800.0, 1600.0]))[:2].round(3).tolist()
    [[8.644], [1.0]]
    """
    power = np.square(np.asarray(magnitudes, np.float64))
    total = power.sum(-1, keepdims=True)
    share = np.divide(power, total, out=np.full_like(power, math.nan), where=total > 0.0)
    octaves = np.log2(np.asarray(centres_hz, np.float64))
    centroid = share @ octaves
    spread = np.sqrt(np.maximum(share @ octaves**2 - centroid**2, 0.0))
    floored = share + FLATNESS_FLOOR
    flatness = 10.0 * (np.log10(floored).mean(-1) - np.log10(floored.mean(-1)))
    return np.stack((centroid, spread, flatness, _roll_off(share, octaves)))


def _roll_off(share: Array, octaves: Array) -> Array:
    below = np.cumsum(share, axis=-1)
    place = (below < ROLL_OFF).sum(-1).clip(0, len(octaves) - 1)  # the first band at or past it; 0 for nan
    after = np.take_along_axis(below, place[..., None], -1)[..., 0]
    own = np.take_along_axis(share, place[..., None], -1)[..., 0]
    lower = octaves[np.maximum(place - 1, 0)]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(own > 0.0, (ROLL_OFF - (after - own)) / own, 1.0)
    return np.asarray(np.where(np.isnan(after), math.nan, lower + part.clip(0.0, 1.0) * (octaves[place] - lower)))


def line(values: Array, x: Sequence[float]) -> NDArray[np.float64]:
    """The straight line through the values ``[steps, ...]`` at x = 0 and x = 1, at every x.

    Raises:
        ValueError: there is no step at 0 or 1.

    >>> line(np.array([1.0, 7.0, 3.0]), [0.0, 0.5, 1.0]).tolist()
    [1.0, 2.0, 3.0]
    """
    amounts = np.asarray(x, np.float64)
    if 0.0 not in amounts or 1.0 not in amounts:
        raise ValueError(f"a path is judged by its ends: x must hold 0 and 1, found {list(x)}")
    first, last = values[int(np.argmax(amounts == 0.0))], values[int(np.argmax(amounts == 1.0))]
    return np.asarray(first + amounts.reshape(-1, *[1] * (np.ndim(values) - 1)) * (last - first))


def r_squared(values: Array, x: Sequence[float]) -> float:
    """How well a feature ``[steps, frames]`` lies on a straight line along x, from 1 (it does) down to -2.

    R^2 = 1 - sum (v - line)^2 / sum (line - its mean)^2: sums over all steps within 0..1 and all frames, the line of each
    frame from its value at x = 0 to that at x = 1, and its mean over the steps. ``nan`` where no frame moves.

    >>> r_squared(np.array([[0.0], [1.0], [2.0]]), [0.0, 0.5, 1.0])
    1.0
    >>> r_squared(np.array([[0.0], [0.0], [2.0]]), [0.0, 0.5, 1.0])
    0.5
    """
    inside = within(x)
    values = np.asarray(values, np.float64)[inside]
    straight = line(values, np.asarray(x)[inside].tolist())
    moved = float(np.sum((straight - straight.mean(0)) ** 2))
    if not moved > _STILL * float(np.sum(straight**2)):
        return math.nan
    return max(LEAST_R2, 1.0 - float(np.sum((values - straight) ** 2)) / moved)


def deviation(values: Array, x: Sequence[float]) -> float:
    """Mean absolute distance of a number for each step ``[steps]`` from the straight line between its ends, within 0..1.

    For features of whole clips, which may be the same at both ends: then R^2 has nothing to divide by.

    >>> deviation(np.array([0.0, 0.8, 1.0]), [0.0, 0.5, 1.0])
    0.1
    """
    inside = within(x)
    values = np.asarray(values, np.float64)[inside]
    return round(float(np.mean(np.abs(values - line(values, np.asarray(x)[inside].tolist())))), 12)


def within(x: Sequence[float]) -> NDArray[np.bool_]:
    """Which steps lie between the clips, ends included."""
    amounts = np.asarray(x, np.float64)
    return np.asarray((amounts >= 0.0) & (amounts <= 1.0))


def log_attack_time(envelope: Array, rate_hz: float) -> float:
    """log10 of the seconds that an envelope ``[n]`` takes from 20 % of its highest value to 90 %, at least 1 ms.

    After Peeters 2004 (A large set of audio features, 6.1): from the first moment it reaches either; moments lie on straight
    lines between the values. ``nan`` for silence.

    >>> round(log_attack_time(np.linspace(0.0, 1.0, 1001), 1000.0), 3)  # 0.7 s
    -0.155
    """
    envelope = np.asarray(envelope, np.float64)
    top = float(envelope.max(initial=0.0))
    if not top > 0.0:
        return math.nan
    times = [_reaches(envelope, share * top) for share in (ATTACK_FROM, ATTACK_TO)]
    return math.log10(max((times[1] - times[0]) / rate_hz, LEAST_ATTACK_SECONDS))


def _reaches(envelope: Array, height: float) -> float:
    """The place, in values, at which an envelope first reaches a height."""
    place = int(np.argmax(envelope >= height))
    if place == 0:
        return 0.0
    before = float(envelope[place - 1])
    return place - 1.0 + (height - before) / (float(envelope[place]) - before)


def direction(first: Array, last: Array, further: Array) -> float:
    """The cosine between the way from ``first`` to ``last`` and the way on from ``last`` to ``further``; any one shape.

    1: a step beyond the end goes on as the path went; 0: it goes somewhere else; -1: it turns back. ``nan`` where one of
    the ways is none.

    >>> direction(np.array([0.0, 0.0]), np.array([1.0, 1.0]), np.array([2.0, 2.0])).__round__(6)
    1.0
    """
    ways = [np.ravel(np.asarray(b, np.float64) - np.asarray(a, np.float64)) for a, b in ((first, last), (last, further))]
    lengths = [float(np.linalg.norm(way)) for way in ways]
    return float(ways[0] @ ways[1]) / (lengths[0] * lengths[1]) if min(lengths) > 0.0 else math.nan


def correspondence(middle: Array, first: Array, last: Array) -> float:
    """|d1 / (d1 + d2) - 1/2| for the mel-cepstral distances d1, d2 of the middle step from both ends: 0 is half-way.

    Args: log-mel spectra in dB ``[frames, bands]`` of one shape. A distance is the mean over frames of the Euclidean distance
    of coefficients 1 to 20 (the cosine transform of the spectrum; coefficient 0, the loudness, is left out). Plain averaging
    makes this small, too, so it says little alone. ``nan`` where nothing differs.
    """
    from scipy.fft import dct  # slow to import

    one, two, three = (dct(np.asarray(part, np.float64), norm="ortho", axis=-1)[..., 1:COEFFICIENTS + 1]
                       for part in (first, middle, last))
    near, far = (float(np.linalg.norm(two - end, axis=-1).mean()) for end in (one, three))
    return abs(near / (near + far) - 0.5) if near + far > 0.0 else math.nan
