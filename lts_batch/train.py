"""Training of a frame VAE on a folder of sounds.

Every step draws its batch, its augmentation and its noise from a generator seeded with (seed, step), and the learning
rate is a function of the step alone: a training that was interrupted goes on exactly as if it had not been.
"""

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from lts_batch import __version__, checkpoint, features, measures, vae
from lts_batch.augment import augment
from lts_batch.dataset import Dataset
from lts_batch.errors import CorpusError, ModelError, SettingsError
from lts_batch.filterbank import Bands
from lts_batch.whole import write_whole

PCA_FRAMES = 200_000
VALIDATION_FRAMES = 16_384


@dataclass(frozen=True)
class Schedule:
    """What decides the outcome of a training, beside the frames."""

    steps: int = 7_500
    batch: int = 512
    rate: float = 8e-4
    latent: int = 64
    width: int = 1024
    blocks: int = 1
    kl_weight: float = 1e-6
    linear_weight: float = 0.03
    peak_weight: float = 0.3
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """One cycle (Smith 2018): a linear rise over the first tenth, then half a cosine down to nothing."""
        rise = max(1, self.steps // 10)
        if step < rise:
            return self.rate * (step + 1) / rise
        return self.rate * 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(1, self.steps - rise)))


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


class Training:
    """A training that can be stopped after any step and taken up again.

    Args:
        dataset: the frames.
        bands: the layout they follow.
        out: the model folder; its neighbour ``<out>.training`` holds what a resumption needs.
        device: "cpu", "cuda", "mps"; chosen by itself where not given.
    """

    def __init__(self, dataset: Dataset, bands: Bands, schedule: Schedule, out: Path, *,
                 provenance: dict[str, Any] | None = None, device: str | None = None) -> None:
        self.dataset, self.bands, self.schedule, self.out = dataset, bands, schedule, out
        self.provenance = dict(provenance or {}, frames=len(dataset.levels), files=dataset.files,
                               seconds=dataset.seconds, content=dataset.content, lts_batch=__version__)
        self.device = _device(device or best_device())
        self.rows = dataset.part(validation=False)
        held_out = dataset.part(validation=True)
        generator = np.random.default_rng(schedule.seed)
        self.held_out = np.sort(generator.choice(held_out, min(VALIDATION_FRAMES, len(held_out)), replace=False))
        torch.manual_seed(schedule.seed)
        self.network = vae.FrameVAE(vae.Architecture(len(bands), schedule.latent, schedule.width, schedule.blocks))
        self.network.to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=schedule.rate,
                                          fused=self.device.type in ("cpu", "cuda"))
        self.step, self.seconds, self.best = 0, 0.0, math.inf
        self.history: list[Report] = []
        self.recent: list[float] = []  # losses since the last figures

    @property
    def state_folder(self) -> Path:
        """Where the state for a resumption lies."""
        return self.out.with_name(self.out.name + ".training")

    def start(self) -> None:
        """Begins anew: the linear path from PCA of the training frames."""
        generator = np.random.default_rng(self.schedule.seed)
        chosen = np.sort(generator.choice(self.rows, min(PCA_FRAMES, len(self.rows)), replace=False))
        self.network.start_from_pca(self._shapes(chosen).cpu())
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
        try:
            while self.step < last or self._due(every):
                if not self._due(every):  # a run may have been stopped while its figures were made
                    self.recent.append(self._one_step())
                    self.step += 1
                figures = None
                if self._due(every):
                    self.seconds += time.monotonic() - clock
                    clock = time.monotonic()
                    figures = self._evaluate(sum(self.recent) / len(self.recent))
                    self._keep(figures)
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
        generator = torch.Generator().manual_seed(int(draw.integers(2**62)))
        rows = np.sort(self.rows[draw.integers(len(self.rows), size=s.batch)])
        # sorted rows read faster, but neighbours would then be augmented alike
        batch = self._shapes(rows, move=False)[torch.randperm(s.batch, generator=generator)]
        shapes = augment(batch, self.bands, generator).to(self.device)
        noise = torch.randn(s.batch, s.latent, generator=generator).to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = s.rate_at(self.step)
        decoded, mean, log_variance = self.network(shapes, noise)
        total = torch.stack(self._loss(decoded, shapes, mean, log_variance)).sum()
        value = float(total.detach())
        if not math.isfinite(value):
            raise CorpusError(f"training diverged at step {self.step}: the loss is {value}; what was best so far"
                              f" is in {self.out}; start again with a rate below {s.rate:g}")
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        return value

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
        self.network.train()
        true, rebuilt = (features.unit_norm(features.expand(s)).cpu().numpy() for s in (shapes, decoded))
        level = self.dataset.levels[self.held_out, None]
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean(0)
        return Report(self.step, round(self.seconds, 1), training_loss, float(terms[0] + terms[1] + terms[2]),
                      measures.shape_lsd_db(true, rebuilt),
                      measures.spectral_convergence_db(true * level, rebuilt * level), int((divergence > 0.1).sum()))

    def _keep(self, figures: Report) -> None:
        if figures.validation_loss < self.best:
            checkpoint.save(self.out, self.model(), provenance=self.provenance, training=self.record(figures))
            self.best = figures.validation_loss
        self.history.append(figures)
        self.recent.clear()
        self.save_state()

    def record(self, *latest: Report) -> dict[str, Any]:
        """The training record of the bundle, up to figures that are about to join the history."""
        return {"schedule": asdict(self.schedule), "device": str(self.device), "threads": torch.get_num_threads(),
                "torch": torch.__version__, "seconds": round(self.seconds, 1), "step": self.step,
                "history": [asdict(figures) for figures in (*self.history, *latest)]}

    def model(self) -> checkpoint.Model:
        """The network as it is now, on the CPU."""
        copy = vae.FrameVAE(self.network.architecture)
        copy.load_state_dict({name: tensor.cpu() for name, tensor in self.network.state_dict().items()})
        return checkpoint.Model(copy.eval(), self.bands)

    def save_state(self) -> None:
        """Network, optimizer and counters, whole or not at all."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(tensor) for name, tensor in values.items()}
        counters = {"step": self.step, "seconds": self.seconds, "best": self.best, "schedule": asdict(self.schedule),
                    "content": self.dataset.content, "history": [asdict(figures) for figures in self.history],
                    "recent": self.recent}
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
        if counters["schedule"] != asdict(self.schedule) or counters["content"] != self.dataset.content:
            raise ModelError(f"{path} belongs to another training (other settings or other sounds); leave out --resume to"
                             " begin anew, or give the settings and the folder it was started with")
        self.network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in tensors.items()
                                      if name.startswith("network.")})
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, number, key = name.split(".")
                state.setdefault(int(number), {})[key] = tensor
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.step, self.seconds, self.best = counters["step"], counters["seconds"], counters["best"]
        self.history = [Report(**figures) for figures in counters["history"]]
        self.recent = counters.get("recent", [])

    def fitted_to(self, minutes: float, trial_steps: int = 20) -> Schedule:
        """The schedule with as many steps as fit into a time on this machine, judged by a few that count for nothing."""
        times = []
        for self.step in range(trial_steps):
            clock = time.monotonic()
            self._one_step()
            times.append(time.monotonic() - clock)
        return replace(self.schedule, steps=max(100, round(minutes * 60 / sorted(times)[trial_steps // 2])))

    def finish(self) -> None:
        """The whole record into the bundle of the best step; the state for a resumption is no longer needed."""
        checkpoint.save(self.out, checkpoint.load_frame_model(self.out), provenance=self.provenance, training=self.record())
        (self.state_folder / "state.safetensors").unlink(missing_ok=True)
        with suppress(OSError):  # something of the user's may lie there
            self.state_folder.rmdir()

    def _shapes(self, rows: np.ndarray[Any, np.dtype[np.int64]], *, move: bool = True) -> Tensor:
        shapes = torch.from_numpy(self.dataset.shapes[rows].astype(np.float32))
        return shapes.to(self.device) if move else shapes


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
