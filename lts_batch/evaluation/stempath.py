"""The ways between two clips as stems that sound, for the judge that knows nothing of our frame.

Our own stems come out of the pipeline as a user's do. Rivals that are magnitudes only get the phase, the residual, the exact
ends, the loudness and the quiet before attacks that our own get, so that nothing but the path differs.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lts_batch.engine import finish, guard, pipeline, planning, rebuild, targets
from lts_batch.engine.analysis import DETAIL_FLOOR_DB
from lts_batch.evaluation.framepath import AMOUNTS, Detail, Path, lawful, log_lerp
from lts_batch.files.sources import Excerpt
from lts_batch.frame.slices import Slices
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings

Audio = NDArray[np.float32]  # [samples]


class StemPaths:
    """All ways between two mono clips ``[samples]`` of one length, as a stem ``[samples]`` for each x.

    Args:
        workers: as in ``pipeline.blocks``.
        settings: of our own way; x and loop are not taken from it.

    Raises:
        ClipError: a clip that is silent or too short.
    """

    def __init__(self, model: Model, clips: Sequence[Audio], sample_rate: int, x: Sequence[float] = AMOUNTS,
                 settings: Settings | None = None, workers: int | None = None) -> None:
        self.model, self.sample_rate, self.x = model, sample_rate, tuple(x)
        self.clips = (clips[0], clips[1])
        self._settings = dataclasses.replace(settings or Settings(), loop="off", x=self.x)
        self._workers = workers
        self._sources = [Excerpt(clip[None], sample_rate, 0, len(clip)) for clip in clips]

    def ours(self, detail: Detail | None = None) -> list[Audio]:
        """The stems of the pipeline; ``detail`` in place of that of the settings."""
        weights = [self._settings.detail if detail is None else detail(x) if callable(detail) else detail for x in self.x]
        found: dict[float, Audio] = {}
        for weight in sorted(set(weights)):  # a job has one detail
            own = tuple(x for x, of in zip(self.x, weights, strict=True) if of == weight)
            found |= zip(own, self._job(dataclasses.replace(self._settings, x=own, detail=weight)), strict=True)
        return [found[x] for x in self.x]

    def _job(self, settings: Settings) -> list[Audio]:
        plan = planning.plan(self._sources, settings, self.model)
        stems = [np.empty((1, stem.samples), dtype=np.float32) for stem in plan.stems]
        for block in pipeline.blocks(plan, self._workers):
            stems[block.stem][:, block.start:block.start + block.samples.shape[1]] = block.samples
        return [stem[0] for stem in finish.finish_arrays(stems, plan.sample_rate, settings,
                                                         [stem.loudness_db for stem in plan.stems])]

    def waveform_crossfade(self) -> list[Audio]:
        """(1 - x) times clip 1 plus x times clip 2."""
        one, two = self.clips
        return [(1.0 - x) * one + x * two for x in self.x]

    def crossfade(self) -> list[Audio]:
        """Magnitudes in our frame on straight lines."""
        return self._of_magnitudes(lambda true, x: ((1.0 - x) * true[0] + x * true[1]).clamp_min(0.0))

    def log_lerp(self) -> list[Audio]:
        """Logarithms of magnitudes in our frame on straight lines."""
        peaks = [float(np.abs(clip).max()) for clip in self.clips]
        floors = [peak * 10.0 ** (DETAIL_FLOOR_DB / 20.0) for peak in peaks]
        return self._of_magnitudes(lambda true, x: log_lerp(true, x, floors))

    @torch.no_grad()
    def _of_magnitudes(self, path: Path) -> list[Audio]:
        plan = planning.plan(self._sources, dataclasses.replace(self._settings, detail=1.0), self.model)
        slices = Slices(len(self.clips[0]), self.sample_rate, self.model.bands)
        rows, found = plan.clips[0].bank.model_rows, []
        true = [clip.slice(0).true(rows) for clip in plan.clips]
        start = slices.audio_start(0)
        for number, x in enumerate(self.x):
            aim = targets.target(plan, number, slices, 0, {})
            aim = dataclasses.replace(aim, magnitudes=lawful(plan, number, slices, path(true, x)))
            samples = rebuild.waveform(plan, number, slices, 0, aim, targets.Carried({}, {})).cpu().numpy()
            found.append(guard.guard(plan, number, samples, start)[:, -start:-start + slices.samples])
        return [stem[0] for stem in finish.finish_arrays(found, plan.sample_rate, self._settings,
                                                         [stem.loudness_db for stem in plan.stems])]
