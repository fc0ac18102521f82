"""What a model is worth: how well it rebuilds single clips, and how its morphs lie between the clips, beside its rivals.

Two judges. *Frames*: the magnitudes that a stem is made from, in our frame; fast, and blind to phase. *Audio*: the stems
that come out, by an STFT of their own. What is asked of both is in ``judge``; what the rivals are, in ``framepath`` and
``stempath``. Everything is judged mono at 44.1 kHz, at most the first 10 s, and both clips of a pair are cut to the shorter
one's length, so that all ways have the same moments.
"""

import math
import os
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lts_batch.errors import ClipError
from lts_batch.evaluation.framepath import AMOUNTS, Detail, FramePaths, fading
from lts_batch.evaluation.stempath import StemPaths
from lts_batch.files import audio
from lts_batch.files.sources import Excerpt, Resampled
from lts_batch.frame import features
from lts_batch.frame.filterbank import COARSEST, Grid, filterbank
from lts_batch.metrics import judge, measures
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings
from lts_batch.training.dataset import SUFFIXES

SAMPLE_RATE_HZ = 44100
LONGEST_SECONDS = 10.0
PAIRS = 20
PACKAGE_FOLDER = Path("/usr/share/sonic-pi/samples")  # of the Debian package sonic-pi-samples
LOG_LERP = "log-magnitude interpolation"
MOVED = "the same, envelope moved"  # what is left of our own way without a model; in frames only
COSTS = {"clips": 0.25, "frames": 1.0, "audio": 5.0}  # of a second of sound, about: for the time left
REBUILT = {"shape_lsd_db": "shape LSD", "sc_db": "SC", "mr_stft_sc_db": "MR-STFT SC", "log_mel_db": "log-mel"}

Audio = NDArray[np.float32]  # [samples]
Results = dict[str, Any]  # what JSON can hold, and nothing else
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Pair:
    """Two clips ``[samples]`` at 44.1 kHz, cut to one length, and their names."""

    names: tuple[str, str]
    clips: tuple[Audio, Audio]

    @property
    def title(self) -> str:
        """Both names."""
        return "~".join(self.names)


class Rival(Protocol):
    """Another program, or another kind of model, in the same tables. What it cannot do it answers with None."""

    name: str

    def frames(self, clips: tuple[Audio, Audio], x: Sequence[float]) -> judge.Way | None:
        """Its way in a frame of its own."""

    def stems(self, clips: tuple[Audio, Audio], x: Sequence[float]) -> list[Audio] | None:
        """A stem ``[samples]`` for each x, at 44.1 kHz."""


# ---------------------------------------------------------------- clips


def fixed_pairs() -> list[tuple[str, str]]:
    """The evaluation list, by names: fixed before anything was compared, and never trained on."""
    inside = Path(__file__).with_name("evaluation.toml")
    path = inside if inside.is_file() else Path(__file__).parents[2] / "benchmarks" / "evaluation.toml"
    return [(first, second) for first, second in tomllib.loads(path.read_text(encoding="utf-8"))["pairs"]]


def choose(folder: Path | None, count: int = PAIRS) -> list[tuple[Path, Path]]:
    """Which clips to pair: at most ``count`` pairs, the same each time.

    The evaluation list, where the folder (or, without one, the installed package sonic-pi-samples) holds its clips. Else all
    sounds at any depth of the folder in the order of their names: neighbours first, then every second, and so on.

    Raises:
        ClipError: no such folder, fewer than two sounds, or no folder given and no package installed.
    """
    if folder is None and not PACKAGE_FOLDER.is_dir():
        raise ClipError(f"the clips of the evaluation list are not at {PACKAGE_FOLDER}: give a FOLDER of sounds, or install the"
                        " Debian package sonic-pi-samples")
    place = folder or PACKAGE_FOLDER
    if not place.is_dir():
        raise ClipError(f"{place} is not a folder: give a folder of sounds to judge by")
    listed = [(place / f"{first}.flac", place / f"{second}.flac") for first, second in fixed_pairs()]
    if all(path.is_file() for pair in listed for path in pair):
        return listed[:count]
    sounds = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
                    and not path.name.startswith("."))
    if len(sounds) < 2:
        raise ClipError(f"{place} holds {len(sounds)} sounds: give a folder with two or more to go between")
    places = sorted(combinations(range(len(sounds)), 2), key=lambda pair: (pair[1] - pair[0], pair[0]))
    return [(sounds[first], sounds[second]) for first, second in places[:count]]


