"""Rebuilding by way of an STFT of the clips: each column and bin with the gain that the bands it sees need."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.engine import blending, made_up, reading, repairs, targets
from lts_batch.engine.analysis import Analysis
from lts_batch.engine.frames import Frames
from lts_batch.engine.planning import Plan
from lts_batch.engine.targets import Carried, Phases, Target
from lts_batch.frame.slices import Slices
from lts_batch.frame.stft import Stft, stft
from lts_batch.resynthesis import carry, phase, vocoder

OVERLAP = 4  # windows of the STFT over each sample
STFT_MARGIN = OVERLAP // 2  # hops: half a window
LEAST_STRENGTH = 1e-20  # magnitudes below it are silence


def waveform(plan: Plan, number: int, slices: Slices, part: int, target: Target, carried: Carried) -> Tensor:
    """See ``rebuild.waveform``."""
    transform, settings = stft(plan.sample_rate, OVERLAP, "hann"), plan.settings
    start, length = _span(slices, part, transform)
    times = np.arange(transform.frames(length), dtype=np.float64) * transform.hop_samples + start  # in samples of the stem
    weights = targets.amounts(plan, plan.stems[number], times)
    views = _views(plan, number, slices, part, target, times, carried.columns)
    alone = [bool(mine.all()) and settings.phase == "source" for mine in target.pure]
    if any(alone):
        return transform.inverse(views[alone.index(True)].spectrum, length)[:, slices.audio_start(part) - start:]

    carrier = _carrier(plan, slices, part, transform)
    bins, shares = carrier.bins, weights.shares
    floor = max(clip.floor for clip in plan.clips)
    wanted = carrier.log_energies(target.magnitudes, floor)
    log_magnitude = torch.zeros_like(wanted)
    for share, view in zip(shares, views, strict=True):
        log_magnitude.addcmul_(carry.log_gains(wanted, view.log_energies).add_(view.log_strengths), share.expand_as(wanted))
    spectra = [view.spectrum for view in views]
    blend = blending.blended(plan, [spectrum[:, :bins] for spectrum in spectra], [view.levels for view in views], shares)
    rest = blending.mixed([spectrum[:, bins:] for spectrum in spectra], shares)  # above the bands: mixed as it is
    if settings.phase == "source":
        whole = torch.empty_like(spectra[0])  # the bins of a column side by side in memory, as there
        phase.impose(log_magnitude.exp_(), blend, out=whole[:, :bins])
        whole[:, bins:] = rest
        for spectrum, mine in zip(spectra, weights.pure if settings.detail == 1.0 else (), strict=False):
            if bool(mine.any()):
                whole = torch.where(mine, spectrum, whole)
    else:
        first = start // transform.hop_samples
        whole = made_up.on_stft(plan, number, transform, torch.cat((log_magnitude.exp_(), phase.strengths(rest)), 1), first)
    iterations = repairs.count(plan, number)
    if iterations:
        made, bins = whole, bins if settings.phase == "source" else whole.shape[1]
        whole = phase.griffin_lim(phase.strengths(whole[:, :bins]), whole, repairs.Sized(transform, length), bins,
                                  iterations)
        if settings.detail == 1.0:
            whole = torch.where(repairs.through(plan, number, weights.pure), made, whole)
    return transform.inverse(whole, length)[:, slices.audio_start(part) - start:]


@dataclass(frozen=True)
class View:
    """A clip on the STFT, in the stem's time and pitch.

    Attributes:
        spectrum: ``[channels, bins, columns]``.
        log_strengths: logarithms of its magnitudes ``[channels, covered bins, columns]``.
        log_energies: logarithms of what the bands hold of each cell, of the same shape.
        levels: norms of the frames as each column sees them ``[channels, columns]``.
    """

    spectrum: Tensor
    log_strengths: Tensor
    log_energies: Tensor
    levels: Tensor


def _views(plan: Plan, number: int, slices: Slices, part: int, target: Target, times: NDArray[np.float64], phases: Phases
           ) -> list[View]:
    """All clips on the STFT; one without weight is stood in for by another."""
    transform = stft(plan.sample_rate, OVERLAP, "hann")
    start, length = _span(slices, part, transform)
    carrier = _carrier(plan, slices, part, transform)
    floor = max(clip.floor for clip in plan.clips)

    def seen(spectrum: Tensor, frames: Frames) -> View:
        strengths = phase.strengths(spectrum[:, :carrier.bins]).clamp_min_(LEAST_STRENGTH).log_()
        rows = target.magnitudes.shape[1]
        return View(spectrum, strengths, carrier.log_energies(frames.true(rows), floor), carrier.columns(frames.levels).sqrt())

    found: list[View | None] = []
    for place, (clip, warp, frames) in enumerate(zip(plan.clips, plan.stems[number].warps, target.parts, strict=True)):
        if not bool((target.amounts.timbre[place] != 0.0).any()):
            phases.pop(place, None)
            found.append(None)
        elif warp.is_identity and target.octaves[place] is None and clip.slices == slices:
            samples = clip.audio(start, length)
            found.append(clip.view(part, lambda samples=samples, frames=frames: seen(  # type: ignore[misc]
                transform.forward(torch.from_numpy(samples).to(plan.model.device)), frames)))
        else:
            octaves = _at_columns(target.octaves[place], slices, part, times)
            locks = reading.locked(warp(times), plan.locks[place], octaves if warp.is_identity else None)
            following = (_span(slices, part + 1, transform)[0] - start) // transform.hop_samples
            spectrum, phases[place] = _warped_spectrum(clip, transform, warp(times), octaves, locks, phases.get(place),
                                                       following)
            found.append(seen(spectrum, frames))
    any_ = next(one for one in found if one is not None)
    return [any_ if one is None else one for one in found]


def _carrier(plan: Plan, slices: Slices, part: int, transform: Stft) -> carry.Carrier:
    """What carries bands over to the STFT in a slice."""
    start, length = _span(slices, part, transform)
    times = np.arange(transform.frames(length), dtype=np.float64) * transform.hop_samples + start
    return carry.carrier(plan.model.bands, slices.bank().model_rows, plan.sample_rate / transform.window_samples,
                         tuple((slices.frames(part)[[0, -1]] * slices.hop_samples / plan.sample_rate).tolist()), slices.size,
                         tuple((times[[0, -1]] / plan.sample_rate).tolist()), len(times))


def _warped_spectrum(clip: Analysis, transform: Stft, times: NDArray[np.float64], octaves: NDArray[np.float64] | None,
                     locks: NDArray[np.int64], state: vocoder.State, following: int) -> tuple[Tensor, vocoder.State]:
    """A clip's STFT at times ``[columns]`` of its own, shifted by octaves ``[columns]``."""
    positions = times / transform.hop_samples
    lower = np.floor(positions).astype(np.int64)
    first, count = int(lower.min()), int(lower.max() - lower.min()) + 2
    # a window on either side more, for columns hear what lies around their samples
    start, more = (first - STFT_MARGIN) * transform.hop_samples, 2 * STFT_MARGIN
    samples = torch.from_numpy(clip.audio(start, (count - 1 + more) * transform.hop_samples))
    found = transform.forward(samples.to(clip.model.device))
    low = torch.from_numpy(lower - first + STFT_MARGIN).to(clip.model.device)
    return vocoder.propagate(found[..., low], found[..., low + 1], positions, transform.centres_hz,
                             transform.sample_rate / transform.hop_samples, reach=np.full(transform.bins, STFT_MARGIN),
                             octaves=octaves, locked=locks, state=state, following=min(following, len(times) - 1))


def _at_columns(octaves: NDArray[np.float64] | None, slices: Slices, part: int, times: NDArray[np.float64]
                ) -> NDArray[np.float64] | None:
    """Octaves of the frames of a slice, read at the times of columns."""
    return None if octaves is None else np.interp(times, slices.frames(part) * slices.hop_samples, octaves)


def _span(slices: Slices, part: int, transform: Stft) -> tuple[int, int]:
    """First sample and length of what a slice's frames can sound in; columns lie on multiples of the hop in every slice."""
    begin = slices.audio_start(part)
    start = begin // transform.hop_samples * transform.hop_samples
    return start, math.ceil(slices.size * slices.hop_samples) + begin - start
