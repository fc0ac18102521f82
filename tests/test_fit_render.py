"""A fit as part of a render: told in its notes, given up with it, asked for by a command or a job."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import fitting
import pytest
import torch
from click.testing import CliRunner
from fitting import FIT, RATE, STEPS
from sounds import harmonic, pluck

from lts_batch.cli import commands
from lts_batch.files import audio
from lts_batch.metrics import measures
from lts_batch.models.checkpoint import Model
from lts_batch.stems.manifest import from_json
from lts_batch.stems.render import Cancelled, Clip, render
from lts_batch.watch.daemon import Daemon

cache = fitting.cache


@pytest.fixture
def clips(tmp_path: Path) -> Iterator[list[Clip]]:
    for name, samples in (("a", pluck(0.15, 220)), ("b", harmonic(0.12, 330))):
        audio.write(tmp_path / f"{name}.wav", samples, RATE)
    yield [Clip(tmp_path / "a.wav"), Clip(tmp_path / "b.wav")]


def test_a_render_tells_of_its_fit(clips: list[Clip], model: Model, tmp_path: Path) -> None:
    said: list[tuple[float, str]] = []
    settings = dataclasses.replace(FIT, x=(0.0, 1.0))
    made = render(clips, settings, tmp_path / "out", model=model, progress=lambda *word: said.append(word))
    parts = [fraction for fraction, message in said if message == "fitting the model"]
    assert len(parts) > STEPS and parts == sorted(parts) and parts[-1] < 0.5
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions) and said[-1] == (1.0, "done")
    assert made.notes[0].startswith("the model was fitted to the clips: shape LSD") and made.settings["fit"] is True
    assert made.model["sha256"] == model.record["sha256"], "the model is still known by its name"
    again = render(clips, settings, tmp_path / "again", model=model)
    assert again.notes[0].endswith(", by an earlier render")
    assert [stem.sha256 for stem in again.stems] == [stem.sha256 for stem in made.stems]
    for clip, stem in zip(clips, made.stems, strict=True):
        true, end = (audio.read(path)[0] for path in (clip.path, tmp_path / "out" / stem.file))
        assert measures.residual_db(true, end) < -90.0, "detail still makes the ends the clips"


def test_a_render_is_given_up_while_it_fits(clips: list[Clip], model: Model, tmp_path: Path, cache: Path) -> None:
    calls = 0

    def stop(fraction: float, message: str) -> None:
        nonlocal calls
        calls += message == "fitting the model"
        if calls > STEPS // 2:
            raise Cancelled

    threads = torch.get_num_threads()
    with pytest.raises(Cancelled):
        render(clips, FIT, tmp_path / "out", model=model, progress=stop)
    assert calls == STEPS // 2 + 1 and not (tmp_path / "out").exists() and not cache.exists()
    assert torch.get_num_threads() == threads


def test_the_command(clips: list[Clip], tmp_path: Path) -> None:
    result = CliRunner().invoke(commands, ["render", *(str(clip.path) for clip in clips), "-o", str(tmp_path / "out"), "--fit",
                                           "--steps", "1", "--detail", "0"])
    assert result.exit_code == 0, result.output
    assert "Note: the model was fitted to the clips: shape LSD" in result.stderr
    record = from_json((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert record.settings["fit"] is True


def test_a_job_may_ask_for_it(clips: list[Clip], tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "inbox").mkdir(parents=True)
    paths = [clip.path.rename(root / "inbox" / clip.path.name) for clip in clips]
    job = {"format": "lts-batch/job", "version": 1, "clips": [{"path": path.name} for path in paths],
           "settings": {"fit": True, "x": [0.5]}}
    (root / "inbox" / "one.job.json").write_text(json.dumps(job), encoding="utf-8")
    summary = Daemon(root, settle_seconds=0.0, lease_seconds=0.0, allowed=lambda: ()).run_once()
    assert len(summary.of("done")) == 1, summary.lines()
    record = from_json((root / "outbox" / "one" / "manifest.json").read_text(encoding="utf-8"))
    assert record.notes[0].startswith("the model was fitted to the clips")
