"""Frames on their way to the network: which are trained on, where they lie, and what each step draws.

Every step draws its batch, its augmentation and its noise from a generator seeded with (seed, step), so a step is the same
whatever was done before it. On a CUDA GPU the frames lie on the device if they fit, and batches are widened there. Random
numbers are the device's own there, so that a training goes on exactly on a device of the same kind only.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.frame.filterbank import Bands
from lts_batch.training.augment import augment
from lts_batch.training.dataset import Dataset
from lts_batch.training.schedule import Schedule

PCA_FRAMES = 200_000
VALIDATION_FRAMES = 16_384
RESIDENT_SHARE = 0.5  # of the free memory of a GPU, for frames


@dataclass(frozen=True)
class Batch:
    """What one step works on.

    Attributes:
        shapes: augmented log shapes ``[batch, bands]`` in float32; noise: normal, ``[batch, latent]``.
        generator: draws what is left to draw.
    """

    shapes: Tensor
    noise: Tensor
    generator: torch.Generator


class Feed:
    """The frames of a dataset, for one device.

    Args:
        resident: keep all frames in the device's memory; by itself on CUDA where they fit.
    """

    def __init__(self, dataset: Dataset, bands: Bands, schedule: Schedule, device: torch.device,
                 resident: bool | None = None) -> None:
        self._dataset, self._bands, self._schedule, self._device = dataset, bands, schedule, device
        cuda = device.type == "cuda"
        self._frames = _on_device(dataset, device) if (cuda and resident is None) or resident else None
        self._drawn_on = device if cuda else torch.device("cpu")
        self.rows = dataset.part(validation=False)
        held_out = dataset.part(validation=True)
        generator = np.random.default_rng(schedule.seed)
        self._held_out = np.sort(generator.choice(held_out, min(VALIDATION_FRAMES, len(held_out)), replace=False))

    @property
    def resident(self) -> bool:
        """Whether the frames lie in the device's memory."""
        return self._frames is not None

    def first(self) -> Tensor:
        """Log shapes ``[frames, bands]`` to begin by, on the CPU."""
        generator = np.random.default_rng(self._schedule.seed)
        chosen = np.sort(generator.choice(self.rows, min(PCA_FRAMES, len(self.rows)), replace=False))
        return self._shapes(chosen, self._device).cpu()

    def batch(self, step: int) -> Batch:
        """What a step draws."""
        s = self._schedule
        draw = np.random.default_rng([s.seed, step])
        generator = torch.Generator(self._drawn_on).manual_seed(int(draw.integers(2**62)))
        rows = np.sort(self.rows[draw.integers(len(self.rows), size=s.batch)])
        # sorted rows read faster, but neighbours would then be augmented alike
        order = torch.randperm(s.batch, generator=generator, device=self._drawn_on)
        shapes = augment(self._shapes(rows, self._drawn_on)[order], self._bands, generator).to(self._device)
        noise = torch.randn(s.batch, s.latent, generator=generator, device=self._drawn_on).to(self._device)
        return Batch(shapes, noise, generator)

    def held_out(self) -> tuple[Tensor, NDArray[np.float32]]:
        """Log shapes ``[frames, bands]`` that are never trained on, on the device, and their levels ``[frames, 1]``."""
        return self._shapes(self._held_out, self._device), self._dataset.levels[self._held_out, None]

    def _shapes(self, rows: NDArray[np.int64], device: torch.device) -> Tensor:
        """Log shapes ``[rows, bands]`` in float32."""
        if self._frames is not None:
            return self._frames[torch.from_numpy(rows).to(self._device)].float().to(device)
        return torch.from_numpy(self._dataset.shapes[rows].astype(np.float32)).to(device)


def _on_device(dataset: Dataset, device: torch.device) -> Tensor | None:
    """All shapes as float16 in the memory of a device, if they leave half of what is free there."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if dataset.shapes.nbytes > RESIDENT_SHARE * free:
            return None
    return torch.from_numpy(np.array(dataset.shapes)).to(device)  # a copy: what is mapped read-only may not be shared
