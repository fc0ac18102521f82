"""The latent space on paper, as the figures of Latent Timbre Synthesis show it (Tatar, Bisig, Pasquier 2020): the frames that
the model was trained on in grey, clip 1 in red, clip 2 in green, and the paths between them in blue.

    map_ = latent_map.draw_up(model, sources, settings, corpus)
    plots.latent_map(path, map_)

By PCA of the latents at once, which keeps straight lines straight; by t-SNE (van der Maaten, Hinton 2008) or UMAP (McInnes,
Healy, Melville 2018) on request, which keep neighbours together and tear lines apart.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lts_batch.engine import interpolate, planning, targets
from lts_batch.errors import SettingsError
from lts_batch.files.sources import Source
from lts_batch.frame.slices import Slices
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings
from lts_batch.training import dataset
from lts_batch.training.dataset import Dataset

WAYS = ("pca", "tsne", "umap")
CORPUS_FRAMES = 2500
CLIP_FRAMES = 250
HEARD_DB = -60.0  # under a clip's peak: what is fainter is no point of the map

Points = NDArray[np.float32]  # [points, latent], or [points, 2] once drawn


@dataclasses.dataclass(frozen=True)
class Layer:
    """Points of one kind.

    Attributes:
        kind: ``corpus``, ``clip`` or ``path``; of a path, ``x`` or ``weights`` say where.
        seconds: times of the points in their clip or stem; empty for a corpus.
    """

    kind: str
    name: str
    points: Points
    seconds: tuple[float, ...] = ()
    weights: tuple[float, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Map:
    """Layers in two dimensions, from the back to the front.

    Attributes:
        explained: shares of the variance that the two axes of a PCA hold; empty for other ways.
    """

    model: str
    by: str
    layers: tuple[Layer, ...]
    explained: tuple[float, ...] = ()

    def to_json(self) -> str:
        """As data; coordinates with five digits, for nobody sees more."""
        layers = [{"kind": layer.kind, "name": layer.name, "weights": layer.weights,
                   "seconds": [round(second, 4) for second in layer.seconds],
                   "points": [[float(f"{value:.5g}") for value in point] for point in layer.points.tolist()]}
                  for layer in self.layers]
        return json.dumps({"format": "lts-batch/latent map", "version": 1, "model": self.model, "by": self.by,
                           "explained": [round(share, 5) for share in self.explained], "layers": layers}, indent=1) + "\n"


def draw_up(model: Model, name: str, sources: Sequence[Source], settings: Settings, corpus: Dataset | None = None, *,
            by: str = "pca", names: Sequence[str] | None = None) -> Map:
    """The map of a model, with clips and the paths that ``settings`` make between them.

    Args:
        sources: none, one, or as many clips as a render takes.
        corpus: frames to draw in grey; at most ``CORPUS_FRAMES`` of them, the same ones every time.
        by: ``pca``, ``tsne`` or ``umap``.
        names: what to call the clips.

    Raises:
        SettingsError: a way that is not known or not installed, or nothing to draw.
        ClipError: a clip that cannot be used.
    """
    if by not in WAYS:
        raise SettingsError(f"a map by {by!r} is not known: choose one of {', '.join(WAYS)}")
    if corpus is None and not sources:
        raise SettingsError(f"there is nothing to draw: the frames that {name} was trained on are not in the cache, and no"
                            " clips were given; give clips, or the folder of sounds with --corpus")
    layers = [] if corpus is None else [corpus_layer(model, corpus)]
    layers += clip_layers(model, sources, settings, names)
    found, explained = flattened([layer.points for layer in layers], by, settings.seed)
    return Map(name, by, tuple(dataclasses.replace(layer, points=points) for layer, points in zip(layers, found, strict=True)),
               explained)


def known_corpus(model: Model, cache: Path | None = None) -> Dataset | None:
    """The frames that a model was trained on, where the cache of frames still holds them."""
    content = (model.record.get("provenance") or {}).get("content")
    return dataset.cached(content, model.bands, cache=cache) if isinstance(content, str) else None


def corpus_layer(model: Model, corpus: Dataset) -> Layer:
    """Latents of frames of a corpus, drawn by a seed that is always the same."""
    count = len(corpus.levels)
    rows = np.sort(np.random.default_rng(0).choice(count, min(CORPUS_FRAMES, count), replace=False))
    shapes = torch.from_numpy(corpus.shapes[rows].astype(np.float32)).to(model.device)
    return Layer("corpus", f"{corpus.files} files", model.encode_shapes(shapes)[0].cpu().numpy())


def clip_layers(model: Model, sources: Sequence[Source], settings: Settings, names: Sequence[str] | None = None) -> list[Layer]:
    """Latents of each clip and of each path between them, ends left out, as a render with these settings goes.

    Clips are laid over each other, aligned and brought to one pitch as for the stems; what the ear does not hear is left out.
    """
    if not sources:
        return []
    names = names or [f"clip {number + 1}" for number in range(len(sources))]
    alone = len(sources) == 1
    # nothing has to sound: every third frame, and no detail
    draft = dataclasses.replace(settings, detail=0.0, quality="draft", phase="source", domain="frame", level="keep")
    plan = planning.plan([sources[0]] * 2 if alone else sources, draft, model, [*names] * 2 if alone else names)
    layers = [_clip_layer(clip, name) for clip, name in zip(plan.clips[:len(sources)], names, strict=True)]
    for stem in () if alone else plan.stems:
        if stem.mix.weights is None or max(stem.mix.weights) < 1.0 or min(stem.mix.weights) < 0.0:
            layers.append(_path_layer(plan, stem))
    return [layer for layer in layers if len(layer.points)]


def _clip_layer(clip: Any, name: str) -> Layer:
    rate, hop = clip.slices.sample_rate, clip.slices.hop_samples
    frames = _spread(clip.slices.samples / hop)
    found = clip.gather(frames)
    heard = (found.levels.amax(0) > clip.peak * 10.0 ** (HEARD_DB / 20.0)).cpu().numpy()
    latents = found.latents.mean(0).cpu().numpy()  # of all channels
    return Layer("clip", name, latents[heard], tuple((frames[heard] * hop / rate).tolist()))


def _path_layer(plan: planning.Plan, stem: planning.Stem) -> Layer:
    slices = Slices(stem.samples, plan.sample_rate, plan.model.bands, plan.every, plan.round)
    times = _spread(stem.samples / slices.hop_samples) * slices.hop_samples  # in samples of the stem
    weights = targets.amounts(plan, stem, times.astype(np.float64))
    found = [clip.gather(np.round(warp(times.astype(np.float64)) / clip.slices.hop_samples).astype(np.int64))
             for clip, warp in zip(plan.clips, stem.warps, strict=True)]
    latents = interpolate.latents([one.latents for one in found], weights.timbre, plan.settings.path).mean(0).cpu().numpy()
    levels = torch.stack([one.levels.amax(0) / clip.peak for one, clip in zip(found, plan.clips, strict=True)]).amax(0)
    heard = (levels > 10.0 ** (HEARD_DB / 20.0)).cpu().numpy()
    return Layer("path", stem.mix.label, latents[heard], tuple((times[heard] / plan.sample_rate).tolist()), stem.mix.weights)


def _spread(frames: float) -> NDArray[np.int64]:
    """At most ``CLIP_FRAMES`` frames, evenly over so many."""
    last = max(0, int(frames))
    return np.unique(np.linspace(0, last, min(CLIP_FRAMES, last + 1)).round().astype(np.int64))


def flattened(layers: Sequence[Points], by: str, seed: int = 0) -> tuple[list[Points], tuple[float, ...]]:
    """Points ``[n, latent]`` of all layers together to ``[n, 2]`` each, and what share of the variance two axes of a PCA hold.

    Raises:
        SettingsError: UMAP is not installed.
    """
    together = np.concatenate(layers).astype(np.float64)
    explained: tuple[float, ...] = ()
    if by == "pca":
        drawn, explained = _pca(together)
    else:
        drawn = _tsne(together, seed) if by == "tsne" else _umap(together, seed)
    ends = np.cumsum([len(points) for points in layers])[:-1]
    return [np.asarray(part, dtype=np.float32) for part in np.split(drawn, ends)], explained


def _pca(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    centred = points - points.mean(0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), range(axes.shape[1])])  # eigenvectors have no sign of their own
    drawn = np.pad(centred @ axes, ((0, 0), (0, 2 - axes.shape[1])))  # a latent space may have one dimension
    shares = values[::-1][:2] / max(values.sum(), 1e-30)
    return drawn, tuple(float(share) for share in shares)


def _tsne(points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, max(1.0, (len(points) - 1) / 3.0))
    return np.asarray(TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(points), dtype=np.float64)


def _umap(points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    try:
        from umap import UMAP  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise SettingsError("a map by umap needs the package umap-learn, which is not installed: install it, or take tsne"
                            " or pca") from None
    neighbours = min(15, max(2, len(points) - 1))
    return np.asarray(UMAP(n_components=2, n_neighbors=neighbours, random_state=seed).fit_transform(points), dtype=np.float64)


def titles(map_: Map) -> tuple[str, tuple[str, str]]:
    """Title and names of the axes for the picture."""
    if map_.by != "pca":
        return f"Latent space of {map_.model}, by {map_.by}", ("", "")
    shares = (*map_.explained, 0.0)[:2]
    first, second = (f"axis {number} ({share:.0%} of the variance)" for number, share in enumerate(shares, 1))
    return f"Latent space of {map_.model}, by PCA", (first, second)
