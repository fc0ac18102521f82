"""Rebuilding on the filterbank itself: a stem's coefficients with a phase, repaired if need be, and the way back to samples."""

import torch
from torch import Tensor

from lts_batch.engine import blending, made_up, repairs
from lts_batch.engine.planning import Plan
from lts_batch.engine.targets import Carried, Target
from lts_batch.frame.slices import Slices
from lts_batch.resynthesis import phase


def waveform(plan: Plan, number: int, slices: Slices, part: int, target: Target, carried: Carried) -> Tensor:
    """See ``rebuild.waveform``."""
    bank, settings = slices.bank(str(plan.model.device)), plan.settings
    rows, shares = bank.model_rows, target.amounts.shares
    iterations, through = repairs.count(plan, number), repairs.through(plan, number, target.pure)
    if settings.phase == "source" and not iterations:
        # a channel at a time, for memory that was used for one can then be used for the next
        alone = (target.channel(channel) for channel in range(len(target.magnitudes)))
        audio = [bank.inverse(slices.laid(_from_clips(plan, one, shares, rows))) for one in alone]
        return _unrolled(slices, part, torch.cat(audio))
    if settings.phase == "source":
        coefficients = _from_clips(plan, target, shares, rows)
    else:
        coefficients = _from_nothing(plan, number, int(slices.frames(part)[0]), target, shares, rows, carried.tail)
    whole = slices.laid(coefficients)
    if iterations and not bool(through.all()):
        wanted = slices.laid(target.magnitudes)
        whole = phase.griffin_lim(wanted, whole, bank, rows, iterations)
        if settings.phase == "source" and settings.repair is None:  # far from its own speed
            whole = repairs.given_back(bank, whole, wanted, rows)
        if bool(through.any()):
            whole = torch.where(slices.laid(through.float()) > 0.0, slices.laid(coefficients), whole)
    samples = bank.inverse(whole)
    if not slices.whole and settings.phase == "pghi":
        carried.tail = whole[:, :rows, slices.hop_frames:slices.hop_frames + slices.lead_frames].clone()
    return _unrolled(slices, part, samples)


def _unrolled(slices: Slices, part: int, samples: Tensor) -> Tensor:
    """Samples ``[channels, samples]`` of a transform from its ``audio_start`` on."""
    if not slices.whole:
        return samples
    lead = -slices.audio_start(part)  # what sounds before the start is at the end of the transform's circle
    return torch.cat((samples[:, samples.shape[1] - lead:], samples[:, :samples.shape[1] - lead]), dim=1)


def _from_clips(plan: Plan, target: Target, shares: Tensor, rows: int) -> Tensor:
    """Coefficients with the phase of the weighted sum of the clips', levels matched."""
    parts, pure = target.parts, target.pure
    alone = [bool(mine.all()) for mine in pure]
    if any(alone):
        return parts[alone.index(True)].coefficients
    coefficients = [part.coefficients for part in parts]
    carrier = blending.blended(plan, [one[:, :rows] for one in coefficients], [part.levels for part in parts], shares)
    found = torch.empty_like(coefficients[0])
    phase.impose(target.magnitudes, carrier, out=found[:, :rows])
    found[:, rows:] = blending.mixed([one[:, rows:] for one in coefficients], shares)
    for one, mine in zip(coefficients, pure, strict=True):
        if bool(mine.any()):
            found = torch.where(mine, one, found)
    return found


def _from_nothing(plan: Plan, number: int, first_frame: int, target: Target, shares: Tensor, rows: int, tail: Tensor | None
                  ) -> Tensor:
    """Coefficients with a phase made up from the magnitudes alone, going on from the tail of the slice before."""
    made = made_up.on_frame(plan, number, target.magnitudes, first_frame, tail)
    return torch.cat((made, blending.mixed([part.coefficients[:, rows:] for part in target.parts], shares)), 1)
