"""Phase made up from the magnitudes alone: noise for Griffin-Lim to begin with, or heap integration."""

from torch import Tensor

from lts_batch.engine.planning import Plan
from lts_batch.frame.stft import Stft
from lts_batch.resynthesis import phase

SEED_STEP = 7919  # between the stems of a job, lest they have the same noise


def on_frame(plan: Plan, number: int, magnitudes: Tensor, first_frame: int, tail: Tensor | None) -> Tensor:
    """Coefficients of the bands for magnitudes ``[channels, rows, frames]``, going on from the tail of the slice before."""
    if plan.settings.phase == "pghi":
        from lts_batch.resynthesis import pghi  # compiles: only what needs it shall wait for it

        return pghi.on_frame(magnitudes, plan.model.bands, seed=_seed(plan, number), first_frame=first_frame, known=tail)
    return magnitudes * _noise(plan, number, magnitudes, first_frame)


def on_stft(plan: Plan, number: int, transform: Stft, magnitudes: Tensor, first_frame: int) -> Tensor:
    """Columns of the STFT for magnitudes ``[channels, bins, columns]``."""
    if plan.settings.phase == "pghi":
        from lts_batch.resynthesis import pghi  # compiles: only what needs it shall wait for it

        return pghi.on_stft(magnitudes, transform, seed=_seed(plan, number), first_frame=first_frame)
    return magnitudes * _noise(plan, number, magnitudes, first_frame)


def _seed(plan: Plan, number: int) -> int:
    return plan.settings.seed + SEED_STEP * number


def _noise(plan: Plan, number: int, magnitudes: Tensor, first_frame: int) -> Tensor:
    return phase.noise_phase(magnitudes.shape, _seed(plan, number), first_frame).to(magnitudes.device)
