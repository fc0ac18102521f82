"""Pictures of results. Drawn off screen; matplotlib is loaded only when one is wanted."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lts_batch import whole
from lts_batch.filterbank import Bands, Grid, filterbank

RANGE_DB = 70.0
MOST_COLUMNS = 900


def stems(path: Path, pieces: Sequence[tuple[str, NDArray[np.float32], int]], title: str) -> None:
    """The filterbank's view of some sounds, side by side on one scale: time to the right, log frequency upwards.

    Args:
        pieces: (heading, samples ``[channels, samples]``, sample rate) each.
    """
    pyplot = _pyplot()
    bands = Bands()
    pictures = [_decibels(samples, rate, bands) for _, samples, rate in pieces]
    top = max(picture.max() for picture in pictures)
    widths = [max(samples.shape[1] / rate, 0.05) for _, samples, rate in pieces]
    figure, axes = pyplot.subplots(1, len(pieces), sharey=True, squeeze=False, figsize=(2.2 * len(pieces) + 1.2, 4.4),
                                   gridspec_kw={"width_ratios": widths, "wspace": 0.06}, layout="constrained")
    image = None
    for axis, picture, width, (heading, _, _) in zip(axes[0], pictures, widths, pieces, strict=True):
        image = axis.imshow(picture, origin="lower", aspect="auto", cmap="magma", vmin=top - RANGE_DB, vmax=top,
                            extent=(0.0, width, 0.0, len(bands)), interpolation="nearest")
        axis.set_title(heading, fontsize=9)
        axis.set_xlabel("seconds", fontsize=8)
        axis.tick_params(labelsize=7)
    marks = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000]
    axes[0][0].set_yticks(np.searchsorted(bands.centres_hz, marks), [f"{m / 1000:g}k" if m >= 1000 else m for m in marks])
    axes[0][0].set_ylabel("Hz", fontsize=8)
    figure.colorbar(image, ax=axes[0][-1], pad=0.04).set_label("dB", fontsize=8)
    figure.suptitle(title, fontsize=11)
    _save(figure, path)


def training(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """The course of a training: loss, shape LSD and SC on the held-out files against steps."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
    steps = [row["step"] for row in history]
    axes[0].plot(steps, [row["training_loss"] for row in history], label="training, with augmentation and noise")
    axes[0].plot(steps, [row["validation_loss"] for row in history], label="held-out files")
    axes[0].set_yscale("log")
    axes[0].legend(fontsize=7)
    for axis, key, name in zip(axes, ("", "shape_lsd_db", "spectral_convergence_db"),
                               ("loss", "shape LSD / dB", "spectral convergence / dB"), strict=True):
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("step", fontsize=8)
        axis.grid(alpha=0.3)
        if key:
            axis.plot(steps, [row[key] for row in history])
    _save(figure, path)


def _decibels(samples: NDArray[np.float32], rate: int, bands: Bands) -> NDArray[np.float32]:
    length, frames = Grid(rate, bands.frame_rate).covering(samples.shape[1])
    bank = filterbank(bands, rate, length, frames)
    kept = max(1, round(samples.shape[1] * bands.frame_rate / rate))
    mono = torch.from_numpy(np.ascontiguousarray(samples.mean(0, keepdims=True)))
    magnitude = bank.forward(mono)[0, :bank.model_rows, :kept].abs().numpy()
    magnitude = np.pad(magnitude, ((0, len(bands) - bank.model_rows), (0, 0)))
    step = max(1, kept // MOST_COLUMNS)
    columns = magnitude[:, :kept // step * step].reshape(len(bands), -1, step).max(-1)
    return np.asarray(20.0 * np.log10(columns + 1e-6), dtype=np.float32)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> None:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    _pyplot().close(figure)
    whole.write_whole(path, buffer.getvalue(), overwrite=True)
