"""What a training step does: the loss of a batch, and the network a step further down its gradient.

On a CUDA GPU the network computes in bfloat16 (Micikevicius et al. 2018); loss and weights stay in float32.
"""

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from lts_batch.frame.filterbank import Bands
from lts_batch.models import vae
from lts_batch.training import state
from lts_batch.training.feed import Batch
from lts_batch.training.mixing_loss import mixing_error
from lts_batch.training.schedule import Schedule

MOST_GRADIENT = 1.0  # norm over all weights


class Learner:
    """A network with its optimizer.

    Args:
        schedule: sizes, weights of the loss, and the seed that the first weights are drawn by.
        mixed: compute in bfloat16 where that is enough.
    """

    def __init__(self, schedule: Schedule, bands: Bands, device: torch.device, mixed: bool) -> None:
        self._schedule, self._bands, self._device, self._mixed = schedule, bands, device, mixed
        torch.manual_seed(schedule.seed)
        s = schedule
        self.network = vae.FrameVAE(vae.Architecture(len(bands), s.latent, s.width, s.blocks, s.kind))
        self.network.to(device)
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=schedule.rate, fused=device.type in ("cpu", "cuda"))

    def loss(self, batch: Batch) -> tuple[Tensor, ...]:
        """The terms whose sum is to become less."""
        s = self._schedule
        with self._precision():
            decoded, mean, log_variance = self.network(batch.shapes, batch.noise)
        terms = vae.loss(decoded.float(), batch.shapes, mean.float(), log_variance.float(), **s.loss_weights)
        if not s.transport_weight:
            return terms
        with self._precision():
            mixed = mixing_error(self.network, batch.shapes, mean.detach(), self._bands, batch.generator)
        return (*terms, s.transport_weight * mixed)

    def follow(self, loss: Tensor, rate: float) -> None:
        """A step down the gradient of a loss, with gradients clipped to ``MOST_GRADIENT``."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), MOST_GRADIENT)
        self._optimizer.step()

    def _precision(self) -> Any:
        return torch.autocast(self._device.type, torch.bfloat16) if self._mixed else nullcontext()

    def moment(self, step: int) -> state.Moment:
        """Network and optimizer as they are after a step; what belongs to the network is not copied."""
        return state.Moment(step, state.tensors(self.network, self._optimizer))

    def take(self, moment: state.Moment) -> None:
        """The inverse of ``moment``."""
        state.take(moment.tensors, self.network, self._optimizer)

    def copy(self) -> vae.FrameVAE:
        """The network as it is now, on the CPU."""
        copy = vae.FrameVAE(self.network.architecture)
        copy.load_state_dict({name: tensor.cpu() for name, tensor in self.network.state_dict().items()})
        return copy.eval()
