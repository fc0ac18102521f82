"""What is decided of stems with a model of the original Latent Timbre Synthesis before the first sample.

Whole clips lie in memory, for the transform is librosa's; so they may not be long. What a ``planning.Plan`` offers to those
who finish and write stems, a ``ClassicPlan`` offers too.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lts_batch.clips import attacks
from lts_batch.clips.survey import laid_out, survey
from lts_batch.engine import align, interpolate, levels, mixes, planning
from lts_batch.engine.planning import Stem
from lts_batch.errors import ClipError
from lts_batch.files.sources import Mono, Resampled, Source, read_around
from lts_batch.original.classic_model import ClassicModel
from lts_batch.settings import Settings

MOST_SECONDS = 120.0  # of a clip: a pair of a minute each takes 1.4 GB

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
