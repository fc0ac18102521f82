"""``spacing = even-distance``: settings whose x make stems that are equally far apart to the ear.

Equal steps in x are not equal steps to the ear: near a clip the sound may change at once, or hardly at all. So stems are
made for trial with the very settings of the job, measured, and x is moved (see steps.py). A job costs a few times as much
that way. Of clips longer than ``LONGEST_SECONDS`` an excerpt is tried, so that the trials of an hour cost no more than
those of half a minute.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lts_batch.engine import finish, pipeline, steps
from lts_batch.files import sources
from lts_batch.files.sources import Excerpt, Source
from lts_batch.metrics import measures
from lts_batch.models.checkpoint import AnyModel
from lts_batch.settings import Settings

LONGEST_SECONDS = 30.0
EXCERPT_SECONDS = 20.0
LEAST_EXCERPT_SECONDS = 1.0  # of the shorter clip
MOST_FRAMES = 2000  # measured of a stem, spread over all of it
RELATIVE = ("stretch", "onsets", "beats")  # alignments under which clips run side by side from start to end
PLACES = 9  # that an excerpt is chosen from
_MEMORY_BYTES = 1 << 27  # of trial stems held at once


def resolved(clips: Sequence[Source], settings: Settings, model: AnyModel, names: Sequence[str] | None = None,
             workers: int | None = None) -> Settings:
    """Settings that say in ``x`` what ``spacing = even-distance`` asks for; others as they are.

    x = 0 and x = 1 are among them wherever ``steps`` is 2 or more. The same clips, settings and model give the same x.

    Args:
        names: what to call the clips in errors.
        workers: as in ``pipeline.blocks``; x does not depend on it.

    Raises:
        ClipError, SettingsError: as ``pipeline.plan``.
    """
    if settings.spacing != "even-distance":
        return settings
    found = steps.even_amounts(_Trials(clips, settings, model, names, workers), settings.amounts())
    return dataclasses.replace(settings, spacing="even-x", x=found.amounts)


class _Trials:
    """Makes stems and measures them: amounts to ``measures.log_mel_frames``.

    What is cut off, and the gain that all stems of a job share, is left out: the one would lay them over each other askew,
    the other needs all of them, and both leave them as far apart.
    """

    def __init__(self, clips: Sequence[Source], settings: Settings, model: AnyModel, names: Sequence[str] | None,
                 workers: int | None) -> None:
        self._settings = dataclasses.replace(settings, spacing="even-x", ceiling_db=None, trim_db=None)
        self._clips, self._model, self._names = clips, model, names
        self._workers = workers
        self._reference = 0  # samples of the longest stem, once known
        parts = _excerpts(clips, settings.align) if len(clips) == 2 else None
        if parts:
            self._clips, self._settings = parts, dataclasses.replace(self._settings, loop="off")

    def __call__(self, amounts: Sequence[float]) -> list[NDArray[np.float32]]:
        planned = self._plan(amounts)
        if not self._reference:  # 0 and 1 are among the first amounts, and no stem is longer than one of those
            self._reference = max(stem.samples for stem in planned.stems)
        together = max(1, _MEMORY_BYTES // (4 * planned.channels * self._reference))
        if together >= len(amounts):
            return self._measured(planned)
        return [frames for first in range(0, len(amounts), together)
                for frames in self._measured(self._plan(amounts[first:first + together]))]

    def _plan(self, amounts: Sequence[float]) -> pipeline.Plan:
        wanted = dataclasses.replace(self._settings, x=tuple(amounts))
        return pipeline.plan(self._clips, wanted, self._model, self._names)

    def _measured(self, planned: pipeline.Plan) -> list[NDArray[np.float32]]:
        pieces: list[list[NDArray[np.float32]]] = [[] for _ in planned.stems]
        for block in pipeline.blocks(planned, self._workers):
            pieces[block.stem].append(block.samples)
        stems = finish.finish_arrays([np.concatenate(stem, axis=1) for stem in pieces], planned.sample_rate, planned.settings,
                                     [stem.loudness_db for stem in planned.stems])
        return [measures.log_mel_frames(stem, planned.sample_rate, self._reference, MOST_FRAMES) for stem in stems]


def _excerpts(clips: Sequence[Source], align: str) -> list[Excerpt] | None:
    """The same part of both clips, where both sound; None where whole clips are short enough, or never sound together."""
    seconds = [clip.samples / clip.sample_rate for clip in clips]
    if max(seconds) <= LONGEST_SECONDS:
        return None
    if align in RELATIVE:  # the same share of both
        share = EXCERPT_SECONDS / max(seconds)
        spans = [max(share * own, min(own, LEAST_EXCERPT_SECONDS)) for own in seconds]
        ways = [own - span for own, span in zip(seconds, spans, strict=True)]
    else:  # the same time in both
        spans = [min(own, EXCERPT_SECONDS) for own in seconds]
        ways = [max(0.0, min(seconds) - EXCERPT_SECONDS)] * 2
    places = [[_excerpt(clip, way * n / (PLACES - 1), span) for clip, span, way in zip(clips, spans, ways, strict=True)]
              for n in range(PLACES if max(ways) > 0.0 else 1)]
    energies = np.asarray([[_energy(part) for part in parts] for parts in places])
    heard = (energies / np.maximum(energies.max(axis=0), 1e-30)).min(axis=1)
    return places[int(heard.argmax())] if heard.max() > 1e-3 else None


def _excerpt(clip: Source, start_seconds: float, span_seconds: float) -> Excerpt:
    samples = max(1, min(clip.samples, round(span_seconds * clip.sample_rate)))
    start = min(round(start_seconds * clip.sample_rate), clip.samples - samples)
    return Excerpt(clip, clip.sample_rate, start, samples)


def _energy(source: Source) -> float:
    return sum(float(np.vdot(block, block)) for block in sources.blocks(source))
