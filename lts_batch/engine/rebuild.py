"""From targets to a waveform: the phase that the magnitudes lack, and the way back to samples.

One promise, and more than one way to keep it. ``settings.phase``: ``source`` takes phase from the clips, ``griffinlim`` and
``pghi`` have nothing but the magnitudes. ``settings.domain``: on the filterbank itself, or on an STFT to which the gains of
the bands are carried over.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.engine import reading, targets
from lts_batch.engine.analysis import Analysis
from lts_batch.engine.frames import Frames
from lts_batch.engine.planning import Plan
from lts_batch.engine.targets import Carried, Phases, Target
from lts_batch.frame.filterbank import Filterbank
from lts_batch.frame.slices import Slices
from lts_batch.frame.stft import Stft, stft
from lts_batch.resynthesis import carry, phase, vocoder

OVERLAP = 4  # windows of the STFT over each sample
STFT_MARGIN = OVERLAP // 2  # hops: half a window
LEAST = 1e-20  # magnitudes below it are silence
REPAIRS = {"source": 0, "griffinlim": 32, "pghi": 4}  # unless settings say otherwise
FAR, FAR_REPAIRS = 3.0, 16  # so many times as fast or as slow as it was, the clip heard most keeps too little of its own phase
MOST_GIVEN_BACK = 2.0  # to the amplitude of a band
CARRIER_FLOOR = 1e-3  # of a clip's peak: quieter frames are not raised to the level of the other clips


@dataclass(frozen=True)
class Sized:
    """An STFT of audio of one length, as Griffin-Lim wants it."""

    transform: Stft
    samples: int

    def forward(self, audio: Tensor) -> Tensor:
        """See ``Stft.forward``."""
        return self.transform.forward(audio)

    def inverse(self, coefficients: Tensor) -> Tensor:
        """See ``Stft.inverse``."""
        return self.transform.inverse(coefficients, self.samples)


@torch.no_grad()
def waveform(plan: Plan, number: int, slices: Slices, part: int, target: Target, carried: Carried) -> Tensor:
    """Slice ``part`` of stem ``number`` from ``slices.audio_start`` on: ``[channels, samples]``.

    ``carried`` is what the slice before left.
    """
    if plan.clips[0].phases:
        return _on_frame(plan, number, slices, part, target, carried)
    return _on_stft(plan, number, slices, part, target, carried)


def _on_frame(plan: Plan, number: int, slices: Slices, part: int, target: Target, carried: Carried) -> Tensor:
    """Phase made on the filterbank itself."""
    bank, settings = slices.bank(str(plan.model.device)), plan.settings
    rows, shares = bank.model_rows, target.amounts.shares
    repairs, through = _repairs(plan, number), _through(plan, number, target.pure)
    if settings.phase == "source" and not repairs:
        # a channel at a time, for memory that was used for one can then be used for the next
        alone = (target.channel(channel) for channel in range(len(target.magnitudes)))
        audio = [bank.inverse(slices.laid(_from_clips(plan, one, shares, rows))) for one in alone]
        return _unrolled(slices, part, torch.cat(audio))
    if settings.phase == "source":
        coefficients = _from_clips(plan, target, shares, rows)
    else:
        coefficients = _from_nothing(plan, number, int(slices.frames(part)[0]), target, shares, rows, carried.tail)
    whole = slices.laid(coefficients)
    if repairs and not bool(through.all()):
        wanted = slices.laid(target.magnitudes)
        whole = phase.griffin_lim(wanted, whole, bank, rows, repairs)
        if settings.phase == "source" and settings.repair is None:  # far from its own speed
            whole = _given_back(bank, whole, wanted, rows)
        if bool(through.any()):
            whole = torch.where(slices.laid(through.float()) > 0.0, slices.laid(coefficients), whole)
    samples = bank.inverse(whole)
    if not slices.whole and settings.phase == "pghi":
        carried.tail = whole[:, :rows, slices.hop_frames:slices.hop_frames + slices.lead_frames].clone()
    return _unrolled(slices, part, samples)


def _repairs(plan: Plan, number: int) -> int:
    """How often the phase of stem ``number`` is repaired."""
    settings, stem = plan.settings, plan.stems[number]
    if settings.repair is not None:
        return settings.repair
    weights = stem.mix.weights or (1.0,) * len(stem.warps)
    far = any(weight == max(weights) and not 1.0 / FAR < warp.speed < FAR
              for weight, warp in zip(weights, stem.warps, strict=True))
    return FAR_REPAIRS if far and settings.phase == "source" else REPAIRS[settings.phase]


def _given_back(bank: Filterbank, whole: Tensor, wanted: Tensor, rows: int) -> Tensor:
    """Coefficients whose bands have the power that was wanted of them: magnitudes that move faster than a band can follow lose
    some of it on the way through samples."""
    found = phase.strengths(bank.forward(bank.inverse(whole))[:, :rows])
    lost = wanted.square().sum(-1) / found.square().sum(-1).clamp_min(LEAST)  # [channels, rows]
    gains = lost.sqrt().clamp(1.0 / MOST_GIVEN_BACK, MOST_GIVEN_BACK)
    return torch.cat((whole[:, :rows] * gains[..., None], whole[:, rows:]), 1)


def _through(plan: Plan, number: int, pure: Tensor) -> Tensor:
    """Where a clip comes through in its own time, which is not to be repaired ``[frames]``."""
    own = torch.tensor([plan.settings.phase == "source" and warp.is_identity for warp in plan.stems[number].warps])
    return (pure & own.to(pure.device)[:, None]).any(0)


def _unrolled(slices: Slices, part: int, samples: Tensor) -> Tensor:
    """Samples ``[channels, samples]`` of a transform from its ``audio_start`` on."""
    if not slices.whole:
        return samples
    lead = -slices.audio_start(part)  # what sounds before the start is at the end of the transform's circle
    return torch.cat((samples[:, samples.shape[1] - lead:], samples[:, :samples.shape[1] - lead]), dim=1)


def _from_clips(plan: Plan, target: Target, shares: Tensor, rows: int) -> Tensor:
    """Coefficients with the phase of the weighted sum of the clips', levels matched."""
    parts, pure = target.parts, target.pure
    alone = [bool(mine.all()) for mine in pure]
    if any(alone):
        return parts[alone.index(True)].coefficients
    floors = [clip.peak * CARRIER_FLOOR for clip in plan.clips]
    coefficients = [part.coefficients for part in parts]
    carrier = phase.blend([one[:, :rows] for one in coefficients], [part.levels for part in parts], floors, shares)
    found = torch.empty_like(coefficients[0])
    phase.impose(target.magnitudes, carrier, out=found[:, :rows])
    found[:, rows:] = _mixed([one[:, rows:] for one in coefficients], shares)
    for one, mine in zip(coefficients, pure, strict=True):
        if bool(mine.any()):
            found = torch.where(mine, one, found)
    return found


