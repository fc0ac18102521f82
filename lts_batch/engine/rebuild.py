"""From targets to a waveform: the phase that the magnitudes lack, and the way back to samples.

One promise, and more than one way to keep it. ``settings.phase``: ``source`` takes phase from the clips (``blending.py``),
``griffinlim`` and ``pghi`` have nothing but the magnitudes (``made_up.py``). ``settings.domain``: on the filterbank itself
(``on_frame.py``), or on an STFT to which the gains of the bands are carried over (``on_stft.py``). What is not consistent then
is mended (``repairs.py``).
"""

import torch
from torch import Tensor

from lts_batch.engine import on_frame, on_stft
from lts_batch.engine.planning import Plan
from lts_batch.engine.targets import Carried, Target
from lts_batch.frame.slices import Slices


@torch.no_grad()
def waveform(plan: Plan, number: int, slices: Slices, part: int, target: Target, carried: Carried) -> Tensor:
    """Slice ``part`` of stem ``number`` from ``slices.audio_start`` on: ``[channels, samples]``.

    ``carried`` is what the slice before left.
    """
    if plan.clips[0].phases:
        return on_frame.waveform(plan, number, slices, part, target, carried)
    return on_stft.waveform(plan, number, slices, part, target, carried)
