"""The variational autoencoder of Latent Timbre Synthesis, for comparison: dense, on linear constant-Q magnitudes.

    python benchmarks/lts_model.py --corpus CORPUS --frames CACHE --minutes 20 MODEL

Layers, loss and numbers follow the published training script and configuration (functional/timbre-vae/train.py and
default.ini of github.com/ktatar/latent-timbre-synthesis), written anew for torch:

    384 -> units, ReLU -> mean and log-variance, both of the latent width -> units, ReLU -> 384, ReLU
    loss = mean (m - m')^2 - kl_beta * mean (1 + log s^2 - mu^2 - s^2)     means over batch and width, no factor 1/2

Adam at 1e-4 (epsilon 1e-7, as in Keras), batches of 64 frames in a new order every epoch, no scaling of the input, no
batch normalisation (the configuration has a switch for it that the script does not read). Glorot-uniform weights and
zero biases, Keras' defaults.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lts_batch.files.whole import write_whole
from lts_batch.original import classic

REPORT_STEPS = 500  # one point of the recorded loss curve


@dataclass(frozen=True)
class Settings:
    """The published configuration."""

    bands: int = classic.BANDS
    units: int = 2048
    latent: int = 256
    kl_beta: float = 5e-4
    learning_rate: float = 1e-4
    batch_frames: int = 64


class LtsVAE(nn.Module):
    """Frames ``[frames, bands]`` to latents ``[frames, latent]`` and back."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.hidden = nn.Linear(settings.bands, settings.units)
        self.mean = nn.Linear(settings.units, settings.latent)
        self.log_variance = nn.Linear(settings.units, settings.latent)
        self.back = nn.Linear(settings.latent, settings.units)
        self.out = nn.Linear(settings.units, settings.bands)
        for layer in (self.hidden, self.mean, self.log_variance, self.back, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def encode(self, magnitudes: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.relu(self.hidden(magnitudes))
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, latents: Tensor) -> Tensor:
        return torch.relu(self.out(torch.relu(self.back(latents))))

    def loss(self, magnitudes: Tensor) -> Tensor:
        """Mean squared error of a drawn reconstruction plus the weighted divergence from a unit Gaussian."""
        mean, log_variance = self.encode(magnitudes)
        drawn = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        error = torch.mean((magnitudes - self.decode(drawn)) ** 2)
        return error - self.settings.kl_beta * torch.mean(1 + log_variance - mean**2 - torch.exp(log_variance))


@dataclass(frozen=True)
class LtsModel:
    """A trained network in evaluation mode, and how it was trained."""

    network: LtsVAE
    record: dict[str, Any]

    @torch.inference_mode()
    def encode(self, magnitudes: NDArray[np.float32]) -> Tensor:
        """Means of the latents ``[frames, latent]``; the original draws here, which only adds noise."""
        return self.network.encode(torch.from_numpy(magnitudes))[0]

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> NDArray[np.float32]:
        return np.asarray(self.network.decode(latents).numpy())


def train(frames: NDArray[np.floating], minutes: float, seed: int, *, settings: Settings | None = None,
          device: str = "cpu", say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)) -> LtsModel:
    """Trains for ``minutes`` of wall-clock time on frames ``[frames, bands]``, which may be a memory map."""
    settings = settings or Settings()
    torch.manual_seed(seed)
    network = LtsVAE(settings).to(device)
    adam = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, eps=1e-7)
    started, curve, recent = time.monotonic(), [], []
    steps = 0
    for batch in _batches(frames, settings.batch_frames, seed):
        if time.monotonic() - started >= 60 * minutes:
            break
        loss = network.loss(batch.to(device))
        adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        steps += 1
        recent.append(float(loss.detach()))
        if len(recent) == REPORT_STEPS:
            curve.append({"step": steps, "minutes": (time.monotonic() - started) / 60, "loss": float(np.mean(recent))})
            recent.clear()
            say(f"{curve[-1]['minutes']:.1f} of {minutes:g} minutes, step {steps}, loss {curve[-1]['loss']:.5f}")
    record = {"settings": asdict(settings), "seed": seed, "seconds": round(time.monotonic() - started, 1),
              "steps": steps, "frames": len(frames), "epochs": steps * settings.batch_frames / len(frames),
              "device": device, "threads": torch.get_num_threads(), "torch": torch.__version__, "curve": curve}
    return LtsModel(network.cpu().eval().requires_grad_(False), record)


def _batches(frames: NDArray[np.floating], size: int, seed: int) -> Iterator[Tensor]:
    """Endless batches; every epoch sees every frame once, in a new order."""
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(frames))
        for start in range(0, len(order), size):
            chosen = np.sort(order[start:start + size])  # in the file's order: fewer seeks in a memory map
            yield torch.from_numpy(frames[chosen].astype(np.float32))


def save(folder: Path, model: LtsModel) -> None:
    """Writes lts.safetensors and lts.json into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "lts.safetensors", safetensors.torch.save(model.network.state_dict()), overwrite=True)
    write_whole(folder / "lts.json", json.dumps(model.record, indent=1) + "\n", overwrite=True)


def load(folder: Path) -> LtsModel:
    """Reads what ``save`` wrote; every tensor must be there."""
    record = json.loads((folder / "lts.json").read_text(encoding="utf-8"))
    network = LtsVAE(Settings(**record["settings"]))
    network.load_state_dict(safetensors.torch.load((folder / "lts.safetensors").read_bytes()), strict=True)
    return LtsModel(network.eval().requires_grad_(False), record)


def load_or_train(folder: Path, corpus: Path | None, frames_cache: Path, minutes: float, seed: int, *,
                  device: str = "cpu") -> LtsModel:
    """The model of that folder; trained first, and kept there, where there is none."""
    from lts_frames import cached_frames

    if (folder / "lts.json").is_file():
        return load(folder)
    frames, source = cached_frames(corpus, frames_cache)
    model = train(frames, minutes, seed, device=device)
    model.record["corpus"] = source
    save(folder, model)
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the LTS model, unless its folder holds one already.")
    parser.add_argument("model", type=Path, help="folder of the trained model")
    parser.add_argument("--corpus", type=Path, help="folder of audio; not needed where --frames holds its frames")
    parser.add_argument("--frames", type=Path, required=True, help="folder of the cached frames")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda where lts_batch was trained on one, too")
    parser.add_argument("--threads", type=int, help="of the training; give what lts_batch was trained with")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(json.dumps(load_or_train(options.model, options.corpus, options.frames, options.minutes, options.seed,
                                   device=options.device).record | {"curve": "left out"}, indent=1))