def _from_nothing(plan: Plan, number: int, first_frame: int, target: Target, shares: Tensor, rows: int, tail: Tensor | None
                  ) -> Tensor:
    """Coefficients with a phase made up from the magnitudes alone, going on from the tail of the slice before."""
    seed = plan.settings.seed + 7919 * number
    if plan.settings.phase == "pghi":
        from lts_batch.resynthesis import pghi  # compiles: only what needs it shall wait for it

        made = pghi.on_frame(target.magnitudes, plan.model.bands, seed=seed, first_frame=first_frame, known=tail)
    else:
        made = target.magnitudes * phase.noise_phase(target.magnitudes.shape, seed, first_frame).to(shares.device)
    return torch.cat((made, _mixed([part.coefficients[:, rows:] for part in target.parts], shares)), 1)


def _mixed(residuals: list[Tensor], shares: Tensor) -> Tensor:
    """The residual rows are mixed as they are."""
    return torch.stack([share * one for share, one in zip(shares, residuals, strict=True)]).sum(0)


def _on_stft(plan: Plan, number: int, slices: Slices, part: int, target: Target, carried: Carried) -> Tensor:
    """Phase made on an STFT of the clips: each column and bin with the gain that the bands it sees need."""
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
    spectra, floors = [view.spectrum for view in views], [clip.peak * CARRIER_FLOOR for clip in plan.clips]
    blend = phase.blend([spectrum[:, :bins] for spectrum in spectra], [view.levels for view in views], floors, shares)
    rest = _mixed([spectrum[:, bins:] for spectrum in spectra], shares)  # above the bands: mixed as it is
    if settings.phase == "source":
        whole = torch.empty_like(spectra[0])  # the bins of a column side by side in memory, as there
        phase.impose(log_magnitude.exp_(), blend, out=whole[:, :bins])
        whole[:, bins:] = rest
        for spectrum, mine in zip(spectra, weights.pure if settings.detail == 1.0 else (), strict=False):
            if bool(mine.any()):
                whole = torch.where(mine, spectrum, whole)
    else:
        first = start // transform.hop_samples
        whole = _made_up(plan, number, transform, torch.cat((log_magnitude.exp_(), phase.strengths(rest)), 1), first)
    repairs = _repairs(plan, number)
    if repairs:
        made, bins = whole, bins if settings.phase == "source" else whole.shape[1]
        whole = phase.griffin_lim(phase.strengths(whole[:, :bins]), whole, Sized(transform, length), bins, repairs)
        if settings.detail == 1.0:
            whole = torch.where(_through(plan, number, weights.pure), made, whole)
    return transform.inverse(whole, length)[:, slices.audio_start(part) - start:]


def _made_up(plan: Plan, number: int, transform: Stft, magnitudes: Tensor, first_frame: int) -> Tensor:
    """Columns of the STFT with a phase made up from the magnitudes alone."""
    seed = plan.settings.seed + 7919 * number
    if plan.settings.phase == "pghi":
        from lts_batch.resynthesis import pghi  # compiles: only what needs it shall wait for it

        return pghi.on_stft(magnitudes, transform, seed=seed, first_frame=first_frame)
    return magnitudes * phase.noise_phase(magnitudes.shape, seed, first_frame).to(magnitudes.device)


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
        strengths = phase.strengths(spectrum[:, :carrier.bins]).clamp_min_(LEAST).log_()
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
