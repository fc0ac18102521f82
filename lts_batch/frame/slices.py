"""A clip of any length as transforms of bounded length.

Up to ``WHOLE_SECONDS`` a clip is one transform. A longer one is cut into overlapping slices whose outer margins are
thrown away: there the cut rings, so memory does not grow with length.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.frame.filterbank import COARSEST, RING_SECONDS, Bands, Filterbank, Grid, filterbank

WHOLE_SECONDS = 12.0
KEPT_SECONDS = 6.0  # of a slice; a margin on either side comes on top
MARGIN_SECONDS = 0.42
ROUND_SECONDS = 1.0  # of a loop's next and last round, around a transform that holds all of it


@dataclass(frozen=True)
class Slices:
    """Where the slices of a clip of ``samples`` samples lie.

    Frames have absolute numbers: frame f is at f * hop_samples of the clip, and there are frames before 0 and past the end,
    for attacks ring both ways. Two clips of one length, rate and layout have equal ``Slices``.

    Args:
        every: thinning: 3 looks at every third column of the filterbank only; frames are counted in those.
        round: the clip goes on past its ends (a loop); then there is sound in the margins too.
    """

    samples: int
    sample_rate: int
    bands: Bands
    every: int = 1
    round: bool = False

    @cached_property
    def whole(self) -> bool:
        """Whether one transform holds it all."""
        return self.samples <= WHOLE_SECONDS * self.sample_rate

    @cached_property
    def _units(self) -> tuple[int, int]:
        """Slices of long clips in units of the grid: (all of one, one of its margins)."""
        grid = Grid(self.sample_rate, self.bands.frame_rate)
        margin = math.ceil(MARGIN_SECONDS * self.sample_rate / grid.unit[0])
        while margin * grid.unit[1] % COARSEST:
            margin += 1
        return grid.smooth_units(2 * margin + math.ceil(KEPT_SECONDS * self.sample_rate / grid.unit[0])), margin

    @cached_property
    def transform(self) -> tuple[int, int]:
        """Length of one transform: (samples, frames of the filterbank)."""
        grid = Grid(self.sample_rate, self.bands.frame_rate)
        if self.whole:
            return grid.covering(self.samples + (round(ROUND_SECONDS * self.sample_rate) if self.round else 0))
        return self._units[0] * grid.unit[0], self._units[0] * grid.unit[1]

    def bank(self, device: str = "cpu") -> Filterbank:
        """The filterbank of that length."""
        return filterbank(self.bands, self.sample_rate, *self.transform, device)

    @cached_property
    def hop_samples(self) -> float:
        """Samples from one frame to the next; not a whole number at 48 kHz."""
        return self.every * self.transform[0] / self.transform[1]

    @cached_property
    def hop_frames(self) -> int:
        """Frames from one slice to the next."""
        if self.whole:
            return self.size
        return (self._units[0] - 2 * self._units[1]) * self._unit_frames // self.every

    @cached_property
    def _unit_frames(self) -> int:
        return Grid(self.sample_rate, self.bands.frame_rate).unit[1]

    @cached_property
    def hop_kept_samples(self) -> int:
        """Samples from one slice to the next."""
        return (self._units[0] - 2 * self._units[1]) * Grid(self.sample_rate, self.bands.frame_rate).unit[0]

    @cached_property
    def count(self) -> int:
        """Number of slices."""
        return 1 if self.whole else math.ceil(self.samples / self.hop_kept_samples)

    @cached_property
    def lead_frames(self) -> int:
        """Frames of a slice that lie before the part that is kept."""
        if not self.whole:
            return self._units[1] * self._unit_frames // self.every
        # half of what the transform has beyond the clip holds what rings before its start
        seconds = RING_SECONDS / 2 + (ROUND_SECONDS / 2 if self.round else 0.0)
        return int(seconds * self.bands.frame_rate / self.every)

    @cached_property
    def size(self) -> int:
        """Frames of a slice that can hold anything; what a short clip leaves of its transform is not looked at."""
        if not self.whole:
            return self.transform[1] // self.every
        needed = math.ceil(self.samples / self.hop_samples) + 2 * self.lead_frames + 1
        return min(needed, self.transform[1] // self.every)

    def frames(self, number: int) -> NDArray[np.int64]:
        """Absolute numbers of the frames of a slice, rising ``[size]``."""
        return number * self.hop_frames - self.lead_frames + np.arange(self.size)

    def locate(self, frames: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """For absolute frames ``[n]``: the slice that knows each best, its place there, and whether there is any."""
        slices = np.clip(frames // self.hop_frames, 0, self.count - 1)
        places = frames - slices * self.hop_frames + self.lead_frames
        known = (places >= 0) & (places < self.size)
        return slices, np.where(known, places, 0), known

    def audio_start(self, number: int) -> int:
        """First sample of the clip in a slice's transform; negative where it begins before the clip."""
        if self.whole:
            return -round(self.lead_frames * self.hop_samples)
        return number * self.hop_kept_samples - self._units[1] * Grid(self.sample_rate, self.bands.frame_rate).unit[0]

    def kept(self, number: int) -> tuple[int, int]:
        """First and last-plus-one sample of the clip that a slice is kept for."""
        if self.whole:
            return 0, self.samples
        return number * self.hop_kept_samples, min((number + 1) * self.hop_kept_samples, self.samples)

    def risen(self, columns: Tensor) -> Tensor:
        """Columns of a slice's transform ``[..., frames / every]`` to its frames in rising order ``[..., size]``: a whole clip
        starts at column 0 of a circle, and what lies before it is at the circle's end."""
        if not self.whole:
            return columns
        after = self.size - self.lead_frames
        return torch.cat((columns[..., columns.shape[-1] - self.lead_frames:], columns[..., :after]), dim=-1)

    def laid(self, frames: Tensor) -> Tensor:
        """The inverse of ``risen``, with zeros where there are no frames; for frames that are not thinned out."""
        if not self.whole:
            return frames
        gap = frames.new_zeros(*frames.shape[:-1], self.transform[1] - self.size)
        return torch.cat((frames[..., self.lead_frames:], gap, frames[..., :self.lead_frames]), dim=-1)
