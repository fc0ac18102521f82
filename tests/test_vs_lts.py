"""The comparison with LTS: its model learns and comes back from disk, its path makes sound, its verdict is strict."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import evaluation_clips
import lts_frames
import lts_model
import report
import systems

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
    cost = systems.time_job(system, tone(200, 0.1), tone(300, 0.1), (0.0, 0.5, 1.0), repeats=1)
    assert cost.audio_seconds == pytest.approx(0.3)
    assert cost.processor_seconds > 0 and cost.wall_seconds > 0
    stems = system.render(system.prepare(tone(200, 0.1), tone(300, 0.1)), (0.0, 1.0))
    assert [stem.shape for stem in stems] == [(4410,), (4410,)]
    assert np.abs(stems[0] - stems[1]).max() > 0


def test_a_slow_system_counts_one_stem_for_all() -> None:
    class Slow:
        name, slow, calls = "slow", True, 0

        def prepare(self, first: systems.Clip, second: systems.Clip) -> systems.Clip:
            return first

        def render(self, prepared: systems.Clip, amounts: tuple[float, ...]) -> list[systems.Clip]:
            self.calls += len(amounts)
            return [prepared for _ in amounts]

    slow = Slow()
    cost = systems.time_job(slow, tone(100, 0.5), tone(100, 0.5), (0.0, 0.5, 1.0), repeats=3)
    assert slow.calls == 1 and cost.audio_seconds == pytest.approx(1.5)


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


def results(ours: float, theirs: float, seconds: float) -> dict[str, object]:
    """One clip and one pair: errors and processor seconds of both."""
    def job(cost: float) -> dict[str, float]:
        return {"processor_seconds": cost, "wall_seconds": cost, "audio_seconds": 2.0}

    errors = {name: dict.fromkeys(report.MEASURES, value) for name, value in (("LTS", theirs), ("us", ours))}
    return {"systems": ["LTS", "us"], "amounts": (0.0, 1.0), "errors": {"clip": errors},
            "costs": {"pair": {"LTS": job(10.0), "us": job(seconds)}}}


@pytest.mark.parametrize(("ours", "seconds", "count"), [(1.0, 2.0, 0), (1.0, 2.1, 1), (3.0, 2.0, 3), (2.0, 2.0, 3),
                                                       (float("nan"), 2.0, 3), (3.0, 9.0, 4)])
def test_the_verdict(ours: float, seconds: float, count: int) -> None:
    assert len(report.failures(results(ours, 2.0, seconds), "us", ["LTS"])) == count


def test_summary_and_savings() -> None:
    rows = report.summary(results(1.0, 2.0, 2.0))
    assert rows["LTS"]["cost"] == 5.0 and rows["us"]["cost"] == 1.0 and rows["us"]["lsd_db"] == 1.0
    assert report.savings(results(1.0, 2.0, 2.0), "us", "LTS") == [5.0]


def test_table_and_picture_show_every_system(tmp_path: Path) -> None:
    text = report.table(results(1.25, 2.5, 2.0))
    assert "1.25" in text and "2.50" in text and "(2) us" in text
    report.picture(results(1.0, 2.0, 2.0), tmp_path / "picture.png")
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
