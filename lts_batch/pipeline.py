"""The one sentence of this project, from clips to stems. No files, no paths, no progress bars.

    clips -> align -> filterbank.forward -> features.split -> vae.encode -> interpolate.path -> vae.decode
          -> features.join (detail) -> phase.rebuild -> filterbank.inverse -> finish -> stems

``plan`` finds what needs whole clips (lengths, warps, peaks, the x of each stem); ``blocks`` makes the stems a block at
a time, so that an hour of audio fits in memory; ``morph`` joins the blocks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lts_batch import align, analysis, audio, finish, interpolate, phase
from lts_batch.align import Warp
from lts_batch.analysis import Analysis, Drawing, Excerpt, Frames, Source
from lts_batch.checkpoint import Model, load_model
from lts_batch.errors import ClipError, SettingsError
from lts_batch.settings import Settings, change
from lts_batch.slices import Slices

LEAST_SECONDS = 0.003  # one frame: less has no spectrum to speak of
JOIN_SAMPLES = 512  # slices are cross-faded where they meet
_SCAN_SAMPLES = 1 << 20


@dataclass(frozen=True)
class Stem:
    """One stem to be made: its x (None for a curve), its length, and each clip's warp."""

    x: float | None
    samples: int
    warps: tuple[Warp, Warp]


