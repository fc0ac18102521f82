"""Nothing sounds before an attack that did not sound before it in the clips.

Magnitudes of a few milliseconds are changed in frames whose windows last longer, in the bass above all; so what they hold of
an attack would leak out before it. The clips themselves say how much may sound there: short-time energy before the attack over
that after it, of the clip where that is most. What is more is turned down, as the gain control of audio codecs does it (Link
1993); the attack and all that follows stay as they are.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from lts_batch.engine import targets
from lts_batch.engine.planning import Plan

BEFORE_SECONDS, AFTER_SECONDS = 0.060, 0.020  # looked at around an attack
STEP_SECONDS = 0.00035  # energies are taken in steps of about that
SMOOTH_STEPS = 3  # and smoothed over a millisecond
LEEWAY_DB = 1.5  # more than in the clips: no two sounds are measured that closely
LEAST_DB = -60.0  # under the attack: no lower than that is anything turned down to
AUDIBLE_DB = -50.0  # under its peak: a clip quieter than that after an attack has no say
SAME_SECONDS = 0.003  # attacks of several clips at one place
_SHARE = 0.02  # clips with less have no say
_REACH = 2  # steps more are read, so that smoothing knows what lies around

Audio = NDArray[np.float32]


def guard(plan: Plan, number: int, samples: Audio, start: int) -> Audio:
    """A slice ``[channels, samples]`` of stem ``number`` from its sample ``start`` on, quiet before its attacks."""
    moments = _moments(plan, number, start, start + samples.shape[1])
    if not len(moments):
        return samples
    gain = np.ones(samples.shape[1])
    for moment in moments.tolist():
        _lower(plan, number, samples, start, moment, gain)
    return samples if (gain == 1.0).all() else np.asarray(samples * gain, dtype=np.float32)


def _moments(plan: Plan, number: int, start: int, stop: int) -> NDArray[np.float64]:
    """Attacks of the clips in the stem's time, those that meet once; of a loop also those of the rounds before and after."""
    found = []
    for clip, warp, own in zip(plan.clips, plan.stems[number].warps, plan.locks, strict=True):
        grid = np.arange(start, stop, 32.0)  # a warp rises, so that it can be read backwards
        times = warp(grid)
        turns = (-1, 0, 1) if plan.round else (0,)
        attacks = np.concatenate([own + turn * clip.slices.samples for turn in turns])
        inside = attacks[(attacks >= times[0]) & (attacks <= times[-1])]
        found.append(np.interp(inside, times, grid))
    moments = np.sort(np.concatenate(found))
    if not plan.round:
        moments = moments[(moments > 0.0) & (moments < plan.stems[number].samples)]
    return moments[np.diff(moments, prepend=-np.inf) > SAME_SECONDS * plan.sample_rate]


def _lower(plan: Plan, number: int, samples: Audio, start: int, moment: float, gain: NDArray[np.float64]) -> None:
    rate, stem = plan.sample_rate, plan.stems[number]
    step = max(1, round(STEP_SECONDS * rate))
    # steps are counted from the attack in both directions
    before = min(round(BEFORE_SECONDS * rate), round(moment) - start) // step
    after = min(round(AFTER_SECONDS * rate), start + samples.shape[1] - round(moment)) // step
    if before < 1 or after < 1:
        return
    first = round(moment) - before * step
    times = first + (np.arange(before + after) + 0.5) * step  # in the middle of the steps
    weights = targets.amounts(plan, stem, times)
    pure = np.zeros(len(times), dtype=bool)
    if plan.settings.detail == 1.0 and plan.settings.phase == "source":
        pure = weights.pure.any(0).cpu().numpy()
    if pure[:before].all():
        return
    shares = weights.shares[:, before].tolist()
    mine = _smoothed(_energies(samples[:, first - start:first - start + len(times) * step], step))
    allowed = np.full(before, 10.0 ** (LEAST_DB / 10.0))
    for clip, warp, share in zip(plan.clips, stem.warps, shares, strict=True):
        if share < _SHARE:
            continue
        place = warp(times)
        begin, count = int(np.floor(place[0])), int((place[-1] - place[0]) // step) + 2
        offset = begin - (_REACH * step + step // 2)  # so that the middle of a step lies on the first place
        own = _smoothed(_energies(clip.audio(offset, (count + 2 * _REACH) * step), step))
        own = np.interp(place, offset + (np.arange(len(own)) + 0.5) * step, own)
        attack = own[before:].mean()
        if attack > clip.peak**2 * 10.0 ** (AUDIBLE_DB / 10.0):
            allowed = np.maximum(allowed, own[:before] / attack)
    limit = allowed * mine[before:].mean() * 10.0 ** (LEEWAY_DB / 10.0)
    wanted = _smoothed(np.sqrt(np.minimum(1.0, limit / np.maximum(mine[:before], 1e-30))))
    wanted[pure[:before]] = 1.0
    # up again within the last millisecond: the attack is not always loud enough to hide a leap
    last = max(before - SMOOTH_STEPS, 0)
    here = np.arange(first, first + before * step)
    inside = slice(first - start, first - start + before * step)
    turned = np.interp(here, [*times[:last], round(moment)], [*wanted[:last], 1.0])
    gain[inside] = np.minimum(gain[inside], turned)


def _energies(samples: Audio, step: int) -> NDArray[np.float64]:
    """Mean square of all channels in each step ``[steps]``."""
    steps = samples.astype(np.float64).reshape(len(samples), -1, step)
    return np.asarray(np.square(steps).mean(axis=2).sum(axis=0))


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means by a triangle of ``SMOOTH_STEPS`` on either side: two running means."""
    for _ in range(2):
        values = uniform_filter1d(values, SMOOTH_STEPS, mode="nearest")
    return values
