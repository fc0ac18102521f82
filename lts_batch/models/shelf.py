"""The models at hand: a list, a check, and copies that are whole or not there at all."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lts_batch.errors import ModelError, OutputError
from lts_batch.files.whole import output_error, place, temporary_beside
from lts_batch.frame.features import split
from lts_batch.frame.filterbank import Filterbank, Grid
from lts_batch.metrics import measures
from lts_batch.models import bundle, checkpoint
from lts_batch.models.checkpoint import AnyModel
from lts_batch.original import classic, lts_run
from lts_batch.original.classic_model import ClassicModel
from lts_batch.settings import presets_folder

_RATE_HZ, _TONE_HZ, _TONE_SECONDS = 44100, 440.0, 1.0


@dataclass(frozen=True)
class Entry:
    """A model in a list.

    Attributes:
        kind: ``frame VAE`` for models that were trained here, ``classic`` for those of the original.
        trained_on: in words.
        problem: why it cannot be used; None as far as its description tells.
    """

    name: str
    folder: str
    kind: str = ""
    bands: int | None = None
    latent: int | None = None
    megabytes: float | None = None
    trained_on: str = ""
    problem: str | None = None


def entries(folder: Path | None = None) -> list[Entry]:
    """The shipped models, and those in a folder: itself, or the folders in it. Only descriptions are read.

    Raises:
        ModelError: there is no such folder.
    """
    if folder is not None and not folder.is_dir():
        raise ModelError(f"there is no folder {folder}: give one with models in it")
    shipped = _models_in(presets_folder() / "models")
    return [_entry(path.name, path) for path in shipped] + [_entry(str(path), path) for path in _models_in(folder)]


def _models_in(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    inside = [folder, *sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))]
    return [path for path in inside if (path / "model.json").is_file()]


def _entry(name: str, folder: Path) -> Entry:
    try:
        record = bundle.description(folder)
        size = sum((folder / part).stat().st_size for part in ("model.json", "model.safetensors")) / 1e6
        is_classic = record.get("format") == bundle.CLASSIC_FORMAT
        bands = record["architecture"]["bands"] if is_classic else record["bands"]["count"]
        return Entry(name, str(folder), "classic" if is_classic else "frame VAE", bands, record["architecture"].get("latent"),
                     round(size, 1), _trained_on(record))
    except (ModelError, OSError, KeyError, TypeError, AttributeError) as error:
        known = isinstance(error, ModelError | OSError)  # any other is about a value of the wrong kind
        return Entry(name, str(folder), problem=str(error) if known else
                     f"{folder / 'model.json'} is not the description of a model; copy the model again")


def _trained_on(record: dict[str, Any]) -> str:
    origin = record.get("provenance") or {}
    if "imported_from" in origin:
        frames = f", {origin['frames']} frames" if origin.get("frames") else ""
        return f"imported from the run {origin['imported_from']}{frames}"
    parts = [f"{origin['seconds'] / 60:.0f} min" if "seconds" in origin else "",
             f"{origin['files']} files" if "files" in origin else "",
             origin["corpus"] if isinstance(origin.get("corpus"), str) else ""]
    return ", ".join(part for part in parts if part) or "not said"


def record(name: str) -> dict[str, Any]:
    """All of a model's description. Raises ``ModelError``."""
    return bundle.description(bundle.find(name))


def card(name: str) -> str:
    """What a model says of itself to people: its CARD.md, or else its description as JSON. Raises ``ModelError``."""
    folder = bundle.find(name)
    described = bundle.description(folder)
    with suppress(OSError, UnicodeDecodeError):
        return (folder / "CARD.md").read_text(encoding="utf-8")
    return json.dumps(described, indent=1) + "\n"


# ---------------------------------------------------------------- check


@dataclass(frozen=True)
class Check:
    """A model that loads, and what became of a tone that went through it: magnitudes against those that were rebuilt."""

    name: str
    kind: str
    bands: int
    latent: int
    sha256: str
    tone_hz: float
    shape_lsd_db: float
    spectral_convergence_db: float


def check(name: str) -> Check:
    """Loads a model strictly and sends a tone through it.

    Raises:
        ModelError: it cannot be loaded, or makes no finite numbers of a tone.
    """
    model = checkpoint.load_model(name)
    true, rebuilt = _round_trip(model)
    if not np.isfinite(rebuilt).all():
        raise ModelError(f"model {name} makes no finite numbers of a tone: its training went wrong; train it again")
    is_classic = isinstance(model, ClassicModel)
    latent = model.encode(true[:1])[0].shape[1]
    return Check(name, "classic" if is_classic else "frame VAE", true.shape[1], latent, str(model.record["sha256"]), _TONE_HZ,
                 measures.shape_lsd_db(true, rebuilt), measures.spectral_convergence_db(true, rebuilt))


def _round_trip(model: AnyModel) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Frames ``[frames, bands]`` of a tone, and what the model makes of them."""
    rate = model.layout.sample_rate_hz if isinstance(model, ClassicModel) else _RATE_HZ
    time = np.arange(round(_TONE_SECONDS * rate)) / rate
    tone = (0.25 * np.sin(2.0 * np.pi * _TONE_HZ * time)).astype(np.float32)
    if isinstance(model, ClassicModel):
        frames = classic.frames(tone, model.layout)
        return frames, np.maximum(model.decode(model.encode(frames)[0]), 0.0)
    samples, count = Grid(rate, model.bands.frame_rate).covering(len(tone))
    bank = Filterbank(model.bands, rate, samples, count)
    padded = torch.nn.functional.pad(torch.from_numpy(tone), (0, samples - len(tone)))
    true = bank.forward(padded[None])[0, :bank.model_rows].abs().T
    frames = torch.nn.functional.pad(true, (0, len(model.bands) - bank.model_rows)).numpy()
    levels, _ = split(torch.from_numpy(frames))
    return frames, levels.numpy()[:, None] * model.decode(model.encode(frames)[0])


# ---------------------------------------------------------------- in and out


def import_run(run: Path, out: Path) -> Entry:
    """Makes a model of a run of the original Latent Timbre Synthesis.

    Raises:
        ModelError: the run cannot be used; nothing is written.
        OutputError: ``out`` exists or cannot be written.
    """
    _refuse_existing(out)
    model = lts_run.read_run(run)
    with _whole_folder(out) as working:
        checkpoint.save_classic(working, model)
    return _entry(str(out), out)


def export(name: str, out: Path) -> list[str]:
    """Copies a model into a new folder, once it has been loaded; gives the names of its files.

    Raises:
        ModelError: the model cannot be loaded; nothing is written.
        OutputError: ``out`` exists or cannot be written.
    """
    _refuse_existing(out)
    folder = bundle.find(name)
    checkpoint.load_model(folder)
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    with _whole_folder(out) as working:
        for one in names:
            shutil.copyfile(folder / one, working / one)
        checkpoint.load_model(working)  # what was copied is what was meant
    return names


def _refuse_existing(out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise OutputError(f"{out} exists already, and nothing is overwritten unasked: choose another name")


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """A hidden folder beside ``out`` that takes its name at the end of the block, or vanishes."""
    working = temporary_beside(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        working.mkdir()
        yield working
        place(working, out)
    except OSError as error:
        raise output_error(out, error) from None
    except OutputError as error:  # people know a file by where it was to go
        raise OutputError(str(error).replace(str(working), str(out))) from None
    finally:
        shutil.rmtree(working, ignore_errors=True)
