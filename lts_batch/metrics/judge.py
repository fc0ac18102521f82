"""The figures of a way between two clips, whatever made it: magnitudes in some frame, or stems that sound.

A way is a row of steps at rising x, of which 0 and 1 are the ends; steps within 0..1 lie at even x, steps outside go beyond.
All steps have the frames of the clips, moment by moment. Nothing is averaged over time before it is judged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lts_batch.metrics import descriptors, measures, mel_bands, spectra
from lts_batch.metrics.descriptors import NAMES, within
from lts_batch.metrics.rows import evenness, monotony, path_length

Array = NDArray[np.floating]

LOWEST_HZ = 30.0  # of an STFT: what lies below is no timbre, and log frequency has no place for 0 Hz
ENVELOPE_SECONDS = 0.003  # root mean squares over that long


@dataclass(frozen=True)
class Figure:
    """What a figure is called, and which way it should go.

    Attributes:
        title: of a column.
        best: -1 where less is better, 1 where more is, 0 where 1 is the best.
    """

    title: str
    best: int
    digits: int = 2


FIGURES = {
    **{f"r2_{name.replace('-', '')}": Figure(name, 1) for name in NAMES},
    "attack_deviation": Figure("attack", -1),
    "correspondence": Figure("half-way", -1),
    "direction": Figure("onward", 1),
    "step_cv": Figure("step CV", -1),
    "step_max_to_mean": Figure("max/mean", -1),
    "path_length": Figure("path", 0),
    "monotony": Figure("monotony", 1),
    "end_sc_db": Figure("ends SC", -1, 1),
    "end_log_mel_db": Figure("ends mel", -1),
}


@dataclass(frozen=True)
class Way:
    """A row of steps as the judge sees it.

    Attributes:
        x: amounts of the steps, rising; 0 and 1 among them.
        described: ``descriptors.described`` of the steps ``[4, steps, frames]``.
        log_mel: dB of mel bands ``[steps, frames, mel bands]``.
        attacks: log attack time of each step ``[steps]``.
        heard: frames in which both clips sound, and every step ``[frames]``.
        end_sc_db, end_log_mel_db: how far the ends are from the clips themselves, the worse of both.
    """

    x: tuple[float, ...]
    described: Array
    log_mel: Array
    attacks: Array
    heard: NDArray[np.bool_]
    end_sc_db: float
    end_log_mel_db: float


def of_magnitudes(magnitudes: Array, clips: Sequence[Array], x: Sequence[float], centres_hz: Array, sample_rate: int,
                  frames_per_second: float) -> Way:
    """A way of magnitudes ``[steps, frames, bands]`` between those of two clips ``[frames, bands]``."""
    weights = mel_bands.weights(centres_hz, sample_rate)
    log_mel = mel_bands.log_mel(magnitudes, weights)
    levels = np.linalg.norm(magnitudes, axis=-1)
    ends = [(clip, int(np.argmax(np.asarray(x) == end))) for clip, end in zip(clips, (0.0, 1.0), strict=True)]
    described = descriptors.described(magnitudes, centres_hz)
    return Way(
        tuple(x), described, log_mel,
        np.array([descriptors.log_attack_time(envelope, frames_per_second) for envelope in levels]),
        both_heard([np.linalg.norm(clip, axis=-1) for clip in clips]) & np.isfinite(described).all((0, 1)),
        max(measures.spectral_convergence_db(clip, magnitudes[step]) for clip, step in ends),
        max(measures.frames_distance_db(mel_bands.log_mel(clip, weights), log_mel[step]) for clip, step in ends))


def of_audio(stems: Sequence[Array], clips: Sequence[Array], x: Sequence[float], sample_rate: int) -> Way:
    """A way of mono stems ``[samples]`` between two clips, all of one length, by an STFT of its own."""
    seen = [spectra.magnitudes(np.asarray(stem, np.float64)[None])[0] for stem in stems]
    bins_hz = np.arange(seen[0].shape[1]) * sample_rate / spectra.WINDOW_SAMPLES
    judged = bins_hz >= LOWEST_HZ
    filters = spectra.mel_filters(sample_rate)
    log_mel = np.stack([10.0 * np.log10(np.maximum(one**2 @ filters.T, mel_bands.LEAST_POWER)) for one in seen])
    ends = [(np.asarray(clip)[None], np.asarray(stems[int(np.argmax(np.asarray(x) == end))])[None])
            for clip, end in zip(clips, (0.0, 1.0), strict=True)]
    described = np.stack([descriptors.described(one[:, judged], bins_hz[judged]) for one in seen], axis=1)
    heard = both_heard([np.linalg.norm(spectra.magnitudes(np.asarray(clip, np.float64)[None])[0], axis=-1) for clip in clips])
    return Way(
        tuple(x), described, log_mel,
        np.array([descriptors.log_attack_time(*_envelope(stem, sample_rate)) for stem in stems]),
        heard & np.isfinite(described).all((0, 1)),
        max(measures.mr_stft_sc_db(clip, stem) for clip, stem in ends),
        max(measures.log_mel_distance_db(clip, stem, sample_rate) for clip, stem in ends))


def _envelope(stem: Array, sample_rate: int) -> tuple[Array, float]:
    """Root mean squares of a stem ``[n]``, and how many of them there are in a second."""
    size = max(1, round(ENVELOPE_SECONDS * sample_rate))
    padded = np.pad(np.asarray(stem, np.float64), (0, -len(stem) % size)).reshape(-1, size)
    return np.sqrt(np.mean(padded**2, axis=1)), sample_rate / size


def both_heard(levels: Sequence[Array]) -> NDArray[np.bool_]:
    """Frames ``[frames]`` less than 60 dB under the loudest of their clip, in each clip's levels ``[frames]``."""
    least = 10.0 ** (measures.QUIET_FRAME_DB / 20.0)
    heard = [(level > 0.0) & (level >= level.max(initial=0.0) * least) for level in levels]
    return np.asarray(np.logical_and.reduce(heard))


