"""Whether a clip is a seamless loop: does its end run into its start?

The ear notices a seam where sound does something there that it does nowhere else. So a linear predictor (24 coefficients,
least squares over 50 ms, forwards and backwards alike: the modified covariance method of Marple 1980) is asked what comes
next, over the seam and in many places inside the clip. The seam passes if it is no more of a surprise than the worst
place inside: a kick on the first sample is none in a loop that has other kicks, a cut tone is, and in noise nothing is.
It is asked in both directions, for a sound that breaks off is only a surprise when heard backwards.
"""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lts_batch.files.sources import Source

LEAST_SECONDS = 0.25  # shorter clips have no inside to compare with
SILENT_DB = -60.0  # under the clip's peak: an end like that could belong to anything
DIP_DB = 10.0  # how far the end may lie under the quietest place inside: fades go below that
MARGIN_DB = 4.0  # how much more of a surprise than any place that was looked at the seam may be

_ENOUGH_HZ = 16000  # higher rates are averaged down towards this
_COEFFICIENTS = 24
_LEARNT_SECONDS, _PREDICTED_SECONDS, _CLICK_SECONDS, _END_SECONDS = 0.050, 0.020, 0.0015, 0.010
_PLACES, _PLACE_SECONDS, _STEP_SECONDS = 24, 0.32, 0.020  # looked at inside: all of a clip of up to eight seconds
_JUMPS, _SPREAD = 24, 24  # how many places inside are looked at
_TOGETHER = 8  # of those: most loops are told by the first few
_SLACK = 1e-6  # of the power: what is off by less is not heard
_FLOOR_DB = -100.0  # of the clip's peak: likewise
_LEAST_DB, _MOST_DB = 3.0, 30.0  # smaller surprises are always allowed; larger ones are attacks, all alike

Array = NDArray[np.float64]


