"""Nothing sounds before an attack that did not sound before it in the clips.

Magnitudes of a few milliseconds are changed in frames whose windows last longer, in the bass above all; so what they hold of
an attack would leak out before it. The clips themselves say how much may sound there: short-time energy before the attack over
that after it, of the clip where that is most. What is more is turned down, as the gain control of audio codecs does it (Link
1993); the attack and all that follows stay as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from lts_batch.engine import targets
from lts_batch.engine.analysis import Analysis
from lts_batch.engine.planning import Plan

BEFORE_SECONDS, AFTER_SECONDS = 0.060, 0.020  # looked at around an attack
STEP_SECONDS = 0.00035  # energies are taken in steps of about that
SMOOTH_STEPS = 3  # and smoothed over a millisecond
LEEWAY_DB = 1.5  # more than in the clips: no two sounds are measured that closely
LEAST_DB = -60.0  # under the attack: no lower than that is anything turned down to
AUDIBLE_DB = -50.0  # under its peak: a clip quieter than that after an attack has no say
SAME_SECONDS = 0.003  # attacks of several clips at one place
_SHARE, _FULL_SHARE = 0.02, 0.05  # clips with less do not say how much may sound; attacks of those with more count in full
_REACH = 2  # steps more are read, so that smoothing knows what lies around

Audio = NDArray[np.float32]


def guard(plan: Plan, number: int, samples: Audio, start: int) -> Audio:
    """A slice ``[channels, samples]`` of stem ``number`` from its sample ``start`` on, quiet before its attacks."""
    gain = np.ones(samples.shape[1])
    for windows in _windows(plan, number, samples.shape[1], start):
        _lower(plan, number, samples, start, windows, gain)
    return samples if (gain == 1.0).all() else np.asarray(samples * gain, dtype=np.float32)


@dataclass(frozen=True)
class _Windows:
    """What is looked at around attacks of which there is as much to see, in steps that are counted from the attack.

    Attributes:
        moments: the attacks, in samples of the stem ``[attacks]``.
        owners: which clips have one there ``[attacks, clips]``.
        first: where the windows begin ``[attacks]``.
        before, after: steps on either side; step: samples of one.
    """

    moments: NDArray[np.float64]
    owners: NDArray[np.bool_]
    first: NDArray[np.int64]
    before: int
    after: int
    step: int

    @property
    def times(self) -> NDArray[np.float64]:
        """The middles of the steps ``[attacks, steps]``."""
        return self.first[:, None] + (np.arange(self.before + self.after) + 0.5) * self.step


def _windows(plan: Plan, number: int, samples: int, start: int) -> Iterator[_Windows]:
    """Those of a slice: most attacks have a whole window, a few lie near the slice's ends."""
    step = max(1, round(STEP_SECONDS * plan.sample_rate))
    moments, owners = _moments(plan, number, start, start + samples)
    here = np.rint(moments).astype(np.int64) - start
    before = np.minimum(round(BEFORE_SECONDS * plan.sample_rate), here) // step
    after = np.minimum(round(AFTER_SECONDS * plan.sample_rate), samples - here) // step
    for steps in np.unique(np.stack((before, after), axis=1), axis=0).tolist():
        if min(steps) >= 1:
            alike = (before == steps[0]) & (after == steps[1])
            yield _Windows(moments[alike], owners[alike], here[alike] + start - steps[0] * step, steps[0], steps[1], step)


