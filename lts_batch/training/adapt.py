"""A model learns a few sounds better, in seconds, and stays what it was elsewhere.

The encoder is not touched: the latents of a sound, and with them the way between two, stay where the model has learnt to put
them. What follows it changes in two steps:

1. The decoder goes on learning, on frames of the sounds and on mixes of two of them at random amounts, so that what lies
   between stays sound (Adam under one cycle of rates, as in train.py).
2. What it still loses is seen along its principal axes, and as many of those become further latents (``vae.WidenedVAE``) as it
   takes to bring the shape error of every sound below ``WANTED`` of what it was. Noise has no few axes: it takes many.

Everything is drawn from one seed and computed by one thread: the same frames give the same bits on the same machine.
"""

import copy
import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lts_batch.frame import features
from lts_batch.metrics import measures
from lts_batch.models import vae
from lts_batch.models.checkpoint import Model
from lts_batch.training.schedule import Schedule

STEPS, BATCH, RATE = 120, 256, 1e-3
MIXED_SHARE = 0.25  # of a batch
MOST_MIXES = 2048
WANTED = 0.45  # of the shape error that a sound had
AXES = (0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256)
CHANGED = ("decoder", "to_shape", "linear_shape")  # parts of the network
_PART_FRAMES = 1024  # between two signs of life
_SEED = 20200608

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Adapted:
    """A model that knows some sounds better.

    Attributes:
        axes: how many latents were added.
        before_db, after_db: shape LSD of each sound's frames.
    """

    model: Model
    axes: int
    before_db: tuple[float, ...]
    after_db: tuple[float, ...]


def adapted(model: Model, sounds: Sequence[Tensor], *, steps: int = STEPS, progress: Progress | None = None) -> Adapted | None:
    """A model fitted to sounds; the one given stays as it is.

    Args:
        model: on the CPU.
        sounds: log shapes ``[frames, bands]`` of each, two or more; short ones count as much as long ones.
        steps: of the decoder's learning.
        progress: takes the fraction done, several times a second; may raise to give up.

    Returns:
        None where the learning diverged, or made nothing better.
    """
    say = progress or (lambda fraction: None)
    before = errors_db(sounds, _rebuilt(model, sounds, lambda: say(0.0)))
    network = copy.deepcopy(model.network)
    if not _train(network, sounds, steps, lambda fraction: say(0.9 * fraction)):
        return None
    learnt = replace(model, network=network)
    rebuilt = _rebuilt(learnt, sounds, lambda: say(0.9))
    count, axes = _axes(sounds, rebuilt, [WANTED * error for error in before], lambda: say(0.95))
    widened = vae.WidenedVAE(network.architecture, count)
    widened.load_state_dict({**network.state_dict(), "axes": axes[:, :count]})
    made = replace(model, network=widened.eval().requires_grad_(False))
    after = errors_db(sounds, _rebuilt(made, sounds, lambda: say(0.95)))
    return Adapted(made, count, before, after) if sum(after) < sum(before) else None


def errors_db(sounds: Sequence[Tensor], rebuilt: Sequence[Tensor]) -> tuple[float, ...]:
    """Shape LSD of each sound in dB, from log shapes ``[frames, bands]``."""
    return tuple(measures.shape_lsd_db(*(features.unit_norm(features.expand(shapes)).numpy() for shapes in pair))
                 for pair in zip(sounds, rebuilt, strict=True))


def _rebuilt(model: Model, sounds: Sequence[Tensor], say: Callable[[], None]) -> list[Tensor]:
    """Sounds through encoder and decoder; ``say`` is called before each part of them."""
    rebuilt = []
    for shapes in sounds:
        parts = []
        for part in shapes.split(_PART_FRAMES):
            say()
            parts.append(model.decode_shapes(model.encode_shapes(part)[0]))
        rebuilt.append(torch.cat(parts))
    return rebuilt


