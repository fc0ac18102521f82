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
    quietest = min(float(_means(power, some + learnt - end, end).min()) for power, some in zip(powers, firsts, strict=True))
    if tail <= peak * 10.0 ** (SILENT_DB / 10.0) or tail < quietest * 10.0 ** (-DIP_DB / 10.0):
        return False
    floor = peak * 10.0 ** (_FLOOR_DB / 10.0)
    over = _surprises(seam, np.array([predicted, learnt + predicted]), rate_hz, floor)
    over = np.minimum(np.stack((over[0, 0], over[1, 1])), _MOST_DB)  # from the end forwards, and from the start backwards
    worst = np.full(over.shape, _LEAST_DB)
    for place, first in _telling(powers, firsts, learnt, predicted):
        if (over <= worst + MARGIN_DB).all():
            return True
        worst = np.maximum(worst, _surprises(inside[place], np.array([first]), rate_hz, floor)[0])
    return bool((over <= worst + MARGIN_DB).all())


def _telling(powers: list[Array], firsts: list[NDArray[np.int64]], learnt: int, predicted: int) -> list[tuple[int, int]]:
    """Where to look inside (part, sample), the places likeliest to surprise first: where loudness jumps most, up or down.
    After those come places all over the clip."""
    places = [(place, int(first)) for place, some in enumerate(firsts) for first in some]
    before, after = (1e-30 + np.concatenate([_means(power, some + shift, predicted)
                                             for power, some in zip(powers, firsts, strict=True)])
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
    return np.asarray(whole.reshape(samples.shape[0], -1, averaged).mean(axis=2, dtype=np.float64))


def _means(values: Array, starts: NDArray[np.int64], count: int) -> Array:
    """The mean of ``count`` values from each start on."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    return np.asarray(np.maximum(sums[starts + count] - sums[starts], 0.0) / count)


def _surprises(values: Array, firsts: NDArray[np.int64], rate_hz: float, floor: float) -> Array:
    """How much larger the errors of a predictor are beyond the stretch it learnt from than within, in dB.

    Args:
        values: ``[channels, n]``.
        firsts: where stretches of 50 ms begin ``[k]``; 20 ms before and after each must be there.
        floor: power of errors that do not count.

    Returns:
        ``[k, 2, 2]``: after the stretch and before it (in reversed time); for the worst click and for all 20 ms.
    """
    learnt, predicted, click = (round(s * rate_hz) for s in (_LEARNT_SECONDS, _PREDICTED_SECONDS, _CLICK_SECONDS))
    click, order = max(1, click), min(_COEFFICIENTS, learnt // 4)
    windows = sliding_window_view(values, order + 1, axis=1)  # [channels, n - order, order + 1], in rising time
    out = np.empty((len(firsts), 2, 2))
    for row, first in enumerate(firsts):
        known = windows[:, first:first + learnt - order].reshape(-1, order + 1)
        products = known.T @ known
        products += products[::-1, ::-1]  # the same in reversed time
        power = products[order, order] / len(known) / 2.0
        ridge = _SLACK * np.trace(products[:order, :order]) / order + 1e-30
        taps = np.linalg.solve(products[:order, :order] + ridge * np.eye(order), products[:order, order])
        error = np.concatenate((-taps, [1.0]))  # what is off at the end of a window
        allowed = error @ products @ error / len(known) / 2.0 + _SLACK * power + floor
        after = windows[:, first + learnt - order:first + learnt - order + predicted] @ error
        before = (windows[:, first - predicted:first] @ error[::-1])[:, ::-1]
        for direction, errors in enumerate((after, before)):
            powers = np.square(errors).mean(axis=0)
            clicks = powers[:predicted // click * click].reshape(-1, click).mean(axis=1)
            out[row, direction] = 10.0 * np.log10(np.maximum((clicks.max(), powers.mean()), 1e-30) / max(allowed, 1e-30))
    return out
