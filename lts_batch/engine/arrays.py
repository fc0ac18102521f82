"""Arrays in, arrays out: the way in for other programs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lts_batch.engine import finish, fit, pipeline, spacing
from lts_batch.errors import ClipError, SettingsError
from lts_batch.files import audio
from lts_batch.files.sources import Excerpt, Source
from lts_batch.models.checkpoint import AnyModel, load_model
from lts_batch.original.classic_model import ClassicModel
from lts_batch.settings import Settings, change


def morph(clips: Sequence[ArrayLike], sample_rate: int | Sequence[int], *,
          x: float | Sequence[float] | None = None, model: AnyModel | str | Path = "general",
          workers: int | None = None, **settings: Any) -> list[NDArray[np.float32]]:
    """The stems between (and beyond) two clips, or more of them mixed by weights.

    Args:
        clips: arrays ``[channels, samples]``, or ``[samples]`` for mono; full scale is -1 to 1.
        sample_rate: of the clips in Hz, one for all or one each.
        x: interpolation amounts between two clips, one stem each; see ``Settings`` for this and all other settings
            (``naming``, ``clip``, ``bit_depth`` and ``dither`` are about files and change nothing here).
        model: a loaded model, a shipped model's name, or a folder.
        workers: how many stems are made at a time; as many as there are cores if not given.

    Returns:
        One float32 array ``[channels, samples]`` a stem, in rising order of x, at the first clip's rate.

    Raises:
        LtsError: a clip, setting or model that cannot be used; the message says why.

    >>> tone = 0.1 * np.sin(np.arange(44100) * 0.05)
    >>> low, middle = morph([tone, tone[:22050]], 44100, x=[0.0, 0.5])
    >>> low.shape, middle.shape
    ((1, 44100), (1, 33075))
    """
    if x is not None:
        settings["x"] = np.asarray(x).tolist()
    wanted = change(Settings(), settings, "morph()")
    given = np.atleast_1d(sample_rate).tolist()
    rates = given * len(clips) if len(given) == 1 else given
    if len(rates) != len(clips):
        raise SettingsError(f"{len(rates)} sample rates were given for {len(clips)} clips; give one for all, or one each")
    sources = [_source(clip, rate, f"clip {number + 1}")
               for number, (clip, rate) in enumerate(zip(clips, rates, strict=True))]
    loaded = load_model(model) if isinstance(model, str | Path) else model
    if isinstance(loaded, ClassicModel) and wanted.sample_rate is None:
        wanted = dataclasses.replace(wanted, sample_rate=int(rates[0]))  # these have a rate of their own
    loaded = fit.fitted(sources, wanted, loaded).model
    planned = pipeline.plan(sources, spacing.resolved(sources, wanted, loaded), loaded)
    stems = [np.empty((planned.channels, stem.samples), dtype=np.float32) for stem in planned.stems]
    for block in pipeline.blocks(planned, workers):
        stems[block.stem][:, block.start:block.start + block.samples.shape[1]] = block.samples
    return finish.finish_arrays(stems, planned.sample_rate, wanted, [stem.loudness_db for stem in planned.stems])


def _source(clip: ArrayLike, rate: float, name: str) -> Source:
    if not audio.LEAST_RATE_HZ <= rate <= audio.MOST_RATE_HZ or rate != int(rate):
        raise ClipError(f"{name} has a sample rate of {rate:g} Hz; it must be a whole number from {audio.LEAST_RATE_HZ} to"
                        f" {audio.MOST_RATE_HZ} Hz")
    found = np.asarray(clip)
    if not np.issubdtype(found.dtype, np.floating):  # whole numbers would come out thousands of times too loud
        raise ClipError(f"{name} holds values of type {found.dtype}; it must hold floating-point samples with full scale -1"
                        " to 1: divide 16-bit whole numbers by 32768, for example")
    samples = np.atleast_2d(found.astype(np.float32, copy=False))
    if samples.ndim != 2 or not 1 <= samples.shape[0] <= audio.MOST_CHANNELS:
        raise ClipError(f"{name} has shape {samples.shape}; it must be [channels, samples] with 1 to"
                        f" {audio.MOST_CHANNELS} channels")
    if not np.isfinite(samples).all():
        raise ClipError(f"{name} holds NaN or infinite samples; mend it first")
    return Excerpt(samples, int(rate), 0, samples.shape[1])
