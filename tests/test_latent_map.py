"""Maps of the latent space: distances are kept, paths lie between their clips, and the same map comes out every time."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from sounds import harmonic, pluck, tone

from lts_batch.cli import commands
from lts_batch.errors import OutputError, SettingsError
from lts_batch.files import audio
from lts_batch.files.sources import Excerpt
from lts_batch.frame.filterbank import Bands
from lts_batch.models import checkpoint, vae
from lts_batch.models.checkpoint import Model
from lts_batch.settings import Settings
from lts_batch.stems import latent_map
from lts_batch.stems.render import Clip, render
from lts_batch.training import dataset

RATE, BANDS = 44100, Bands()


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    return Model(vae.FrameVAE(vae.Architecture(len(BANDS), 6, 24)).eval().requires_grad_(False), BANDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Path:
    """A model, the sounds it was trained on, and two clips."""
    root = tmp_path_factory.mktemp("map")
    (root / "sounds").mkdir()
    for number in range(8):
        audio.write(root / "sounds" / f"{number}.wav", tone(1.0, 110.0 * 1.4**number), RATE)
    audio.write(root / "low.wav", pluck(0.8, 110.0), RATE)
    audio.write(root / "high.wav", harmonic(0.6, 660.0), RATE)
    found = dataset.open_dataset(root / "sounds", BANDS, cache=root / "cache")
    checkpoint.save(root / "m", model, provenance={"content": found.content}, training={})
    return root


def sources(*clips: np.ndarray) -> list[Excerpt]:
    return [Excerpt(clip, RATE, 0, clip.shape[1]) for clip in clips]


def test_a_path_lies_between_its_clips(model: Model) -> None:
    low, high = pluck(0.5, 110.0), harmonic(0.5, 660.0)
    layers = latent_map.clip_layers(model, sources(low, high), Settings(steps=5, beyond=0.25))
    assert [layer.kind for layer in layers] == ["clip", "clip", *["path"] * 5]
    assert [layer.weights[1] for layer in layers[2:] if layer.weights] == pytest.approx([-0.25, 0.25, 0.5, 0.75, 1.25])
    ends = [layer.points.mean(0) for layer in layers[:2]]
    for layer in layers[2:]:
        assert layer.weights is not None
        wanted = layer.weights[0] * ends[0] + layer.weights[1] * ends[1]
        assert np.linalg.norm(layer.points.mean(0) - wanted) < 0.1 * np.linalg.norm(ends[1] - ends[0])
        assert len(layer.seconds) == len(layer.points) and 0.0 <= layer.seconds[0] < layer.seconds[-1] <= 0.5


def test_points_of_a_clip_are_the_latents_of_its_frames(model: Model) -> None:
    """Of a tone they are all the same, and those that the model gives for its frame."""
    steady = tone(1.0, 440.0)
    layer, = latent_map.clip_layers(model, sources(steady), Settings())
    shape = np.asarray(BANDS.response(np.array([440.0])), dtype=np.float32)
    wanted = model.encode(shape)[0][0]
    middle = layer.points[len(layer.points) // 4:-len(layer.points) // 4]
    assert np.abs(middle - wanted).max() < 0.05 * np.abs(wanted).max()


def test_silence_is_no_point(model: Model) -> None:
    sound = np.pad(tone(0.5, 440.0), ((0, 0), (0, RATE)))
    layer, = latent_map.clip_layers(model, sources(sound), Settings())
    assert max(layer.seconds) < 0.65  # a tone that is cut off rings a little


def test_pca_keeps_what_lies_in_a_plane() -> None:
    rng = np.random.default_rng(0)
    plane, _ = np.linalg.qr(rng.standard_normal((5, 2)))
    flat = rng.standard_normal((40, 2)) * (3.0, 1.0)
    layers = [flat[:15] @ plane.T, flat[15:] @ plane.T]
    (one, two), explained = latent_map.flattened(layers, "pca")
    drawn, truth = np.concatenate((one, two)) - one[0], flat - flat[0]
    assert np.allclose(drawn @ drawn.T, truth @ truth.T, atol=1e-4), "all distances and angles"
    assert sum(explained) == pytest.approx(1.0) and explained[0] > explained[1]
    again, _ = latent_map.flattened(layers, "pca")
    assert one.shape == (15, 2) and np.array_equal(again[1], two)


def test_one_dimension_is_drawn_too() -> None:
    (points,), explained = latent_map.flattened([np.arange(5.0, dtype=np.float32)[:, None]], "pca")
    assert points.shape == (5, 2) and not points[:, 1].any()
    assert explained == (pytest.approx(1.0),)


def test_tsne_keeps_groups_apart_and_is_seeded() -> None:
    rng = np.random.default_rng(0)
    groups = [(rng.standard_normal((20, 6)) * 0.1 + 5.0 * number).astype(np.float32) for number in range(2)]
    (one, two), explained = latent_map.flattened(groups, "tsne", seed=3)
    again, _ = latent_map.flattened(groups, "tsne", seed=3)
    assert explained == () and np.array_equal(again[0], one)
    inside = max(np.linalg.norm(group - group.mean(0), axis=1).mean() for group in (one, two))
    assert np.linalg.norm(one.mean(0) - two.mean(0)) > 2.0 * inside


def test_a_way_that_is_not_there_is_told(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)  # so that an import of it fails
    clips = sources(tone(0.3, 440.0))
    with pytest.raises(SettingsError, match="needs the package umap-learn"):
        latent_map.draw_up(model, "m", clips, Settings(), by="umap")
    with pytest.raises(SettingsError, match="'som' is not known: choose one of pca, tsne, umap"):
        latent_map.draw_up(model, "m", clips, Settings(), by="som")
    with pytest.raises(SettingsError, match="nothing to draw"):
        latent_map.draw_up(model, "m", [], Settings())


# ---------------------------------------------------------------- the command line


def lts(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(commands, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_a_map_has_the_corpus_from_the_cache_clips_and_paths(folder: Path, tmp_path: Path) -> None:
    clips = folder / "low.wav", folder / "high.wav"
    words = ["map", folder / "m", *clips, "--cache", folder / "cache", "-o", tmp_path / "a.png"]
    code, out, err = lts(*words, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [layer["kind"] for layer in found["layers"]] == ["corpus", "clip", "clip", "path", "path", "path"]
    assert [layer["name"] for layer in found["layers"]][:3] == ["8 files", "low", "high"]
    for layer in found["layers"]:
        points = np.array(layer["points"])
        assert points.shape[1] == 2 and np.isfinite(points).all()
        assert len(points) <= latent_map.CORPUS_FRAMES
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert lts(*words)[0] == OutputError.exit_code, "not over a picture that is there"
    code, again, _ = lts(*words, "--json", "--force")
    assert again == out, "the same every time"


def test_a_map_without_a_cache_says_so(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    code, out, err = lts("map", folder / "m", folder / "low.wav", "--cache", empty, "-o", tmp_path / "a.png")
    assert code == 0 and out.strip() == str(tmp_path / "a.png") and "not in the cache; --corpus FOLDER" in err
    code, _, err = lts("map", folder / "m", "--cache", empty, "-o", tmp_path / "b.png")
    assert code == SettingsError.exit_code and "nothing to draw" in err and not (tmp_path / "b.png").exists()
    code, _, err = lts("map", folder / "m", "--cache", empty, "--corpus", folder / "sounds", "-o", tmp_path / "b.png")
    assert code == 0 and (tmp_path / "b.png").exists()
    code, _, err = lts("map", folder / "m", *[folder / "low.wav"] * 3)
    assert code == 2 and "up to two clips" in err


# ---------------------------------------------------------------- beside stems


def test_render_adds_a_map_that_overwrites_nothing(folder: Path, model: Model, tmp_path: Path) -> None:
    clips = [Clip(folder / "low.wav"), Clip(folder / "high.wav")]
    three = Settings(steps=3, quality="draft")
    plain = render(clips, three, tmp_path / "plain", model=model)
    made = render(clips, three, tmp_path / "out", model=model, draw_map=True)
    assert [stem.sha256 for stem in made.stems] == [stem.sha256 for stem in plain.stems]
    assert {path.name for path in (tmp_path / "out").iterdir()} - {path.name for path in (tmp_path / "plain").iterdir()} == {
        "map.png", "map.json"}
    found = json.loads((tmp_path / "out" / "map.json").read_text(encoding="utf-8"))
    assert [layer["name"] for layer in found["layers"]] == ["low", "high", "x+0.50"]
    for name in ("map.png", "map.json"):
        other = tmp_path / f"with {name}"
        other.mkdir()
        (other / name).write_text("mine", encoding="utf-8")
        with pytest.raises(OutputError, match=f"already holds {name}"):
            render(clips, three, other, model=model, draw_map=True)
        assert [path.read_text(encoding="utf-8") for path in other.iterdir()] == ["mine"]
    one = Settings(x=(0.5,), quality="draft")
    render(clips, one, other, model=model)  # a map that nobody asked for is in nobody's way
    assert (other / "map.json").read_text(encoding="utf-8") == "mine"
    render(clips, one, other, model=model, draw_map=True, overwrite=True)
    assert json.loads((other / "map.json").read_text(encoding="utf-8")) == found


@pytest.mark.parametrize("settings", [
    Settings(curve=((0.0, 0.0), (1.0, 1.0))), Settings(pitch="glide", steps=3), Settings(align="loop", steps=3),
    Settings(spacing="even-distance", steps=4)])
def test_every_way_between_clips_can_be_drawn(folder: Path, model: Model, tmp_path: Path, settings: Settings) -> None:
    render([Clip(folder / "low.wav"), Clip(folder / "high.wav")], settings, tmp_path / "out", model=model, draw_map=True)
    layers = json.loads((tmp_path / "out" / "map.json").read_text(encoding="utf-8"))["layers"]
    paths = [layer for layer in layers if layer["kind"] == "path"]
    assert len(paths) == (1 if settings.curve else settings.steps - 2)
    assert all(math.isfinite(value) for layer in layers for point in layer["points"] for value in point)


def test_a_square_is_drawn_with_all_its_corners(folder: Path, model: Model, tmp_path: Path) -> None:
    clips = [Clip(folder / "low.wav"), Clip(folder / "high.wav"), *(Clip(folder / "sounds" / f"{n}.wav") for n in (1, 5))]
    render(clips, Settings(grid="2x3"), tmp_path / "out", model=model, draw_map=True)
    layers = json.loads((tmp_path / "out" / "map.json").read_text(encoding="utf-8"))["layers"]
    assert [layer["kind"] for layer in layers] == [*["clip"] * 4, *["path"] * 2]
