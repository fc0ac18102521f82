"""What a model is worth: how well it rebuilds single clips, and how its morphs lie between the clips, beside its rivals.

Two judges. *Frames*: the magnitudes that a stem is made from, in our frame; fast, and blind to phase. *Audio*: the stems
that come out, by an STFT of their own. What is asked of both is in ``judge``; what the rivals are, in ``framepath`` and
``stempath``; the clips, in ``clip_pairs``.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lts_batch.evaluation.clip_pairs import SAMPLE_RATE_HZ, Audio, Pair, load_pairs
from lts_batch.evaluation.framepath import AMOUNTS, Detail, FramePaths, fading
from lts_batch.evaluation.stempath import StemPaths
from lts_batch.evaluation.summary import Results, numbers, summarised, verdict
from lts_batch.frame import features
from lts_batch.frame.filterbank import COARSEST, Grid, filterbank
from lts_batch.metrics import judge, measures
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings

LOG_LERP = "log-magnitude interpolation"
MOVED = "the same, envelope moved"  # what is left of our own way without a model; in frames only
COSTS = {"clips": 0.25, "frames": 1.0, "audio": 5.0}  # of a second of sound, about: for the time left
REBUILT = {"shape_lsd_db": "shape LSD", "sc_db": "SC", "mr_stft_sc_db": "MR-STFT SC", "log_mel_db": "log-mel"}

Progress = Callable[[float, str], None]


class Rival(Protocol):
    """Another program, or another kind of model, in the same tables. What it cannot do it answers with None."""

    name: str

    def frames(self, clips: tuple[Audio, Audio], x: Sequence[float]) -> judge.Way | None:
        """Its way in a frame of its own."""

    def stems(self, clips: tuple[Audio, Audio], x: Sequence[float]) -> list[Audio] | None:
        """A stem ``[samples]`` for each x, at 44.1 kHz."""


def run(models: Mapping[str, Model], chosen: Sequence[tuple[Path, Path]], *, frames_only: bool = False,
        rivals: Sequence[Rival] = (), workers: int | None = None, progress: Progress | None = None) -> Results:
    """Judges models, the default settings of each last, beside crossfades, plain interpolation and other rivals.

    Args:
        models: by the names that rows shall have; rows of a single one have none.
        frames_only: leave out what has to sound.
        workers: as in ``pipeline.blocks``.
        progress: told the fraction done and what is being done.

    Returns:
        ``pairs``, ``skipped`` with reasons; ``reconstruction`` of each clip and in the mean; ``frames`` and ``audio`` with the
        figures of each way for each pair, their summary (median, mean, and number of pairs that have the figure), and in
        ``verdict`` what the default of each model does better or worse than log-magnitude interpolation, in the mean.

    Raises:
        ClipError: not one pair could be judged.
    """
    tell = progress or (lambda fraction, message: None)
    clips, pairs, skipped = load_pairs(chosen)
    results: Results = {"x": list(AMOUNTS), "models": list(models), "pairs": [pair.title for pair in pairs],
                        "skipped": [list(one) for one in skipped.items()], "sample_rate": SAMPLE_RATE_HZ,
                        "default": {label: _label(label, default_name(), models) for label in models}}
    judges = {"frames": _frames} if frames_only else {"frames": _frames, "audio": _stems}
    total = COSTS["clips"] * sum(len(clip) for clip in clips.values())
    total += sum(COSTS[kind] * len(pair.clips[0]) for kind in judges for pair in pairs)
    done = 0.0
    rebuilt: Results = {}
    for name, clip in clips.items():
        tell(done / total, name)
        rebuilt[name] = {label: _rebuilt(model, clip, frames_only, workers) for label, model in models.items()}
        done += COSTS["clips"] * len(clip)
    results["reconstruction"] = {"clips": rebuilt, "mean": {label: {
        name: float(np.mean([one[label][name] for one in rebuilt.values()])) for name in next(iter(rebuilt.values()))[label]}
        for label in models}}
    for kind, ways in judges.items():
        found: Results = {}
        for pair in pairs:
            tell(done / total, f"{pair.title}, {kind}")
            judged = ways(models, pair, rivals, workers)
            found[pair.title] = {name: numbers(judge.figures(way)) for name, way in judged.items()}
            done += COSTS[kind] * len(pair.clips[0])
        summary = summarised(found)
        results[kind] = {"pairs": found, "summary": summary, "verdict": {
            label: verdict(summary[results["default"][label]], summary[LOG_LERP]) for label in models}}
    return results


def frame_figures(model: Model, pairs: Sequence[Pair], detail: Detail | None = None) -> Results:
    """One way of a model over some pairs, in the frame only, as ``summarised``: what a trial of a model or a path needs.

    Args:
        detail: a weight, or one for each x; that of the default settings if not given.
    """
    found: Results = {}
    for pair in pairs:
        paths = FramePaths(model, pair.clips, SAMPLE_RATE_HZ)
        found[pair.title] = {"ours": numbers(judge.figures(paths.judged(paths.ours(detail))))}
    return dict(summarised(found)["ours"])


def our_ways() -> dict[str, Detail | None]:
    """Our own rows by name, with the detail of each; None is what a user gets who changes nothing."""
    rows: dict[str, Detail | None] = {"detail 0": 0.0, "detail 0.5": 0.5, "detail 1": 1.0, "detail fading": fading}
    plain = {weight: name for name, weight in rows.items() if isinstance(weight, float)}
    alike = plain.get(Settings().detail)
    if alike is None:
        return rows | {"default": None}
    return {(f"{name} (default)" if name == alike else name): weight for name, weight in rows.items()}


def default_name() -> str:
    """The row of the default settings."""
    return next(name for name in our_ways() if "default" in name)


def _label(label: str, name: str, models: Mapping[str, Model]) -> str:
    return name if len(models) == 1 else f"{label}: {name}"


def _frames(models: Mapping[str, Model], pair: Pair, rivals: Sequence[Rival], _: int | None) -> dict[str, judge.Way]:
    found: dict[str, judge.Way] = {}
    for label, model in models.items():
        paths = FramePaths(model, pair.clips, SAMPLE_RATE_HZ)
        found |= {_label(label, name, models): paths.judged(paths.ours(detail)) for name, detail in our_ways().items()}
    plain = {"waveform crossfade": paths.waveform_crossfade, "magnitude crossfade": paths.crossfade, LOG_LERP: paths.log_lerp,
             MOVED: paths.moved}
    found |= {name: paths.judged(make()) for name, make in plain.items()}
    others = {rival.name: rival.frames(pair.clips, AMOUNTS) for rival in rivals}
    return found | {name: way for name, way in others.items() if way is not None}


def _stems(models: Mapping[str, Model], pair: Pair, rivals: Sequence[Rival], workers: int | None) -> dict[str, judge.Way]:
    def judged(stems: Sequence[Audio]) -> judge.Way:
        return judge.of_audio(stems, pair.clips, AMOUNTS, SAMPLE_RATE_HZ)

    found: dict[str, judge.Way] = {}
    for label, model in models.items():
        paths = StemPaths(model, pair.clips, SAMPLE_RATE_HZ, workers=workers)
        found |= {_label(label, name, models): judged(paths.ours(detail)) for name, detail in our_ways().items()}
    plain = {"waveform crossfade": paths.waveform_crossfade, "magnitude crossfade": paths.crossfade, LOG_LERP: paths.log_lerp}
    found |= {name: judged(make()) for name, make in plain.items()}
    others = {rival.name: rival.stems(pair.clips, AMOUNTS) for rival in rivals}
    return found | {name: judged(stems) for name, stems in others.items() if stems is not None}


def _rebuilt(model: Model, clip: Audio, frames_only: bool, workers: int | None) -> dict[str, float]:
    """A clip through encoder and decoder and nothing that puts back what the model lost."""
    true = frames(clip, model)
    level, shape = features.split(torch.from_numpy(true).to(model.device))
    other = features.join(level, model.decode_shapes(model.encode_shapes(shape)[0])).cpu().numpy()
    found = {"shape_lsd_db": measures.shape_lsd_db(true, other), "sc_db": measures.spectral_convergence_db(true, other)}
    if frames_only:
        return found
    stem = StemPaths(model, (clip, clip), SAMPLE_RATE_HZ, (0.0,), workers=workers).ours(0.0)[0]
    return found | {"mr_stft_sc_db": measures.mr_stft_sc_db(clip[None], stem[None]),
                    "log_mel_db": measures.log_mel_distance_db(clip[None], stem[None], SAMPLE_RATE_HZ)}


def frames(clip: Audio, model: Model) -> NDArray[np.float32]:
    """Every third frame of a clip ``[frames, bands]``."""
    grid = Grid(SAMPLE_RATE_HZ, model.bands.frame_rate)
    bank = filterbank(model.bands, SAMPLE_RATE_HZ, *grid.covering(len(clip)))
    kept = int(len(clip) * model.bands.frame_rate / SAMPLE_RATE_HZ) // COARSEST + 1
    rows = bank.forward(torch.from_numpy(clip)[None], COARSEST)[0, :bank.model_rows, :kept].abs().T
    return torch.nn.functional.pad(rows, (0, len(model.bands) - bank.model_rows)).contiguous().numpy()
