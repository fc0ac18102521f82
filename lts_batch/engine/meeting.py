"""Which moments of the clips are to meet in a stem: attacks, or beats.

Attacks are matched by where they lie and how strong they are. Beats are counted from the first.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lts_batch.clips import attacks
from lts_batch.clips.attacks import Attacks
from lts_batch.engine import align
from lts_batch.engine.align import Anchors
from lts_batch.files.sources import Excerpt, Resampled, Source, blocks

# how far apart attacks may lie in the two clips and still be one: at least, as a share of the clips, and at most
LEAST_REACH_SECONDS, REACH, MOST_REACH_SECONDS = 0.150, 0.1, 0.500
ABSOLUTE_SECONDS = 0.030  # at the same distance from the start is as good as at the same share of the clip, and this off
MOST_ATTACKS = 4000  # of each clip, the strongest; the work grows with the square

BEAT_RATE_HZ, BEAT_HOP_SAMPLES = 22050, 512  # librosa's
LEAST_BEAT_SECONDS, MOST_BEAT_SECONDS = 0.5, 600.0  # of a clip are listened to for beats
ROUND_SECONDS = 12.0  # shorter clips go round and round for about so long
SNAP_SECONDS = 0.030  # beats are moved to attacks that are as near as this
STEPS = (1, 2, 4)  # every beat, or every second or fourth, of a clip that counts faster
COUNT_WEIGHT = 0.15  # what it matters that as many beats are left, beside that they are as fast

Times = NDArray[np.float64]


def anchors(sources: Sequence[Source], by: str) -> tuple[Anchors | None, tuple[str, ...]]:
    """What is to meet in clips of one sample rate by ``onsets`` or ``beats``, and notes where nothing is found.

    Where a clip has no attacks, or no beats, there are no anchors, and the clips are to be stretched evenly.
    """
    if by not in ("onsets", "beats"):
        return None, ()
    found = [attacks.find(source) for source in sources]
    if by == "onsets":
        notes = _missing("attacks", [len(one) for one in found])
        lengths = [source.samples for source in sources]
        return (None, notes) if notes else (match(found, lengths, sources[0].sample_rate), ())
    counted = [beats(source, one) for source, one in zip(sources, found, strict=True)]
    notes = _missing("beats", [len(one) for one in counted])
    return (None, notes) if notes else (match_beats(counted), ())


def _missing(what: str, counts: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"no {what} were found in clip {number}, so that the clips are stretched evenly"
                 for number, count in enumerate(counts, 1) if not count)


# ---------------------------------------------------------------- attacks


def match(found: Sequence[Attacks], lengths: Sequence[int], sample_rate: int) -> Anchors:
    """Anchors for the attacks of two or more clips; those of all others are matched to clip 1's.

    Attacks that lie at about the same share of their clips (or at the same distance from their starts) and are strong are
    paired first, in order. What has no partner keeps its own time too: it is laid where the other clips would be there.
    Attacks in between which time would be bent too much are left out, those without partners and the weakest first.
    """
    first, *others = (_strongest(one) for one in found)
    pairs = [_pairs(first, other, (lengths[0], length), sample_rate) for other, length in zip(others, lengths[1:], strict=True)]
    # from the time of clip 1 to that of another clip, through their pairs
    ways = [(np.array([0.0, *first.times[ours], lengths[0]]), np.array([0.0, *other.times[theirs], length]))
            for (ours, theirs), other, length in zip(pairs, others, lengths[1:], strict=True)]

    def everywhere(places: Times) -> Times:
        return np.stack([places, *(np.interp(places, *way) for way in ways)])

    times, strengths = [everywhere(first.times)], [first.strengths.copy()]
    for row, ((ours, theirs), other, (here, there)) in enumerate(zip(pairs, others, ways, strict=True), 1):
        times[0][row, ours] = other.times[theirs]
        strengths[0][ours] += 1.0
        alone = np.delete(np.arange(len(other)), theirs)
        times.append(everywhere(np.interp(other.times[alone], there, here)))
        times[-1][row] = other.times[alone]
        strengths.append(other.strengths[alone])
    order = np.argsort(np.concatenate(times, axis=1)[0], kind="stable")
    rows, weights = np.concatenate(times, axis=1)[:, order], np.concatenate(strengths)[order]
    kept = align.compatible(rows, weights, sample_rate)
    return Anchors(rows[:, kept], weights[kept])


def _strongest(found: Attacks) -> Attacks:
    kept = np.sort(np.argsort(-found.strengths, kind="stable")[:MOST_ATTACKS])
    return Attacks(found.times[kept], found.strengths[kept])


def _pairs(first: Attacks, second: Attacks, lengths: tuple[int, int],
           sample_rate: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the attacks that are paired, rising in both clips: the pairs with the greatest worth in sum, by dynamic
    programming. Where none lie within reach of each other, the strongest two are a pair.
    """
    seconds = np.mean(lengths) / sample_rate
    reach = min(max(REACH * seconds, LEAST_REACH_SECONDS), MOST_REACH_SECONDS)
    best = np.zeros(len(second) + 1)
    steps = np.zeros((len(first), len(second)), dtype=np.int8)  # 0: leave one of the second, 1: one of the first, 2: a pair
    for row, (time, strength) in enumerate(zip(first.times, first.strengths, strict=True)):
        shares = np.abs(time / lengths[0] - second.times / lengths[1]) * seconds
        apart = np.minimum(shares, np.abs(time - second.times) / sample_rate + ABSOLUTE_SECONDS)
        worth = np.sqrt(strength * second.strengths) * (1.0 - (apart / reach) ** 2)
        paired = best[:-1] + worth
        alone = best[1:]
        best = np.maximum.accumulate(np.concatenate(([0.0], np.maximum(alone, paired))))
        steps[row] = np.where(alone >= best[1:], 1, np.where((paired >= best[1:]) & (worth > 0.0), 2, 0))
    ours, theirs = len(first) - 1, len(second) - 1
    found: list[tuple[int, int]] = []
    while ours >= 0 and theirs >= 0:
        step = steps[ours, theirs]
        if step == 2:
            found.append((ours, theirs))
        ours, theirs = ours - (step > 0), theirs - (step != 1)
    pairs = np.array(found[::-1] or [(int(first.strengths.argmax()), int(second.strengths.argmax()))], dtype=np.int64)
    return pairs[:, 0], pairs[:, 1]


