"""Which frames of a slice the network is asked for, and what lies between them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lts_batch.frame.slices import Slices

OUTSIDE = 4  # times fewer frames for the network
NEAR_SECONDS = 0.05  # that far from the ends it is asked as often as within


@dataclass(frozen=True)
class Thinning:
    """The frames that the network is asked for: every so manyth, counted from frame 0 of the clip or stem, and both ends.

    A frame lasts 3 ms, and its neighbours share most of their windows with it: what the network says of them is as smooth.
    Before the start and after the end, where little but the lowest bands rings, it is asked ``OUTSIDE`` times less often.

    Attributes:
        kept: which frames ``[kept]``.
        below, share: between which of them each frame lies, and how far on ``[frames]``.
    """

    kept: Tensor
    below: Tensor
    share: Tensor

    @classmethod
    def of(cls, slices: Slices, part: int, step: int, device: torch.device) -> "Thinning":
        """For the frames of a slice."""
        numbers = slices.frames(part)
        frames = len(numbers)
        near = NEAR_SECONDS * slices.sample_rate / slices.hop_samples
        inside = (numbers >= -near) & (numbers <= slices.samples / slices.hop_samples + near)
        wanted = numbers % np.where(inside, step, step * OUTSIDE) == 0
        kept = np.union1d(np.flatnonzero(wanted), [0, frames - 1])
        below = np.clip(np.searchsorted(kept, np.arange(frames), side="right") - 1, 0, max(len(kept) - 2, 0))
        gaps = np.diff(kept, append=kept[-1] + 1)
        share = ((np.arange(frames) - kept[below]) / gaps[below]).astype(np.float32)
        return cls(*(torch.from_numpy(values).to(device) for values in (kept, below, share)))

    def filled(self, values: Tensor) -> Tensor:
        """Values ``[channels, kept, n]`` of the kept frames to all of them ``[channels, frames, n]``."""
        if len(self.kept) == len(self.below):
            return values
        return torch.lerp(values[:, self.below], values[:, self.below + 1], self.share[:, None])
