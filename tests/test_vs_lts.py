"""The comparison with LTS: its model learns and comes back from disk, its path makes sound, its verdict is strict."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import evaluation_clips
import lts_frames
import lts_model
import numpy as np
import pytest
import report
import soundfile
import study
import systems
import vs_lts

import lts_batch

SMALL = lts_model.Settings(bands=384, units=64, latent=8, learning_rate=1e-3)
RATE = evaluation_clips.SAMPLE_RATE_HZ
BASIS = np.random.default_rng(0).random((4, 384))  # frames are mixtures of these four


@pytest.fixture(scope="module")
def model() -> lts_model.LtsModel:
    frames = (np.random.default_rng(1).random((2000, 4)) @ BASIS).astype(np.float16)
    return lts_model.train(frames, 5 / 60, seed=0, settings=SMALL, say=lambda line: None)


def tone(frequency_hz: float, seconds: float) -> systems.Clip:
    return (0.3 * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def test_the_lts_model_learns_for_its_time(model: lts_model.LtsModel) -> None:
    assert model.record["seconds"] >= 5 and model.record["steps"] > 0
    unseen = (np.random.default_rng(2).random((100, 4)) @ BASIS).astype(np.float32)
    untrained = lts_model.LtsModel(lts_model.LtsVAE(SMALL), {})
    errors = [np.mean((m.decode(m.encode(unseen)) - unseen) ** 2) for m in (model, untrained)]
    assert errors[0] < 0.8 * errors[1]  # on a busy machine five seconds are few steps


def test_the_lts_model_comes_back_from_disk(model: lts_model.LtsModel, tmp_path: Path) -> None:
    lts_model.save(tmp_path / "lts", model)
    again = lts_model.load(tmp_path / "lts")
    frames = np.random.default_rng(2).random((10, 384)).astype(np.float32)
    np.testing.assert_array_equal(again.decode(again.encode(frames)), model.decode(model.encode(frames)))
    assert again.record == json.loads(json.dumps(model.record))


def test_every_epoch_sees_every_frame_once() -> None:
    frames = np.arange(150, dtype=np.float32)[:, None]
    batches = lts_model._batches(frames, 64, seed=0)
    epochs = [[next(batches) for _ in range(3)] for _ in range(2)]
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == [64, 64, 22]
        assert sorted(float(value) for batch in epoch for value in batch) == list(range(150))
    assert not np.array_equal(epochs[0][0], epochs[1][0])


def test_the_lts_path_makes_one_stem_per_x_and_is_timed(model: lts_model.LtsModel) -> None:
    system = systems.Lts(model, 1)
    cost = systems.time_jobs([system], tone(200, 0.1), tone(300, 0.1), (0.0, 0.5, 1.0), repeats=1)["LTS, 1 iteration"]
    assert cost.audio_seconds == pytest.approx(0.3)
    assert cost.processor_seconds > 0 and cost.wall_seconds > 0
    stems = system.render(system.prepare(tone(200, 0.1), tone(300, 0.1)), (0.0, 1.0))
    assert [stem.shape for stem in stems] == [(4410,), (4410,)]
    assert np.abs(stems[0] - stems[1]).max() > 0
    np.testing.assert_array_equal(system.rebuild(tone(200, 0.1)), stems[0])


def test_our_path_makes_the_stems_of_morph_and_is_judged_without_detail() -> None:
    ours = lts_batch.load_model("general")
    system = systems.Ours("ours", ours, {"quality": "draft"})
    clips = system.prepare(tone(200, 0.2), tone(300, 0.2))
    wanted = lts_batch.morph(clips, RATE, x=[0.0, 0.5], model=ours, quality="draft")
    for stem, other in zip(system.render(clips, (0.0, 0.5)), wanted, strict=True):
        np.testing.assert_array_equal(stem, other[0])
    bare, = lts_batch.morph([tone(200, 0.2)] * 2, RATE, x=0.0, model=ours, quality="draft", detail=0.0)
    np.testing.assert_array_equal(system.rebuild(tone(200, 0.2)), bare[0])
    assert np.abs(bare[0] - tone(200, 0.2)).max() > 1e-4  # with detail it would be the clip


class Counted:
    """A system that counts its stems."""

    judged = True

    def __init__(self, name: str, slow: bool) -> None:
        self.name, self.slow, self.calls = name, slow, 0

    def prepare(self, first: systems.Clip, second: systems.Clip) -> systems.Clip:
        return first

    def render(self, prepared: systems.Clip, amounts: Sequence[float]) -> list[systems.Clip]:
        self.calls += len(amounts)
        return [prepared for _ in amounts]

    def rebuild(self, clip: systems.Clip) -> systems.Clip:
        return clip


def test_a_slow_system_counts_one_stem_for_all() -> None:
    slow, fast = Counted("slow", True), Counted("fast", False)
    costs = systems.time_jobs([slow, fast], tone(100, 0.5), tone(100, 0.5), (0.0, 0.5, 1.0), repeats=3)
    assert slow.calls == 1 and fast.calls == 9
    assert [cost.audio_seconds for cost in costs.values()] == pytest.approx([1.5, 1.5])


def test_frames_of_a_corpus_are_kept_until_it_changes(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    stereo = np.stack([tone(440, 0.2), 0 * tone(440, 0.2)], axis=1)
    soundfile.write(corpus / "a.wav", stereo, RATE, subtype="FLOAT")
    soundfile.write(corpus / "b.wav", tone(880, 0.1)[::2], RATE // 2, subtype="FLOAT")
    frames, record = lts_frames.cached_frames(corpus, tmp_path / "cache")
    assert frames.shape == (1 + 8820 // 128 + 1 + 4410 // 128, 384) and frames.dtype == np.float16
    expected = lts_frames.classic.frames(tone(440, 0.2) / 2)
    np.testing.assert_allclose(frames[:69], expected, rtol=1e-3, atol=1e-6)
    del frames
    assert lts_frames.cached_frames(None, tmp_path / "cache")[1] == record
    (corpus / "b.wav").unlink()
    frames, changed = lts_frames.cached_frames(corpus, tmp_path / "cache")
    assert len(frames) == 69 and changed["sha256"] != record["sha256"]


def results(ours: float, theirs: float, seconds: float) -> dict[str, Any]:
    """One clip and one pair: errors and processor seconds of both, and a row of ours that is not judged."""
    def job(cost: float) -> dict[str, float]:
        return {"processor_seconds": cost, "wall_seconds": cost, "audio_seconds": 2.0}

    errors = {name: dict.fromkeys(report.MEASURES, value) for name, value in (("LTS", theirs), ("us", ours))}
    costs = {"LTS": job(10.0), "us": job(seconds), "us, detail 0": job(1.5)}
    return {"systems": list(costs), "amounts": (0.0, 1.0), "errors": {"clip": errors}, "costs": {"pair": costs}}


DEMANDS = (report.Demand("us", ("LTS",), (("LTS", 5.0),)),)


@pytest.mark.parametrize(("ours", "seconds", "count"), [(1.0, 2.0, 0), (1.0, 2.1, 1), (3.0, 2.0, 3), (2.0, 2.0, 3),
                                                       (float("nan"), 2.0, 3), (3.0, 9.0, 4)])
def test_the_verdict(ours: float, seconds: float, count: int) -> None:
    assert len(report.failures(results(ours, 2.0, seconds), DEMANDS)) == count


def test_the_demands_are_those_of_rows_that_exist(model: lts_model.LtsModel) -> None:
    rows = {row.name: row for row in vs_lts.compared(model, lts_batch.load_model("general"), ("griffinlim", "frame"))}
    for demand in vs_lts.DEMANDS:
        assert rows[demand.ours].judged and all(rows[rival].judged for rival in demand.rivals)
        assert {rival for rival, _ in demand.savings} <= set(rows)


def test_summary_and_savings() -> None:
    rows = report.summary(results(1.0, 2.0, 2.0))
    assert rows["LTS"]["cost"] == 5.0 and rows["us"]["cost"] == 1.0 and rows["us"]["lsd_db"] == 1.0
    assert rows["us, detail 0"]["lsd_db"] is None and rows["us, detail 0"]["cost"] == 0.75
    assert report.savings(results(1.0, 2.0, 2.0), "us", "LTS") == [5.0]


def test_table_and_picture_show_every_system(tmp_path: Path) -> None:
    text = report.table(results(1.25, 2.5, 2.0), DEMANDS)
    assert "1.25" in text and "2.50" in text and "(2) us" in text and "5.0" in text.splitlines()[-1]
    figure = study.new_figure(4.0)
    report.picture(results(1.0, 2.0, 2.0), figure)
    assert len(figure.axes) == 4
    study.save(figure, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_the_list_of_pairs() -> None:
    listed = evaluation_clips.pairs(20)
    assert len(listed) == 20 and listed[0] == ("ambi_choir", "guit_em9") and len({n for p in listed for n in p}) == 40
    with pytest.raises(SystemExit, match="lists 20 pairs"):
        evaluation_clips.pairs(21)


def test_missing_clips_are_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="sonic-pi-samples"):
        evaluation_clips.find_folder(tmp_path / "nowhere")
    with pytest.raises(SystemExit, match=r"none\.flac is missing"):
        evaluation_clips.load(tmp_path, "none")
