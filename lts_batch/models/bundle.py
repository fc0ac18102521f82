"""A model on disk: a folder with tensors (safetensors) and a description (JSON). Tensors only, never code.

    model.json          format version, architecture, band layout, hash of the tensors, provenance, training record
    model.safetensors   the weights
    CARD.md             for people (optional), as any other .md, .txt or picture

There are two kinds: models that ``lts-batch train`` made, and classic ones that came from a run of the original Latent Timbre
Synthesis. ``format`` in model.json tells which.
"""

import json
from pathlib import Path
from typing import Any

from lts_batch.errors import ModelError
from lts_batch.settings import presets_folder

FORMAT_VERSION = 1
FORMAT, CLASSIC_FORMAT = "lts-batch frame VAE", "lts-batch classic model"
AGAIN = "copy the model again"
_COMPANIONS = {".md", ".txt", ".png", ".svg"}


def find(name_or_path: str) -> Path:
    """The folder of a shipped model by name, or of any model by path."""
    shipped = presets_folder() / "models"
    names = sorted(path.name for path in shipped.iterdir() if path.is_dir()) if shipped.is_dir() else []
    if name_or_path in names:
        return shipped / name_or_path
    folder = Path(name_or_path)
    if not folder.is_dir():
        raise ModelError(f"no model {name_or_path!r}: it is neither a shipped model ({', '.join(names) or 'none'})"
                         " nor a folder; give the folder that lts-batch train wrote")
    return folder


def foreign_name(folder: Path) -> str | None:
    """The first name in a folder that has no place in a model."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    return next((name for name in names if name not in ("model.json", "model.safetensors")
                 and Path(name).suffix not in _COMPANIONS), None)


def description(folder: Path) -> dict[str, Any]:
    """All of model.json, once it is one of a version that can be read. Raises ``ModelError``."""
    path = folder / "model.json"
    try:
        record = json.loads(read(path).decode("utf-8"))
        version = record["format_version"]
        record["sha256"], record["layout" if record.get("format") == CLASSIC_FORMAT else "bands"], record["architecture"]
        wrong = [name for name in ("provenance", "training") if not isinstance(record.get(name, {}), dict)]
    except KeyError as error:
        raise ModelError(f"{path} is not the description of a model ({error.args[0]} is missing); {AGAIN}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not the description of a model ({error}); {AGAIN}") from None
    if record.get("format", FORMAT) not in (FORMAT, CLASSIC_FORMAT):
        raise ModelError(f"{path} is the description of {record['format']!r}, and no model; {AGAIN}")
    if wrong:
        raise ModelError(f"{path} is not the description of a model ({wrong[0]} is no table); {AGAIN}")
    if version != FORMAT_VERSION or not isinstance(version, int):
        raise ModelError(f"{path} has format version {version!r}; this lts-batch reads {FORMAT_VERSION}: train the model"
                         " again, or use the lts-batch that wrote it")
    return dict(record)


def read(path: Path) -> bytes:
    """All of one of its files. Raises ``ModelError``."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); a model is a folder with model.json and"
                         " model.safetensors") from None