def load(path: Path) -> Audio:
    """The first 10 s of a clip ``[samples]``, channels averaged, at 44.1 kHz. Raises ``ClipError`` as ``audio.read``."""
    with audio.open_reader(path) as reader:
        rate = reader.sample_rate
        samples = reader.read(0, min(reader.samples, math.ceil(LONGEST_SECONDS * rate)))
    mono = np.ascontiguousarray(samples.mean(0, keepdims=True))
    if rate != SAMPLE_RATE_HZ:
        source = Resampled(Excerpt(mono, rate, 0, mono.shape[1]), SAMPLE_RATE_HZ)
        mono = source.read(0, source.samples)
    return np.ascontiguousarray(mono[0, :round(LONGEST_SECONDS * SAMPLE_RATE_HZ)])


def load_pairs(chosen: Sequence[tuple[Path, Path]]) -> tuple[dict[str, Audio], list[Pair], dict[str, str]]:
    """Whole clips by name, the pairs of them cut to one length, and what could not be used with the reason.

    Raises:
        ClipError: not one pair could be judged.
    """
    clips: dict[Path, Audio] = {}
    skipped: dict[str, str] = {}
    for path in dict.fromkeys(path for pair in chosen for path in pair):
        try:
            clips[path] = _audible(load(path), path)
        except ClipError as error:
            skipped[path.name] = str(error)
    names = named(list(clips))
    pairs = [_pair(one, two, clips, names) for one, two in chosen if one in clips and two in clips]
    if not pairs:
        raise ClipError(f"none of {len(chosen)} pairs could be judged: {'; '.join(skipped.values())}")
    return {names[path]: clip for path, clip in clips.items()}, pairs, skipped


# ---------------------------------------------------------------- the study


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
            found[pair.title] = {name: _numbers(judge.figures(way)) for name, way in judged.items()}
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
        found[pair.title] = {"ours": _numbers(judge.figures(paths.judged(paths.ours(detail))))}
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


def _audible(clip: Audio, path: Path) -> Audio:
    if audio.peak(clip) <= 10.0 ** (audio.SILENCE_DB / 20.0):
        raise ClipError(f"{path} is silent in its first {LONGEST_SECONDS:g} s: choose another clip")
    return clip


def named(paths: Sequence[Path]) -> dict[Path, str]:
    """What to call clips: their names without ending, with folders or ending where those are alike.

    >>> list(named([Path("a/x.wav"), Path("b/x.wav"), Path("b/y.wav")]).values())
    ['a/x.wav', 'b/x.wav', 'y']
    """
    stems = Counter(path.stem for path in paths)
    depth = len(Path(os.path.commonpath([path.parent for path in paths])).parts) if paths else 0
    return {path: path.stem if stems[path.stem] == 1 else "/".join(path.parts[depth:]) for path in paths}


def _pair(one: Path, two: Path, clips: Mapping[Path, Audio], names: Mapping[Path, str]) -> Pair:
    samples = min(len(clips[one]), len(clips[two]))
    return Pair((names[one], names[two]), (clips[one][:samples], clips[two][:samples]))


# ---------------------------------------------------------------- summaries


def summarised(pairs: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> Results:
    """Median and mean of each figure of each way over the pairs that have it.

    >>> pairs = {pair: {"way": {"step_cv": value}} for pair, value in (("a~b", 0.1), ("c~d", 0.4), ("e~f", None))}
    >>> summarised(pairs)["way"]["step_cv"]
    {'median': 0.25, 'mean': 0.25, 'pairs': 2}
    """
    names = dict.fromkeys(name for ways in pairs.values() for name in ways)
    table: Results = {}
    for name in names:
        rows = [ways[name] for ways in pairs.values() if name in ways]
        table[name] = {}
        for figure in rows[0]:
            known = [value for row in rows if (value := row[figure]) is not None]
            table[name][figure] = {"median": float(np.median(known)) if known else None,
                                   "mean": float(np.mean(known)) if known else None, "pairs": len(known)}
    return table


def verdict(ours: Mapping[str, Any], rival: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of the figures in which ours is better in the mean, and in which it is not; ends, exact or not, left out."""
    sides: dict[str, list[str]] = {"better": [], "not better": []}
    for name, figure in judge.FIGURES.items():
        mine, other = ours[name]["mean"], rival[name]["mean"]
        if name.startswith("end_") or mine is None or other is None:
            continue
        gain = abs(other - 1.0) - abs(mine - 1.0) if figure.best == 0 else figure.best * (mine - other)
        sides["better" if gain > 0.0 else "not better"].append(figure.title)
    return sides


def _numbers(found: Mapping[str, float]) -> dict[str, float | None]:
    """What JSON can hold: None for what is no number."""
    return {name: float(value) if math.isfinite(value) else None for name, value in found.items()}