def _train(network: vae.FrameVAE, sounds: Sequence[Tensor], steps: int, say: Progress) -> bool:
    """Lets the decoder learn the sounds; False where that diverged."""
    generator = torch.Generator().manual_seed(_SEED)
    schedule = Schedule(steps=steps, batch=BATCH, rate=RATE)
    own, mixed = torch.cat(list(sounds)), _mixes(sounds, generator)
    targets = torch.cat((own, mixed))
    codes = []
    with torch.no_grad():
        for part in targets.split(_PART_FRAMES):
            say(0.0)
            codes.append(network.encode(part))
    means, log_variances = (torch.cat(parts) for parts in zip(*codes, strict=True))
    learning = [value for name, value in network.named_parameters()
                if name.split(".")[0] in CHANGED]
    for value in learning:
        value.requires_grad_(True)
    optimizer = torch.optim.Adam(learning, lr=RATE, fused=True)
    for step in range(steps):
        say(step / steps)
        mixes = round(MIXED_SHARE * BATCH)
        rows = torch.cat((_drawn(sounds, _any(len(sounds), BATCH - mixes, generator), generator),
                          len(own) + _any(len(mixed), mixes, generator)))
        noise = torch.randn(BATCH, means.shape[1], generator=generator)
        decoded = network.decode(vae.draw(means[rows], log_variances[rows], noise))
        total = torch.stack(vae.loss(decoded, targets[rows], means[rows], log_variances[rows], kl_weight=0.0,
                                     linear_weight=schedule.linear_weight, peak_weight=schedule.peak_weight)).sum()
        if not math.isfinite(float(total.detach())):
            return False
        optimizer.param_groups[0]["lr"] = schedule.rate_at(step)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
    network.eval().requires_grad_(False)
    return all(bool(value.isfinite().all()) for value in learning)


def _mixes(sounds: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """Log shapes ``[mixes, bands]`` of frames of two sounds heard together: their powers add."""
    count = min(MOST_MIXES, sum(map(len, sounds)))
    first = _any(len(sounds), count, generator)
    second = (first + 1 + _any(len(sounds) - 1, count, generator)) % len(sounds)
    own = torch.cat(list(sounds))
    one, other = (features.expand(own[_drawn(sounds, chosen, generator)]) for chosen in (first, second))
    amount = torch.rand(count, 1, generator=generator)
    return features.compress(features.unit_norm(torch.hypot((1.0 - amount) * one, amount * other)))


def _drawn(sounds: Sequence[Tensor], chosen: Tensor, generator: torch.Generator) -> Tensor:
    """For each of some sounds one of its frames, as rows of all frames in a row: long sounds count no more than short ones."""
    lengths = torch.tensor([len(shapes) for shapes in sounds])
    starts = lengths.cumsum(0) - lengths
    places = (torch.rand(len(chosen), generator=generator) * lengths[chosen]).long()
    return starts[chosen] + places.clamp_max(lengths[chosen] - 1)  # rounding may reach the end


def _any(below: int, count: int, generator: torch.Generator) -> Tensor:
    return torch.randint(below, (count,), generator=generator)


def _axes(sounds: Sequence[Tensor], rebuilt: Sequence[Tensor], wanted_db: Sequence[float], say: Callable[[], None]
          ) -> tuple[int, Tensor]:
    """Principal axes ``[bands, axes]`` of what is lost, each as long as its deviation, and how many of them are enough.

    Sounds count alike. Where all of ``AXES`` are not enough, it is all of them.
    """
    lost = [shapes - others for shapes, others in zip(sounds, rebuilt, strict=True)]
    second_moment = torch.stack([one.double().T @ one.double() / len(one) for one in lost]).mean(0)
    values, vectors = torch.linalg.eigh(second_moment)
    most = min(AXES[-1], len(values))
    units, deviations = vectors.flip(1)[:, :most].float(), values.clamp_min(1e-10).sqrt().flip(0)[:most].float()

    def enough(count: int) -> bool:
        say()
        unit = units[:, :count]
        after = errors_db(sounds, [others + left @ unit @ unit.T for others, left in zip(rebuilt, lost, strict=True)])
        return all(now <= wanted for now, wanted in zip(after, wanted_db, strict=True))

    place = bisect_left(AXES, True, key=enough)
    return min(AXES[min(place, len(AXES) - 1)], most), units * deviations


@contextmanager
def one_thread() -> Iterator[None]:
    """More threads to a matrix could change its last bits; and what is next to nothing is nothing, for speed."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)
