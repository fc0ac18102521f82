"""What this machine needs at least: the rate of its matrix products at a network's own shapes, and of given FFTs, one thread.

And what a job really spends where: a stopwatch over chosen functions.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

BLOCKS = (64, 128, 256, 512, 1024, 2048)  # rows of a matrix product that are tried
LEAST_SECONDS = 0.05  # of each measurement
TRANSFORMS = ("fft", "ifft", "rfft", "irfft")

Call = tuple[str, tuple[int, ...], torch.dtype, tuple[tuple[str, Any], ...]]  # name, shape, type, other arguments
Place = tuple[Any, str]  # a module or class, and the name of a function in it


def best_seconds(work: Callable[[], object]) -> float:
    """The fastest of several runs: what else a machine does only ever adds."""
    work()
    times: list[float] = []
    until = time.perf_counter() + LEAST_SECONDS
    while len(times) < 3 or time.perf_counter() < until:
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)


# ---------------------------------------------------------------- matrix products


def layers(network: nn.Module, run: Callable[[], object]) -> list[nn.Linear]:
    """The linear layers that a run goes through, one for each time."""
    used: list[nn.Linear] = []
    hooks = [module.register_forward_hook(lambda layer, *_: used.append(layer)) for module in network.modules()
             if isinstance(module, nn.Linear)]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return used


def multiply_adds(used: Sequence[nn.Linear]) -> int:
    """Per frame."""
    return sum(layer.in_features * layer.out_features for layer in used)


@torch.no_grad()
def frame_seconds(used: Sequence[nn.Linear]) -> float:
    """Seconds for one frame through the layers, each with the block of rows that suits it best; matrix products alone."""
    total = 0.0
    for layer in used:
        rows = {block: torch.randn(block, layer.in_features) for block in BLOCKS}
        total += min(best_seconds(lambda x=x, layer=layer: nn.functional.linear(x, layer.weight, layer.bias)) / block
                     for block, x in rows.items())
    return total


# ---------------------------------------------------------------- FFTs


@contextmanager
def recorded_transforms() -> Iterator[Counter[Call]]:
    """Counts every call of ``torch.fft`` in the block by what it is asked for."""
    found: Counter[Call] = Counter()

    def recorder(name: str, real: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def record(x: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, **where: Tensor) -> Tensor:
            found[name, tuple(x.shape), x.dtype, (("dim", dim), ("n", n), ("norm", norm))] += 1
            return real(x, n, dim, norm, **where)  # what it is written to is none of our business

        return record

    with ExitStack() as stack:
        for name in TRANSFORMS:
            stack.enter_context(patch.object(torch.fft, name, recorder(name, getattr(torch.fft, name))))
        yield found


@torch.no_grad()
def transform_seconds(calls: Counter[Call]) -> float:
    """Seconds for those calls and nothing else."""
    total = 0.0
    for (name, shape, kind, options), count in calls.items():
        x, real, arguments = torch.randn(shape, dtype=kind), getattr(torch.fft, name), dict(options)
        total += count * best_seconds(lambda x=x, real=real, arguments=arguments: real(x, **arguments))
    return total


# ---------------------------------------------------------------- where time goes


class Stopwatch:
    """Processor seconds of each thread inside some functions, less what they spend in others of them.

    Attributes:
        seconds: of each label.
        rows: how many rows (the first dimension of their first argument) went through the functions of each label.
    """

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self._lock, self._local = threading.Lock(), threading.local()

    @contextmanager
    def on(self, places: Mapping[str, Sequence[Place]]) -> Iterator["Stopwatch"]:
        """Watches the functions at these places while the block runs."""
        with ExitStack() as stack:
            for label, functions in places.items():
                for owner, name in functions:
                    stack.enter_context(patch.object(owner, name, self._watched(label, getattr(owner, name))))
            yield self

    def _watched(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*given: Any, **named: Any) -> Any:
            stack: list[float] = self._local.__dict__.setdefault("stack", [])
            stack.append(0.0)
            start = time.thread_time()
            try:
                return function(*given, **named)
            finally:
                whole, inner = time.thread_time() - start, stack.pop()
                if stack:
                    stack[-1] += whole
                with self._lock:
                    self.seconds[label] += whole - inner
                    self.rows[label] += next((len(one) for one in given if isinstance(one, Tensor)), 0)

        return watched
