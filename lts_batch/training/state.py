"""The state of a training, from which it goes on exactly: network and optimizer as tensors, and the file they lie in.

What was good last is kept beside what is now, since a training that diverges goes back to it, also after a resumption.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from lts_batch.errors import ModelError
from lts_batch.files.whole import output_error, write_whole
from lts_batch.models.vae import FrameVAE
from lts_batch.training.schedule import Schedule

FILE = "state.safetensors"
_GOOD = "good."


@dataclass(frozen=True)
class Moment:
    """Network and optimizer as they are after a step."""

    step: int
    tensors: dict[str, Tensor]

    def kept(self) -> "Moment":
        """A copy that the training does not change."""
        return Moment(self.step, {name: tensor.detach().clone() for name, tensor in self.tensors.items()})


def tensors(network: FrameVAE, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Network and optimizer by name; what belongs to the network is not copied."""
    found = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for number, values in optimizer.state_dict()["state"].items():
        found |= {f"optimizer.{number}.{name}": torch.as_tensor(tensor) for name, tensor in values.items()}
    return found


def take(found: Mapping[str, Tensor], network: FrameVAE, optimizer: torch.optim.Optimizer) -> None:
    """The inverse of ``tensors``."""
    network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in found.items()
                             if name.startswith("network.")})
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in found.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".")
            state.setdefault(int(number), {})[key] = tensor.clone()
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def folder_of(out: Path) -> Path:
    """Where the state for a resumption of the training of model folder ``out`` lies."""
    return out.with_name(out.name + ".training")


def save(folder: Path, now: Moment, good: Moment | None, counters: Mapping[str, Any]) -> None:
    """Both moments and the counters, whole or not at all.

    Args:
        good: None where it is that of now.
        counters: for JSON.
    """
    found = dict(now.tensors)
    if good is not None:
        found |= {f"{_GOOD}{name}": tensor for name, tensor in good.tensors.items()}
    text = json.dumps({**counters, "good_step": None if good is None else good.step})
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from None
    packed = safetensors.torch.save({name: tensor.contiguous().cpu() for name, tensor in found.items()},
                                    metadata={"counters": text})
    write_whole(folder / FILE, packed, overwrite=True)


def load(folder: Path) -> tuple[Moment, Moment | None, dict[str, Any]]:
    """The inverse of ``save``.

    Raises:
        ModelError: no state, or a damaged one.
    """
    path = folder / FILE
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            counters = json.loads(file.metadata()["counters"])
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ModelError(f"{path} is not there: nothing to resume; leave out --resume to begin anew") from None
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); leave out --resume to begin anew") from None
    good = {name.removeprefix(_GOOD): tensor for name, tensor in found.items() if name.startswith(_GOOD)}
    now = {name: tensor for name, tensor in found.items() if not name.startswith(_GOOD)}
    return Moment(counters["step"], now), Moment(counters["good_step"], good) if good else None, counters


def remove(folder: Path) -> None:
    """Takes the state away, and its folder with it where nothing of the user's lies there."""
    (folder / FILE).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def saved_schedule(out: Path) -> Schedule:
    """The schedule of the interrupted training of model folder ``out``. Raises ModelError where there is none."""
    return Schedule(**load(folder_of(out))[2]["schedule"])
