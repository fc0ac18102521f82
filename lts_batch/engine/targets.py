"""What a stem shall sound like, frame by frame: the clips read in the stem's time and pitch, and the magnitudes between them.

Everything but phase. A frame that lies exactly on one clip, with full detail, is that clip's frame: what the model says of it
cancels out, so the model is not asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.clips import pitch
from lts_batch.engine import analysis, interpolate, levels, reading
from lts_batch.engine.frames import Frames
from lts_batch.engine.levels import Law
from lts_batch.engine.planning import Plan, Stem
from lts_batch.engine.thinning import Thinning
from lts_batch.frame import envelope
from lts_batch.frame.slices import Slices
from lts_batch.resynthesis import vocoder

INAUDIBLE = 1e-6  # of a clip's peak: below it loudness is not corrected
MOST_OCTAVES = 3.0
_LEAST_STRENGTH = 1e-3  # of voicing, so that a mean weighted by it is always defined

Phases = dict[int, vocoder.State]


@dataclass
class Carried:
    """What a stem carries on from slice to slice.

    Attributes:
        frames, columns: the phases of its clips, on the filterbank and on the STFT.
        tail: coefficients of the frames with which the next slice begins, where phase is made up.
    """

    frames: Phases
    columns: Phases
    tail: Tensor | None = None


@dataclass(frozen=True)
class Amounts:
    """The weights of the clips over time, each ``[clips, frames]``: of timbre, levels and pitch."""

    timbre: Tensor
    levels: Tensor
    pitch: Tensor

    @property
    def shares(self) -> Tensor:
        """Weights of timbre that stay in 0..1."""
        return interpolate.shares(self.timbre)

    @property
    def steady(self) -> bool:
        """Whether nothing moves."""
        return all(bool((w == w[:, :1]).all()) for w in (self.timbre, self.levels, self.pitch))

    @property
    def pure(self) -> Tensor:
        """Where there is one clip and nothing else ``[clips, frames]``."""
        alone = [(w == 1.0) & ((w != 0.0).sum(0) == 1) for w in (self.timbre, self.levels, self.pitch)]
        return alone[0] & alone[1] & alone[2]


@dataclass(frozen=True)
class Target:
    """A run of frames of a stem.

    Attributes:
        magnitudes: ``[channels, model rows, frames]``.
        parts: the clips in the stem's time and pitch; a clip that has no weight is stood in for by another.
        pure: where a part is to come through untouched ``[clips, frames]``.
        octaves: by how much each clip was shifted, ``[frames]`` each; None where none was.
    """

    magnitudes: Tensor
    parts: tuple[Frames, ...]
    amounts: Amounts
    pure: Tensor
    octaves: tuple[NDArray[np.float64] | None, ...]

    def channel(self, number: int) -> "Target":
        """One channel of it."""
        return replace(self, magnitudes=self.magnitudes[number:number + 1],
                       parts=tuple(part.channel(number) for part in self.parts))


def amounts(plan: Plan, stem: Stem, times: NDArray[np.float64]) -> Amounts:
    """The weights at times ``[n]`` in samples of the stem."""
    settings, count = plan.settings, len(plan.clips)
    seconds, duration = times / plan.sample_rate, stem.samples / plan.sample_rate

    def along(curve: Sequence[tuple[float, float]]) -> Tensor:
        x = interpolate.curve_amounts(curve, settings.curve_unit, settings.curve_shape, seconds, duration)
        return torch.from_numpy(interpolate.two_weights(x).astype(np.float32)).to(plan.model.device)

    if stem.mix.weights is not None:
        timbre = torch.tensor(stem.mix.weights, dtype=torch.float32, device=plan.model.device)[:, None].expand(-1, len(times))
    else:
        assert settings.curve is not None
        timbre = along(settings.curve)
    levels = timbre if settings.x_level is None else along(settings.x_level)
    if settings.level == "match":
        levels = torch.nn.functional.one_hot(torch.zeros(len(times), dtype=torch.int64), count).T.to(timbre)
    glides = settings.pitch == "glide" and plan.clips[0].pitched is not None
    pitches = along(settings.x_pitch) if glides and settings.x_pitch is not None else timbre
    return Amounts(timbre, levels, pitches)


def untouched(plan: Plan, number: int, slices: Slices, part: int) -> analysis.Analysis | None:
    """The clip that slice ``part`` of stem ``number`` is, in its own time and pitch, with nothing added and nothing taken away:
    there is nothing to make then. None where there is."""
    if plan.settings.detail < 1.0 or plan.settings.phase != "source":
        return None
    times = slices.frames(part).astype(np.float64) * slices.hop_samples
    weights = amounts(plan, plan.stems[number], times)
    warps = plan.stems[number].warps
    for place, (clip, mine) in enumerate(zip(plan.clips, weights.pure, strict=True)):
        if bool(mine.all()) and warps[place].is_identity and clip.slices == slices:
            octaves, _ = _shifts(plan, weights, [warp(times) for warp in warps])
            return clip if octaves[place] is None else None
    return None


@torch.no_grad()
def target(plan: Plan, number: int, slices: Slices, part: int, phases: Phases) -> Target:
    """Frames of slice ``part`` of stem ``number``; ``phases`` carries on from the slice before."""
    settings, stem = plan.settings, plan.stems[number]
    times = slices.frames(part).astype(np.float64) * slices.hop_samples  # [frames], in samples of the stem
    weights = amounts(plan, stem, times)
    clip_times = [warp(times) for warp in stem.warps]
    octaves, back = _shifts(plan, weights, clip_times)
    parts = _parts(plan, number, slices, part, weights, octaves, phases)
    rows = plan.clips[0].bank.model_rows
    pure = weights.pure if settings.detail == 1.0 else torch.zeros_like(weights.pure)
    if bool(pure.any(0).all()):
        return Target(_pick(parts, pure, parts[0].true(rows)), parts, weights, pure, octaves)

    latents = interpolate.latents([part.latents for part in parts], weights.timbre, settings.path)
    level = levels.between([part.levels for part in parts], weights.levels, [clip.peak for clip in plan.clips])
    thinning = Thinning.of(slices, part, plan.clips[0].ask_every, plan.model.device)
    magnitudes = analysis.decode(plan.model, latents, level, rows, thinning)  # [channels, model rows, frames]
    if back is not None:
        magnitudes = pitch.shift(magnitudes, back, plan.model.bands.centres_hz[:rows])
    floors = [clip.floor for clip in plan.clips]
    lost = [part.lost for part in parts]
    magnitudes = interpolate.magnitudes(magnitudes, lost, weights.timbre, settings.detail, floors, level)
    if settings.envelope == "transport" and settings.detail > 0.0:
        magnitudes = shaped(plan, stem.law, magnitudes, parts, weights, thinning)
    true = [part.true(rows) for part in parts] if bool(interpolate.outside(weights.timbre).any()) else []
    for again in (False, True):  # what bursts its bounds must not count in the loudness, nor what is corrected burst them
        if true:
            magnitudes = interpolate.bounded(magnitudes, true, weights.timbre)
        if stem.law is not None and not again:
            magnitudes = corrected(plan, stem.law, magnitudes, parts, weights)
    if bool(pure.any()):
        magnitudes = _pick(parts, pure, magnitudes)
    return Target(magnitudes, parts, weights, pure, octaves)


def shaped(plan: Plan, law: Law | None, magnitudes: Tensor, parts: Sequence[Frames], weights: Amounts, thinning: Thinning
           ) -> Tensor:
    """Magnitudes whose envelope lies between those of the clips, as much as detail has a say; and which, where that leaves them
    too quiet, are raised in what stands out. What is then missing to the loudness wanted is little."""
    kept, rows = thinning.kept, magnitudes.shape[1]
    shape = envelope.envelope(plan.model.bands, rows)
    peaks = [clip.peak for clip in plan.clips]
    few = magnitudes[..., kept]
    w = envelope.heard(weights.timbre[:, kept], [part.levels[:, kept] for part in parts], peaks)
    wanted = envelope.transported([shape.of(part.true(rows, kept)) for part in parts], w)
    gains_db = shape.gains_db(shape.of(few), wanted).mul_(plan.settings.detail)  # [channels, rows, kept]
    gains_db = levels.standing_out(gains_db, shape.contrast_db(few), levels.NEAR_DB)
    if law is not None:
        few = few * levels.amplitude(gains_db)
        loud = law.wanted([part.loudness[:, kept] for part in parts], weights.levels[:, kept], peaks)
        more = levels.gains(analysis.k_norms(few, plan.model), loud, max(peaks) * INAUDIBLE)[:, None]
        under_top_db = levels.decibels(few / few.amax(1, keepdim=True).clamp_min(1e-30))
        more_db = levels.decibels(more).clamp_min(0.0).mul_(plan.settings.detail).expand_as(few)
        gains_db += levels.standing_out(more_db, under_top_db, levels.FAR_DB)
    return magnitudes * levels.amplitude(thinning.filled(gains_db.transpose(1, 2)).transpose(1, 2))


def _pick(parts: Sequence[Frames], pure: Tensor, otherwise: Tensor) -> Tensor:
    """Magnitudes of the clips where they are pure, something else where none is."""
    for part, mine in zip(parts, pure, strict=True):
        if bool(mine.any()):
            otherwise = torch.where(mine, part.true(otherwise.shape[1]), otherwise)
    return otherwise


def corrected(plan: Plan, law: Law, magnitudes: Tensor, parts: Sequence[Frames], weights: Amounts) -> Tensor:
    """Magnitudes of the loudness that lies between the clips', frame by frame."""
    peaks = [clip.peak for clip in plan.clips]
    wanted = law.wanted([part.loudness for part in parts], weights.levels, peaks)
    return magnitudes * levels.gains(analysis.k_norms(magnitudes, plan.model), wanted, max(peaks) * INAUDIBLE)[:, None]


