"""Models: what they compute, and how they come to disk and back, to the bit.

Loading is strict: every tensor is there with the right shape, the hash fits, and nothing foreign lies in the folder, which is
described in ``bundle.py``.
"""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lts_batch import devices
from lts_batch.errors import ModelError
from lts_batch.files.whole import output_error, write_whole
from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands
from lts_batch.models import vae
from lts_batch.models.bundle import AGAIN, CLASSIC_FORMAT, FORMAT, FORMAT_VERSION, description, find, foreign_name, read
from lts_batch.original import classic_model
from lts_batch.original.classic_model import ClassicModel

# the network sees so many frames at a time, and of what is left the next multiple of the second: an odd shape costs more than
# it saves, and so many frames always have the same shapes, for shapes may change the last bits
BLOCK_FRAMES, REST_FRAMES = 64, 16


@dataclass(frozen=True)
class Model:
    """A trained frame VAE with the bands it knows.

    Attributes:
        network: the VAE, in evaluation mode.
        bands: the band layout its frames follow.
        record: all of model.json: provenance, training record, hash of the tensors.
    """

    network: vae.FrameVAE
    bands: Bands
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.network.centre.device

    def on(self, device: str) -> "Model":
        """The same model on another device: ``cpu``, ``cuda``, ``mps``, or ``auto`` for a CUDA GPU where there is one.

        Raises:
            ModelError: this machine has no such device.
        """
        device = devices.chosen(device)
        if self.device.type == device:
            return self
        return Model(copy.deepcopy(self.network).to(device), self.bands, self.record)

    def encode(self, frames: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Magnitude frames ``[frames, bands]``, of any level, to mean and log-variance, both ``[frames, latent]``.

        Raises:
            ModelError: frames of another width, or not finite, or negative.
        """
        values = np.asarray(frames, dtype=np.float32)
        if values.ndim != 2 or values.shape[1] != len(self.bands):
            raise ModelError(f"frames of shape {values.shape} do not fit this model: it takes [frames, {len(self.bands)}]")
        if not np.isfinite(values).all() or (values < 0).any():
            raise ModelError("frames must be finite magnitudes of 0 or more; take the absolute value of coefficients")
        _, shapes = features.split(torch.from_numpy(values).to(self.device))
        mean, log_variance = self.encode_shapes(shapes)
        return mean.cpu().numpy(), log_variance.cpu().numpy()

    def decode(self, latents: ArrayLike) -> NDArray[np.float32]:
        """Latents ``[frames, latent]`` to magnitude frames ``[frames, bands]`` of unit norm.

        Levels are joined by multiplication: ``level[:, None] * model.decode(latents)``.
        """
        values = np.asarray(latents, dtype=np.float32)
        width = self.network.architecture.latent
        if values.ndim != 2 or values.shape[1] != width:
            raise ModelError(f"latents of shape {values.shape} do not fit this model: it takes [frames, {width}]")
        if not np.isfinite(values).all():
            raise ModelError("latents must be finite numbers")
        shapes = self.decode_shapes(torch.from_numpy(values).to(self.device))
        return features.unit_norm(features.expand(shapes)).cpu().numpy()

    @torch.no_grad()
    def encode_shapes(self, shapes: Tensor) -> tuple[Tensor, Tensor]:
        """Log shapes ``[frames, bands]`` to mean and log-variance, in blocks of few shapes."""
        pairs = [self.network.encode(block) for block in _blocks(shapes)]
        return (torch.cat([mean for mean, _ in pairs])[:len(shapes)],
                torch.cat([variance for _, variance in pairs])[:len(shapes)])

    @torch.no_grad()
    def decode_shapes(self, latents: Tensor) -> Tensor:
        """Latents ``[frames, latent]`` to log shapes ``[frames, bands]``, in blocks of few shapes."""
        return torch.cat([self.network.decode(block) for block in _blocks(latents)])[:len(latents)]


AnyModel: TypeAlias = Model | ClassicModel


def _blocks(rows: Tensor) -> tuple[Tensor, ...]:
    padded = torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % REST_FRAMES))
    return tuple(padded.split(BLOCK_FRAMES))


def save(folder: Path, model: Model, *, provenance: dict[str, Any], training: dict[str, Any]) -> None:
    """Writes the bundle. The description is written last, so that a torn save is not taken for a model.

    Raises:
        OutputError: the folder cannot be written to.
    """
    _write(folder, model.network.state_dict(), {
        "format": FORMAT, "architecture": model.network.architecture.as_dict(), "bands": model.bands.as_dict(),
        "provenance": provenance, "training": training,
    })


def save_classic(folder: Path, model: ClassicModel) -> None:
    """Writes the bundle of a classic model, with what its record says of its provenance and training.

    Raises:
        OutputError: the folder cannot be written to.
    """
    known = {name: model.record.get(name, {}) for name in ("provenance", "training")}
    _write(folder, model.network.weights(), {"format": CLASSIC_FORMAT, **classic_model.describe(model), **known})


def _write(folder: Path, tensors: Mapping[str, Tensor], description: dict[str, Any]) -> None:
    data = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})
    record = {"format": description.pop("format"), "format_version": FORMAT_VERSION,
              "sha256": hashlib.sha256(data).hexdigest(), **description}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from None
    write_whole(folder / "model.safetensors", data, overwrite=True)
    write_whole(folder / "model.json", json.dumps(record, indent=1) + "\n", overwrite=True)


def load_model(name_or_path: str | Path = "general") -> AnyModel:
    """A model by shipped name or by folder, of the kind that its description tells.

    Raises:
        ModelError: a file is missing, damaged, foreign, or of another format version.

    >>> model = load_model("general")
    >>> model.decode(model.encode(np.ones((3, len(model.bands))))[0]).shape == (3, len(model.bands))
    True
    """
    folder = find(str(name_or_path))
    if foreign := foreign_name(folder):
        raise ModelError(f"model {folder} holds a file that is no part of a model: {foreign}; remove it")
    record = description(folder)
    data = read(folder / "model.safetensors")
    if hashlib.sha256(data).hexdigest() != record["sha256"]:
        raise ModelError(f"{folder / 'model.safetensors'} is damaged or belongs to another model.json: its SHA-256 is not"
                         " the recorded one; copy the model again")
    try:
        tensors = {name: tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)
                   for name, tensor in safetensors.torch.load(data).items()}  # batch normalisation counts in whole numbers
    except (safetensors.SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{folder / 'model.safetensors'} does not hold tensors ({error}); copy the model again") from None
    if record.get("format") == CLASSIC_FORMAT:
        try:
            return classic_model.rebuild(record, tensors)
        except ModelError as error:
            raise ModelError(f"model {folder} cannot be rebuilt from its model.json: {error}; {AGAIN}") from None
    return _frame_model(folder, record, tensors)


def load_frame_model(name_or_path: str | Path = "general") -> Model:
    """As ``load_model``, for work that only models made by ``lts-batch train`` can do.

    Raises:
        ModelError: also for a classic model.
    """
    model = load_model(name_or_path)
    if isinstance(model, ClassicModel):
        raise ModelError(f"model {name_or_path} comes from the original Latent Timbre Synthesis, and this works with models"
                         " that lts-batch train made: give one of those")
    return model


def _frame_model(folder: Path, record: dict[str, Any], tensors: dict[str, Tensor]) -> Model:
    try:
        bands = Bands.from_dict(record["bands"])
        with torch.device("meta"):  # no memory for numbers that may be wrong
            network = vae.FrameVAE(vae.Architecture(**record["architecture"]))
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"model {folder} cannot be rebuilt from its model.json: {reason}; {AGAIN}") from None
    _check_tensors(folder, network, tensors)
    network.load_state_dict(tensors, strict=True, assign=True)
    if network.architecture.bands != len(bands):
        raise ModelError(f"model {folder}: {network.architecture.bands} bands in the network, {len(bands)} in the layout")
    return Model(network.eval().requires_grad_(False), bands, record)


def _check_tensors(folder: Path, network: torch.nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """One sentence for the first tensor that does not fit, where torch would list them all."""
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted({*wanted, *found}):
        if wanted.get(name) != found.get(name):
            shapes = (list(shapes[name]) if name in shapes else "missing" for shapes in (found, wanted))
            raise ModelError("model {} cannot be rebuilt from its model.json: {} is {} in model.safetensors and {} there; {}"
                             .format(folder, name, *shapes, AGAIN))