def figures(way: Way) -> dict[str, float]:
    """All of ``FIGURES``; ``nan`` for what cannot be said of these clips."""
    x, inside = np.asarray(way.x), np.flatnonzero(within(way.x))
    # one floor for all steps, 80 dB under the loudest: with a floor for each two of them a straight path would have a length
    log_mel = np.maximum(way.log_mel, float(way.log_mel[inside].max()) + measures.FLOOR_DB)
    heard = log_mel[:, way.heard]
    table = np.array([[_distance_db(log_mel[a], log_mel[b]) for b in inside] for a in (inside[0], inside[-1])])
    steps = [_distance_db(log_mel[a], log_mel[b]) for a, b in pairwise(inside)]
    cv, most = evenness(steps)
    middle = inside[int(np.argmin(np.abs(x[inside] - 0.5)))]
    found = {f"r2_{name.replace('-', '')}": descriptors.r_squared(row[:, way.heard], way.x)
             for name, row in zip(NAMES, way.described, strict=True)}
    return found | {
        "attack_deviation": descriptors.deviation(way.attacks, way.x),
        "correspondence": descriptors.correspondence(heard[middle], heard[inside[0]], heard[inside[-1]])
        if way.heard.any() else math.nan,
        "direction": _onward(way, inside),
        "step_cv": cv, "step_max_to_mean": most, "path_length": path_length(steps, float(table[0, -1])),
        "monotony": min(monotony(table[0].tolist()), -monotony(table[1].tolist())),
        "end_sc_db": way.end_sc_db, "end_log_mel_db": way.end_log_mel_db,
    }


def _distance_db(a: Array, b: Array) -> float:
    """Mean absolute difference; over all frames, for silence is part of a stem."""
    return float(np.mean(np.abs(a - b)))


def _onward(way: Way, inside: NDArray[np.int64]) -> float:
    """Whether steps beyond go on as the path between the clips went: the mean of ``descriptors.direction`` at both ends.

    In descriptors of all frames, not in spectra: a partial that moves on takes with it what it had brought, so that its
    spectrum goes partly back.
    """
    rows = way.described[:, :, way.heard] / descriptors.UNITS[:, None, None]  # [4, steps, frames]
    first, last, x = rows[:, inside[0]], rows[:, inside[-1]], np.asarray(way.x)
    cosines = [descriptors.direction(last, first, rows[:, step]) for step in np.flatnonzero(x < 0.0)]
    cosines += [descriptors.direction(first, last, rows[:, step]) for step in np.flatnonzero(x > 1.0)]
    known = [cosine for cosine in cosines if not math.isnan(cosine)]
    return float(np.mean(known)) if known else math.nan
