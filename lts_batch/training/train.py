"""Training of a frame VAE on a folder of sounds.

Every step draws its batch, its augmentation and its noise from a generator seeded with (seed, step), and the learning
rate is a function of the step and of the setbacks so far: a training that was interrupted goes on exactly as if it had not
been.

On a CUDA GPU the frames lie on the device if they fit, batches are widened there, and the network computes in bfloat16
(Micikevicius et al. 2018; figures on the held-out files stay in float32). Random numbers are the device's own, so that a
training goes on exactly on a device of the same kind only.
"""

import json
import math
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from lts_batch import __version__
from lts_batch.devices import matrix_rate
from lts_batch.errors import CorpusError, ModelError, SettingsError
from lts_batch.files.whole import write_whole
from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands
from lts_batch.metrics import measures
from lts_batch.models import checkpoint, vae
from lts_batch.training.augment import augment
from lts_batch.training.dataset import Dataset
from lts_batch.training.mixing_loss import mixing_error
from lts_batch.training.schedule import HALVINGS, Schedule

__all__ = ["Report", "Schedule", "Setback", "Training", "best_device", "saved_schedule"]

PCA_FRAMES = 200_000
VALIDATION_FRAMES = 16_384
EXPLODED = 30.0  # times the loss before: no batch is that much harder than others
RESIDENT_SHARE = 0.5  # of the free memory of a GPU, for frames
LEAST_ACTIVE = 1.0 / 3.0
TRIAL_SECONDS = 1.0
_GOOD = "good."
BACKWARD = 2  # passes backwards cost about twice those forwards: gradients of inputs, and of weights


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


