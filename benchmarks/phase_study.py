"""Which phase to give magnitudes, on which transform, and how many repairs it is worth.

    python benchmarks/phase_study.py --json phase.json --picture docs/pictures/phase_study.png

Every way (``phase``/``domain``) with 0 to 32 fast Griffin-Lim steps makes the same sounds, so that phase is all that differs:

- morphs at x = 0.5 of the evaluation pairs, judged against the magnitudes that they were meant to have (target_mel.py): by a
  plain STFT, which is no way's own transform and decides, and by the filterbank, which flatters the ways that work on it;
- reconstructions of the first clip of each pair from its true magnitudes and from those that the model makes of it;
- both ends, which have to null against the clips for a way to be the default;
- beside them phase from the magnitudes of an STFT, with no filterbank and no model, as the literature measures it.

Cost is that of one more stem: processor seconds of decoding, phase and inverse, without the analysis that all stems share.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import evaluation_clips
import job
import numpy as np
import study
import systems
import target_mel
import torch
from evaluation_clips import SAMPLE_RATE_HZ
from study import OptionGroup, Results, say

from lts_batch.engine import pipeline, targets
from lts_batch.engine.pipeline import Plan
from lts_batch.engine.repairs import Sized
from lts_batch.files.sources import Excerpt
from lts_batch.frame.slices import Slices
from lts_batch.frame.stft import stft
from lts_batch.metrics import measures
from lts_batch.models.checkpoint import Model, load_model
from lts_batch.resynthesis import phase
from lts_batch.settings import DOMAINS, PHASES, Settings

TITLE = "Phase: where it comes from, on which transform, with how many repairs"
HEIGHT_INCHES = 4.0
WAYS = tuple(f"{one}/{domain}" for one in PHASES for domain in DOMAINS)
REPAIRS, QUICK_REPAIRS = (0, 4, 16, 32), (0, 4)
SECONDS, FADE_SECONDS = 3.0, 0.02  # of each clip, and where one is cut
NULL_DB = -90.0
OVERLAPS = (4, 8)  # of the STFT whose magnitudes alone are known
ALONE_SC_DB, ALONE_COST = -25.0, 0.15  # wanted of one of those
COST_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
HEADER = ("way, repairs", "x = 0.5", "median", "by bands", "louder", "cost", "wins", "worst null", "true SC", "log-mel",
          "decoded SC", "log-mel")
LEGEND = (
    "x = 0.5: log-mel distance of a stem from its target magnitudes / dB, by a plain STFT (mean, median), by the filterbank;",
    "louder: than the target, in the mean over what can be heard / dB; cost: processor seconds of one more stem per second of",
    "it (median); wins: pairs, among the ways with phase from the clips whose ends null; worst null: of x = 0 and 1 / dB",
    "true, decoded: clips from their true and from their decoded magnitudes, MR-STFT SC and log-mel distance / dB",
)


def add_options(parser: OptionGroup) -> None:
    parser.add_argument("--phase-seconds", type=float, default=SECONDS, help="how much of each clip is used")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS, metavar="WAY", help="ways of the phase study")


def run(options: argparse.Namespace) -> Results:
    model, folder = load_model(options.model), evaluation_clips.find_folder(options.clips)
    repairs = QUICK_REPAIRS if options.quick else REPAIRS
    pairs: dict[str, Results] = {}
    alone: dict[str, Results] = {}
    with systems.threads(1):
        _warm_up(model, options.ways)
        for number, names in enumerate(evaluation_clips.pairs(options.pairs), 1):
            clips = [cut(evaluation_clips.load(folder, name)[None], options.phase_seconds) for name in names]
            pairs["~".join(names)] = {}
            for way in options.ways:
                say(f"phase, {'~'.join(names)} ({number} of {options.pairs}), {way}")
                pairs["~".join(names)] |= way_figures(clips, model, way, repairs)
            alone[names[0]] = {f"overlap {overlap}, {count} repairs": figures for overlap in OVERLAPS
                               for count, figures in stft_alone(clips[0], overlap, repairs).items()}
    return {"ways": list(options.ways), "repairs": list(repairs), "seconds": options.phase_seconds, "pairs": pairs,
            "alone": alone}


def cut(clip: job.Audio, seconds: float) -> job.Audio:
    """The first seconds; where something is cut off, faded, lest there be a click that the clip has not."""
    samples = round(seconds * SAMPLE_RATE_HZ)
    if clip.shape[1] <= samples:
        return clip
    fade = min(samples, round(FADE_SECONDS * SAMPLE_RATE_HZ))
    found = clip[:, :samples].copy()
    found[:, samples - fade:] *= np.cos(0.5 * np.pi * (np.arange(fade, dtype=np.float32) + 0.5) / fade) ** 2
    return found


# ---------------------------------------------------------------- one pair


def way_figures(clips: Sequence[job.Audio], model: Model, way: str, repairs: Sequence[int]) -> Results:
    """Figures of a way with each number of repairs, ``{"source/frame 4": {...}}``."""
    planned = plan(clips, model, way)
    mel = target_mel.target_mel(model.bands, planned.clips[0].bank.model_rows, SAMPLE_RATE_HZ)
    layouts = [Slices(clip.shape[1], SAMPLE_RATE_HZ, model.bands) for clip in clips]
    offset_db = mel.offset_db(clips, layouts)
    floor_db = [measures.frames_distance_db(mel.of_audio(clip), mel.of_audio_by_bands(clip, one) + offset_db)
                for clip, one in zip(clips, layouts, strict=True)]

    half_way = _only(planned, 1)
    slices = Slices(half_way.stems[0].samples, SAMPLE_RATE_HZ, model.bands)
    aim = mel.of_magnitudes(targets.target(half_way, 0, slices, 0, {}).magnitudes, slices)
    found = {}
    for count in repairs:
        stem, cost = timed(half_way, count)
        ends = [timed(_only(planned, place), count) for place in (0, 2)]
        decoded, decoded_cost = timed(_only(planned, 0, detail=0.0), count)
        found[f"{way} {count}"] = {
            "log_mel_db": measures.frames_distance_db(mel.of_audio(stem), aim + offset_db),
            "own_log_mel_db": measures.frames_distance_db(mel.of_audio_by_bands(stem, slices), aim),
            "louder_db": louder_db(mel.of_audio(stem), aim + offset_db),
            "floor_db": float(np.mean(floor_db)), "cost": cost,
            "null_db": [measures.residual_db(clip, end) for clip, (end, _) in zip(clips, ends, strict=True)],
            "true": _errors(clips[0], *ends[0]), "decoded": _errors(clips[0], decoded, decoded_cost)}
    return found


def plan(clips: Sequence[job.Audio], model: Model, way: str) -> Plan:
    """Stems at x = 0, 0.5 and 1, nothing of which is changed for their loudness."""
    source, domain = way.split("/")
    settings = Settings(x=(0.0, 0.5, 1.0), phase=source, domain=domain, level="keep", loop="off", device="cpu")
    return pipeline.plan([Excerpt(clip, SAMPLE_RATE_HZ, 0, clip.shape[1]) for clip in clips], settings, model)


def _only(planned: Plan, place: int, **changed: Any) -> Plan:
    """One stem of a plan, with other settings."""
    return replace(planned, stems=planned.stems[place:place + 1], settings=replace(planned.settings, **changed))


def timed(planned: Plan, repair: int) -> tuple[job.Audio, float]:
    """The one stem of a plan, and processor seconds for each second of it, where the clips are analysed already."""
    planned = replace(planned, settings=replace(planned.settings, repair=repair))
    with systems.threads(1):  # as the pipeline does it: more threads would change the last bits
        for clip in planned.clips:
            clip.slice(0)
    start = time.process_time()
    blocks = [block.samples for block in pipeline.blocks(planned, 1)]
    seconds = time.process_time() - start
    stem = np.concatenate(blocks, axis=1)
    return stem, seconds * SAMPLE_RATE_HZ / stem.shape[1]


def louder_db(stem: measures.Array, aim: measures.Array) -> float:
    """How much louder a stem is than its target in the mean over the cells that can be heard: what is lost on the way.

    >>> louder_db(np.array([0.0, -10.0, -99.0]), np.array([0.0, -6.0, -90.0]))
    -2.0
    """
    heard = aim > aim.max() + target_mel.HEARD_DB
    return float((stem - aim)[heard].mean())


def _errors(clip: job.Audio, stem: job.Audio, cost: float) -> Results:
    return {"mr_stft_sc_db": measures.mr_stft_sc_db(clip, stem), "cost": cost,
            "log_mel_db": measures.log_mel_distance_db(clip, stem, SAMPLE_RATE_HZ)}


def stft_alone(clip: job.Audio, overlap: int, repairs: Sequence[int]) -> dict[int, Results]:
    """A clip from the magnitudes of its own STFT and nothing else, by heap integration and then repairs."""
    from lts_batch.resynthesis import pghi  # compiles

    transform, samples, found = stft(SAMPLE_RATE_HZ, overlap), clip.shape[1], dict[int, Results]()
    magnitudes = phase.strengths(transform.forward(torch.from_numpy(clip)))
    for count in repairs:
        start = time.process_time()
        whole = pghi.on_stft(magnitudes, transform, seed=0)
        if count:
            whole = phase.griffin_lim(magnitudes, whole, Sized(transform, samples), transform.bins, count)
        stem = transform.inverse(whole, samples).numpy()
        found[count] = _errors(clip, stem, (time.process_time() - start) * SAMPLE_RATE_HZ / samples)
    return found


def _warm_up(model: Model, ways: Sequence[str]) -> None:
    noise = np.random.default_rng(0).standard_normal((2, 1, SAMPLE_RATE_HZ // 2)).astype(np.float32) * 0.1
    for way in ways:
        timed(_only(plan([noise[0], noise[1, :, :-4000]], model, way), 1), 1)
    for overlap in OVERLAPS:
        stft_alone(noise[0], overlap, (1,))


# ---------------------------------------------------------------- what it says


def _variants(results: Results) -> Iterator[tuple[str, list[Results]]]:
    """Each variant with its figures of all pairs."""
    for way in results["ways"]:
        for count in results["repairs"]:
            yield f"{way} {count}", [found[f"{way} {count}"] for found in results["pairs"].values()]


def _nulls(rows: Sequence[Results]) -> float:
    return max(db for row in rows for db in row["null_db"])


def eligible(results: Results) -> list[str]:
    """Variants with phase from the clips whose ends null for all pairs, in rising order of their mean error at x = 0.5."""
    errors = {name: float(np.mean([row["log_mel_db"] for row in rows])) for name, rows in _variants(results)
              if name.startswith("source/") and _nulls(rows) < NULL_DB}
    return sorted(errors, key=errors.__getitem__)


def wins(results: Results, names: Sequence[str]) -> dict[str, int]:
    """For how many pairs each of some variants has the least error at x = 0.5."""
    best = [min(names, key=lambda name: found[name]["log_mel_db"]) for found in results["pairs"].values()] if names else []
    return {name: best.count(name) for name in names}


def table(results: Results) -> str:
    won, rows = wins(results, eligible(results)), []
    for name, found in _variants(results):
        rows.append([name, _mean(found, "log_mel_db"), _median(found, "log_mel_db"), _mean(found, "own_log_mel_db"),
                     _mean(found, "louder_db"), _median(found, "cost"), won.get(name), _nulls(found),
                     *(_mean([row[kind] for row in found], key) for kind in ("true", "decoded")
                       for key in ("mr_stft_sc_db", "log_mel_db"))])
    floor_db, chosen, default = _mean(next(_variants(results))[1], "floor_db"), eligible(results), Settings()
    return "\n".join((
        f"{len(results['pairs'])} pairs, the first {results['seconds']:g} s of each clip", *LEGEND,
        f"Sounds are {floor_db:.2f} dB from their own magnitudes by that measure.", "", study.columns(HEADER, rows), "",
        "by the distance at x = 0.5, of the ways with phase from the clips whose ends null: "
        + (", then ".join(chosen) or "none") + f"; the default is {default.phase}/{default.domain} {default.repair or 0}", "",
        "phase by heap integration from the magnitudes of an STFT alone (Gaussian window): means, cost the median",
        study.columns(["", "MR-STFT SC", "log-mel", "cost"], [
            [name, _mean(found, "mr_stft_sc_db"), _mean(found, "log_mel_db"), _median(found, "cost")]
            for name, found in _alone(results).items()])))


def _mean(rows: Sequence[Results], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def _median(rows: Sequence[Results], key: str) -> float:
    return float(np.median([row[key] for row in rows]))


def _alone(results: Results) -> dict[str, list[Results]]:
    clips = list(results["alone"].values())
    return {name: [found[name] for found in clips] for name in clips[0]}


def failures(results: Results) -> list[str]:
    lines = []
    if any(way.startswith("source/") for way in results["ways"]) and not eligible(results):
        lines.append(f"no way with phase from the clips nulls below {NULL_DB:g} dB at both ends of all pairs")
    alone = {name: (_mean(rows, "mr_stft_sc_db"), _mean(rows, "cost")) for name, rows in _alone(results).items()}
    if not any(sc <= ALONE_SC_DB and cost <= ALONE_COST for sc, cost in alone.values()):
        lines.append(f"from STFT magnitudes alone nothing reaches {ALONE_SC_DB:g} dB at {ALONE_COST:g} s a second: "
                     + "; ".join(f"{name} {sc:.1f} dB at {cost:.2f}" for name, (sc, cost) in alone.items()))
    return lines


def picture(results: Results, figure: Any) -> None:
    """Error against cost: a line for each way, a dot for each number of repairs."""
    views = (("x = 0.5: log-mel distance from the target / dB", lambda row: row, "log_mel_db"),
             ("a clip from its true magnitudes: MR-STFT SC / dB", lambda row: row["true"], "mr_stft_sc_db"),
             ("from its decoded magnitudes: MR-STFT SC / dB", lambda row: row["decoded"], "mr_stft_sc_db"))
    found = dict(_variants(results))
    for number, (axis, (title, part, key)) in enumerate(zip(figure.subplots(1, len(views)), views, strict=True)):
        for place, way in enumerate(results["ways"]):
            if number == 1 and way.startswith("source/"):
                continue  # exact: nothing to be seen
            dots = [[part(row) for row in found[f"{way} {count}"]] for count in results["repairs"]]
            axis.plot([_median(rows, "cost") for rows in dots], [_mean(rows, key) for rows in dots], "o-", ms=3, lw=1,
                      color=f"C{place}", label=way)
        axis.set_xscale("log")
        axis.set_xticks(COST_TICKS, [f"{cost:g}" for cost in COST_TICKS])
        axis.set_xticks([], minor=True)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel(f"cost of a stem, s / s; dots: {', '.join(map(str, results['repairs']))} repairs", fontsize=8)
        axis.set_xlim(0.01, 1.0)
        axis.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=7)


if __name__ == "__main__":
    sys.exit(study.main(sys.modules[__name__]))
