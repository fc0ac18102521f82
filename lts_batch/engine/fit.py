"""``fit = true``: the model learns the clips at hand before their stems are made, so that it loses less of them.

How it learns is in adapt.py. Here are the frames that it learns from, and the cache: a fit is kept in the user's cache folder
under a hash of those frames (and so of the clips, their parts, their rate and their pitch), of the network that it began with,
and of the recipe. Whatever else is set, it is found again.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import safetensors.torch
import torch
from torch import Tensor

from lts_batch.engine import planning
from lts_batch.engine.analysis import Analysis
from lts_batch.errors import OutputError, SettingsError
from lts_batch.files.sources import Source
from lts_batch.files.whole import output_error, write_whole
from lts_batch.metrics import measures
from lts_batch.models import vae
from lts_batch.models.checkpoint import AnyModel, Model
from lts_batch.original.classic_model import ClassicModel
from lts_batch.settings import RIVALS, Settings
from lts_batch.training import adapt
from lts_batch.training.adapt import Adapted

RECIPE = 1  # to be raised with whatever changes what a fit comes to
MOST_FRAMES = 2400  # of a clip
MOST_SLICES = 48  # of a long clip are listened to, evenly spread
MOST_KEPT = 32  # fits in the cache, some 7 megabytes each
MESSAGE = "fitting the model"

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Fit:
    """A model for the clips at hand.

    Attributes:
        note: what was done, for the record; None where nothing was asked.
        fresh: it was made now, and not found in the cache.
        adapted: how it was made, with figures; None where it is the model as it was.
    """

    model: AnyModel
    note: str | None = None
    fresh: bool = False
    adapted: Adapted | None = None


def fitted(clips: Sequence[Source], settings: Settings, model: AnyModel, names: Sequence[str] | None = None, *,
           steps: int = adapt.STEPS, cache: Path | None = None, progress: Progress | None = None) -> Fit:
    """The model that ``settings.fit`` asks for: fitted to the clips, or as it is.

    Args:
        names: what to call the clips in errors.
        steps: see ``adapt.adapted``.
        cache: folder of earlier fits, ``cache_folder()`` if not given.
        progress: takes the fraction done and a message, several times a second; may raise to give up.

    Raises:
        ClipError: a clip that is silent or shorter than a frame.
        SettingsError: a model of the original.
    """
    if not settings.fit:
        return Fit(model)
    if isinstance(model, ClassicModel):
        raise SettingsError(f"fit = true adapts models that lts-batch train made, and the model {settings.model} comes from the"
                            " original Latent Timbre Synthesis: leave fit out, or choose another model")
    model, start = model.on("cpu"), time.monotonic()  # with a graphics card the fit is the same as without

    def say(fraction: float) -> None:
        if progress is not None:
            progress(fraction, MESSAGE)

    with adapt.one_thread():
        frames = [_frames(clip, say) for clip in _analyses(clips, settings, model, names)]
        path = (cache or cache_folder()) / f"{_key(frames, model, steps)}.safetensors"
        found = _load(path, model)
        if found is not None:
            return Fit(found.model, f"{_figures(found)}, by an earlier render", False, found)
        made = adapt.adapted(model, frames, steps=steps, progress=say)
    if made is None:
        return Fit(model, "the model could not be fitted to the clips, and was used as it is", True)
    note = f"{_figures(made)} in {math.ceil(time.monotonic() - start)} s"
    try:
        _save(path, made)
    except OutputError as error:  # only the next render will miss it
        note = f"{note}, but not kept for the next time: {error}"
    return Fit(made.model, note, True, made)


def cache_folder() -> Path:
    """Where fits are kept."""
    return Path(platformdirs.user_cache_dir("lts-batch", appauthor=False)) / "fits"


def _figures(made: Adapted) -> str:
    before, after = (sum(errors) / len(errors) for errors in (made.before_db, made.after_db))
    return f"the model was fitted to the clips: shape LSD {before:.1f} -> {after:.1f} dB"


# ---------------------------------------------------------------- frames


def _analyses(clips: Sequence[Source], settings: Settings, model: Model, names: Sequence[str] | None) -> tuple[Analysis, ...]:
    """The clips as the network will see them: at the rate of the stems, and at one pitch where that is asked for.

    A draft looks at every third frame, and those are what a render asks the network for.
    """
    named: dict[str, Any] = dict.fromkeys((*RIVALS, "x_level", "x_pitch"))
    named["weights"] = (tuple(1.0 / len(clips) for _ in clips),)  # clips that are only listened to need no more
    bare = replace(settings, **named, spacing="even-x", path="linear", detail=0.0, align="pad", loop="off", level="keep",
                   quality="draft", sample=False, device="cpu")
    return planning.plan(clips, bare, model, names).clips


def _frames(clip: Analysis, say: Callable[[float], None]) -> Tensor:
    """Log shapes ``[frames, bands]`` of what is heard of a clip, spread evenly over it."""
    slices = clip.slices
    count = 1 if slices.whole else math.ceil(min(slices.samples, clip.source.samples) / slices.hop_kept_samples)
    everywhere = torch.arange(count)
    levels, shapes = _listened(clip, _spread(everywhere, MOST_SLICES).tolist(), say)
    if not bool(levels.any()):  # most of it is silence, and the rest was missed
        levels, shapes = _listened(clip, everywhere.tolist(), say)
    heard = (levels > 0.0) & (levels >= levels.max() * 10.0 ** (measures.QUIET_FRAME_DB / 20.0))
    return shapes[_spread(torch.nonzero(heard).flatten(), MOST_FRAMES)]


def _listened(clip: Analysis, numbers: Sequence[int], say: Callable[[float], None]) -> tuple[Tensor, Tensor]:
    """Levels ``[frames]`` and log shapes ``[frames, bands]`` of some slices, at most so many of each as may be wanted."""
    slices, channels = clip.slices, clip.source.channels  # a mono clip is laid on all channels, and is the same on each
    found = []
    for number in numbers:
        say(0.0)
        places = slices.frames(number) * slices.hop_samples
        first, stop = slices.kept(number)
        inside = torch.from_numpy(np.flatnonzero((places >= first) & (places < min(stop, clip.source.samples))))
        levels, shapes = clip.shapes(number)
        levels, shapes = levels[:channels, inside].flatten(), shapes[:channels, inside].flatten(0, 1)
        # more than a slice's share, for some of it may turn out to be silence
        rows = _spread(torch.arange(len(levels)), 2 * math.ceil(MOST_FRAMES / len(numbers)))
        found.append((levels[rows], shapes[rows]))
    levels, shapes = (torch.cat(parts) for parts in zip(*found, strict=True))
    return levels, shapes


def _spread(rows: Tensor, most: int) -> Tensor:
    """At most so many of ``rows``, evenly spread."""
    return rows if len(rows) <= most else rows[torch.linspace(0, len(rows) - 1, most).round().long()]


# ---------------------------------------------------------------- the cache


def _key(frames: Sequence[Tensor], model: Model, steps: int) -> str:
    digest = hashlib.sha256(json.dumps([RECIPE, steps, [len(shapes) for shapes in frames]]).encode())
    digest.update(_content(model.network.state_dict()).encode())
    for shapes in frames:
        digest.update(shapes.numpy().tobytes())
    return digest.hexdigest()[:32]


def _content(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def _save(path: Path, made: Adapted) -> None:
    """Writes what the fit has changed, and removes the oldest fits."""
    tensors = {name: value.contiguous() for name, value in made.model.network.state_dict().items()
               if name.split(".")[0] in (*adapt.CHANGED, "axes")}
    told = {"content": _content(tensors), "before_db": json.dumps(made.before_db), "after_db": json.dumps(made.after_db)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path.parent, error) from None
    write_whole(path, safetensors.torch.save(tensors, metadata=told), overwrite=True)
    with suppress(OSError):  # another render may be tidying up as well
        for old in sorted(path.parent.glob("*.safetensors"), key=lambda one: one.stat().st_mtime)[:-MOST_KEPT]:
            old.unlink()


def _load(path: Path, model: Model) -> Adapted | None:
    """An earlier fit; None where there is none, or a damaged one."""
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            told = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if _content(tensors) != told["content"]:
            return None
        count = tensors["axes"].shape[1]
        widened = vae.WidenedVAE(model.network.architecture, count)
        widened.load_state_dict({**model.network.state_dict(), **tensors})
        before, after = (tuple(map(float, json.loads(told[name]))) for name in ("before_db", "after_db"))
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError, RuntimeError):
        return None
    with suppress(OSError):
        os.utime(path)  # so that it is not among the oldest
    return Adapted(replace(model, network=widened.eval().requires_grad_(False)), count, before, after)
