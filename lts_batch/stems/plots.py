"""Pictures of results. Drawn off screen; matplotlib is loaded only when one is wanted."""

import warnings
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lts_batch.files import whole
from lts_batch.frame.filterbank import Bands, Grid, filterbank

RANGE_DB = 70.0
MOST_COLUMNS = 900
_MOST_LETTERS = 40  # of a name
CLIP_COLOURS = ("tab:red", "tab:green", "tab:orange", "tab:purple")


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
        axis.set_title(_words(heading), fontsize=9)
        axis.set_xlabel("seconds", fontsize=8)
        axis.tick_params(labelsize=7)
    marks = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000]
    axes[0][0].set_yticks(np.searchsorted(bands.centres_hz, marks), [f"{m / 1000:g}k" if m >= 1000 else m for m in marks])
    axes[0][0].set_ylabel("Hz", fontsize=8)
    figure.colorbar(image, ax=axes[0][-1], pad=0.04).set_label("dB", fontsize=8)
    figure.suptitle(_words(title), fontsize=11)
    _save(figure, path)


def training(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """The course of a training: loss, shape LSD and SC on the held-out files against steps."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
    steps = [row["step"] for row in history]
    dots = {"marker": "o", "ms": 3.0}  # a short training has one point, and no line
    axes[0].plot(steps, [row["training_loss"] for row in history], label="training, with augmentation and noise", **dots)
    axes[0].plot(steps, [row["validation_loss"] for row in history], label="held-out files", **dots)
    axes[0].set_yscale("log")
    axes[0].legend(fontsize=7)
    for axis, key, name in zip(axes, ("", "shape_lsd_db", "spectral_convergence_db"),
                               ("loss", "shape LSD / dB", "spectral convergence / dB"), strict=True):
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("step", fontsize=8)
        axis.grid(alpha=0.3)
        axis.xaxis.get_major_locator().set_params(integer=True, nbins=5)
        if key:
            axis.plot(steps, [row[key] for row in history], **dots)
    _save(figure, path)


def latent_map(path: Path, layers: Sequence[Any], title: str, axes_names: tuple[str, str], *, overwrite: bool = True) -> None:
    """Layers of points in two dimensions: the corpus in grey, clips in colours of their own, paths between them in blue.

    Args:
        layers: from the back to the front, each with ``kind``, ``name`` and ``points [n, 2]``; see ``latent_map.Layer``.
    """
    pyplot = _pyplot()
    figure, axis = pyplot.subplots(figsize=(8.0, 6.4), layout="constrained")
    clips = iter(CLIP_COLOURS)
    paths = [layer for layer in layers if layer.kind == "path"]
    # a path that is dark lies near clip 1
    blues = iter(pyplot.get_cmap("winter")(np.linspace(0.0, 0.55, max(1, len(paths)))))
    for layer in layers:
        across, up = layer.points[:, 0], layer.points[:, 1]
        if layer.kind == "corpus":
            axis.plot(across, up, ".", color="0.78", ms=2.5, label=_words(f"corpus, {layer.name}"), rasterized=True)
        elif layer.kind == "clip":
            axis.plot(across, up, "o", color=next(clips, "black"), ms=4.0, alpha=0.75, mew=0.0, label=_words(layer.name),
                      zorder=3)
        else:
            axis.plot(across, up, ".", color=next(blues), ms=3.5, alpha=0.7, label=_words(f"path, {layer.name}"),
                      zorder=2)
    axis.set_xlabel(axes_names[0], fontsize=8)
    axis.set_ylabel(axes_names[1], fontsize=8)
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.25)
    axis.legend(fontsize=7, markerscale=2.0, loc="best", framealpha=0.85)
    axis.set_title(_words(title, 2 * _MOST_LETTERS), fontsize=10)
    _save(figure, path, overwrite=overwrite)


def evaluation(path: Path, results: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """What ``evaluate.run`` found, as a PNG. Raises ``OutputError`` where there is one already, unless it may be replaced."""
    kinds = sum(kind in results for kind in ("frames", "audio"))
    figure = _pyplot().figure(figsize=(6.6 * kinds + 1.0, 11.0), layout="constrained")
    draw_evaluation(figure, results)
    _save(figure, path, overwrite=overwrite)


def draw_evaluation(figure: Any, results: Mapping[str, Any]) -> None:
    """The same into a figure or a part of one, a column for each judge: how well frames lie between, how even steps are beside
    how far the ends are off, and the figures that go from 0 to 1. Large dots are medians over the pairs, small ones means."""
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    kinds = [kind for kind in ("frames", "audio") if kind in results]
    axes = figure.subplots(3, len(kinds), squeeze=False, height_ratios=(1.2, 1.0, 1.0))
    names = dict.fromkeys(name for kind in kinds for name in results[kind]["summary"])
    palette = colormaps["tab20" if len(names) > 10 else "tab10"]
    colours = {name: palette(number % palette.N) for number, name in enumerate(names)}
    for column, kind in enumerate(kinds):
        summary = results[kind]["summary"]
        _dots(axes[0][column], summary, colours, {"r2_centroid": "centroid", "r2_spread": "spread", "r2_flatness": "flatness",
                                                  "r2_rolloff": "roll-off"})
        axes[0][column].set(title=f"{kind}: between the clips, R² (1: on the straight line)", ylim=(-2.08, 1.08))
        for name, row in summary.items():
            axes[1][column].plot(row["step_cv"]["mean"], row["end_log_mel_db"]["mean"], "o", color=colours[name], ms=8,
                                 alpha=0.8)
        axes[1][column].set(title="steps and ends, means (the best is at 0, 0)", xlabel="step CV: how uneven steps are",
                            ylabel="log-mel distance of the ends / dB")
        axes[1][column].set_xlim(left=0.0)
        _dots(axes[2][column], summary, colours, {"monotony": "monotony", "direction": "onward", "step_cv": "step CV",
                                                  "attack_deviation": "attack", "correspondence": "half-way"})
        axes[2][column].set(title="monotony, onward: 1 is best; step CV, attack, half-way: 0 is best")
    for axis in axes.ravel():
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.3)
    handles = [Line2D([], [], marker="o", ls="", color=colour, label=_words(name))
               for name, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2 * len(kinds), fontsize=8, frameon=False)
    models = " and ".join(map(_words, results["models"]))
    count = len(results["pairs"])
    figure.suptitle(f"{models}: {count} pair{'s' * (count != 1)}; large dots medians, small dots means",
                    fontsize=12 if len(kinds) > 1 else 9)


def _dots(axis: Any, summary: Mapping[str, Any], colours: Mapping[str, Any], figures: Mapping[str, str]) -> None:
    """A cluster for each figure, in it a dot for each way."""
    for number, (name, row) in enumerate(summary.items()):
        shift = 0.8 * ((number + 0.5) / len(summary) - 0.5)
        for kind, size in (("median", 7), ("mean", 3)):
            axis.plot([place + shift for place in range(len(figures))],
                      [np.nan if row[figure][kind] is None else row[figure][kind] for figure in figures], "o",
                      color=colours[name], ms=size, alpha=0.85)
    axis.set_xticks(range(len(figures)), figures.values(), fontsize=8)
    for edge in range(1, len(figures)):
        axis.axvline(edge - 0.5, color="0.8", lw=0.8)


def _words(name: str, most: int | None = None) -> str:
    """The name of a file as words of a picture: not so long that nothing else fits in, none of them a formula or hidden.

    >>> _words("_take $3"), len(_words("a" * 200))
    (' _take \\\\$3', 40)
    """
    most = most or _MOST_LETTERS
    short = name if len(name) <= most else f"{name[:most // 2]}…{name[-(most - most // 2 - 1):]}"
    # dollars enclose formulas, and a label with an underscore in front is left out of a legend
    return (" " if short.startswith("_") else "") + short.replace("$", r"\$")


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


def _save(figure: Any, path: Path, *, overwrite: bool = True) -> None:
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # letters of other scripts are drawn as boxes
        figure.savefig(buffer, format="png", dpi=110)
    _pyplot().close(figure)
    whole.write_whole(path, buffer.getvalue(), overwrite=overwrite)
