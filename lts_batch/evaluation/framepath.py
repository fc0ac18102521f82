"""The ways between two clips as magnitudes in our frame, before any phase: what a path is like, in seconds a pair.

Our own way is what the pipeline aims at (``targets.target``), with every setting in it, so that what is judged is what sounds.
Its rivals need no model: a crossfade of the waveforms, of the magnitudes, and of their logarithms. All but the first come under
the same law of loudness, so that what is compared is the path and not its law.

    paths = FramePaths(model, (one, two), 44100)
    judge.figures(paths.judged(paths.ours(detail=0.0)))

Every third frame is looked at (8.7 ms apart), and the network is asked for each of those: as often as in a render.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.engine import interpolate, planning, targets
from lts_batch.engine.planning import Plan
from lts_batch.engine.thinning import Thinning
from lts_batch.files.sources import Excerpt
from lts_batch.frame.filterbank import COARSEST
from lts_batch.frame.slices import WHOLE_SECONDS, Slices
from lts_batch.metrics import judge
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings

AMOUNTS = (-0.2, *(n / 10 for n in range(11)), 1.2)

Audio = NDArray[np.float32]  # [samples]
Magnitudes = NDArray[np.float32]  # [steps, frames, bands]
Path = Callable[[Sequence[Tensor], float], Tensor]  # magnitudes of both clips [1, rows, frames], x -> magnitudes
Detail = float | Callable[[float], float]  # one weight, or one for each x


def fading(x: float) -> float:
    """A detail weight that is 1 at both clips and beyond them, and 0 half-way: |2x - 1|.

    >>> [fading(x) for x in (-0.2, 0.0, 0.25, 0.5, 1.0)]
    [1.0, 1.0, 0.5, 0.0, 1.0]
    """
    return min(1.0, abs(2.0 * x - 1.0))


class FramePaths:
    """All ways between two mono clips ``[samples]`` of one length, at most 12 s.

    Args:
        model: a ``Model``; or anything that has its ``bands``, ``device``, ``on``, ``encode_shapes`` and ``decode_shapes``.
        x: amounts of the steps, rising, 0 and 1 among them.
        settings: of our own way; x, quality and loop are not taken from it.

    Raises:
        ClipError: a clip that is silent or too short.
        ValueError: clips of two lengths, or longer than one transform holds.
    """

    def __init__(self, model: Model, clips: Sequence[Audio], sample_rate: int, x: Sequence[float] = AMOUNTS,
                 settings: Settings | None = None) -> None:
        one, two = clips
        if len(one) != len(two) or len(one) > WHOLE_SECONDS * sample_rate:
            raise ValueError(f"clips must be of one length, at most {WHOLE_SECONDS:g} s, found {len(one)} and {len(two)}"
                             f" samples at {sample_rate} Hz")
        # a draft looks at every third frame and makes no phases; it would also ask the network less often
        wanted = dataclasses.replace(settings or Settings(), x=tuple(x), quality="draft", loop="off")
        self.x, self.sample_rate, self.clips = tuple(x), sample_rate, (one, two)
        known = dataclasses.replace(wanted, detail=1.0)  # so that analyses hold what any detail needs
        self._plan = planning.plan([Excerpt(clip[None], sample_rate, 0, len(clip)) for clip in clips], known, model)
        for clip in self._plan.clips:
            clip.ask_every = 1
        self._plan = dataclasses.replace(self._plan, settings=wanted)
        self._slices = Slices(len(one), sample_rate, model.bands, COARSEST)
        times = self._slices.frames(0) * self._slices.hop_samples
        self._inside = torch.from_numpy(np.flatnonzero((times >= 0.0) & (times <= len(one))))

    @property
    def model(self) -> Model:
        """The model, on the device of the settings."""
        return self._plan.model

    @property
    def centres_hz(self) -> NDArray[np.float64]:
        """Of the bands ``[bands]``."""
        return self._plan.model.bands.centres_hz[:self._rows]

    @property
    def _rows(self) -> int:
        return self._plan.clips[0].bank.model_rows

    @cached_property
    def true(self) -> tuple[Magnitudes, Magnitudes]:
        """Magnitudes of the clips ``[frames, bands]``."""
        one, two = (self._frames(clip.slice(0).true(self._rows)) for clip in self._plan.clips)
        return one, two

    def ours(self, detail: Detail | None = None) -> Magnitudes:
        """What the pipeline aims at, at every x.

        Args:
            detail: in place of that of the settings.
        """
        steps = []
        for number, x in enumerate(self.x):
            weight = self._plan.settings.detail if detail is None else detail(x) if callable(detail) else detail
            plan = dataclasses.replace(self._plan, settings=dataclasses.replace(self._plan.settings, detail=weight))
            steps.append(self._frames(targets.target(plan, number, self._slices, 0, {}).magnitudes))
        return np.stack(steps)

    def crossfade(self) -> Magnitudes:
        """(1 - x) t1 + x t2 of the magnitudes; beyond the clips not below 0."""
        return self._without_model(lambda true, x: ((1.0 - x) * true[0] + x * true[1]).clamp_min(0.0))

    def log_lerp(self) -> Magnitudes:
        """log(m + e) on a straight line, band by band: the path that needs no model. e lies 100 dB below the clips' peaks.

        Beyond the clips it has the bound that our own way has.
        """
        return self._without_model(lambda true, x: log_lerp(true, x, self._floors))

    def moved(self) -> Magnitudes:
        """The same with its envelope moved as ours is: our own way, less the model."""
        return self._without_model(lambda true, x: log_lerp(true, x, self._floors), moved=True)

    @torch.no_grad()
    def _without_model(self, path: Path, *, moved: bool = False) -> Magnitudes:
        """A path of magnitudes under the same law of loudness as ours, or all would be judged by their laws."""
        true = [clip.slice(0).true(self._rows) for clip in self._plan.clips]
        return np.stack([self._frames(lawful(self._plan, number, self._slices, path(true, x), moved=moved))
                         for number, x in enumerate(self.x)])

    def waveform_crossfade(self) -> Magnitudes:
        """Magnitudes of (1 - x) times clip 1 plus x times clip 2."""
        bank = self._slices.bank()
        audio = torch.from_numpy(np.stack(self.clips))
        risen = self._slices.risen(bank.forward(audio, COARSEST)[:, :self._rows])[..., self._inside]
        return np.stack([((1.0 - x) * risen[0] + x * risen[1]).abs().T.numpy() for x in self.x])

    def judged(self, magnitudes: Magnitudes) -> judge.Way:
        """A way of these clips, for ``judge.figures``."""
        rate = float(self._plan.model.bands.frame_rate) / COARSEST
        return judge.of_magnitudes(magnitudes, self.true, self.x, self.centres_hz, self.sample_rate, rate)

    @property
    def _floors(self) -> tuple[float, float]:
        one, two = self._plan.clips
        return one.floor, two.floor

    def _frames(self, magnitudes: Tensor) -> Magnitudes:
        """``[1, rows, frames of the slice]`` to ``[frames, rows]`` within the clips."""
        return np.ascontiguousarray(magnitudes[0][:, self._inside.to(magnitudes.device)].T.cpu().numpy())


def lawful(plan: Plan, number: int, slices: Slices, magnitudes: Tensor, *, moved: bool = False) -> Tensor:
    """Magnitudes ``[1, rows, frames]`` of a path of our own making with the loudness that stem ``number`` is to have.

    Args:
        moved: give them the moved envelope as well, and raise what stands out.
    """
    stem, parts = plan.stems[number], [clip.slice(0) for clip in plan.clips]
    weights = targets.amounts(plan, stem, slices.frames(0).astype(np.float64) * slices.hop_samples)
    if bool(weights.pure.any(0).all()):
        return magnitudes
    if moved:
        magnitudes = targets.shaped(plan, stem.law, magnitudes, parts, weights, Thinning.of(slices, 0, 1, plan.model.device))
    return magnitudes if stem.law is None else targets.corrected(plan, stem.law, magnitudes, parts, weights)


def log_lerp(true: Sequence[Tensor], x: float, floors: Sequence[float]) -> Tensor:
    """Plain interpolation of the logarithms of magnitudes ``[channels, rows, frames]``, with the floors of the clips.

    It is the path of the pipeline for a model that knows nothing: with D = d1 = d2 all detail is its own.
    """
    w = torch.tensor([1.0 - x, x], dtype=torch.float32, device=true[0].device)[:, None].expand(-1, true[0].shape[-1])
    silence = torch.zeros_like(true[0])
    lost = [((one + floor) / floor).log() for one, floor in zip(true, floors, strict=True)]
    return interpolate.bounded(interpolate.magnitudes(silence, lost, w, 1.0, floors), true, w)