@dataclass(frozen=True)
class _Good:
    """The last state whose figures were in order."""

    step: int
    tensors: dict[str, Tensor]


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
        self.dataset, self.bands, self.schedule, self.out = dataset, bands, schedule, out
        self.provenance = dict(provenance or {}, frames=len(dataset.levels), files=dataset.files,
                               seconds=dataset.seconds, content=dataset.content, lts_batch=__version__)
        self.device = _device(device or best_device())
        cuda = self.device.type == "cuda"
        self.mixed = cuda if mixed is None else mixed
        self._frames = _on_device(dataset, self.device) if (cuda and resident is None) or resident else None
        self._drawn_on = self.device if cuda else torch.device("cpu")
        self.rows = dataset.part(validation=False)
        held_out = dataset.part(validation=True)
        generator = np.random.default_rng(schedule.seed)
        self.held_out = np.sort(generator.choice(held_out, min(VALIDATION_FRAMES, len(held_out)), replace=False))
        torch.manual_seed(schedule.seed)
        s = schedule
        self.network = vae.FrameVAE(vae.Architecture(len(bands), s.latent, s.width, s.blocks, s.kind))
        self.network.to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=schedule.rate,
                                          fused=self.device.type in ("cpu", "cuda"))
        self.step, self.seconds, self.best = 0, 0.0, math.inf
        self.history: list[Report] = []
        self.setbacks: list[Setback] = []
        self.recent: list[float] = []  # losses since the last figures
        self._good: _Good | None = None
        self._stepped, self._step_seconds = 0, 0.0
        self._matrix_rate: float | None = None

    @property
    def rate(self) -> float:
        """The learning rate of the step that comes: that of the cycle, halved for every setback."""
        return self.schedule.rate_at(self.step) * 0.5 ** len(self.setbacks)

    @property
    def state_folder(self) -> Path:
        """Where the state for a resumption lies."""
        return self.out.with_name(self.out.name + ".training")

    def start(self) -> None:
        """Begins anew, by the training frames: see ``vae.FrameVAE.start``."""
        generator = np.random.default_rng(self.schedule.seed)
        chosen = np.sort(generator.choice(self.rows, min(PCA_FRAMES, len(self.rows)), replace=False))
        self.network.start(self._shapes(chosen).cpu())
        self.network.to(self.device)

    def run(self, *, until: int | None = None, every: int = 500,
            report: Callable[[int, Report | None], None] | None = None) -> None:
        """Trains up to step ``until`` (the end of the schedule if not given), saving state and best model on the way.

        Args:
            report: called after every step, with the figures where there are new ones.
        """
        last = self.schedule.steps if until is None else min(until, self.schedule.steps)
        torch.set_flush_denormal(True)  # optimizer moments of silent bands would otherwise slow every step down
        clock = time.monotonic()
        self._good = self._good or self._snapshot()
        try:
            while self.step < last or self._due(every):
                figures = None
                try:
                    if not self._due(every):  # a run may have been stopped while its figures were made
                        begun = time.monotonic()
                        loss = self._one_step()
                        self.recent.append(loss)
                        self.step += 1
                        self._stepped, self._step_seconds = self._stepped + 1, self._step_seconds + time.monotonic() - begun
                    if self._due(every):
                        self.seconds += time.monotonic() - clock
                        clock = time.monotonic()
                        figures = self._evaluate(sum(self.recent) / len(self.recent))
                        if not math.isfinite(figures.validation_loss):
                            raise _DivergedError(figures.validation_loss)
                        self._keep(figures)
                except _DivergedError as found:
                    figures = None
                    self._go_back(found.loss)
                if report is not None:
                    report(self.step, figures)
        finally:
            torch.set_flush_denormal(False)  # renders of the same process shall not depend on it
            self.seconds += time.monotonic() - clock
            self.save_state()

    def _due(self, every: int) -> bool:
        """Whether this step's figures are still to be made."""
        made = self.history[-1].step if self.history else 0
        return self.step > made and (self.step % every == 0 or self.step == self.schedule.steps)

    def _one_step(self) -> float:
        s = self.schedule
        draw = np.random.default_rng([s.seed, self.step])
        generator = torch.Generator(self._drawn_on).manual_seed(int(draw.integers(2**62)))
        rows = np.sort(self.rows[draw.integers(len(self.rows), size=s.batch)])
        # sorted rows read faster, but neighbours would then be augmented alike
        order = torch.randperm(s.batch, generator=generator, device=self._drawn_on)
        shapes = augment(self._shapes(rows, self._drawn_on)[order], self.bands, generator).to(self.device)
        noise = torch.randn(s.batch, s.latent, generator=generator, device=self._drawn_on).to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        with self._precision():
            decoded, mean, log_variance = self.network(shapes, noise)
        terms = self._loss(decoded.float(), shapes, mean.float(), log_variance.float())
        if s.transport_weight:
            with self._precision():
                mixed = mixing_error(self.network, shapes, mean.detach(), self.bands, generator)
            terms = (*terms, s.transport_weight * mixed)
        total = torch.stack(terms).sum()
        value = float(total.detach())
        if not math.isfinite(value) or value > EXPLODED * self._usual(value):
            raise _DivergedError(value)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        return value

    def _usual(self, value: float) -> float:
        """The loss that an explosion is told by: the mean before the last figures, or the first of all."""
        if self.history:
            return self.history[-1].training_loss
        return self.recent[0] if self.recent else value

    def _precision(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16) if self.mixed else nullcontext()

    def _go_back(self, loss: float) -> None:
        """To the last state that was good, with half the rate.

        Raises:
            CorpusError: that did not help for ``HALVINGS`` times.
        """
        assert self._good is not None
        if len(self.setbacks) == HALVINGS:
            raise CorpusError(f"training diverged at step {self.step}: the loss is {loss}; what was best so far"
                              f" is in {self.out}; start again with a rate below {self.schedule.rate:g}")
        where = self.step
        self._take(self._good.tensors)
        self.step, self.recent = self._good.step, []
        self.setbacks.append(Setback(where, f"{loss:g}", self.step, self.schedule.rate * 0.5 ** (len(self.setbacks) + 1)))

    def _loss(self, decoded: Tensor, shapes: Tensor, mean: Tensor, log_variance: Tensor) -> tuple[Tensor, ...]:
        s = self.schedule
        return vae.loss(decoded, shapes, mean, log_variance, linear_weight=s.linear_weight, peak_weight=s.peak_weight,
                        kl_weight=s.kl_weight)

    @torch.no_grad()
    def _evaluate(self, training_loss: float) -> Report:
        self.network.eval()
        shapes = self._shapes(self.held_out)
        mean, log_variance = self.network.encode(shapes)
        decoded = self.network.decode(mean)
        terms = self._loss(decoded, shapes, mean, log_variance)
        validation = float(terms[0] + terms[1] + terms[2])
        if self.schedule.transport_weight:  # the same pairs and amounts every time
            generator = torch.Generator().manual_seed(self.schedule.seed)
            mixed = mixing_error(self.network, shapes, mean, self.bands, generator)
            validation += self.schedule.transport_weight * float(mixed)
        true, rebuilt = (features.unit_norm(features.expand(s)).cpu().numpy() for s in (shapes, decoded))
        level = self.dataset.levels[self.held_out, None]
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean(0)
        self.network.train()
        return Report(self.step, round(self.seconds, 1), training_loss, validation, measures.shape_lsd_db(true, rebuilt),
                      measures.spectral_convergence_db(true * level, rebuilt * level), int((divergence > 0.1).sum()),
                      len(self.setbacks))

    def _keep(self, figures: Report) -> None:
        if figures.validation_loss < self.best:
            checkpoint.save(self.out, self.model(), provenance=self.provenance, training=self.record(figures))
            self.best = figures.validation_loss
        self.history.append(figures)
        self.recent.clear()
        self._good = self._snapshot()
        self.save_state()

    @property
    def frames_per_second(self) -> float:
        """Frames that went through training steps of this run a second; 0 before the first."""
        return self._stepped * self.schedule.batch / self._step_seconds if self._step_seconds else 0.0

    def speed(self) -> dict[str, float]:
        """Frames a second, and what share that is of the rate at which this device multiplies matrices.

        A frame takes three passes of multiplications with an addition: forwards, and twice backwards.
        """
        if self._matrix_rate is None:
            self._matrix_rate = matrix_rate(self.device, torch.bfloat16 if self.mixed else torch.float32)
        cost = (1 + BACKWARD) * vae.multiply_adds(self.network)
        return {"frames_per_second": round(self.frames_per_second, 1), "multiply_adds_per_frame": cost,
                "matrix_multiply_adds_per_second": self._matrix_rate,
                "share_of_matrix_rate": round(self.frames_per_second * cost / self._matrix_rate, 4)}

    def warning(self) -> str | None:
        """A word about latents that say nothing, with the remedy; None where enough of them do."""
        if not self.history or self.history[-1].active_latents >= LEAST_ACTIVE * self.schedule.latent:
            return None
        return (f"only {self.history[-1].active_latents} of {self.schedule.latent} latents are active, the others carry"
                f" nothing: train again with a --kl-weight below {self.schedule.kl_weight:g}, or with fewer latents (--latent)")

    def record(self, *latest: Report) -> dict[str, Any]:
        """The training record of the bundle, up to figures that are about to join the history."""
        return {"schedule": asdict(self.schedule), "device": str(self.device), "threads": torch.get_num_threads(),
                "torch": torch.__version__, "seconds": round(self.seconds, 1), "step": self.step,
                "mixed_precision": self.mixed, "frames_on_device": self._frames is not None,
                "parameters": sum(weight.numel() for weight in self.network.parameters()),
                "setbacks": [asdict(setback) for setback in self.setbacks],
                "history": [asdict(figures) for figures in (*self.history, *latest)]}

    def model(self) -> checkpoint.Model:
        """The network as it is now, on the CPU."""
        copy = vae.FrameVAE(self.network.architecture)
        copy.load_state_dict({name: tensor.cpu() for name, tensor in self.network.state_dict().items()})
        return checkpoint.Model(copy.eval(), self.bands)

    def _tensors(self) -> dict[str, Tensor]:
        """Network and optimizer."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(tensor) for name, tensor in values.items()}
        return tensors

    def _take(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of ``_tensors``."""
        self.network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in tensors.items()
                                      if name.startswith("network.")})
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, number, key = name.split(".")
                state.setdefault(int(number), {})[key] = tensor.clone()
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})

    def _snapshot(self) -> _Good:
        return _Good(self.step, {name: tensor.detach().clone() for name, tensor in self._tensors().items()})

    def save_state(self) -> None:
        """Network, optimizer and counters, and the last good state beside them, whole or not at all."""
        tensors = self._tensors()
        good = None if self._good is None or self._good.step == self.step else self._good
        if good is not None:
            tensors |= {f"{_GOOD}{name}": tensor for name, tensor in good.tensors.items()}
        counters = {"step": self.step, "seconds": self.seconds, "best": self.best, "schedule": asdict(self.schedule),
                    "content": self.dataset.content, "history": [asdict(figures) for figures in self.history],
                    "recent": self.recent, "setbacks": [asdict(setback) for setback in self.setbacks],
                    "good_step": None if good is None else good.step}
        self.state_folder.mkdir(parents=True, exist_ok=True)
        packed = safetensors.torch.save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()},
                                        metadata={"counters": json.dumps(counters)})
        write_whole(self.state_folder / "state.safetensors", packed, overwrite=True)

    def resume(self) -> None:
        """Takes up the state that ``save_state`` left.

        Raises:
            ModelError: no state, or one of another schedule or other frames.
        """
        path, counters, tensors = _read_state(self.state_folder)
        if Schedule(**counters["schedule"]) != self.schedule or counters["content"] != self.dataset.content:
            raise ModelError(f"{path} belongs to another training (other settings or other sounds); leave out --resume to"
                             " begin anew, or give the settings and the folder it was started with")
        self._take(tensors)
        self.step, self.seconds, self.best = counters["step"], counters["seconds"], counters["best"]
        self.history = [Report(**figures) for figures in counters["history"]]
        self.recent = counters.get("recent", [])
        self.setbacks = [Setback(**setback) for setback in counters.get("setbacks", [])]
        good = {name.removeprefix(_GOOD): tensor for name, tensor in tensors.items() if name.startswith(_GOOD)}
        self._good = _Good(counters["good_step"], good) if good else self._snapshot()

    def measured(self, trial_seconds: float = TRIAL_SECONDS) -> float:
        """Frames a second of a few steps that count for nothing: this training is good for no other use afterwards."""
        times: list[float] = []
        torch.set_flush_denormal(True)
        try:
            while len(times) < 3 or sum(times) < trial_seconds:
                clock = time.monotonic()
                self._one_step()
                times.append(time.monotonic() - clock)
                self.step = (self.step + 1) % self.schedule.steps
        finally:
            torch.set_flush_denormal(False)
        return self.schedule.batch / sorted(times[1:])[(len(times) - 1) // 2]  # the first warms up

    def figures_seconds(self) -> float:
        """How long the figures on the held-out files take, once."""
        clock = time.monotonic()
        self._evaluate(0.0)
        return time.monotonic() - clock

    def finish(self) -> None:
        """The whole record into the bundle of the best step; the state for a resumption is no longer needed."""
        checkpoint.save(self.out, checkpoint.load_frame_model(self.out), provenance=self.provenance,
                        training={**self.record(), "speed": self.speed()})
        (self.state_folder / "state.safetensors").unlink(missing_ok=True)
        with suppress(OSError):  # something of the user's may lie there
            self.state_folder.rmdir()

    def _shapes(self, rows: np.ndarray[Any, np.dtype[np.int64]], device: torch.device | None = None) -> Tensor:
        """Log shapes ``[rows, bands]`` in float32."""
        if self._frames is not None:
            return self._frames[torch.from_numpy(rows).to(self.device)].float().to(device or self.device)
        return torch.from_numpy(self.dataset.shapes[rows].astype(np.float32)).to(device or self.device)


def _on_device(dataset: Dataset, device: torch.device) -> Tensor | None:
    """All shapes as float16 in the memory of a device, if they leave half of what is free there."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if dataset.shapes.nbytes > RESIDENT_SHARE * free:
            return None
    return torch.from_numpy(np.array(dataset.shapes)).to(device)  # a copy: what is mapped read-only may not be shared


def _read_state(folder: Path) -> tuple[Path, dict[str, Any], dict[str, Tensor]]:
    path = folder / "state.safetensors"
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            counters = json.loads(file.metadata()["counters"])
            return path, counters, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ModelError(f"{path} is not there: nothing to resume; leave out --resume to begin anew") from None
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); leave out --resume to begin anew") from None


def saved_schedule(out: Path) -> Schedule:
    """The schedule of the interrupted training of model folder ``out``. Raises ModelError where there is none."""
    return Schedule(**_read_state(out.with_name(out.name + ".training"))[1]["schedule"])


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):  # torch has no one answer
        raise SettingsError(f"device {name!r} cannot be used here: say cpu, cuda (NVIDIA) or mps (Apple), or leave it"
                            " out") from None
    return device


def best_device() -> str:
    """A GPU where torch finds one."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
