"""One clip, analysed and encoded: everything the path needs to know of it, frame by frame.

A clip is analysed slice by slice, when a slice is first asked for, and each slice once for all stems that move through
it together (the last few are kept).
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch import features, phase, vae
from lts_batch.checkpoint import Model
from lts_batch.slices import Slices

KEPT_SLICES = 4
DETAIL_FLOOR_DB = -100.0


class Source(Protocol):
    """Audio that can be read by position; ``audio.Reader`` is one."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def samples(self) -> int: ...
    def read(self, start: int, count: int) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Excerpt:
    """Part of a source, as a source; or samples in memory ``[channels, samples]``."""

    source: Source | NDArray[np.float32]
    sample_rate: int
    start: int
    samples: int

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.source.shape[0] if isinstance(self.source, np.ndarray) else self.source.channels

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """``count`` samples from ``start``."""
        if isinstance(self.source, np.ndarray):
            return self.source[:, self.start + start:self.start + start + count]
        return self.source.read(self.start + start, count)


@dataclass(frozen=True)
class Drawing:
    """How latents are drawn where not their mean is taken."""

    seed: int
    temperature: float


@dataclass(frozen=True)
class Frames:
    """A clip over a run of frames.

    Attributes:
        coefficients: complex ``[channels, rows, frames]``, residual rows included.
        levels: ``[channels, frames]``.
        latents: ``[channels, frames, latent]``.
        lost: log(t + e) - log(d + e) of true and decoded magnitudes ``[channels, model rows, frames]``.
    """

    coefficients: Tensor
    levels: Tensor
    latents: Tensor
    lost: Tensor


class Analysis:
    """A clip laid out as ``samples`` samples (zeros past its end), on ``channels`` channels.

    Args:
        peak: its largest sample; floors are relative to it.
        detail: whether what the model loses is wanted; without it nothing is decoded here.
        drawing: draw latents from the encoder's distribution instead of taking the mean.
    """

    def __init__(self, source: Source, samples: int, channels: int, peak: float, model: Model, *, detail: bool,
                 drawing: Drawing | None = None) -> None:
        self.source, self.channels, self.peak, self.model = source, channels, peak, model
        self.detail, self.drawing = detail, drawing
        self.slices = Slices(samples, source.sample_rate, model.bands)
        self.floor = peak * 10.0 ** (DETAIL_FLOOR_DB / 20.0)
        self._kept: OrderedDict[int, Frames] = OrderedDict()

    def slice(self, number: int) -> Frames:
        """All frames of one slice, in rising order."""
        if number not in self._kept:
            self._kept[number] = self._analyse(number)
            while len(self._kept) > KEPT_SLICES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]

    def at(self, positions: NDArray[np.float64], start_phase: Tensor | None) -> Frames:
        """The clip at fractional frame positions ``[n]``: warped, with phase integrated from ``start_phase``."""
        lower = np.floor(positions).astype(np.int64)
        wanted, place = np.unique(np.concatenate((lower, lower + 1)), return_inverse=True)
        found = self._gather(wanted)
        low, high = torch.from_numpy(place[:len(lower)]), torch.from_numpy(place[len(lower):])
        share = torch.from_numpy((positions - lower).astype(np.float32))
        below, above = found.coefficients[..., low], found.coefficients[..., high]
        magnitude = torch.lerp(below.abs(), above.abs(), share)
        nearest = torch.where(share < 0.5, below, above)
        levels = torch.lerp(found.levels[:, low], found.levels[:, high], share)
        coefficients = phase.integrate(phase.impose(magnitude, nearest), (above * below.conj()).angle(),
                                       phase.attacks(levels), start_phase)
        return Frames(coefficients, levels,
                      torch.lerp(found.latents[:, low], found.latents[:, high], share[:, None]),
                      torch.lerp(found.lost[..., low], found.lost[..., high], share) if self.detail else found.lost)

    def _gather(self, frames: NDArray[np.int64]) -> Frames:
        """Columns at absolute frames ``[n]`` from the slices that know them best; silence where there is none."""
        numbers, places, known = self.slices.locate(frames)
        runs = np.flatnonzero(np.diff(numbers, prepend=-1))
        parts = []
        for begin, end in zip(runs, [*runs[1:], len(frames)], strict=True):
            whole = self.slice(int(numbers[begin]))
            columns = torch.from_numpy(places[begin:end])
            there = torch.from_numpy(known[begin:end].astype(np.float32))
            parts.append(Frames(whole.coefficients[..., columns] * there, whole.levels[:, columns] * there,
                                whole.latents[:, columns], whole.lost[..., columns] * there if self.detail else whole.lost))
        return Frames(torch.cat([part.coefficients for part in parts], -1), torch.cat([part.levels for part in parts], -1),
                      torch.cat([part.latents for part in parts], 1),
                      torch.cat([part.lost for part in parts], -1) if self.detail else parts[0].lost)

    def _audio(self, number: int) -> Tensor:
        """Samples of a slice's transform ``[channels, samples]``; zeros outside the clip."""
        start, length = self.slices.audio_start(number), self.slices.transform[0]
        begin, end = max(start, 0), min(start + length, self.source.samples, self.slices.samples)
        audio = np.zeros((self.channels, length), dtype=np.float32)
        if end > begin:
            block = self.source.read(begin, end - begin)
            rows = slice(None) if block.shape[0] == 1 else slice(block.shape[0])  # mono goes to every channel
            audio[rows, begin - start:end - start] = block
        return torch.from_numpy(audio)

    @torch.no_grad()
    def _analyse(self, number: int) -> Frames:
        bank = self.slices.bank
        coefficients = bank.forward(self._audio(number))  # [channels, rows, frames]
        if self.slices.whole:
            coefficients = coefficients.roll(self.slices.lead_frames, dims=-1)
        true = coefficients[:, :bank.model_rows].abs()
        padded = torch.nn.functional.pad(true, (0, 0, 0, len(self.model.bands) - bank.model_rows))
        levels, shapes = features.split(padded.transpose(1, 2))  # [channels, frames], [channels, frames, bands]
        mean, log_variance = self.model.encode_shapes(shapes.reshape(-1, shapes.shape[-1]))
        latents = mean.reshape(*levels.shape, -1)
        if self.drawing is not None:
            spread = log_variance.reshape(latents.shape) + 2.0 * np.log(max(self.drawing.temperature, 1e-9))
            latents = vae.draw(latents, spread, self._noise(number, latents.shape))
        lost = true.new_zeros(0)
        if self.detail:
            decoded = decode(self.model, latents, levels, bank.model_rows)
            lost = ((true + self.floor) / (decoded + self.floor)).log()
        return Frames(coefficients, levels, latents, lost)

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


def decode(model: Model, latents: Tensor, levels: Tensor, rows: int) -> Tensor:
    """Latents ``[channels, frames, latent]`` and levels ``[channels, frames]`` to magnitudes ``[channels, rows, frames]``."""
    shapes = model.decode_shapes(latents.reshape(-1, latents.shape[-1]))
    magnitudes = features.join(levels.reshape(-1), shapes)
    return magnitudes.reshape(*levels.shape, -1).transpose(1, 2)[:, :rows]
