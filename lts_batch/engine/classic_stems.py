"""From clips to stems with a model of the original Latent Timbre Synthesis.

    mono at the model's rate -> classic.coefficients -> encode -> interpolate.latents -> decode
          -> interpolate.magnitudes (detail), levels -> phase -> classic.nearest -> stems

It is what the original does (its app/interpolate_two), with true lengths, weights, detail and the clips' phase besides. What
is decided before the first sample is in ``classic_planning.py``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.clips import loudness
from lts_batch.engine import interpolate, levels, reading, targets
from lts_batch.engine.classic_planning import ClassicPlan
from lts_batch.engine.levels import Law
from lts_batch.engine.planning import Stem
from lts_batch.original import classic

FLOOR = 1e-5  # of a clip's strongest coefficient, -100 dB: detail below is not counted
_QUIET = 1e-3  # of a clip's loudest frame, -60 dB: quieter frames say less about phase
_MOST_LOG_VARIANCE = 20.0  # beyond the ends it grows without bounds, and exp() with it

Complex = NDArray[np.complex64]
Audio = NDArray[np.float32]


def made(plan: ClassicPlan) -> Iterator[tuple[int, Audio]]:
    """The stems before their finish: number and samples ``[1, samples]``, in their order."""
    clips = [_Analysed.of(audio, plan) for audio in plan.clips]
    rate = plan.model.layout.sample_rate_hz
    for number, (stem, outer) in enumerate(zip(plan.inner, plan.stems, strict=True)):
        samples = _waveform(plan, stem, clips)
        if plan.sample_rate != rate:
            import soxr

            samples = soxr.resample(samples, rate, plan.sample_rate, quality="VHQ").astype(np.float32)
        samples = samples[:outer.samples]
        yield number, np.pad(samples, (0, outer.samples - len(samples)))[None]


# ---------------------------------------------------------------- frames


@dataclass(frozen=True)
class _Analysed:
    """A clip in frames: coefficients ``[bands, frames]``, latents ``[frames, latent]``, what the model loses of it (the
    bracket of ``interpolate.magnitudes``) ``[bands, frames]``, and the floor of that."""

    coefficients: Complex
    mean: Tensor
    log_variance: Tensor
    lost: Tensor
    floor: float

    @classmethod
    def of(cls, audio: Audio, plan: ClassicPlan) -> "_Analysed":
        coefficients = classic.coefficients(audio, plan.model.layout)
        true = np.ascontiguousarray(np.abs(coefficients).T)
        mean, log_variance = plan.model.encode(true)
        floor = max(FLOOR * float(true.max()), 1e-30)
        lost = np.zeros((0, 0), np.float32)
        if plan.settings.detail > 0.0:
            decoded = np.maximum(plan.model.decode(mean), 0.0)
            lost = np.log(true + floor).T - np.log(decoded + floor).T
        return cls(coefficients, torch.from_numpy(mean), torch.from_numpy(log_variance), torch.from_numpy(lost), floor)


@dataclass(frozen=True)
class _Place:
    """Fractional frame positions ``[n]``: the frames around them, and how far along."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    share: NDArray[np.float32]

    @classmethod
    def of(cls, positions: NDArray[np.float64], frames: int) -> "_Place":
        inside = np.clip(positions, 0.0, frames - 1.0)
        low = np.floor(inside).astype(np.int64)
        return cls(low, np.minimum(low + 1, frames - 1), (inside - low).astype(np.float32))

    def between(self, values: Tensor, dim: int) -> Tensor:
        """Values on the line between two frames."""
        shape = [-1 if axis == dim else 1 for axis in range(values.ndim)]
        low, high = (values.index_select(dim, torch.from_numpy(side)) for side in (self.low, self.high))
        return torch.lerp(low, high, torch.from_numpy(self.share).view(shape))


