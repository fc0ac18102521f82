"""What is decided before a training: sizes, weights, the course of the rate, and how they are fitted to a time.

No torch here, so that the command line can name every preset at once.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from lts_batch.errors import SettingsError

KINDS = {
    "residual": "dense layers with residual blocks around a linear path that starts as PCA",
    "dense": "one hidden layer on each side, as timbre-vae of the original",
    "deep": "dense layers with batch normalisation, as timbre-vae2 of the original",
    "convolutional": "strided convolutions along the frequencies, after timbre-cvae of the original",
}
HALVINGS = 3  # of the rate, before a training that diverges is given up
LEAST_FRAMES, LEAST_PASSES = 1_000_000, 3.0
LEAST_STEPS, LEAST_FIT_STEPS = 2_000, 100
LEAST_WIDTH, LEAST_BATCH = 128, 128
GPU_BATCH = 4096
SPARE = 0.95  # of a time is planned for

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Schedule:
    """What decides the outcome of a training, beside the frames."""

    steps: int = 7_500
    batch: int = 512
    rate: float = 2e-3
    latent: int = 64
    width: int = 1024
    blocks: int = 1
    kl_weight: float = 1e-6
    linear_weight: float = 0.005
    peak_weight: float = 0.1
    transport_weight: float = 0.0
    seed: int = 0
    kind: str = "residual"

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise SettingsError(f"{item.name} = {value} is not a finite number: leave it out, or give another")
        if self.kind not in KINDS:
            raise SettingsError(f"a network of kind {self.kind!r} is not known: choose one of {', '.join(KINDS)}")
        if self.kind == "dense" and self.blocks:
            raise SettingsError(f"blocks = {self.blocks} does not fit a dense network, which has one hidden layer: leave it"
                                " out, or choose the preset deep")

    def rate_at(self, step: int) -> float:
        """One cycle (Smith 2018): a linear rise over the first tenth, then half a cosine down to nothing."""
        rise = max(1, self.steps // 10)
        if step < rise:
            return self.rate * (step + 1) / rise
        return self.rate * 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(1, self.steps - rise)))

    @property
    def loss_weights(self) -> dict[str, float]:
        """As ``vae.loss`` takes them."""
        return {"linear_weight": self.linear_weight, "peak_weight": self.peak_weight, "kl_weight": self.kl_weight}

    @property
    def figures_every(self) -> int:
        """Steps between figures on the held-out files, where nobody says: a fifteenth of all, from 50 to 500."""
        return min(500, max(50, self.steps // 15))


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "small": {"width": 384},
    "standard": {},
    "large": {"width": 2048, "blocks": 2},
    "dense": {"kind": "dense", "width": 2048, "blocks": 0},
    "deep": {"kind": "deep", "width": 1024, "blocks": 2},
    "convolutional": {"kind": "convolutional", "width": 512, "blocks": 3},
}


def preset(name: str, **changes: Any) -> Schedule:
    """The schedule of a preset with some values changed.

    Raises:
        SettingsError: no such preset, or values that do not fit together.

    >>> preset("small", steps=10).width
    384
    """
    if name not in PRESETS:
        raise SettingsError(f"no training preset is called {name!r}; there are {', '.join(PRESETS)}")
    return Schedule(**{**PRESETS[name], **changes})


def seconds(text: str) -> float:
    """A time as people write it: a number with s, m or h behind it, or several; a bare number is minutes.

    >>> seconds("90s"), seconds("10m"), seconds("1h30m"), seconds("2")
    (90.0, 600.0, 5400.0, 120.0)
    """
    written = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", written):
        written += "m"
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smh])", written)
    found = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not re.fullmatch(r"(\d+(\.\d+)?\s*[smh]\s*)+", written) or found <= 0.0:
        raise SettingsError(f"a time of {text!r} is not understood: write for example 90s, 10m or 2h")
    return found


def spoken(time_seconds: float) -> str:
    """A time for people.

    >>> spoken(45.2), spoken(600.0)
    ('45 seconds', '10.0 minutes')
    """
    return f"{time_seconds:.0f} seconds" if time_seconds < 100.0 else f"{time_seconds / 60.0:.1f} minutes"


@dataclass(frozen=True)
class Fit:
    """A schedule that fits a time, and why it is as it is.

    Attributes:
        frames_per_second: as measured in a few steps.
        frames: how many it will see; passes: how often it will see each frame of the corpus.
    """

    schedule: Schedule
    seconds: float
    frames_per_second: float
    passes: float

    def shortened(self, by_seconds: float) -> "Fit":
        """The same with fewer steps, for what else takes time."""
        share = max(0.0, 1.0 - by_seconds / self.seconds)
        steps = max(LEAST_FIT_STEPS, int(self.schedule.steps * share))
        return replace(self, schedule=replace(self.schedule, steps=steps), seconds=self.seconds * share,
                       passes=self.passes * steps / self.schedule.steps)

    @property
    def frames(self) -> int:
        """How many frames the training sees."""
        return self.schedule.steps * self.schedule.batch

    def sentence(self) -> str:
        """What was chosen, for people."""
        s = self.schedule
        return (f"{spoken(self.seconds)} for training: width {s.width}, {s.steps} steps of {s.batch} frames, at"
                f" {self.frames_per_second:.0f} frames a second each frame of the corpus {self.passes:.1f} times. The widest"
                f" network is taken that sees {LEAST_FRAMES / 1e6:g} million frames, and each of the corpus {LEAST_PASSES:g}"
                " times")


def fit(base: Schedule, time_seconds: float, corpus_frames: int, measure: Callable[[Schedule], float], *,
        free: frozenset[str] = frozenset(("width", "batch"))) -> Fit:
    """Size and steps for a time, by a rule.

    A network that has seen too few frames is worse than a smaller one that has seen enough. So the width is halved, down to
    ``LEAST_WIDTH``, until there is time for ``LEAST_FRAMES`` frames and for ``LEAST_PASSES`` passes through the corpus; the
    narrowest takes what it can get. Then the batch is halved, down to ``LEAST_BATCH``, until there are ``LEAST_STEPS`` steps:
    few large steps learn less than many small ones.

    Args:
        time_seconds: for the training itself.
        corpus_frames: number of training frames.
        measure: frames a second of a schedule on this machine; asked for every size that is looked at.
        free: what may be chosen; what the user said stays.
    """
    time = time_seconds * SPARE
    wanted = max(LEAST_FRAMES, LEAST_PASSES * corpus_frames)
    chosen, rate = base, measure(base)
    while "width" in free and rate * time < wanted and chosen.width // 2 >= LEAST_WIDTH:
        chosen = replace(chosen, width=chosen.width // 2)
        rate = measure(chosen)
    while "batch" in free and rate * time < LEAST_STEPS * chosen.batch and chosen.batch // 2 >= LEAST_BATCH:
        chosen = replace(chosen, batch=chosen.batch // 2)
        rate = measure(chosen)
    steps = max(LEAST_FIT_STEPS, int(rate * time / chosen.batch))
    return Fit(replace(chosen, steps=steps), time_seconds, rate, steps * chosen.batch / max(1, corpus_frames))
