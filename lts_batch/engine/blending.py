"""What a stem takes from its clips' own coefficients: the phase of their weighted sum, and what the bands do not reach."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lts_batch.engine.planning import Plan
from lts_batch.resynthesis import phase

CARRIER_FLOOR = 1e-3  # of a clip's peak: quieter frames are not raised to the level of the other clips


def blended(plan: Plan, coefficients: Sequence[Tensor], levels: Sequence[Tensor], shares: Tensor) -> Tensor:
    """The weighted sum of the clips with levels matched, whose phase is taken; shapes as in ``phase.blend``."""
    return phase.blend(coefficients, levels, [clip.peak * CARRIER_FLOOR for clip in plan.clips], shares)


def mixed(residuals: Sequence[Tensor], shares: Tensor) -> Tensor:
    """The residual rows ``[channels, rows, frames]`` of the clips are mixed as they are."""
    return torch.stack([share * one for share, one in zip(shares, residuals, strict=True)]).sum(0)
