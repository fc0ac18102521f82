"""Where torch computes: the names that settings take for it, and how fast that is."""

import time

import torch

from lts_batch.errors import ModelError, SettingsError

_MATRIX_CPU, _MATRIX_GPU = 1024, 8192  # large enough to fill it, small enough to take no time
_TRIALS = 5


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


def usable(name: str) -> torch.device:
    """Any device that torch knows by that name and that takes a tensor, for trainings.

    Raises:
        SettingsError: it cannot be used here.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    # an unknown name is a RuntimeError, a GPU that torch was built without an AssertionError, one it cannot fill NotImplemented
    except (RuntimeError, AssertionError, NotImplementedError):
        raise SettingsError(f"device {name!r} cannot be used here: say cpu, cuda (NVIDIA) or mps (Apple), or leave it"
                            " out") from None
    return device


def best() -> str:
    """The name of a GPU where torch finds one, for trainings; renders take an Apple GPU only where it is asked for."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Multiplications with an addition a second of a large matrix product, the best of a few: what a network could reach."""
    size = _MATRIX_GPU if device.type == "cuda" else _MATRIX_CPU
    one = torch.rand(size, size, device=device).to(dtype)
    other = torch.rand(size, size, device=device).to(dtype)
    times = []
    for _ in range(_TRIALS):
        clock = time.perf_counter()
        float((one @ other)[0, 0])  # reading a number waits for the GPU
        times.append(time.perf_counter() - clock)
    return size**3 / min(times)
