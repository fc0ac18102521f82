"""Repairs of phase by fast Griffin-Lim: how many a stem needs, where it is to stay as it is, and the power given back after."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lts_batch.engine.planning import Plan
from lts_batch.frame.filterbank import Filterbank
from lts_batch.frame.stft import Stft
from lts_batch.resynthesis import phase

REPAIRS = {"source": 0, "griffinlim": 32, "pghi": 4}  # unless settings say otherwise
FAR, FAR_REPAIRS = 3.0, 16  # so many times as fast or as slow as it was, the clip heard most keeps too little of its own phase
MOST_GIVEN_BACK = 2.0  # to the amplitude of a band
LEAST_POWER = 1e-20  # of a band: below it is silence


@dataclass(frozen=True)
class Sized:
    """An STFT of audio of one length, as Griffin-Lim wants it."""

    transform: Stft
    samples: int

    def forward(self, audio: Tensor) -> Tensor:
        """See ``Stft.forward``."""
        return self.transform.forward(audio)

    def inverse(self, coefficients: Tensor) -> Tensor:
        """See ``Stft.inverse``."""
        return self.transform.inverse(coefficients, self.samples)


def count(plan: Plan, number: int) -> int:
    """How often the phase of stem ``number`` is repaired."""
    settings, stem = plan.settings, plan.stems[number]
    if settings.repair is not None:
        return settings.repair
    weights = stem.mix.weights or (1.0,) * len(stem.warps)
    far = any(weight == max(weights) and not 1.0 / FAR < warp.speed < FAR
              for weight, warp in zip(weights, stem.warps, strict=True))
    return FAR_REPAIRS if far and settings.phase == "source" else REPAIRS[settings.phase]


def through(plan: Plan, number: int, pure: Tensor) -> Tensor:
    """Where a clip comes through in its own time, which is not to be repaired ``[frames]``."""
    own = torch.tensor([plan.settings.phase == "source" and warp.is_identity for warp in plan.stems[number].warps])
    return (pure & own.to(pure.device)[:, None]).any(0)


def given_back(bank: Filterbank, whole: Tensor, wanted: Tensor, rows: int) -> Tensor:
    """Coefficients whose bands have the power that was wanted of them: magnitudes that move faster than a band can follow lose
    some of it on the way through samples."""
    found = phase.strengths(bank.forward(bank.inverse(whole))[:, :rows])
    lost = wanted.square().sum(-1) / found.square().sum(-1).clamp_min(LEAST_POWER)  # [channels, rows]
    gains = lost.sqrt().clamp(1.0 / MOST_GIVEN_BACK, MOST_GIVEN_BACK)
    return torch.cat((whole[:, :rows] * gains[..., None], whole[:, rows:]), 1)
