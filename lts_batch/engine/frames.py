"""Frames of a clip: all that the path between clips needs to know of them, one entry a frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lts_batch.resynthesis import phase


@dataclass(frozen=True)
class Frames:
    """A clip over a run of frames.

    Attributes:
        coefficients: ``[channels, rows, frames]``, residual rows included; where nobody wants their phase, magnitudes of the
            model rows.
        levels: norms of the frames ``[channels, frames]``.
        loudness: the same, K-weighted.
        latents: ``[channels, frames, latent]``.
        lost: log(t + e) - log(d + f) of true and decoded magnitudes ``[channels, model rows, frames]``.
    """

    coefficients: Tensor
    levels: Tensor
    loudness: Tensor
    latents: Tensor
    lost: Tensor

    def channel(self, number: int) -> "Frames":
        """One channel of them."""
        one = slice(number, number + 1)
        return Frames(self.coefficients[one], self.levels[one], self.loudness[one], self.latents[one], self.lost[one])

    def true(self, rows: int, frames: Tensor | None = None) -> Tensor:
        """Magnitudes of the first ``rows`` rows, of all frames or some."""
        found = self.coefficients[:, :rows]
        found = found if frames is None else found[..., frames]
        return phase.strengths(found) if found.is_complex() else found

    @classmethod
    def joined(cls, parts: Sequence["Frames"]) -> "Frames":
        """Runs of frames one after the other; ``lost`` stays empty where nobody wanted it."""
        if len(parts) == 1:
            return parts[0]
        return cls(torch.cat([part.coefficients for part in parts], -1), torch.cat([part.levels for part in parts], -1),
                   torch.cat([part.loudness for part in parts], -1), torch.cat([part.latents for part in parts], 1),
                   torch.cat([part.lost for part in parts], -1))
