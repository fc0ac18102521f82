"""A clip of any length as transforms of bounded length.

Up to ``WHOLE_SECONDS`` a clip is one transform. A longer one is cut into overlapping slices of which the outer quarters
are thrown away: there the cut rings (by three seconds it has died down to -119 dB, benchmarks/gamma_trial.py), so memory
does not grow with length.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lts_batch.filterbank import RING_SECONDS, Bands, Filterbank, Grid, filterbank

WHOLE_SECONDS = 12.0
SLICE_SECONDS = 6.0


@dataclass(frozen=True)
class Slices:
    """Where the slices of a clip of ``samples`` samples lie.

    Frames have absolute numbers: frame f is at f / frame_rate seconds of the clip, and there are frames before 0 and
    past the end, for attacks ring both ways. Two clips of one length, rate and layout have equal ``Slices``.
    """

    samples: int
    sample_rate: int
    bands: Bands

    @cached_property
    def whole(self) -> bool:
        """Whether one transform holds it all."""
        return self.samples <= WHOLE_SECONDS * self.sample_rate

    @cached_property
    def transform(self) -> tuple[int, int]:
        """Length of one transform: (samples, frames)."""
        grid = Grid(self.sample_rate, self.bands.frame_rate)
        if self.whole:
            return grid.covering(self.samples)
        quarter, _ = Grid(self.sample_rate, self.bands.frame_rate / 4).covering(0, SLICE_SECONDS)
        return quarter, int(quarter * self.bands.frame_rate / self.sample_rate)

    @cached_property
    def bank(self) -> Filterbank:
        """The filterbank of that length."""
        return filterbank(self.bands, self.sample_rate, *self.transform)

    @property
    def hop_samples(self) -> float:
        """Samples from one frame to the next; not a whole number at 48 kHz."""
        return self.transform[0] / self.transform[1]

    @property
    def hop_frames(self) -> int:
        """Frames from one slice to the next."""
        return self.transform[1] if self.whole else self.transform[1] // 2

    @property
    def count(self) -> int:
        """Number of slices."""
        return 1 if self.whole else math.ceil(self.samples / (self.transform[0] // 2))

    @property
    def lead_frames(self) -> int:
        """Frames of a slice that lie before the part that is kept."""
        if self.whole:  # half of the zeros after the clip hold what rings before its start
            return int(RING_SECONDS / 2 * self.bands.frame_rate)
        return self.transform[1] // 4

    def frames(self, number: int) -> NDArray[np.int64]:
        """Absolute numbers of the frames of a slice, rising ``[frames]``."""
        return number * self.hop_frames - self.lead_frames + np.arange(self.transform[1])

    def locate(self, frames: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """For absolute frames ``[n]``: the slice that knows each best, its place there, and whether there is any."""
        slices = np.clip(frames // self.hop_frames, 0, self.count - 1)
        places = frames - slices * self.hop_frames + self.lead_frames
        known = (places >= 0) & (places < self.transform[1])
        return slices, np.where(known, places, 0), known

    def audio_start(self, number: int) -> int:
        """First sample of a slice's transform; negative where it begins before the clip."""
        return 0 if self.whole else number * (self.transform[0] // 2) - self.transform[0] // 4

    def kept(self, number: int) -> tuple[int, int]:
        """First and last-plus-one sample of the clip that a slice is kept for."""
        if self.whole:
            return 0, self.samples
        half = self.transform[0] // 2
        return number * half, min((number + 1) * half, self.samples)
