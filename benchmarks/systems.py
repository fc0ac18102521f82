"""The systems under comparison behind one face, and the clock that times them.

Each takes two mono clips of one length at 44.1 kHz and gives one stem per x. What has to be done once per pair is
``prepare``, what has to be done for each stem is ``render``.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import job
import numpy as np
import threadpoolctl  # type: ignore[import-untyped]
import torch
from evaluation_clips import SAMPLE_RATE_HZ
from lts_model import LtsModel
from numpy.typing import NDArray

from lts_batch.models.checkpoint import Model
from lts_batch.original import classic

Clip = NDArray[np.float32]


class System(Protocol):
    """Anything that makes the sounds between two clips."""

    name: str
    slow: bool  # time one stem once, instead of every stem several times
    judged: bool  # has errors of its own: rows that only differ in what they cost do not

    def prepare(self, first: Clip, second: Clip) -> Any:
        """What all stems of a pair share."""

    def render(self, prepared: Any, amounts: Sequence[float]) -> list[Clip]:
        """One stem ``[samples]`` per x."""

    def rebuild(self, clip: Clip) -> Clip:
        """A clip through encoder, decoder and phase, and nothing that would put back what the model lost."""


@dataclass
class Lts:
    """The published path: constant-Q magnitudes, dense VAE, Griffin-Lim from random phase."""

    model: LtsModel
    iterations: int
    judged: bool = True

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

    def rebuild(self, clip: Clip) -> Clip:
        return self.render(self.prepare(clip, clip), (0.0,))[0]


@dataclass
class Ours:
    """lts_batch with some settings; as they come, these are what a user gets who changes nothing."""

    name: str
    model: Model
    settings: Mapping[str, Any] = field(default_factory=dict)
    judged: bool = True
    slow: bool = False

    def prepare(self, first: Clip, second: Clip) -> list[Clip]:
        return [first[None], second[None]]  # analysis is part of morph: it is timed in render

    def render(self, prepared: Any, amounts: Sequence[float]) -> list[Clip]:
        return self._stems(prepared, amounts, self.settings)

    def rebuild(self, clip: Clip) -> Clip:
        return self._stems([clip[None]] * 2, (0.0,), {**self.settings, "detail": 0.0})[0]

    def _stems(self, clips: Sequence[Clip], amounts: Sequence[float], settings: Mapping[str, Any]) -> list[Clip]:
        stems = job.stems(clips, SAMPLE_RATE_HZ, self.model, x=list(amounts), **settings)
        return [stem[0] for stem in stems]


# ---------------------------------------------------------------- time


@dataclass(frozen=True)
class Cost:
    """Seconds for a whole job: processor time of all threads, and time on the wall; and the audio it made."""

    processor_seconds: float
    wall_seconds: float
    audio_seconds: float


def time_jobs(compared: Sequence[System], first: Clip, second: Clip, amounts: Sequence[float],
              repeats: int) -> dict[str, Cost]:
    """Cost of one job with all its stems under each system: analysis of both clips, decoding, phase, inverse.

    Medians of the repeats; systems take turns, so that what else the machine does meets all of them. A slow system renders
    one stem once, and that is counted for each of the stems: they all cost the same.
    """
    runs: dict[str, list[tuple[float, float, float]]] = {system.name: [] for system in compared}
    for repeat in range(repeats):
        for system in compared:
            timed = tuple(amounts[:1]) if system.slow else tuple(amounts)
            if not (system.slow and repeat):
                runs[system.name].append(_run(system, first, second, timed, len(amounts) / len(timed)))
    return {name: Cost(*(float(figure) for figure in np.median(times, axis=0))) for name, times in runs.items()}


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
