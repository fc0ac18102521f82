"""The one sentence of this project, from clips to stems. No files, no paths, no progress bars.

    clips -> align, pitch -> filterbank.forward -> features.split -> vae.encode -> interpolate.path -> vae.decode
          -> features.join (detail) -> phase.rebuild -> filterbank.inverse -> finish -> stems

``planning.plan`` finds what needs whole clips; ``blocks`` makes the stems a block at a time, so that an hour of audio fits
in memory. ``arrays.morph`` and ``render.render`` join and finish the blocks, in memory and on disk. Models that came from the
original Latent Timbre Synthesis have a transform of their own and go by ``classic_stems``.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from lts_batch.engine import classic_planning, classic_stems, guard, planning, rebuild, targets
from lts_batch.engine.classic_planning import ClassicPlan
from lts_batch.engine.planning import Stem
from lts_batch.engine.targets import Carried
from lts_batch.files.sources import Source
from lts_batch.frame.slices import Slices
from lts_batch.models.checkpoint import AnyModel
from lts_batch.original.classic_model import ClassicModel
from lts_batch.settings import Settings

__all__ = ["Block", "Plan", "Stem", "blocks", "plan"]

JOIN_SAMPLES = 512  # slices are cross-faded where they meet
SEAM_SECONDS = 0.02  # and a loop's end with what comes before its start

Audio = NDArray[np.float32]
Plan: TypeAlias = planning.Plan | ClassicPlan


@dataclass(frozen=True)
class Block:
    """A piece of a stem: float32 ``[channels, samples]`` from sample ``start`` of stem number ``stem``."""

    stem: int
    start: int
    samples: Audio


def plan(clips: Sequence[Source], settings: Settings, model: AnyModel, names: Sequence[str] | None = None) -> Plan:
    """Decides everything that needs whole clips, by the kind of the model: see ``planning.plan``.

    Args:
        names: what to call the clips in errors.

    Raises:
        ClipError: a clip that cannot be used.
        SettingsError: settings that do not fit so many clips.
    """
    if isinstance(model, ClassicModel):
        return classic_planning.plan(clips, settings, model, names)
    return planning.plan(clips, settings, model, names)


def blocks(plan: Plan, workers: int | None = None) -> Iterator[Block]:
    """The stems before their finish, a block at a time, each stem's blocks in order; stems of long clips advance side by side.

    Args:
        workers: slices made at a time, one thread each; as many as there are cores if not given. Bits do not depend on it.
    """
    if isinstance(plan, ClassicPlan):
        with _one_thread_each():
            yield from (Block(number, 0, samples) for number, samples in classic_stems.made(plan))
        return
    slices = [Slices(stem.samples, plan.sample_rate, plan.model.bands, plan.every, plan.round) for stem in plan.stems]
    order = sorted(((part + 1) / one.count, stem, part) for stem, one in enumerate(slices) for part in range(one.count))
    phases = [Carried({}, {}) for _ in plan.stems]
    joins = [_Joiner(plan, stem, one) for stem, one in zip(plan.stems, slices, strict=True)]
    for (_, stem, part), samples in zip(order, _made(plan, slices, order, phases, workers or os.cpu_count() or 1), strict=True):
        start, block = joins[stem].join(part, samples)
        yield Block(stem, start, block)


def _made(plan: planning.Plan, slices: Sequence[Slices], order: Sequence[tuple[float, int, int]], phases: list[Carried],
          workers: int) -> Iterator[Audio]:
    """The slices in order, some of them under way at once; a stem's slices one after another."""
    latest: dict[int, Future[Audio]] = {}

    def make(stem: int, part: int, before: Future[Audio] | None) -> Audio:
        if before is not None:
            before.result()
        state = phases[stem]
        clip = targets.untouched(plan, stem, slices[stem], part)
        if clip is not None:
            phases[stem] = Carried({}, {})
            return clip.audio(slices[stem].audio_start(part), slices[stem].transform[0])
        aim = targets.target(plan, stem, slices[stem], part, state.frames)
        samples = rebuild.waveform(plan, stem, slices[stem], part, aim, state).cpu().numpy()
        return guard.guard(plan, stem, samples, slices[stem].audio_start(part))

    # a new thread would begin with as many threads of its own as there are cores
    with _one_thread_each(), ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        if workers > 1:
            list(pool.map(lambda clip: clip.slice(0), plan.clips))
        under_way: deque[Future[Audio]] = deque()
        try:
            for _, stem, part in order:
                latest[stem] = pool.submit(make, stem, part, latest.get(stem))
                under_way.append(latest[stem])
                if part + 1 == slices[stem].count:
                    del latest[stem]  # and with it the samples
                if len(under_way) >= workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Every slice is made by one thread: more threads to a matrix could change its last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Joiner:
    """Puts the slices of a stem together: cross-faded where they meet, and round the seam of a loop."""

    def __init__(self, plan: planning.Plan, stem: Stem, slices: Slices) -> None:
        self.slices, self.stem = slices, stem
        self.seam_samples = min(round(SEAM_SECONDS * plan.sample_rate), stem.samples // 2) if plan.round else 0
        self._tail: Audio | None = None
        self._before: Audio | None = None

    def join(self, part: int, samples: Audio) -> tuple[int, Audio]:
        """Where the next block of the stem starts, and the block."""
        start, stop = self.slices.kept(part)
        block = self._cut(part, samples, start, stop).copy()
        if self._tail is not None:
            _fade(self._tail, block[:, :self._tail.shape[1]])
        last = part + 1 == self.slices.count
        self._tail = None if last else self._cut(part, samples, stop, min(stop + JOIN_SAMPLES, self.stem.samples)).copy()
        if part == 0 and self.seam_samples:
            self._before = self._cut(part, samples, -self.seam_samples, 0).copy()
        if last and self._before is not None:
            end = block[:, -self.seam_samples:]
            ramp = _ramp(end.shape[1])
            end += (self._before[:, -end.shape[1]:] - end) * ramp
        return start, block

    def _cut(self, part: int, samples: Audio, start: int, stop: int) -> Audio:
        """Samples ``start`` to ``stop`` of the stem out of a slice."""
        offset = self.slices.audio_start(part)
        return samples[:, start - offset:stop - offset]


def _fade(old: Audio, new: Audio) -> None:
    """Cross-fades from one to the other, in place of the new."""
    new[:] = old + (new - old) * _ramp(new.shape[1])


def _ramp(samples: int) -> Audio:
    return np.asarray((np.arange(samples) + 0.5) / samples, dtype=np.float32)
