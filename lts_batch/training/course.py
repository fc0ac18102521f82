"""How far a training has come: its counters, its figures and its setbacks, which are saved with its state."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from lts_batch.training.schedule import Schedule

EXPLODED = 30.0  # times the loss before: no batch is that much harder than others
LEAST_ACTIVE = 1.0 / 3.0


@dataclass(frozen=True)
class Report:
    """One line of the training record: figures on the held-out files."""

    step: int
    seconds: float
    training_loss: float
    validation_loss: float
    shape_lsd_db: float
    spectral_convergence_db: float
    active_latents: int
    halvings: int = 0


@dataclass(frozen=True)
class Setback:
    """A training that diverged at ``step``, with this loss (in words, for JSON knows no NaN), and went back to step ``back_to``
    with half the rate."""

    step: int
    loss: str
    back_to: int
    rate: float


@dataclass
class Course:
    """What is counted and noted from step to step.

    Attributes:
        step: steps that are done.
        seconds: time that they and the figures took, in all runs.
        best: the lowest loss on the held-out files.
        recent: losses since the last figures.
    """

    schedule: Schedule
    step: int = 0
    seconds: float = 0.0
    best: float = math.inf
    history: list[Report] = field(default_factory=list)
    setbacks: list[Setback] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The learning rate of the step that comes: that of the cycle, halved for every setback."""
        return self.schedule.rate_at(self.step) * 0.5 ** len(self.setbacks)

    def due(self, every: int) -> bool:
        """Whether this step's figures are still to be made."""
        made = self.history[-1].step if self.history else 0
        return self.step > made and (self.step % every == 0 or self.step == self.schedule.steps)

    def diverged(self, loss: float) -> bool:
        """Whether a loss is no number any more, or has exploded."""
        return not math.isfinite(loss) or loss > EXPLODED * self._usual(loss)

    def _usual(self, loss: float) -> float:
        """The loss that an explosion is told by: the mean before the last figures, or the first of all."""
        if self.history:
            return self.history[-1].training_loss
        return self.recent[0] if self.recent else loss

    def went_back(self, loss: float, step: int) -> None:
        """Notes that a loss led back to an earlier step, and to half the rate."""
        rate = self.schedule.rate * 0.5 ** (len(self.setbacks) + 1)
        self.setbacks.append(Setback(self.step, f"{loss:g}", step, rate))
        self.step, self.recent = step, []

    def warning(self) -> str | None:
        """A word about latents that say nothing, with the remedy; None where enough of them do."""
        if not self.history or self.history[-1].active_latents >= LEAST_ACTIVE * self.schedule.latent:
            return None
        return (f"only {self.history[-1].active_latents} of {self.schedule.latent} latents are active, the others carry"
                f" nothing: train again with a --kl-weight below {self.schedule.kl_weight:g}, or with fewer latents (--latent)")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``as_dict``, whatever else is among the values."""
        history = [Report(**figures) for figures in values["history"]]
        setbacks = [Setback(**setback) for setback in values.get("setbacks", [])]  # older states know none
        return cls(Schedule(**values["schedule"]), values["step"], values["seconds"], values["best"], history, setbacks,
                   list(values.get("recent", [])))
