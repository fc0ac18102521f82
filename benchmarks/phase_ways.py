"""One way to phase on one pair of clips: its stems, how far they are from what they were meant to be, and what they cost.

Cost is that of one more stem: processor seconds of decoding, phase and inverse, without the analysis that all stems share.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import job
import numpy as np
import systems
import target_mel
import torch
from evaluation_clips import SAMPLE_RATE_HZ
from study import Results

from lts_batch.engine import pipeline, targets
from lts_batch.engine.pipeline import Plan
from lts_batch.engine.repairs import Sized
from lts_batch.files.sources import Excerpt
from lts_batch.frame.slices import Slices
from lts_batch.frame.stft import stft
from lts_batch.metrics import measures
from lts_batch.models.checkpoint import Model
from lts_batch.resynthesis import phase
from lts_batch.settings import Settings

FADE_SECONDS = 0.02  # where a clip is cut
OVERLAPS = (4, 8)  # of the STFT whose magnitudes alone are known


def cut(clip: job.Audio, seconds: float) -> job.Audio:
    """The first seconds; where something is cut off, faded, lest there be a click that the clip has not."""
    samples = round(seconds * SAMPLE_RATE_HZ)
    if clip.shape[1] <= samples:
        return clip
    fade = min(samples, round(FADE_SECONDS * SAMPLE_RATE_HZ))
    found = clip[:, :samples].copy()
    found[:, samples - fade:] *= np.cos(0.5 * np.pi * (np.arange(fade, dtype=np.float32) + 0.5) / fade) ** 2
    return found


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


def warm_up(model: Model, ways: Sequence[str]) -> None:
    noise = np.random.default_rng(0).standard_normal((2, 1, SAMPLE_RATE_HZ // 2)).astype(np.float32) * 0.1
    for way in ways:
        timed(_only(plan([noise[0], noise[1, :, :-4000]], model, way), 1), 1)
    for overlap in OVERLAPS:
        stft_alone(noise[0], overlap, (1,))