def _parts(plan: Plan, number: int, slices: Slices, part: int, weights: Amounts, octaves: Sequence[NDArray[np.float64] | None],
           phases: Phases) -> tuple[Frames, ...]:
    """All clips over the frames of a slice; one without weight is stood in for by another."""
    times = slices.frames(part).astype(np.float64) * slices.hop_samples
    found: list[Frames | None] = [None] * len(plan.clips)
    heard = torch.stack([w != 0.0 for w in (weights.timbre, weights.levels, weights.pitch)]).any(0).any(1)
    order = [(place + number) % len(plan.clips) for place in range(len(plan.clips))]  # stems made at once start apart
    for place in order:
        if not bool(heard[place]):
            phases.pop(place, None)
            continue
        clip, warp = plan.clips[place], plan.stems[number].warps[place]
        if warp.is_identity and octaves[place] is None and clip.slices == slices:
            found[place] = clip.slice(part)
        else:
            own = warp(times)
            locks = reading.locked(own, plan.locks[place], octaves[place] if warp.is_identity else None)
            found[place], phases[place] = reading.read(
                clip, own / slices.hop_samples, warp.speeds(times), octaves[place], locks, phases.get(place),
                following=min(slices.hop_frames, slices.size - 1))
    any_ = next(one for one in found if one is not None)
    return tuple(one or any_ for one in found)


