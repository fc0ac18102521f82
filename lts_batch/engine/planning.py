"""Everything that is decided before the first block of sound, because it takes whole clips to decide it.

Lengths and warps, loops, pitch, the mix and the loudness of each stem. Clips are listened through here once, a block at a
time; nothing is transformed yet.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lts_batch.clips import attacks, loops, pitch
from lts_batch.clips.survey import Survey, laid_out, survey
from lts_batch.engine import align, interpolate, levels, meeting, mixes
from lts_batch.engine.align import Anchors, Layout
from lts_batch.engine.analysis import Analysis, Drawing, Pitch
from lts_batch.engine.levels import Law
from lts_batch.engine.mixes import Mix
from lts_batch.files.sources import Resampled, Source
from lts_batch.frame.filterbank import COARSEST
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings

ASK_EVERY = {"standard": 3, "draft": 5}  # frames for each one that the network is asked for (benchmarks/README.md)


@dataclass(frozen=True)
class Stem:
    """One stem to be made.

    Attributes:
        mix: what it is made of; ``mix.weights`` is None where a curve moves them.
        samples: its length.
        warps: from its time to each clip's.
        law: how its levels follow from those of the clips; None where nothing is asked of them.
        loudness_db: what its loudness has to come to in the end, in LUFS; None where that is left as it is.
    """

    mix: Mix
    samples: int
    warps: tuple[align.Warp, ...]
    law: Law | None
    loudness_db: float | None


@dataclass(frozen=True)
class Plan:
    """All that is decided before the first block.

    Attributes:
        locks: moments of each clip, in samples, at which its own phase is taken up again: its attacks.
        round: stems go on from their end to their start.
    """

    settings: Settings
    model: Model
    sample_rate: int
    channels: int
    clips: tuple[Analysis, ...]
    locks: tuple[NDArray[np.float64], ...]
    stems: tuple[Stem, ...]
    round: bool
    notes: tuple[str, ...]

    @property
    def every(self) -> int:
        """Thinning of the frames."""
        return self.clips[0].slices.every


def plan(clips: Sequence[Source], settings: Settings, model: Model, names: Sequence[str] | None = None) -> Plan:
    """Decides everything that needs whole clips.

    Args:
        names: what to call the clips in errors.

    Raises:
        ClipError: a clip that is silent or shorter than a frame.
        SettingsError: settings that do not fit so many clips.
    """
    names = names or [f"clip {number + 1}" for number in range(len(clips))]
    settings, wanted = still(settings, mixes.mixes(settings, len(clips)))
    channels = max(clip.channels for clip in clips)
    surveys = [survey(clip, name, channels) for clip, name in zip(clips, names, strict=True)]
    rate = settings.sample_rate or clips[0].sample_rate
    notes = tuple(f"clip {number} was resampled from {clip.sample_rate} to {rate} Hz"
                  for number, clip in enumerate(clips, 1) if clip.sample_rate != rate)
    sources = [clip if clip.sample_rate == rate else Resampled(clip, rate) for clip in clips]
    round_ = settings.loop == "on" or (settings.loop == "auto" and _returns(settings) and _are_loops(sources, surveys))
    lengths = align.laid_out([source.samples for source in sources], settings.align)
    if round_ and not _whole_rounds(lengths, sources, settings.align):
        round_, notes = False, (*notes, f"the clips do not fit into each other in whole rounds under align = {settings.align},"
                                " so that the stems have a start and an end")
    # stems have the loudness that lies between the clips as they are laid out, cut or filled up
    surveys = [laid_out(one, source, length, repeated=settings.align == "loop")
               for one, source, length in zip(surveys, sources, lengths, strict=True)]
    anchors, more = meeting.anchors(sources, settings.align)
    pitches = _pitches(sources, settings)
    if settings.pitch != "keep" and pitches[0] is None:
        notes = (*notes, f"pitch = {settings.pitch} was left out, for one of the clips has no pitch")
    model = model.on(settings.device)
    analyses = tuple(_analysis(place, source, lengths[place], one.peak, pitched, settings, model, round_,
                               channels)
                     for place, (source, one, pitched) in enumerate(zip(sources, surveys, pitches, strict=True)))
    stems = tuple(_stem(mix, settings, lengths, anchors, surveys, rate, round_) for mix in wanted)
    warped = any(not warp.is_identity for stem in stems for warp in stem.warps) or pitches[0] is not None
    warped = warped or settings.quality == "standard"
    locks = tuple(_attacks(source, length, settings, round_) if warped else np.zeros(0)
                  for source, length in zip(sources, lengths, strict=True))
    return Plan(settings, model, rate, analyses[0].channels, analyses, locks, stems, round_,
                notes + more + curve_note(settings, stems[0], rate))


def still(settings: Settings, wanted: tuple[Mix, ...]) -> tuple[Settings, tuple[Mix, ...]]:
    """A curve that does not move is a constant, so that it sounds like one; it keeps its name and clip 1's time."""
    curve = settings.curve
    if curve is None or len({x for _, x in curve}) > 1:
        return settings, wanted
    length = "first" if settings.length == "interpolate" else settings.length
    return dataclasses.replace(settings, length=length), (Mix((1.0 - curve[0][1], curve[0][1]), None, wanted[0].label),)