# ---------------------------------------------------------------- beats


def beats(source: Source, found: Attacks | None = None) -> Times:
    """Beats of the first ten minutes of a clip in samples, by dynamic programming over its onset strength (Ellis 2007,
    librosa), each moved to an attack within 30 ms; none more than half a beat before the first attack or after the last.

    A clip of a few seconds is listened to going round and round, for its tempo is hard to tell otherwise. In a clip that
    starts with an attack the first beat is there: if only the second and fourth are found, say, the others are put in.

    Args:
        found: its attacks, where they are known.
    """
    import librosa

    found = attacks.find(source) if found is None else found
    samples = min(source.samples, round(MOST_BEAT_SECONDS * source.sample_rate))
    if samples < LEAST_BEAT_SECONDS * source.sample_rate or not len(found):
        return np.zeros(0)
    listened = Resampled(Excerpt(source, source.sample_rate, 0, samples), BEAT_RATE_HZ)
    mono = np.concatenate([block.mean(axis=0) for block in blocks(listened)])
    turns = max(1, math.ceil(ROUND_SECONDS * BEAT_RATE_HZ / len(mono))) // 2  # before the turn that counts, and after it
    _, tracked = librosa.beat.beat_track(y=np.tile(mono, 2 * turns + 1), sr=BEAT_RATE_HZ, hop_length=BEAT_HOP_SAMPLES,
                                         units="samples", trim=False)
    # a rise shows in the frame after it
    times = (np.asarray(tracked, dtype=np.float64) - BEAT_HOP_SAMPLES) * (source.sample_rate / BEAT_RATE_HZ) - turns * samples
    if len(times) < 2:
        return np.zeros(0)
    near, half = SNAP_SECONDS * source.sample_rate, float(np.median(np.diff(times))) / 2.0
    if found.times[0] <= near and half / 2.0 < times[times >= -half / 2.0][0] < 1.5 * half:
        times, half = np.sort(np.concatenate((times - half, times))), half / 2.0
    within = (times >= max(found.times[0] - half, -half / 2.0)) & (times < min(found.times[-1] + half, samples - half / 2.0))
    times = times[within].clip(0.0)
    nearest = found.times[np.abs(times[:, None] - found.times).argmin(axis=1)]
    return np.unique(np.where(np.abs(nearest - times) <= near, nearest, times))


def match_beats(counted: Sequence[Times]) -> Anchors:
    """Anchors for the beats of two or more clips, each ``[n]``: one to one from the first, as far as the shortest goes.

    A clip may take part with every second or fourth beat only. Of all such choices that one counts that brings the tempi
    closest to each other and then, with less weight, the numbers of beats: 4 beats of a loop at 100 bpm meet 4 at 120 bpm
    one by one; 8 at 160 bpm meet 4 at 80 bpm in twos; 8 and 4 at one tempo meet one by one, and what follows the fourth is
    stretched to fit.

    >>> match_beats([np.arange(8) * 1.0, np.arange(4) * 2.0 + 10]).times.tolist()
    [[0.0, 2.0, 4.0, 6.0], [10.0, 12.0, 14.0, 16.0]]
    """
    periods = [float(np.median(np.diff(times))) if len(times) > 1 else math.nan for times in counted]

    def spread(steps: tuple[int, ...]) -> float:
        speeds = [math.log2(period * step) for period, step in zip(periods, steps, strict=True)]
        counts = [math.log2(len(times) / step) for times, step in zip(counted, steps, strict=True)]
        return max(speeds) - min(speeds) + COUNT_WEIGHT * (max(counts) - min(counts))

    choices = [steps for steps in itertools.product(STEPS, repeat=len(counted)) if 1 in steps]
    steps = choices[0] if any(map(math.isnan, periods)) else min(choices, key=spread)
    taken = [times[::step] for times, step in zip(counted, steps, strict=True)]
    least = min(map(len, taken))
    return Anchors(np.stack([times[:least] for times in taken]), np.ones(least))
