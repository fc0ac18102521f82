"""Sounds between and beyond audio clips, by interpolation in the latent space of a learned model of timbre.

``morph`` and ``load_model`` are the way in for other programs. They are imported when first asked for, so that
``import lts_batch`` itself costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "load_model", "morph"]

if TYPE_CHECKING:
    from lts_batch.engine.arrays import morph
    from lts_batch.models.checkpoint import load_model

_HOMES = {"load_model": "lts_batch.models.checkpoint", "morph": "lts_batch.engine.arrays"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