def _moments(plan: Plan, number: int, start: int, stop: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Attacks of the clips in the stem's time ``[attacks]``, those that meet once, and which clips have one there ``[attacks,
    clips]``; of a loop also those of the rounds before and after."""
    found = []
    for clip, warp, own in zip(plan.clips, plan.stems[number].warps, plan.locks, strict=True):
        turns = (-1, 0, 1) if plan.round else (0,)
        attacks = warp.back(np.concatenate([own + turn * clip.slices.samples for turn in turns]))
        found.append(attacks[(attacks >= start) & (attacks < stop)])
    moments, clips = np.concatenate(found), np.repeat(np.arange(len(found)), [len(one) for one in found])
    if not plan.round:
        inside = (moments > 0.0) & (moments < plan.stems[number].samples)
        moments, clips = moments[inside], clips[inside]
    order = np.argsort(moments, kind="stable")
    moments, clips = moments[order], clips[order]
    leads = np.diff(moments, prepend=-np.inf) > SAME_SECONDS * plan.sample_rate
    owners = np.zeros((int(leads.sum()), len(found)), dtype=bool)
    owners[np.cumsum(leads) - 1, clips] = True
    return moments[leads], owners


def _lower(plan: Plan, number: int, samples: Audio, start: int, windows: _Windows, gain: NDArray[np.float64]) -> None:
    """Turns the gain ``[samples]`` down before attacks."""
    stem, times, before, step = plan.stems[number], windows.times, windows.before, windows.step
    weights = targets.amounts(plan, stem, times.ravel())
    pure = np.zeros(times.shape, dtype=bool)
    if plan.settings.detail == 1.0 and plan.settings.phase == "source":
        pure = weights.pure.any(0).cpu().numpy().reshape(times.shape)
    if pure[:, :before].all():
        return
    shares = weights.shares.cpu().numpy().reshape(len(plan.clips), *times.shape)[..., before]
    span = np.arange(-_REACH * step, (times.shape[1] + _REACH) * step)
    around = ((windows.first - start)[:, None] + span).clip(0, samples.shape[1] - 1)
    mine = _smoothed(_energies(samples[:, around], step))[:, _REACH:-_REACH]
    allowed = np.full((len(times), before), 10.0 ** (LEAST_DB / 10.0))
    for clip, warp, share in zip(plan.clips, stem.warps, shares, strict=True):
        if (share < _SHARE).all():
            continue
        own = _own(clip, warp(times.ravel()).reshape(times.shape), step)
        attack = own[:, before:].mean(axis=1)
        heard = (share >= _SHARE) & (attack > clip.peak**2 * 10.0 ** (AUDIBLE_DB / 10.0))
        allowed[heard] = np.maximum(allowed[heard], own[heard, :before] / attack[heard, None])
    limit = allowed * mine[:, before:].mean(axis=1, keepdims=True) * 10.0 ** (LEEWAY_DB / 10.0)
    wanted = _smoothed(np.sqrt(np.minimum(1.0, limit / np.maximum(mine[:, :before], 1e-30))))
    wanted[pure[:, :before]] = 1.0
    # an attack of a clip that is hardly heard is hardly one
    say = np.clip((windows.owners.T * shares).max(axis=0) / _FULL_SHARE, 0.0, 1.0)
    wanted = 1.0 - say[:, None] * (1.0 - wanted)
    # up again within the last millisecond: the attack is not always loud enough to hide a leap
    last = max(before - SMOOTH_STEPS, 0)
    for first, at, own_times, turned in zip(windows.first.tolist(), np.rint(windows.moments), times, wanted, strict=True):
        inside = slice(first - start, first - start + before * step)
        here = np.interp(np.arange(first, first + before * step), [*own_times[:last], at], [*turned[:last], 1.0])
        gain[inside] = np.minimum(gain[inside], here)


def _own(clip: Analysis, places: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """Short-time energies of a clip at places of its own time ``[attacks, steps]``."""
    # the middle of a step lies on the first place
    begins = np.floor(places[:, 0]).astype(np.int64) - (_REACH * step + step // 2)
    count = int(((places[:, -1] - places[:, 0]) // step).max()) + 2 + 2 * _REACH
    audio = np.stack([clip.audio(begin, count * step) for begin in begins.tolist()], axis=1)  # [channels, attacks, samples]
    found = _smoothed(_energies(audio, step))
    middles = (np.arange(count) + 0.5) * step
    return np.stack([np.interp(place, begin + middles, one) for place, begin, one in zip(places, begins, found, strict=True)])


def _energies(samples: Audio, step: int) -> NDArray[np.float64]:
    """Mean square of all channels in each step ``[attacks, steps]`` of samples ``[channels, attacks, samples]``."""
    steps = samples.astype(np.float64).reshape(*samples.shape[:2], -1, step)
    return np.asarray(np.square(steps).mean(axis=3).sum(axis=0))


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over the last axis by a triangle of ``SMOOTH_STEPS`` on either side: two running means."""
    for _ in range(2):
        values = uniform_filter1d(values, SMOOTH_STEPS, axis=-1, mode="nearest")
    return values