def weights(plan: ClassicPlan, stem: Stem, times: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """Of the clips for timbre and for levels, each ``[clips, n]``, at times ``[n]`` in samples of the stem."""
    settings, rate = plan.settings, plan.model.layout.sample_rate_hz

    def along(curve: Sequence[tuple[float, float]]) -> Tensor:
        x = interpolate.curve_amounts(curve, settings.curve_unit, settings.curve_shape, times / rate, stem.samples / rate)
        return torch.from_numpy(interpolate.two_weights(x).astype(np.float32))

    def steady(row: Sequence[float]) -> Tensor:
        return torch.tensor(row, dtype=torch.float32)[:, None].expand(-1, len(times))

    timbre = along(settings.curve or ()) if stem.mix.weights is None else steady(stem.mix.weights)
    if settings.level == "match":
        return timbre, steady([1.0, *[0.0] * (len(timbre) - 1)])
    return timbre, timbre if settings.x_level is None else along(settings.x_level)


def _waveform(plan: ClassicPlan, stem: Stem, clips: Sequence[_Analysed]) -> Audio:
    """A stem ``[samples]`` at the model's rate."""
    layout, settings = plan.model.layout, plan.settings
    times = np.arange(layout.frames(stem.samples), dtype=np.float64) * layout.hop_samples
    w, loud = weights(plan, stem, times)
    positions = [warp(times) / layout.hop_samples for warp in stem.warps]
    places = [_Place.of(one, clip.coefficients.shape[1]) for one, clip in zip(positions, clips, strict=True)]
    magnitudes = _magnitudes(plan, stem, clips, places, w, loud)
    if settings.phase != "source":
        iterations = plan.model.iterations if settings.repair is None else max(1, settings.repair)
        return classic.rebuild(magnitudes.T, stem.samples, iterations, settings.seed, layout)
    guide = np.zeros(magnitudes.shape, np.complex64)
    for number, (clip, place, share) in enumerate(zip(clips, places, interpolate.shares(w).numpy(), strict=True)):
        if not share.any():
            continue
        own = stem.warps[number].is_identity
        locks = reading.locked(stem.warps[number](times), plan.locks[number], None)
        found = clip.coefficients if own else propagated(clip.coefficients, place.low, place.high, place.share, locks)
        norms = np.linalg.norm(found, axis=0)
        guide += found * (share / np.maximum(norms, max(_QUIET * float(norms.max()), 1e-30)))
    found = _turned(magnitudes, guide)
    for _ in range(settings.repair or 0):
        found = _turned(magnitudes, classic.coefficients(classic.waveform(found, stem.samples, layout), layout))
    return classic.nearest(found, stem.samples, layout)


def _magnitudes(plan: ClassicPlan, stem: Stem, clips: Sequence[_Analysed], places: Sequence[_Place], w: Tensor, loud: Tensor
                ) -> NDArray[np.float32]:
    """Magnitudes of a stem ``[bands, frames]``, under weights of timbre and of levels."""
    settings = plan.settings
    latents = interpolate.latents([place.between(clip.mean, 0)[None] for clip, place in zip(clips, places, strict=True)], w,
                                  settings.path)[0]
    if settings.sample:
        variances = [place.between(clip.log_variance, 0)[None] for clip, place in zip(clips, places, strict=True)]
        mixed = interpolate.latents(variances, w, "linear")[0].clamp_max(_MOST_LOG_VARIANCE)
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(settings.seed))
        latents = latents + settings.temperature * torch.exp(0.5 * mixed) * noise
    decoded = torch.from_numpy(plan.model.decode(latents.numpy())).clamp_min(0.0).T[None]
    lost = [place.between(clip.lost, 1)[None] for clip, place in zip(clips, places, strict=True)] if settings.detail else []
    found = interpolate.magnitudes(decoded, lost, w, settings.detail, [clip.floor for clip in clips])
    true = [place.between(torch.from_numpy(np.abs(clip.coefficients)), 1)[None]
            for clip, place in zip(clips, places, strict=True)]
    for again in (False, True):  # as in targets.target
        if bool(interpolate.outside(w).any()):
            found = interpolate.bounded(found, true, w)
        if stem.law is not None and not again:
            found = _corrected(plan, stem.law, found, true, loud)
    return np.ascontiguousarray(found[0].numpy())


def _corrected(plan: ClassicPlan, law: Law, magnitudes: Tensor, true: Sequence[Tensor], loud: Tensor) -> Tensor:
    """Magnitudes ``[1, bands, frames]`` of the loudness that lies between the clips', frame by frame."""
    response = loudness.k_response(classic.band_frequencies_hz(plan.model.layout)).astype(np.float32)
    norms = [(one * torch.from_numpy(response)[:, None]).norm(dim=1) for one in (*true, magnitudes)]
    peaks = [float(norm.max()) for norm in norms[:-1]]
    wanted = law.wanted(norms[:-1], loud, peaks)
    return magnitudes * levels.gains(norms[-1], wanted, max(peaks) * targets.INAUDIBLE)[:, None]


# ---------------------------------------------------------------- phase


def _turned(magnitudes: NDArray[np.float32], guide: Complex) -> Complex:
    """Magnitudes with the phase of other coefficients."""
    return np.asarray(magnitudes * np.exp(1j * np.angle(guide)), np.complex64)


def propagated(coefficients: Complex, low: NDArray[np.int64], high: NDArray[np.int64], share: NDArray[np.float32],
               locks: NDArray[np.int64]) -> Complex:
    """Coefficients ``[bands, frames]`` read at other times, with phase that goes on as fast as it does there.

    The phase vocoder (Flanagan, Golden 1966): a frame of the stem is as far from the next as a frame of the clip, so from
    each to the next phase turns by what it turns between the two frames of the clip around it.

    Args:
        low, high, share: the frames around each new frame ``[n]`` and how far along it lies between them.
        locks: new frames that take the clip's own phase.
    """
    before, after = coefficients[:, low], coefficients[:, high]
    size = np.abs(before) + (np.abs(after) - np.abs(before)) * share
    turns = np.angle(after * before.conj())
    own = np.angle(before) + turns * share  # where the frame lies, by its own clock
    phase = np.empty(turns.shape, np.float64)
    starts = np.unique(np.concatenate(([0], locks)))
    for start, stop in zip(starts, [*starts[1:], len(low)], strict=True):
        phase[:, start:stop] = np.cumsum(np.concatenate((own[:, start:start + 1], turns[:, start:stop - 1]), axis=1), axis=1)
    return np.asarray(size * np.exp(1j * np.remainder(phase, 2.0 * np.pi).astype(np.float32)), np.complex64)