def _shifts(plan: Plan, weights: Amounts, times: Sequence[NDArray[np.float64]]
            ) -> tuple[tuple[NDArray[np.float64] | None, ...], NDArray[np.float64] | None]:
    """By how many octaves each clip is shifted to the pitch of the stem, and by how many what the model says is.

    With q_i the clips' pitches above the reference and w their weights, the stem's is q = sum_i w_i q_i under ``glide``, or
    that of one clip. A clip is shifted by s (q - q_i), where s, the voicing of the least voiced, fades it out where there is
    no pitch: at an end that is 0 exactly. The model's answer is at the reference, and goes where the clips go, weighted by
    how much they have to say of pitch.
    """
    pitched = [clip.pitched for clip in plan.clips]
    if pitched[0] is None:
        return (None,) * len(pitched), None
    seconds = [moment / plan.sample_rate for moment in times]
    octaves = np.array([one.octaves(t) for one, t in zip(pitched, seconds, strict=True) if one is not None])
    strength = np.array([one.strength(t) for one, t in zip(pitched, seconds, strict=True) if one is not None])
    w = weights.pitch.cpu().numpy().astype(np.float64)
    goal = {"first": octaves[0], "second": octaves[1]}.get(plan.settings.pitch, (w * octaves).sum(0))
    moved = np.clip(strength.min(0) * (goal - octaves), -MOST_OCTAVES, MOST_OCTAVES)
    say = interpolate.shares(weights.timbre).cpu().numpy() * (strength + _LEAST_STRENGTH)
    back = (say * (octaves + moved)).sum(0) / say.sum(0)
    at_end = plan.settings.pitch == "glide" and bool(weights.pure.any(0).all()) and weights.steady
    return tuple(None if at_end and bool(mine.all()) else row for row, mine in zip(moved, weights.pure, strict=True)), back
