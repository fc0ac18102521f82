"""Phase from magnitudes alone: phase-gradient heap integration (Prusa, Balazs, Sondergaard 2017, "A Noniterative Method for
Reconstruction of Phase from STFT Magnitude", IEEE/ACM TASLP 25(5); for filterbanks Prusa, Holighaus 2019, arXiv 1906.00738).

With a Gaussian window of spread s (seconds) and phase that refers to the window's centre, log-magnitude M and phase P of any
signal hang together: with V(t, w) = int x(t + l) exp(-l^2 / 2 s^2) exp(-i w l) dl one finds dV/dt = i w V + (i / s^2) dV/dw,
and, divided by V, in real and imaginary part

    dP/dt = w + (1 / s^2) dM/dw        (how fast phase runs: the frequency that is heard there)
    dP/dw = -s^2 dM/dt                 (how phase turns over frequency: how long ago it sounded)

So the gradient of phase can be read off the magnitudes. It is summed up from coefficient to coefficient, from the loudest
one outwards and always on from the loudest that was reached, so that what is loud is not reached by way of what is quiet,
where gradients are poor. What lies ``TOLERANCE_DB`` below the peak gets random phase, as does the start of each region.

Channels take the same ways and the same random phases, each with its own gradient: what is panned stays in phase.

This module is compiled by numba when it is first used: import it where it is needed.
"""

import math

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.frame.filterbank import Bands
from lts_batch.frame.stft import Stft

TOLERANCE_DB = 100.0
RANK_DB = 0.25  # coefficients this close in magnitude are taken in any order: a queue of ranks is faster than a heap
LEAST_PEAK = 1e-30  # below it everything is silence
LEAST_MAGNITUDE = 1e-7  # of the peak; keeps logarithms finite
SPREAD = 0.404  # standard deviation of the Gaussian nearest to a band's window, in half-widths (0.25645 in the STFT's terms)
CURVATURE = math.pi**2 / 3.0 - 2.0  # see _frame_gradient
_WHOLE_TURN = 2.0 * math.pi


def on_stft(magnitudes: Tensor, stft: Stft, *, seed: int, first_frame: int = 0, known: Tensor | None = None) -> Tensor:
    """STFT coefficients with these magnitudes.

    Args:
        magnitudes: ``[channels, bins, frames]``.
        stft: whose magnitudes they are.
        seed: of the random phases. They belong to absolute frames, so that slices that overlap start alike.
        first_frame: the absolute number of frame 0.
        known: coefficients ``[channels, bins, n]`` of the first n frames, whose phase is kept and gone on from.
    """
    return _phased(magnitudes, *_stft_gradient(_relative(magnitudes), stft), stft.centres_hz, seed, first_frame, known)


def on_frame(magnitudes: Tensor, bands: Bands, *, seed: int, first_frame: int = 0, known: Tensor | None = None) -> Tensor:
    """Coefficients of the filterbank with these magnitudes ``[channels, rows, frames]`` of the first ``rows`` bands.

    The other arguments are those of ``on_stft``.
    """
    centres_hz = bands.centres_hz[:magnitudes.shape[1]]
    return _phased(magnitudes, *_frame_gradient(_relative(magnitudes), bands), centres_hz, seed, first_frame, known)


# ---------------------------------------------------------------- gradients: radians per frame, radians per hertz


def _stft_gradient(relative: Tensor, stft: Stft) -> tuple[Tensor, Tensor]:
    """The formulas above by central differences: for a sine and for a click in a Gaussian window these are exact."""
    logs, spread_seconds = relative.log(), stft.spread_samples / stft.sample_rate
    bin_hz, frame_seconds = stft.sample_rate / stft.window_samples, stft.hop_samples / stft.sample_rate
    over_hz = torch.zeros_like(logs)  # at DC and Nyquist a real signal's magnitudes are mirrored
    over_hz[:, 1:-1] = (logs[:, 2:] - logs[:, :-2]) / (2.0 * bin_hz)
    heard_hz = over_hz * (1.0 / (_WHOLE_TURN * spread_seconds) ** 2)
    runs = heard_hz.mul_(_WHOLE_TURN * frame_seconds).add_(_centre_steps(stft.centres_hz, 1.0 / frame_seconds, logs))
    turns = _over_frames(logs, 1).mul_(-_WHOLE_TURN * spread_seconds**2 / frame_seconds)
    return runs, turns


