"""Training of a frame VAE on a folder of sounds.

What a step draws is a function of the seed and the step (``feed.py``), and the learning rate one of the step and of the
setbacks so far (``course.py``): a training that was interrupted goes on exactly as if it had not been. What a step does to the
network is said in ``learner.py``, how it is judged in ``held_out.py``.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lts_batch import __version__, devices
from lts_batch.errors import CorpusError, ModelError
from lts_batch.frame.filterbank import Bands
from lts_batch.models import checkpoint
from lts_batch.models.vae import FrameVAE
from lts_batch.training import held_out, state
from lts_batch.training.course import Course, Report
from lts_batch.training.dataset import Dataset
from lts_batch.training.feed import Batch, Feed
from lts_batch.training.learner import Learner
from lts_batch.training.schedule import HALVINGS, Schedule
from lts_batch.training.speed import Speed


class _DivergedError(Exception):
    """The loss is no number any more, or has exploded; told as a ``CorpusError`` where halving the rate did not help."""

    def __init__(self, loss: float) -> None:
        super().__init__(f"the loss is {loss}")
        self.loss = loss


class Training:
    """A training that can be stopped after any step and taken up again.

    Args:
        dataset: the frames.
        bands: the layout they follow.
        out: the model folder; its neighbour ``<out>.training`` holds what a resumption needs.
        device: "cpu", "cuda", "mps"; chosen by itself where not given.
        mixed: compute in bfloat16 where that is enough; on CUDA by itself.
        resident: keep all frames in the device's memory; by itself on CUDA where they fit.
    """

    def __init__(self, dataset: Dataset, bands: Bands, schedule: Schedule, out: Path, *,
                 provenance: dict[str, Any] | None = None, device: str | None = None, mixed: bool | None = None,
                 resident: bool | None = None) -> None:
        self.bands, self.schedule, self.out, self._content = bands, schedule, out, dataset.content
        self.provenance = dict(provenance or {}, frames=len(dataset.levels), files=dataset.files,
                               seconds=dataset.seconds, content=dataset.content, lts_batch=__version__)
        self.device = devices.usable(device or devices.best())
        self.mixed = self.device.type == "cuda" if mixed is None else mixed
        self._feed = Feed(dataset, bands, schedule, self.device, resident)
        self._learner = Learner(schedule, bands, self.device, self.mixed)
        self.course = Course(schedule)
        self.speed = Speed(self.network, schedule.batch, self.device, torch.bfloat16 if self.mixed else torch.float32)
        self._clock = time.monotonic()
        self._good: state.Moment | None = None  # the last whose figures were in order

    @property
    def network(self) -> FrameVAE:
        """What is trained, on the device."""
        return self._learner.network

    @property
    def state_folder(self) -> Path:
        """Where the state for a resumption lies."""
        return state.folder_of(self.out)

    def start(self, model: checkpoint.Model | None = None) -> None:
        """Begins anew: by the training frames, see ``vae.FrameVAE.start``, or where another training ended.

        Args:
            model: of the schedule's kind and sizes. It stays the best so far until something is better on the held-out files.

        Raises:
            ModelError: a model of other sizes or bands.
        """
        if model is None:
            self.network.start(self._feed.first())
            self.network.to(self.device)
            return
        if (model.bands, model.network.architecture) != (self.bands, self.network.architecture):
            raise ModelError(f"a model of {len(model.bands)} bands and {model.network.architecture} cannot start a training of"
                             f" {len(self.bands)} bands and {self.network.architecture}: give a model of the same")
        self.network.load_state_dict(model.network.state_dict())
        with denormals_flushed():
            found = self.figures(0.0)
        self._keep(replace(found, training_loss=found.validation_loss))

    # ------------------------------------------------ the loop

    def run(self, *, until: int | None = None, every: int = 500,
            report: Callable[[int, Report | None], None] | None = None) -> None:
        """Trains up to step ``until`` (the end of the schedule if not given), saving state and best model on the way.

        Args:
            report: called after every step, with the figures where there are new ones.
        """
        course = self.course
        last = self.schedule.steps if until is None else min(until, self.schedule.steps)
        self._clock = time.monotonic()
        self._good = self._good or self._now().kept()
        try:
            with denormals_flushed():
                while course.step < last or course.due(every):
                    try:
                        figures = self._advance(every)
                    except _DivergedError as found:
                        figures = None
                        self._go_back(found.loss)
                    if report is not None:
                        report(course.step, figures)
        finally:
            self._count_seconds()
            self.save_state()

    def _advance(self, every: int) -> Report | None:
        """A step, and figures where they are due."""
        course = self.course
        if not course.due(every):  # a run may have been stopped while its figures were made
            begun = time.monotonic()
            course.recent.append(self.one_step())
            course.step += 1
            self.speed.count(time.monotonic() - begun)
        if not course.due(every):
            return None
        self._count_seconds()
        figures = self.figures(sum(course.recent) / len(course.recent))
        if not math.isfinite(figures.validation_loss):
            raise _DivergedError(figures.validation_loss)
        self._keep(figures)
        return figures

    def _count_seconds(self) -> None:
        now = time.monotonic()
        self.course.seconds += now - self._clock
        self._clock = now

    def one_step(self) -> float:
        """Learns from one batch; its loss."""
        total = torch.stack(self._loss(self._feed.batch(self.course.step))).sum()
        value = float(total.detach())
        if self.course.diverged(value):
            raise _DivergedError(value)
        self._learner.follow(total, self.course.rate)
        return value

    def _loss(self, batch: Batch) -> tuple[Tensor, ...]:
        return self._learner.loss(batch)

    def figures(self, training_loss: float) -> Report:
        """Figures on the held-out files, as things stand."""
        return held_out.figures(self.network, self._feed, self.bands, self.course, training_loss)

    def _keep(self, figures: Report) -> None:
        if figures.validation_loss < self.course.best:
            checkpoint.save(self.out, self.model(), provenance=self.provenance, training=self.record(figures))
            self.course.best = figures.validation_loss
        self.course.history.append(figures)
        self.course.recent.clear()
        self._good = self._now().kept()
        self.save_state()

    def _go_back(self, loss: float) -> None:
        """To the last state that was good, with half the rate.

        Raises:
            CorpusError: that did not help for ``HALVINGS`` times.
        """
        assert self._good is not None
        if len(self.course.setbacks) == HALVINGS:
            raise CorpusError(f"training diverged at step {self.course.step}: the loss is {loss}; what was best so far"
                              f" is in {self.out}; start again with a rate below {self.schedule.rate:g}")
        self._learner.take(self._good)
        self.course.went_back(loss, self._good.step)

    # ------------------------------------------------ what is kept

    def record(self, *latest: Report) -> dict[str, Any]:
        """The training record of the bundle, up to figures that are about to join the history."""
        course = self.course
        return {"schedule": asdict(self.schedule), "device": str(self.device), "threads": torch.get_num_threads(),
                "torch": torch.__version__, "seconds": round(course.seconds, 1), "step": course.step,
                "mixed_precision": self.mixed, "frames_on_device": self._feed.resident,
                "parameters": sum(weight.numel() for weight in self.network.parameters()),
                "setbacks": [asdict(setback) for setback in course.setbacks],
                "history": [asdict(figures) for figures in (*course.history, *latest)]}

    def model(self) -> checkpoint.Model:
        """The network as it is now, on the CPU."""
        return checkpoint.Model(self._learner.copy(), self.bands)

    def _now(self) -> state.Moment:
        return self._learner.moment(self.course.step)

    def save_state(self) -> None:
        """Network, optimizer and counters, and the last good state beside them, whole or not at all."""
        good = None if self._good is None or self._good.step == self.course.step else self._good
        state.save(self.state_folder, self._now(), good, {**self.course.as_dict(), "content": self._content})

    def resume(self) -> None:
        """Takes up the state that ``save_state`` left.

        Raises:
            ModelError: no state, or one of another schedule or other frames.
        """
        now, good, counters = state.load(self.state_folder)
        if Schedule(**counters["schedule"]) != self.schedule or counters["content"] != self._content:
            raise ModelError(f"{self.state_folder / state.FILE} belongs to another training (other settings or other sounds);"
                             " leave out --resume to begin anew, or give the settings and the folder it was started with")
        self._learner.take(now)
        self.course = Course.from_dict(counters)
        self._good = good or self._now().kept()

    def finish(self) -> None:
        """The whole record into the bundle of the best step; the state for a resumption is no longer needed."""
        checkpoint.save(self.out, checkpoint.load_frame_model(self.out), provenance=self.provenance,
                        training={**self.record(), "speed": self.speed.as_dict()})
        state.remove(self.state_folder)


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Optimizer moments of silent bands would slow every step down; but renders of the same process shall not depend on it."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
