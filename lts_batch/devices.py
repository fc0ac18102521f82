"""Where torch computes: the names that settings take for it."""

import torch

from lts_batch.errors import ModelError


def chosen(device: str) -> str:
    """``cpu``, ``cuda`` or ``mps`` as it is; ``auto`` becomes a CUDA GPU where there is one.

    Raises:
        ModelError: this machine has no such device.

    >>> chosen("cpu")
    'cpu'
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if (device == "cuda" and not torch.cuda.is_available()) or (device == "mps" and not torch.backends.mps.is_available()):
        raise ModelError(f"device = {device!r} is not to be had on this machine: say cpu, or auto for what there is")
    return device