def _frame_gradient(relative: Tensor, bands: Bands) -> tuple[Tensor, Tensor]:
    """The same for the filterbank, whose windows are Hann windows over frequency, of half-width h, different in each band.

    Over frequency: a sine in band j has magnitude height_j cos^2(pi (f - f_j) / 2h), so the roots s of magnitudes over heights
    at a band and at one D = pi (f_j - f_k) / 2h above it are as s_j / s_k = cos D + tan(u) sin D, where u = pi (f - f_k) / 2h
    says where the sine lies; below likewise. Both answers are averaged, weighted by their neighbour's s. Where bands lie as far
    apart as they are wide, logarithms would run to infinity, and this does not.

    Over time: the window of a band is sin(pi y) / (pi y (1 - y^2)) at y = 2 h t. Its log slope is -(pi^2/3 - 2) y near 0 and
    runs to infinity as 1 / (2 - y) at the window's ends; y = slope / sqrt((pi^2/3 - 2)^2 + slope^2 / 4) has both limits and
    lies within 4 % of the window's between them.
    """
    rows, frame_rate = relative.shape[1], float(bands.frame_rate)
    centres, spacings, halves = bands.centres_hz[:rows], bands.spacings_hz[:rows], bands.half_widths_hz[:rows]
    roots = relative.sqrt() / _column((spacings / halves) ** 0.25, relative)
    # neighbours about one spread away: in the bass, bands lie so close that their differences are mostly noise
    places, stride = np.arange(rows), np.maximum(1, np.round(SPREAD * halves / spacings).astype(np.int64))
    upper, lower = np.minimum(places + stride, rows - 1), np.maximum(places - stride, 0)
    tangents, weights = torch.zeros_like(roots), torch.zeros_like(roots)
    for neighbour in (upper, lower):
        apart = 0.5 * np.pi * (centres[neighbour] - centres) / halves
        there = roots[:, torch.from_numpy(neighbour)]
        side = _column(np.where(apart == 0.0, 0.0, 1.0), roots) * there  # the outermost bands have one neighbour only
        sine = _column(np.where(apart == 0.0, 1.0, np.sin(apart)), roots)
        tangents += (there / roots - _column(np.cos(apart), roots)) / sine * side
        weights += side
    angles = tangents.div_(weights.clamp_min_(LEAST_MAGNITUDE)).atan_()
    runs = angles.mul_(_column(4.0 * halves / frame_rate, roots)).add_(_centre_steps(centres, frame_rate, roots))

    step = np.maximum(1, np.round(0.5 * frame_rate / (_WHOLE_TURN * SPREAD * halves))).astype(np.int64)
    slopes, logs = torch.empty_like(relative), relative.log()
    for reach in np.unique(step):
        rows_there = torch.from_numpy(step == reach)
        slopes[:, rows_there] = _over_frames(logs[:, rows_there], int(reach))
    slopes.mul_(_column(-frame_rate / (2.0 * halves), slopes))
    turns = slopes / (slopes.square() * 0.25 + CURVATURE**2).sqrt_()
    return runs, turns.mul_(_column(_WHOLE_TURN / (2.0 * halves), slopes))


def _over_frames(logs: Tensor, reach: int) -> Tensor:
    """Central differences per frame, ``reach`` frames to either side; at the ends what there is."""
    padded = torch.nn.functional.pad(logs, (reach, reach), mode="replicate")
    return (padded[..., 2 * reach:] - padded[..., :-2 * reach]) / (2.0 * reach)


def _centre_steps(centres_hz: NDArray[np.float64], frame_rate: float, like: Tensor) -> Tensor:
    """By how much a sine at each centre moves on in a frame, less whole turns ``[rows, 1]``."""
    return _column(_WHOLE_TURN * np.remainder(centres_hz / frame_rate, 1.0), like)


def _column(values: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32)[:, None]).to(like.device)


# ---------------------------------------------------------------- integration


def _relative(magnitudes: Tensor) -> Tensor:
    """Magnitudes over the peak of their channel, raised to a floor."""
    peaks = magnitudes.amax(dim=(1, 2), keepdim=True).clamp_(min=LEAST_PEAK)
    return (magnitudes / peaks).clamp_(min=LEAST_MAGNITUDE)


def _phased(magnitudes: Tensor, runs: Tensor, turns: Tensor, centres_hz: NDArray[np.float64], seed: int, first_frame: int,
            known: Tensor | None) -> Tensor:
    """Magnitudes with the phase whose gradient is given."""
    phases = np.empty(magnitudes.shape, np.float32)
    _scatter(phases, seed, first_frame)
    kept = 0 if known is None else min(known.shape[2], magnitudes.shape[2])
    if known is not None:
        phases[..., :kept] = known[..., :kept].angle().cpu().numpy()
    ranks = _ranks(magnitudes)
    order = np.argsort(-ranks, axis=None, kind="stable")[:np.count_nonzero(ranks >= 0)]
    gaps_hz = np.diff(centres_hz, append=0.0).astype(np.float32)
    _grow(ranks, order, runs.cpu().contiguous().numpy(), turns.cpu().contiguous().numpy(), gaps_hz, phases, kept)
    return torch.polar(magnitudes, torch.from_numpy(phases).to(magnitudes.device))


