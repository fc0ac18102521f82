"""How fast a training is, beside how fast its device could be."""

import torch

from lts_batch.devices import matrix_rate
from lts_batch.models import vae

BACKWARD = 2  # passes backwards cost about twice those forwards: gradients of inputs, and of weights


class Speed:
    """Counts the steps of one run, and the time they take.

    Args:
        batch: frames a step.
        dtype: in which the network multiplies.
    """

    def __init__(self, network: vae.FrameVAE, batch: int, device: torch.device, dtype: torch.dtype) -> None:
        self._network, self._batch, self._device, self._dtype = network, batch, device, dtype
        self._steps = 0
        self.step_seconds = 0.0
        self._matrix_rate: float | None = None

    def count(self, seconds: float) -> None:
        """One more step."""
        self._steps, self.step_seconds = self._steps + 1, self.step_seconds + seconds

    @property
    def frames_per_second(self) -> float:
        """Frames that went through training steps of this run a second; 0 before the first."""
        return self._steps * self._batch / self.step_seconds if self.step_seconds else 0.0

    def as_dict(self) -> dict[str, float]:
        """Frames a second, and what share that is of the rate at which this device multiplies matrices.

        A frame takes three passes of multiplications with an addition: forwards, and twice backwards.
        """
        if self._matrix_rate is None:
            self._matrix_rate = matrix_rate(self._device, self._dtype)
        cost = (1 + BACKWARD) * vae.multiply_adds(self._network)
        return {"frames_per_second": round(self.frames_per_second, 1), "multiply_adds_per_frame": cost,
                "matrix_multiply_adds_per_second": self._matrix_rate,
                "share_of_matrix_rate": round(self.frames_per_second * cost / self._matrix_rate, 4)}
