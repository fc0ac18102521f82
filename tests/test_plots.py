"""Pictures hold what they are to show, whatever files are called."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from numpy.typing import NDArray

from lts_batch.errors import OutputError
from lts_batch.stems import plots

ODD = ["_kick", r"$\frac$ take", "cost $5 and $x^{", "x" * 250, "\u97f3 \U0001f3b9", "a\nb"]


@dataclass
class Layer:
    kind: str
    name: str
    points: NDArray[np.float64]


def pixels(path: Path) -> NDArray[np.float32]:
    return np.asarray(matplotlib.image.imread(path)[..., :3])


@pytest.mark.parametrize("name", ODD)
def test_a_map_bears_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    save = plots._save
    monkeypatch.setattr(plots, "_save", lambda figure, path, **more: (figures.append(figure), save(figure, path, **more)))
    layers = [Layer("clip", name, np.zeros((1, 2))), Layer("path", name, np.ones((1, 2)))]
    plots.latent_map(tmp_path / "map.png", layers, f"Latent space of {name}, by PCA", ("axis 1", "axis 2"))
    assert pixels(tmp_path / "map.png").shape == (704, 880, 3)
    (axis,) = figures[0].axes
    clip, path = (text.get_text().strip().replace(r"\$", "$") for text in axis.get_legend().get_texts())
    assert path.startswith("path, ") and len(path) <= 40
    assert clip == name if len(name) <= 40 else re.fullmatch("x{20}…x{19}", clip)


def test_a_training_of_one_point_is_seen(tmp_path: Path) -> None:
    row = {"step": 30, "training_loss": 0.02, "validation_loss": 0.01, "shape_lsd_db": 5.0, "spectral_convergence_db": -9.0}
    plots.training(tmp_path / "one.png", [row])
    seen = pixels(tmp_path / "one.png")
    blue = (seen[..., 2] > 0.6) & (seen[..., 0] < 0.2)
    third = seen.shape[1] // 3
    assert blue[:, third:2 * third].any() and blue[:, 2 * third:].any()


def test_figures_replace_no_picture_unasked(tmp_path: Path) -> None:
    figure = {"median": 0.5, "mean": 0.4}
    names = ("r2_centroid", "r2_spread", "r2_flatness", "r2_rolloff", "monotony", "direction", "step_cv", "attack_deviation",
             "correspondence", "end_log_mel_db")
    ways = {f"{one}: detail 1 (default)": dict.fromkeys(names, figure) for one in ODD}
    results = {"models": ODD[:2], "pairs": ["a~b"], "frames": {"summary": ways}}
    (tmp_path / "mine.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        plots.evaluation(tmp_path / "mine.png", results)
    assert (tmp_path / "mine.png").read_bytes() == b"mine"
    plots.evaluation(tmp_path / "mine.png", results, overwrite=True)
    edge = pixels(tmp_path / "mine.png")
    assert np.all(edge[:, -3:] == 1.0) and np.all(edge[:, :3] == 1.0), "nothing is cut off at the sides"