def is_seamless(source: Source) -> bool:
    """Whether a clip can go round and round without its seam being heard.

    Only the ends and a few dozen places inside are read, the same ones each time. Clips under a quarter of a second, and
    clips that end in silence, are not taken for loops.
    """
    if source.samples < LEAST_SECONDS * source.sample_rate:
        return False
    averaged = max(1, source.sample_rate // _ENOUGH_HZ)
    rate_hz = source.sample_rate / averaged
    learnt, predicted, end = (round(seconds * rate_hz) for seconds in (_LEARNT_SECONDS, _PREDICTED_SECONDS, _END_SECONDS))
    reach = (learnt + predicted) * averaged
    ends = np.concatenate((source.read(source.samples - reach, reach), source.read(0, reach)), axis=1)
    seam = _average(ends, averaged)
    inside = [_average(part, averaged) for part in _places(source)]
    powers = [np.square(part).mean(axis=0) for part in inside]
    peak = max(float(power.max()) for power in (np.square(seam).mean(axis=0), *powers))
    step = round(_STEP_SECONDS * rate_hz)
    firsts = [np.arange(predicted, part.shape[1] - learnt - predicted + 1, step) for part in inside]

    tail = float(np.square(seam[:, learnt + predicted - end:learnt + predicted]).mean())
    sums = [np.concatenate(([0.0], np.cumsum(power))) for power in powers]
    quietest = min(float(_means(one, some + learnt - end, end).min()) for one, some in zip(sums, firsts, strict=True))
    if tail <= peak * 10.0 ** (SILENT_DB / 10.0) or tail < quietest * 10.0 ** (-DIP_DB / 10.0):
        return False
    floor = peak * 10.0 ** (_FLOOR_DB / 10.0)
    over = _surprises(np.stack((seam[:, :-learnt], seam[:, learnt:])), rate_hz, floor)
    over = np.minimum(np.stack((over[0, 0], over[1, 1])), _MOST_DB)  # from the end forwards, and from the start backwards
    worst, telling = np.full(over.shape, _LEAST_DB), _telling(sums, firsts, learnt, predicted)
    for some in range(0, len(telling), _TOGETHER):
        if (over <= worst + MARGIN_DB).all():
            return True
        pieces = [inside[place][:, first - predicted:first + learnt + predicted]
                  for place, first in telling[some:some + _TOGETHER]]
        worst = np.maximum(worst, _surprises(np.stack(pieces), rate_hz, floor).max(axis=0))
    return bool((over <= worst + MARGIN_DB).all())


def _telling(sums: list[Array], firsts: list[NDArray[np.int64]], learnt: int, predicted: int) -> list[tuple[int, int]]:
    """Where to look inside (part, sample), the places likeliest to surprise first: where loudness jumps most, up or down.
    After those come places all over the clip."""
    places = [(place, int(first)) for place, some in enumerate(firsts) for first in some]
    before, after = (1e-30 + np.concatenate([_means(one, some + shift, predicted)
                                             for one, some in zip(sums, firsts, strict=True)])
                     for shift in (learnt - predicted, learnt))
    by_jump = np.argsort(before / after, kind="stable")
    jumps = np.stack((by_jump, by_jump[::-1]), axis=1).reshape(-1)[:_JUMPS]  # up, down, up, down
    spread = np.arange(0, len(places), max(1, len(places) // _SPREAD))
    return [places[n] for n in dict.fromkeys((*jumps.tolist(), *spread.tolist()))]


def _places(source: Source) -> Iterator[NDArray[np.float32]]:
    """Parts of the inside of a clip ``[channels, samples]``: all of it if it is short."""
    span = round((_PLACE_SECONDS + _LEARNT_SECONDS + 2 * _PREDICTED_SECONDS) * source.sample_rate)
    if source.samples <= _PLACES * span:
        yield source.read(0, source.samples)
        return
    for start in np.sort(np.random.default_rng(0).integers(0, source.samples - span, _PLACES)):
        yield source.read(int(start), span)


def _average(samples: NDArray[np.float32], averaged: int) -> Array:
    """Samples at a lower rate, by means of as many; what does not fill a mean at the end falls away."""
    whole = samples[:, :samples.shape[1] // averaged * averaged]
    # a sum of a few long rows takes a ninth of the time of a mean of many short ones
    return np.asarray(sum(whole[:, first::averaged].astype(np.float64) for first in range(averaged))) / averaged


def _means(sums: Array, starts: NDArray[np.int64], count: int) -> Array:
    """The mean of ``count`` values from each start on, from the sums of all values before each."""
    return np.asarray(np.maximum(sums[starts + count] - sums[starts], 0.0) / count)


def _surprises(pieces: Array, rate_hz: float, floor: float) -> Array:
    """How much larger the errors of a predictor are beyond the stretch it learnt from than within, in dB.

    Args:
        pieces: stretches of 50 ms, with 20 ms before and after each ``[k, channels, samples]``.
        floor: power of errors that do not count.

    Returns:
        ``[k, 2, 2]``: after the stretch and before it (in reversed time); for the worst click and for all 20 ms.
    """
    learnt, predicted, click = (round(s * rate_hz) for s in (_LEARNT_SECONDS, _PREDICTED_SECONDS, _CLICK_SECONDS))
    click, order = max(1, click), min(_COEFFICIENTS, learnt // 4)
    known = learnt - order  # windows of order + 1 samples in a stretch
    stretch = pieces[:, :, predicted:predicted + learnt]

    # products of the samples i and j of a window, summed over windows: one on each is the same sum a window later
    lagged = np.ascontiguousarray(sliding_window_view(stretch, known, axis=2))  # [k, channels, order + 1, known]
    products = np.empty((len(pieces), order + 1, order + 1))
    products[:, 0] = products[:, :, 0] = (lagged @ lagged[:, :, 0, :, None])[..., 0].sum(axis=1)
    begins, ends = stretch[:, :, :order], stretch[:, :, known:]
    later = ends.swapaxes(1, 2) @ ends - begins.swapaxes(1, 2) @ begins
    for i in range(order):
        products[:, i + 1, 1:] = products[:, i, :-1] + later[:, i]
    products = products + products[:, ::-1, ::-1]  # the same in reversed time
    count = 2.0 * known * pieces.shape[1]

    power = products[:, order, order] / count
    ridge = _SLACK * np.trace(products[:, :order, :order], axis1=1, axis2=2) / order + 1e-30
    taps = np.linalg.solve(products[:, :order, :order] + ridge[:, None, None] * np.eye(order), products[:, :order, order:])
    error = np.concatenate((-taps, np.ones_like(taps[:, :1])), axis=1)  # what is off at the end of a window [k, order + 1, 1]
    allowed = (error.swapaxes(1, 2) @ products @ error)[:, 0, 0] / count + _SLACK * power + floor
    after = sliding_window_view(pieces[:, :, predicted + known:], order + 1, axis=2) @ error[:, None]
    before = sliding_window_view(pieces[:, :, :predicted + order], order + 1, axis=2) @ error[:, None, ::-1]
    powers = np.square(np.stack((after, before[:, :, ::-1]), axis=1)[..., 0]).mean(axis=2)  # [k, 2, predicted]
    clicks = powers[:, :, :predicted // click * click].reshape(len(pieces), 2, -1, click).mean(axis=3)
    found = np.stack((clicks.max(axis=2), powers.mean(axis=2)), axis=2)
    return np.asarray(10.0 * np.log10(np.maximum(found, 1e-30) / np.maximum(allowed, 1e-30)[:, None, None]))