@dataclass(frozen=True)
class Plan:
    """All that is decided before the first block."""

    settings: Settings
    model: Model
    sample_rate: int
    channels: int
    clips: tuple[Analysis, Analysis]
    stems: tuple[Stem, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A piece of a stem: float32 ``[channels, samples]`` from sample ``start`` of stem number ``stem``."""

    stem: int
    start: int
    samples: NDArray[np.float32]


def plan(clips: Sequence[Source], settings: Settings, model: Model, names: Sequence[str] | None = None) -> Plan:
    """Decides everything that needs whole clips.

    Args:
        names: what to call the clips in errors.

    Raises:
        ClipError: a clip that is silent or shorter than a frame.
        SettingsError: not two clips.
    """
    names = names or [f"clip {number + 1}" for number in range(len(clips))]
    if len(clips) != 2:
        raise SettingsError(f"{len(clips)} clips were given; this version mixes exactly two")
    peaks = [_peak(clip, name) for clip, name in zip(clips, names, strict=True)]
    rate = settings.sample_rate or clips[0].sample_rate
    notes = tuple(f"clip {number} was resampled from {clip.sample_rate} to {rate} Hz"
                  for number, clip in enumerate(clips, 1) if clip.sample_rate != rate)
    sources = [_at_rate(clip, rate) for clip in clips]
    channels = max(clip.channels for clip in clips)
    first, second = align.shared_samples((sources[0].samples, sources[1].samples), settings.align)
    # a clip's noise must not depend on the other clip, only on its place
    drawings = [Drawing(settings.seed * 2 + place, settings.temperature) if settings.sample else None for place in (0, 1)]
    one, two = (Analysis(source, length, channels, peak, model, detail=settings.detail > 0.0, drawing=drawing)
                for source, length, peak, drawing in zip(sources, (first, second), peaks, drawings, strict=True))
    stems = []
    for x in settings.amounts() or (None,):
        length = align.stem_samples((first, second), x, settings.length)
        stems.append(Stem(x, length, (align.stretch(length, first), align.stretch(length, second))))
    if settings.curve is not None and settings.curve_unit == "seconds" and settings.curve[-1][0] > stems[0].samples / rate:
        notes += (f"the curve goes on to {settings.curve[-1][0]:g} s, and the stem ends at {stems[0].samples / rate:g} s",)
    return Plan(settings, model, rate, channels, (one, two), tuple(stems), notes)


def blocks(plan: Plan) -> Iterator[Block]:
    """The stems, a block at a time, each stem's blocks in order; stems of long clips advance side by side."""
    slices = [Slices(stem.samples, plan.sample_rate, plan.model.bands) for stem in plan.stems]
    order = sorted(((number + 1) / one.count, stem, number) for stem, one in enumerate(slices) for number in range(one.count))
    phases: dict[tuple[int, int], Tensor] = {}
    tails: dict[int, NDArray[np.float32]] = {}
    settings = plan.settings
    for _, stem, number in order:
        start, stop = slices[stem].kept(number)
        offset = start - slices[stem].audio_start(number)
        sliced = _slice(plan, stem, slices[stem], number, phases).numpy()
        block = sliced[:, offset:offset + stop - start].copy()
        tail = tails.pop(stem, None)
        if tail is not None:
            length = min(tail.shape[1], block.shape[1])
            ramp = (np.arange(length, dtype=np.float32) + 0.5) / length
            block[:, :length] = tail[:, :length] + (block[:, :length] - tail[:, :length]) * ramp
        if number + 1 < slices[stem].count:
            tails[stem] = sliced[:, offset + stop - start:][:, :JOIN_SAMPLES]
        yield Block(stem, start, finish.fade(block, start, plan.stems[stem].samples, plan.sample_rate,
                                             fade_in_seconds=settings.fade_in_seconds,
                                             fade_out_seconds=settings.fade_out_seconds))


@torch.no_grad()
def _slice(plan: Plan, stem: int, slices: Slices, number: int, phases: dict[tuple[int, int], Tensor]) -> Tensor:
    """One slice of a stem ``[channels, transform samples]``: the path from latents to waveform."""
    settings, (one, two), bank = plan.settings, plan.clips, slices.bank
    times = slices.frames(number).astype(np.float64) * slices.hop_samples  # [frames], in samples of the stem
    x = _amount(plan, plan.stems[stem], times)
    first, second = _parts(plan, stem, slices, number, times, x, phases)

    latents = interpolate.latents(first.latents, second.latents, x)  # [channels, frames, latent]
    levels = interpolate.levels(first.levels, second.levels, x, (one.peak, two.peak))  # [channels, frames]
    magnitudes = analysis.decode(plan.model, latents, levels, bank.model_rows)  # [channels, model rows, frames]
    lost = (first.lost, second.lost) if settings.detail > 0.0 else (magnitudes.new_zeros(1),) * 2
    magnitudes = interpolate.magnitudes(magnitudes, lost, x, settings.detail, (one.floor, two.floor))
    if bool(((x < 0.0) | (x > 1.0)).any()):
        true = (first.coefficients[:, :bank.model_rows].abs(), second.coefficients[:, :bank.model_rows].abs())
        magnitudes = interpolate.bounded(magnitudes, true, x)

    shares = interpolate.clamped_weights(x)
    plain = shares[0] * first.coefficients + shares[1] * second.coefficients  # the residual rows are mixed as they are
    if settings.phase == "griffinlim":
        carrier = phase.noise_phase(magnitudes.shape, settings.seed + 7919 * stem, int(slices.frames(number)[0]))
        repairs = settings.iterations
    else:
        floors = (one.peak * 1e-3, two.peak * 1e-3)
        carrier = phase.blend((first.coefficients, second.coefficients), (first.levels, second.levels), floors, shares)
        repairs = settings.repair
    target = torch.cat((phase.impose(magnitudes, carrier[:, :bank.model_rows]), plain[:, bank.model_rows:]), dim=1)
    if slices.whole:  # back from rising order to the circle of the transform
        target, magnitudes = (values.roll(-slices.lead_frames, dims=-1) for values in (target, magnitudes))
    return bank.inverse(phase.griffin_lim(magnitudes, target, bank, bank.model_rows, repairs))


def _amount(plan: Plan, stem: Stem, times: NDArray[np.float64]) -> Tensor:
    """x of each frame ``[frames]``."""
    if stem.x is not None or plan.settings.curve is None:
        return torch.full((len(times),), stem.x or 0.0)
    seconds = times / plan.sample_rate
    amounts = interpolate.curve_amounts(plan.settings.curve, plan.settings.curve_unit, seconds,
                                        stem.samples / plan.sample_rate)
    return torch.from_numpy(amounts.astype(np.float32))


def _parts(plan: Plan, stem: int, slices: Slices, number: int, times: NDArray[np.float64], x: Tensor,
           phases: dict[tuple[int, int], Tensor]) -> tuple[Frames, Frames]:
    """Both clips over the frames of a slice; a clip without weight is stood in for by the other."""
    parts: list[Frames | None] = []
    for place, (clip, warp) in enumerate(zip(plan.clips, plan.stems[stem].warps, strict=True)):
        if not bool(interpolate.weights(x)[place].any()):
            phases.pop((stem, place), None)
            parts.append(None)
        elif warp.is_identity:
            parts.append(clip.slice(number))
        else:
            parts.append(clip.at(warp(times) / slices.hop_samples, phases.get((stem, place))))
            following = min(slices.hop_frames, len(times) - 1)
            phases[stem, place] = parts[-1].coefficients[..., following].angle().double()  # type: ignore[union-attr]
    first, second = parts[0] or parts[1], parts[1] or parts[0]
    assert first is not None and second is not None
    return first, second


def _peak(clip: Source, name: str) -> float:
    """Largest sample of a clip worth morphing."""
    if clip.samples < LEAST_SECONDS * clip.sample_rate:
        raise ClipError(f"{name} is {clip.samples} sample{'s' * (clip.samples != 1)} long at {clip.sample_rate} Hz; a clip"
                        f" must last at least {LEAST_SECONDS * 1000:g} ms: choose a longer part")
    peak = max(audio.peak(clip.read(start, min(_SCAN_SAMPLES, clip.samples - start)))
               for start in range(0, clip.samples, _SCAN_SAMPLES))
    if peak <= 10.0 ** (audio.SILENCE_DB / 20.0):
        raise ClipError(f"{name} is silent: its peak is below {audio.SILENCE_DB:g} dBFS, and silence has no timbre;"
                        " choose another part")
    return peak


def _at_rate(clip: Source, rate: int) -> Source:
    if clip.sample_rate == rate:
        return clip
    samples = audio.resample(clip.read(0, clip.samples), clip.sample_rate, rate)
    return Excerpt(samples, rate, 0, samples.shape[1])


def morph(clips: Sequence[ArrayLike], sample_rate: int | Sequence[int], *,
          x: float | Sequence[float] | None = None, model: Model | str | Path = "general",
          **settings: Any) -> list[NDArray[np.float32]]:
    """The stems between (and beyond) two clips.

    Args:
        clips: two arrays ``[channels, samples]``, or ``[samples]`` for mono; full scale is -1 to 1.
        sample_rate: of the clips in Hz, one for both or one each.
        x: interpolation amounts, one stem each; see ``Settings`` for this and all other settings (``naming`` and
            ``clip`` are about files and change nothing here).
        model: a loaded model, a shipped model's name, or a folder.

    Returns:
        One float32 array ``[channels, samples]`` a stem, in rising order of x, at the first clip's rate.

    Raises:
        LtsError: a clip, setting or model that cannot be used; the message says why.

    >>> tone = 0.1 * np.sin(np.arange(44100) * 0.05)
    >>> low, middle = morph([tone, tone[:22050]], 44100, x=[0.0, 0.5])
    >>> low.shape, middle.shape
    ((1, 44100), (1, 33075))
    """
    if x is not None:
        settings["x"] = np.asarray(x).tolist()
    wanted = change(Settings(), settings, "morph()")
    given = np.atleast_1d(sample_rate).tolist()
    rates = given * len(clips) if len(given) == 1 else given
    if len(rates) != len(clips):
        raise SettingsError(f"{len(rates)} sample rates were given for {len(clips)} clips; give one for all, or one each")
    sources = [_source(clip, rate, f"clip {number + 1}")
               for number, (clip, rate) in enumerate(zip(clips, rates, strict=True))]
    planned = plan(sources, wanted, model if isinstance(model, Model) else load_model(model))
    stems = [np.empty((planned.channels, stem.samples), dtype=np.float32) for stem in planned.stems]
    for block in blocks(planned):
        stems[block.stem][:, block.start:block.start + block.samples.shape[1]] = block.samples
    return stems


def _source(clip: ArrayLike, rate: float, name: str) -> Source:
    if not audio.LEAST_RATE_HZ <= rate <= audio.MOST_RATE_HZ or rate != int(rate):
        raise ClipError(f"{name} has a sample rate of {rate:g} Hz; it must be a whole number from {audio.LEAST_RATE_HZ} to"
                        f" {audio.MOST_RATE_HZ} Hz")
    found = np.asarray(clip)
    if not np.issubdtype(found.dtype, np.floating):  # whole numbers would come out thousands of times too loud
        raise ClipError(f"{name} holds values of type {found.dtype}; it must hold floating-point samples with full scale -1"
                        " to 1: divide 16-bit whole numbers by 32768, for example")
    samples = np.atleast_2d(found.astype(np.float32, copy=False))
    if samples.ndim != 2 or not 1 <= samples.shape[0] <= audio.MOST_CHANNELS:
        raise ClipError(f"{name} has shape {samples.shape}; it must be [channels, samples] with 1 to"
                        f" {audio.MOST_CHANNELS} channels")
    if not np.isfinite(samples).all():
        raise ClipError(f"{name} holds NaN or infinite samples; mend it first")
    return Excerpt(samples, int(rate), 0, samples.shape[1])
