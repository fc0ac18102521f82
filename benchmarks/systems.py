"""The systems under comparison behind one face, and the clock that times them.

Each takes two mono clips of one length at 44.1 kHz and gives one stem per x. What has to be done once per pair is
``prepare``, what has to be done for each stem is ``render``.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import threadpoolctl  # type: ignore[import-untyped]
import torch
from evaluation_clips import SAMPLE_RATE_HZ
from lts_model import LtsModel
from numpy.typing import NDArray

from lts_batch import classic

Clip = NDArray[np.float32]


class System(Protocol):
    """Anything that makes the sounds between two clips."""

    name: str
    slow: bool  # time one stem once, instead of every stem several times

    def prepare(self, first: Clip, second: Clip) -> Any:
        """What all stems of a pair share."""

    def render(self, prepared: Any, amounts: Sequence[float]) -> list[Clip]:
        """One stem ``[samples]`` per x."""


@dataclass
class Lts:
    """The published path: constant-Q magnitudes, dense VAE, Griffin-Lim from random phase."""

    model: LtsModel
    iterations: int

    def __post_init__(self) -> None:
        self.name = f"LTS, {self.iterations} iteration{'s' if self.iterations > 1 else ''}"
        self.slow = self.iterations > 4

    def prepare(self, first: Clip, second: Clip) -> tuple[torch.Tensor, torch.Tensor, int]:
        latents = [self.model.encode(classic.frames(clip)) for clip in (first, second)]
        return latents[0], latents[1], len(first)

    def render(self, prepared: Any, amounts: Sequence[float]) -> list[Clip]:
        first, second, samples = prepared
        return [classic.rebuild(self.model.decode(first + x * (second - first)), samples, self.iterations)
                for x in amounts]


@dataclass
class Ours:
    """lts_batch at detail = 0, so that the model alone is judged, as in LTS."""

    model: Any
    phase: str = "source"

    def __post_init__(self) -> None:
        self.name = "lts_batch" if self.phase == "source" else "lts_batch, phase from magnitudes only"
        self.slow = False

    def prepare(self, first: Clip, second: Clip) -> list[Clip]:
        return [first[None], second[None]]  # analysis is part of morph: it is timed in render

    def render(self, prepared: Any, amounts: Sequence[float]) -> list[Clip]:
        import lts_batch

        stems = lts_batch.morph(prepared, SAMPLE_RATE_HZ, x=tuple(amounts), model=self.model, detail=0.0,
                                phase=self.phase)
        return [stem[0] for stem in stems]


def rebuild_clip(system: System, clip: Clip) -> Clip:
    """A clip through encoder, decoder and phase: the stem at x = 0 of the clip with itself."""
    return system.render(system.prepare(clip, clip), (0.0,))[0]


# ---------------------------------------------------------------- time


@dataclass(frozen=True)
class Cost:
    """Seconds for a whole job: processor time of all threads, and time on the wall; and the audio it made."""

    processor_seconds: float
    wall_seconds: float
    audio_seconds: float


def time_job(system: System, first: Clip, second: Clip, amounts: Sequence[float], repeats: int) -> Cost:
    """Cost of one job with all its stems: analysis of both clips, decoding, phase, inverse. Median of the repeats.

    A slow system renders one stem once, and that is counted for each of the stems: they all cost the same.
    """
    timed = tuple(amounts[:1]) if system.slow else tuple(amounts)
    runs = [_run(system, first, second, timed, len(amounts) / len(timed)) for _ in range(1 if system.slow else repeats)]
    processor, wall = np.median([run[:2] for run in runs], axis=0)
    return Cost(float(processor), float(wall), runs[0][2])


def _run(system: System, first: Clip, second: Clip, amounts: Sequence[float],
         factor: float) -> tuple[float, float, float]:
    start = np.array([time.process_time(), time.perf_counter()])
    prepared = system.prepare(first, second)
    middle = np.array([time.process_time(), time.perf_counter()])
    stems = system.render(prepared, amounts)
    end = np.array([time.process_time(), time.perf_counter()])
    processor, wall = middle - start + factor * (end - middle)
    return processor, wall, factor * sum(map(len, stems)) / SAMPLE_RATE_HZ


@contextmanager
def threads(count: int) -> Iterator[None]:
    """The same number of threads for every library that a system may use."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpoolctl.threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


def warm_up(system: System) -> None:
    """One short job: compilation, imports and plans happen here and not under the clock."""
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE_HZ // 2).astype(np.float32) * 0.1
    system.render(system.prepare(noise, noise), (0.5,))
