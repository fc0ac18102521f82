"""TensorBoard logs of a training, where TensorBoard is installed; where it is not, nothing is written and nothing said."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from lts_batch.training.course import Report


class Board(AbstractContextManager["Board"]):
    """Writes figures into ``folder``, which comes into being with the first of them.

    Args:
        step: where the training stands; what a run before wrote past it is hidden by TensorBoard.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def figures(self, figures: Report, rate: float) -> None:
        """One point of every line."""
        if self._writer is None:
            return
        for name, value in (("loss/training", figures.training_loss), ("loss/held out", figures.validation_loss),
                            ("held out/shape LSD dB", figures.shape_lsd_db),
                            ("held out/spectral convergence dB", figures.spectral_convergence_db),
                            ("held out/active latents", figures.active_latents), ("rate", rate)):
            self._writer.add_scalar(name, value, figures.step)

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