def _ranks(magnitudes: Tensor) -> NDArray[np.int16]:
    """How loud a coefficient is, all channels together, in steps of ``RANK_DB`` above the tolerance; -1 below it."""
    peak = float(magnitudes.max())
    if peak < LEAST_PEAK:
        return np.full(magnitudes.shape[1:], -1, np.int16)
    power = (magnitudes / peak).square().sum(0)
    above_db = 10.0 * power.clamp_min_(LEAST_PEAK).log10_() + TOLERANCE_DB
    return above_db.div_(RANK_DB).floor_().clamp_(min=-1.0).to(torch.int16).cpu().contiguous().numpy()


@njit(cache=True, nogil=True)
def _scatter(phases, seed, first_frame):  # type: ignore[no-untyped-def]
    """Random phases that hang on seed, row and absolute frame alone (SplitMix64: Steele, Lea, Flood 2014)."""
    channels, rows, frames = phases.shape
    for row in range(rows):
        for frame in range(frames):
            key = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.uint64(row)
            key = key * np.uint64(0x9E3779B97F4A7C15) + np.uint64(first_frame + frame)
            key = key * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(0x9E3779B97F4A7C15)
            key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            key = key ^ (key >> np.uint64(31))
            for channel in range(channels):
                phases[channel, row, frame] = (np.float64(key >> np.uint64(11)) / 9007199254740992.0 - 0.5) * _WHOLE_TURN


@njit(cache=True, nogil=True)
def _grow(ranks, order, runs, turns, gaps_hz, phases, kept):  # type: ignore[no-untyped-def]
    """Sums up the gradient from the loudest coefficient outwards; the first ``kept`` frames stay as they are.

    ranks ``[rows, frames]``, -1 where nothing is to be done, and afterwards everywhere; order: places in ``ranks`` by falling
    rank, where regions may start; runs, turns, phases ``[channels, rows, frames]``: radians per frame, radians per hertz,
    radians; gaps_hz ``[rows]``: from each row to the next.
    """
    rows, frames = ranks.shape
    rank = ranks.reshape(rows * frames)
    # a stack of places for each rank, linked through ``below``
    tops, below = np.full(rank.max() + 2, -1, np.int32), np.empty(rank.size, np.int32)
    best = -1
    for row in range(rows):
        for frame in range(kept):
            if ranks[row, frame] >= 0 and frame == kept - 1:
                best = max(best, _push(rank, tops, below, row * frames + frame))
            ranks[row, frame] = -1
    for start in range(-1, order.size):  # first on from what is known
        if start >= 0:
            if rank[order[start]] < 0:
                continue
            best = _push(rank, tops, below, order[start])
        while best >= 0:
            i = tops[best]
            if i < 0:
                best -= 1
                continue
            tops[best] = below[i]
            row, frame = i // frames, i % frames
            if frame + 1 < frames and rank[i + 1] >= 0:
                _step(phases, runs, 1.0, row, frame, row, frame + 1)
                best = max(best, _push(rank, tops, below, i + 1))
            if frame > 0 and rank[i - 1] >= 0:
                _step(phases, runs, -1.0, row, frame, row, frame - 1)
                best = max(best, _push(rank, tops, below, i - 1))
            if row + 1 < rows and rank[i + frames] >= 0:
                _step(phases, turns, gaps_hz[row], row, frame, row + 1, frame)
                best = max(best, _push(rank, tops, below, i + frames))
            if row > 0 and rank[i - frames] >= 0:
                _step(phases, turns, -gaps_hz[row - 1], row, frame, row - 1, frame)
                best = max(best, _push(rank, tops, below, i - frames))


@njit(cache=True, nogil=True)
def _push(rank, tops, below, place):  # type: ignore[no-untyped-def]
    """Lays a place on the stack of its rank, marks it as done, and says which rank that was."""
    mine = rank[place]
    below[place] = tops[mine]
    tops[mine] = place
    rank[place] = -1
    return mine


@njit(cache=True, nogil=True)
def _step(phases, slopes, distance, row, frame, to_row, to_frame):  # type: ignore[no-untyped-def]
    """The trapezoid rule, wrapped to half a turn either way."""
    for channel in range(phases.shape[0]):
        slope = 0.5 * (slopes[channel, row, frame] + slopes[channel, to_row, to_frame])
        angle = phases[channel, row, frame] + slope * distance
        phases[channel, to_row, to_frame] = angle - _WHOLE_TURN * math.floor(angle / _WHOLE_TURN + 0.5)