def _attacks(source: Source, length: int, settings: Settings, round_: bool) -> NDArray[np.float64]:
    """Where a clip as it is laid out takes up its own phase: at its attacks, in every round of one that is repeated, and at the
    start of one that has a start."""
    times = attacks.find(source).times
    if settings.align == "loop":
        times = np.concatenate([times + start for start in range(0, length, source.samples)])
    elif not round_:
        times = np.union1d([0.0], times)
    return times[times < length]


def _whole_rounds(lengths: Sequence[int], sources: Sequence[Source], align: str) -> bool:
    """Whether what is laid out goes round: repeated, it has to end with a round; cut or filled up, it has a seam."""
    if align == "loop":
        return all(length % one.samples == 0 for length, one in zip(lengths, sources, strict=True))
    return all(length == one.samples for length, one in zip(lengths, sources, strict=True))


def _returns(settings: Settings) -> bool:
    """Whether curves end where they begin; else what goes round would have to leap at its seam, and rests on no end there."""
    curves = (settings.curve, settings.x_level, settings.x_pitch)
    return all(curve is None or curve[0][1] == curve[-1][1] for curve in curves)


def _are_loops(sources: Sequence[Source], surveys: Sequence[Survey]) -> bool:
    """Whether all clips go round; most are told from loops by the silence at their end, without a closer look."""
    faint = 10.0 ** (loops.SILENT_DB / 10.0)
    sounding = (one.energies[:, -2:].sum() > faint * one.energies.sum(0).max() for one in surveys)
    return all(sounding) and all(map(loops.is_seamless, sources))


def _analysis(place: int, source: Source, samples: int, peak: float, pitched: Pitch | None, settings: Settings, model: Model,
              round_: bool, channels: int) -> Analysis:
    # a clip's noise must not depend on the other clips, only on its place
    drawing = Drawing(settings.seed * 4 + place, settings.temperature) if settings.sample else None
    draft = settings.quality == "draft"
    return Analysis(source, samples, channels, peak, model, detail=settings.detail > 0.0,
                    phases=not draft and settings.domain == "frame", every=COARSEST if draft else 1,
                    ask_every=ASK_EVERY[settings.quality],
                    period=source.samples if round_ or settings.align == "loop" else None, round=round_, drawing=drawing,
                    pitched=pitched)


def _pitches(sources: Sequence[Source], settings: Settings) -> list[Pitch | None]:
    """The pitch of each clip above clip 1's; of none where one of them has none, or nobody asked."""
    if settings.pitch == "keep":
        return [None] * len(sources)
    tracks = [pitch.track(source) for source in sources]
    if not all(track.is_pitched for track in tracks):
        return [None] * len(sources)
    return [Pitch(track, tracks[0].median_hz) for track in tracks]


def _stem(mix: Mix, settings: Settings, lengths: Sequence[int], anchors: Anchors | None,
          surveys: Sequence[Survey], rate: int, round_: bool) -> Stem:
    weights = None if mix.weights is None else torch.tensor(mix.weights, dtype=torch.float64)
    inside = None if weights is None else interpolate.shares(weights[:, None])[:, 0].tolist()
    layout: Layout = align.layout(lengths, inside, rate, length=settings.length, anchors=anchors, round=round_)
    if settings.level == "keep":
        return Stem(mix, layout.samples, layout.warps, None, None)
    nodes, repeated = levels.nodes(mix, settings), round_ or settings.align == "loop"
    law = levels.law(nodes, layout, surveys, rate, repeated=repeated)
    if len(nodes) > 1:
        loudness_db = None
    elif not _is_clip(mix, nodes[0], settings):
        loudness_db = levels.line(nodes[0], surveys)
    elif layout.warps[nodes[0].index(1.0)].is_identity:
        loudness_db = None  # it has the right one, whatever a meter makes of silence around it
    else:
        loudness_db = levels.path_db(nodes[0], layout, surveys, rate, repeated=repeated)
    return Stem(mix, layout.samples, layout.warps, law, loudness_db)


def _is_clip(mix: Mix, weights: tuple[float, ...], settings: Settings) -> bool:
    """Whether a stem is one of the clips, if need be at another speed."""
    own_pitch = settings.pitch == "keep" or (settings.pitch == "glide" and settings.x_pitch is None)
    alone = levels.is_clip(weights) and mix.weights == weights
    return alone and own_pitch and settings.detail == 1.0 and settings.phase == "source"


def curve_note(settings: Settings, stem: Stem, rate: int) -> tuple[str, ...]:
    """A word about curves that go on when the stem has ended."""
    curves: list[Any] = [curve for curve in (settings.curve, settings.x_level, settings.x_pitch) if curve is not None]
    last, end = max((curve[-1][0] for curve in curves), default=0.0), stem.samples / rate
    if settings.curve_unit == "seconds" and last > end:
        return (f"the curve goes on to {last:g} s, and the stem ends at {end:g} s",)
    return ()
