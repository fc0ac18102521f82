"""From clips to stems with a model of the original Latent Timbre Synthesis.

    mono at the model's rate -> classic.coefficients -> encode -> interpolate.latents -> decode
          -> interpolate.magnitudes (detail), levels -> phase -> classic.nearest -> stems

It is what the original does (its app/interpolate_two), with true lengths, weights, detail and the clips' phase besides. Whole
clips lie in memory, for the transform is librosa's; so they may not be long. What a ``planning.Plan`` offers to those who
finish and write stems, a ``ClassicPlan`` offers too.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.clips import attacks, loudness
from lts_batch.clips.survey import laid_out, survey
from lts_batch.engine import align, interpolate, levels, mixes, planning, reading, targets
from lts_batch.engine.levels import Law
from lts_batch.engine.planning import Stem
from lts_batch.errors import ClipError
from lts_batch.files.sources import Mono, Resampled, Source, read_around
from lts_batch.original import classic
from lts_batch.original.classic_model import ClassicModel
from lts_batch.settings import Settings

MOST_SECONDS = 120.0  # of a clip: a pair of a minute each takes 1.4 GB
FLOOR = 1e-5  # of a clip's strongest coefficient, -100 dB: detail below is not counted
_QUIET = 1e-3  # of a clip's loudest frame, -60 dB: quieter frames say less about phase
_MOST_LOG_VARIANCE = 20.0  # beyond the ends it grows without bounds, and exp() with it

Complex = NDArray[np.complex64]
Audio = NDArray[np.float32]


@dataclass(frozen=True)
class ClassicPlan:
    """All that is decided before the first sample.

    Attributes:
        clips: mono ``[samples]`` at the model's rate, cut, filled up or repeated as ``align`` says.
        locks: attacks of each clip in samples, where its own phase is taken up again.
        inner: the stems at the model's rate; ``stems`` are the same at ``sample_rate``.
    """

    settings: Settings
    model: ClassicModel
    sample_rate: int
    clips: tuple[Audio, ...]
    locks: tuple[NDArray[np.float64], ...]
    inner: tuple[Stem, ...]
    stems: tuple[Stem, ...]
    notes: tuple[str, ...]
    channels: int = 1


def plan(clips: Sequence[Source], settings: Settings, model: ClassicModel, names: Sequence[str] | None = None) -> ClassicPlan:
    """Decides lengths, mixes and loudness; the same promises as ``planning.plan``.

    Raises:
        ClipError: a clip that is silent, shorter than a frame, or too long.
        SettingsError: settings that do not fit so many clips.
    """
    names = names or [f"clip {number + 1}" for number in range(len(clips))]
    settings, wanted = planning.still(settings, mixes.mixes(settings, len(clips)))
    rate = model.layout.sample_rate_hz
    for clip, name in zip(clips, names, strict=True):
        if clip.samples > MOST_SECONDS * clip.sample_rate:
            raise ClipError(f"{name} is {clip.samples / clip.sample_rate:.0f} s long; with a model of the original Latent"
                            f" Timbre Synthesis a clip may last {MOST_SECONDS:g} s: choose a part of it")
    mono = [clip if clip.channels == 1 else Mono(clip) for clip in clips]
    surveys = [survey(clip, name, 1) for clip, name in zip(mono, names, strict=True)]
    sources = [clip if clip.sample_rate == rate else Resampled(clip, rate) for clip in mono]
    lengths = align.laid_out([source.samples for source in sources], settings.align)
    surveys = [laid_out(one, source, length, repeated=settings.align == "loop")
               for one, source, length in zip(surveys, sources, lengths, strict=True)]
    laid = tuple(read_around(source, 0, length, period=source.samples if settings.align == "loop" else None)[0]
                 for source, length in zip(sources, lengths, strict=True))
    inner = []
    for mix in wanted:
        inside = None if mix.weights is None else interpolate.shares(torch.tensor(mix.weights)[:, None].double())[:, 0].tolist()
        layout = align.layout(lengths, inside, rate, length=settings.length)
        nodes = [] if settings.level == "keep" else levels.nodes(mix, settings)
        law = levels.law(nodes, layout, surveys, rate, repeated=settings.align == "loop") if nodes else None
        loudness_db = levels.line(nodes[0], surveys) if len(nodes) == 1 else None
        inner.append(Stem(mix, layout.samples, layout.warps, law, loudness_db))
    warped = any(not warp.is_identity for stem in inner for warp in stem.warps)
    locks = tuple(attacks.find(source).times if warped and settings.phase == "source" else np.zeros(0) for source in sources)
    out = settings.sample_rate or rate
    stems = tuple(dataclasses.replace(stem, samples=max(1, round(stem.samples * out / rate))) for stem in inner)
    notes = (*_clip_notes(clips, rate, settings), *_settings_notes(settings),
             *planning.curve_note(settings, inner[0], rate))
    return ClassicPlan(settings, model.on(settings.device), out, laid, locks, tuple(inner), stems, notes)


def _clip_notes(clips: Sequence[Source], rate: int, settings: Settings) -> list[str]:
    """What became of channels and rates."""
    notes = [f"clip {number} was mixed from {clip.channels} channels to mono, for this model knows nothing else"
             for number, clip in enumerate(clips, 1) if clip.channels != 1]
    notes += [f"clip {number} was resampled from {clip.sample_rate} to {rate} Hz"
              for number, clip in enumerate(clips, 1) if clip.sample_rate != rate]
    if settings.sample_rate not in (None, rate):
        notes.append(f"the stems were made at {rate} Hz, the model's rate, and resampled to {settings.sample_rate} Hz")
    elif settings.sample_rate is None and clips[0].sample_rate != rate:
        notes.append(f"the stems have the model's rate of {rate} Hz; sample_rate asks for another")
    return notes


def _settings_notes(settings: Settings) -> list[str]:
    """Which settings were given in vain."""
    vain = [f"{name} = {getattr(settings, name)}" for name, known in
            (("align", ("stretch", "trim", "pad", "loop")), ("loop", ("auto", "off")), ("pitch", ("keep",)),
             ("domain", ("frame",)), ("quality", ("standard",))) if getattr(settings, name) not in known]
    vain += ["x_pitch"] * (settings.x_pitch is not None)
    notes = [f"{', '.join(vain)} had no say: models of the original Latent Timbre Synthesis do without"] if vain else []
    if settings.phase == "pghi":
        notes.append("phase = pghi became griffinlim, for it is not known on the transform of this model")
    return notes


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
