"""One clip, analysed and encoded: everything the path needs to know of it, frame by frame.

A clip is analysed slice by slice, when a slice is first asked for, and each slice once for all stems that move through
it together (the last few are kept).
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.clips import loudness, pitch
from lts_batch.engine import interpolate
from lts_batch.engine.frames import Frames
from lts_batch.engine.thinning import Thinning
from lts_batch.files.sources import Source, read_around
from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands, Filterbank
from lts_batch.frame.slices import Slices
from lts_batch.models import vae
from lts_batch.models.checkpoint import Model
from lts_batch.resynthesis import phase

KEPT_SLICES = 3
KEPT_VIEWS = 2
DETAIL_FLOOR_DB = -100.0

T = TypeVar("T")


@dataclass(frozen=True)
class Drawing:
    """How latents are drawn where not their mean is taken."""

    seed: int
    temperature: float


@dataclass(frozen=True)
class Pitch:
    """The pitch of a clip as octaves above a reference that all clips of a job share.

    Latents are those of the clip at the reference pitch, so that two clips meet at one pitch in the latent space.
    """

    track: pitch.Track
    reference_hz: float

    def octaves(self, times_seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """log2(f0 / reference) at each time ``[n]``; defined everywhere, see ``strength``."""
        return np.asarray(np.log2(self.track.f0_at(times_seconds) / self.reference_hz))

    def strength(self, times_seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """How surely the clip is pitched at each time ``[n]``, 0 to 1."""
        return self.track.strength_at(times_seconds)


class Analysis:
    """A clip laid out as ``samples`` samples on ``channels`` channels, zeros past its end.

    Args:
        peak: its largest sample; floors are relative to it.
        detail: whether what the model loses is wanted; without it nothing is decoded here.
        phases: whether complex coefficients are wanted, or magnitudes only.
        every: thinning of the frames, see ``Slices``.
        ask_every: how many of those there are for one that the network is asked for.
        period: the clip begins again after so many samples.
        round: it has no ends: sound goes on before sample 0 and after the last.
        drawing: draw latents from the encoder's distribution instead of taking the mean.
        pitched: encode at the reference pitch.
    """

    def __init__(self, source: Source, samples: int, channels: int, peak: float, model: Model, *, detail: bool,
                 phases: bool = True, every: int = 1, ask_every: int = 1, period: int | None = None,
                 round: bool = False, drawing: Drawing | None = None, pitched: Pitch | None = None) -> None:
        self.source, self.channels, self.peak, self.model = source, channels, peak, model
        self.detail, self.phases, self.period, self.round = detail, phases, period, round
        self.drawing, self.pitched, self.ask_every = drawing, pitched, ask_every
        self.slices = Slices(samples, source.sample_rate, model.bands, every, round)
        self.floor = peak * 10.0 ** (DETAIL_FLOOR_DB / 20.0)
        self._kept: OrderedDict[int, Frames] = OrderedDict()
        self._views: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def bank(self) -> Filterbank:
        """The filterbank of the clip's slices."""
        return self.slices.bank(str(self.model.device))

    def slice(self, number: int) -> Frames:
        """All frames of one slice, in rising order."""
        with self._lock:
            if number not in self._kept:
                while len(self._kept) >= KEPT_SLICES:
                    self._kept.popitem(last=False)
                self._kept[number] = self._analyse(number)
            self._kept.move_to_end(number)
            return self._kept[number]

    def view(self, number: int, make: Callable[[], T]) -> T:
        """Something that was made of a slice before, or is made now: what all stems in the clip's own time share."""
        with self._lock:
            if number not in self._views:
                while len(self._views) >= KEPT_VIEWS:
                    self._views.popitem(last=False)
                self._views[number] = make()
            return self._views[number]  # type: ignore[no-any-return]

    def gather(self, frames: NDArray[np.int64]) -> Frames:
        """Columns at absolute frames ``[n]`` from the slices that know them best; silence where there is none."""
        numbers, places, known = self.slices.locate(frames)
        runs = np.flatnonzero(np.diff(numbers, prepend=-1))
        parts = []
        for begin, end in zip(runs, [*runs[1:], len(frames)], strict=True):
            whole = self.slice(int(numbers[begin]))
            columns = torch.from_numpy(places[begin:end]).to(self.model.device)
            there = torch.from_numpy(known[begin:end].astype(np.float32)).to(self.model.device)
            parts.append(Frames(whole.coefficients[..., columns].mul_(there), whole.levels[:, columns] * there,
                                whole.loudness[:, columns] * there, whole.latents[:, columns],
                                whole.lost[..., columns].mul_(there) if self.detail else whole.lost))
        return Frames.joined(parts)

    def audio(self, start: int, count: int) -> NDArray[np.float32]:
        """The clip as it is laid out, ``[channels, count]`` from sample ``start``, which may lie before its first."""
        found = read_around(self.source, start, count, period=self.period)
        if not self.round:
            found[:, :max(0, -start)] = 0.0
            found[:, max(0, self.slices.samples - start):] = 0.0
        # mono goes to every channel; a clip with fewer channels than another leaves the rest silent
        return np.repeat(found, self.channels, axis=0) if len(found) == 1 else np.pad(
            found, ((0, self.channels - len(found)), (0, 0)))

    @torch.no_grad()
    def shapes(self, number: int) -> tuple[Tensor, Tensor]:
        """What the network is to see of a slice: levels ``[channels, frames]``, log shapes ``[channels, frames, bands]``."""
        _, true = self._transformed(number)
        return self._seen(true, self._octaves(number), torch.arange(true.shape[2], device=true.device))

    def _transformed(self, number: int) -> tuple[Tensor, Tensor]:
        """Coefficients ``[channels, rows, frames]`` of a slice, and the magnitudes of its model rows."""
        bank, slices = self.bank, self.slices
        samples = self.audio(slices.audio_start(number), slices.transform[0])
        if slices.whole:  # a whole clip starts at sample 0 of its transform; what lies before it is at the circle's end
            samples = np.roll(samples, slices.audio_start(number), axis=1)
        coefficients = slices.risen(bank.forward(torch.from_numpy(samples).to(self.model.device), slices.every))
        return coefficients, phase.strengths(coefficients[:, :bank.model_rows])

    def _seen(self, true: Tensor, octaves: NDArray[np.float64] | None, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Levels of magnitudes ``[channels, model rows, frames]``, and log shapes of the frames to be kept, at the reference
        pitch."""
        rows, bands = true.shape[1], self.model.bands
        flat = true if octaves is None else pitch.shift(true, -octaves, bands.centres_hz[:rows])
        levels = torch.linalg.vector_norm(flat, dim=1)
        few = torch.nn.functional.pad(flat[..., kept], (0, 0, 0, len(bands) - rows))
        shapes = features.log_shape(few.transpose(1, 2), levels[:, kept])
        return levels if octaves is None else torch.linalg.vector_norm(true, dim=1), shapes

    @torch.no_grad()
    def _analyse(self, number: int) -> Frames:
        bank, slices, device = self.bank, self.slices, self.model.device
        coefficients, true = self._transformed(number)
        loud = k_norms(true, self.model)
        octaves = self._octaves(number)
        thinning = Thinning.of(slices, number, self.ask_every, device)
        levels, few = self._seen(true, octaves, thinning.kept)
        mean, log_variance = (values.reshape(*few.shape[:2], -1)
                              for values in self.model.encode_shapes(few.reshape(-1, few.shape[-1])))
        latents = thinning.filled(mean)
        if self.drawing is not None:
            spread = thinning.filled(log_variance) + 2.0 * np.log(max(self.drawing.temperature, 1e-9))
            latents = vae.draw(latents, spread, self._noise(number, latents.shape).to(device))
        lost = true.new_zeros(0)
        if self.detail:
            decoded = decode(self.model, latents, levels, bank.model_rows, thinning)
            if octaves is not None:
                decoded = pitch.shift(decoded, octaves, self.model.bands.centres_hz[:bank.model_rows])
            lost = (true + self.floor).div_(decoded.add_(interpolate.said_floor(levels, self.floor))).log_()
        return Frames(coefficients if self.phases else true, levels, loud, latents, lost)

    def _octaves(self, number: int) -> NDArray[np.float64] | None:
        """How far above the reference pitch each frame of a slice is."""
        if self.pitched is None:
            return None
        return self.pitched.octaves(self.slices.frames(number) * self.slices.hop_samples / self.source.sample_rate)

    def _noise(self, number: int, shape: torch.Size) -> Tensor:
        """Noise that belongs to absolute frames, so that overlapping slices draw the same latents."""
        assert self.drawing is not None
        frames, hop = self.slices.frames(number), self.slices.hop_frames
        columns = []
        for block in range(frames[0] // hop, frames[-1] // hop + 1):
            generator = torch.Generator().manual_seed(self.drawing.seed * 1_000_003 + block + 500_000)
            columns.append(torch.randn(shape[0], hop, shape[2], generator=generator))
        first = int(frames[0] - frames[0] // hop * hop)
        return torch.cat(columns, dim=1)[:, first:first + shape[1]]


def k_norms(magnitudes: Tensor, model: Model) -> Tensor:
    """K-weighted norms ``[channels, frames]`` of magnitudes ``[channels, rows, frames]``."""
    return torch.einsum("r,crf->cf", _k_powers(model.bands, magnitudes.shape[1]).to(magnitudes), magnitudes.square()).sqrt()


@lru_cache(maxsize=8)
def _k_powers(bands: Bands, rows: int) -> Tensor:
    return torch.from_numpy(loudness.k_response(bands.centres_hz[:rows]) ** 2)


def decode(model: Model, latents: Tensor, levels: Tensor, rows: int, thinning: Thinning) -> Tensor:
    """Latents ``[channels, frames, latent]`` and levels ``[channels, frames]`` to magnitudes ``[channels, rows, frames]``.

    The network is asked for the frames that ``thinning`` keeps; the log shapes between them lie on straight lines.
    """
    few = latents[:, thinning.kept]
    shapes = model.decode_shapes(few.reshape(-1, few.shape[-1])).reshape(*few.shape[:2], -1)
    magnitudes = features.join(levels.reshape(-1), thinning.filled(shapes).reshape(levels.numel(), -1))
    return magnitudes.reshape(*levels.shape, -1).transpose(1, 2)[:, :rows].contiguous()
