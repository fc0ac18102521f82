"""The study of phase: targets and sounds are weighed on one scale, and what makes stems there is the engine itself."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import phase_report
import phase_ways
import pytest
import study
import target_mel
from sounds import Audio, harmonic, pluck, tone

import lts_batch
from lts_batch.frame.filterbank import Bands
from lts_batch.frame.slices import Slices
from lts_batch.metrics import measures
from lts_batch.models.checkpoint import Model

RATE = 44100
CLIPS = [pluck(0.6, 220.0), pluck(0.5, 330.0, seed=1)]


@pytest.fixture(scope="module")
def mel() -> target_mel.TargetMel:
    bands = Bands()
    return target_mel.target_mel(bands, len(bands), RATE)


@pytest.fixture(scope="module")
def results(model: Model) -> study.Results:
    ways = ["source/frame", "griffinlim/frame"]
    figures: study.Results = {}
    for way in ways:
        figures |= phase_ways.way_figures(CLIPS, model, way, (0, 2))
    alone = {f"overlap 8, {count} repairs": one for count, one in phase_ways.stft_alone(CLIPS[0], 8, (0, 2)).items()}
    made: study.Results = json.loads(json.dumps({"ways": ways, "repairs": [0, 2], "seconds": 0.6, "pairs": {"a~b": figures},
                                                 "alone": {"a": alone}}))
    return made


def layout(audio: Audio) -> Slices:
    return Slices(audio.shape[1], RATE, Bands())


@pytest.mark.parametrize("hertz", [100.0, 440.0, 1700.0, 6000.0, 15000.0])
def test_a_sine_weighs_the_same_in_both_transforms(mel: target_mel.TargetMel, hertz: float) -> None:
    sine = tone(1.0, hertz)
    by_stft, by_bands = mel.of_audio(sine)[0, 20:60], mel.of_audio_by_bands(sine, layout(sine))[0, 20:60]
    loudest = int(by_stft.mean(0).argmax())
    assert abs(by_stft[:, loudest] - by_bands[:, loudest]).max() < 1.5
    assert np.log10((10.0 ** (by_stft / 10)).sum() / (10.0 ** (by_bands / 10)).sum()) == pytest.approx(0.0, abs=0.05)


def test_noise_weighs_the_same_and_what_is_left_is_taken_off(mel: target_mel.TargetMel, rng: np.random.Generator) -> None:
    noise = (0.1 * rng.standard_normal((1, RATE))).astype(np.float32)
    offset_db = mel.offset_db([noise], [layout(noise)])
    assert np.abs(offset_db).max() < 1.5
    apart = mel.of_audio(noise) - mel.of_audio_by_bands(noise, layout(noise)) - offset_db
    assert np.abs(apart.mean((0, 1))).max() < 1e-6 and np.abs(apart).mean() < 1.5


def test_gain_is_seen_as_it_is(mel: target_mel.TargetMel) -> None:
    sound = harmonic(0.5, 200.0)
    for of in (mel.of_audio, lambda audio: mel.of_audio_by_bands(audio, layout(audio))):
        quiet, loud = of(sound), of(2 * sound)
        assert phase_ways.louder_db(loud, quiet) == pytest.approx(6.02, abs=0.01)
        assert measures.frames_distance_db(loud, quiet) > 3.0


def test_stems_of_the_study_are_those_of_a_user(model: Model) -> None:
    for way in ("source/frame", "griffinlim/frame"):
        source, domain = way.split("/")
        planned = phase_ways.plan(CLIPS, model, way)
        stem, cost = phase_ways.timed(replace(planned, stems=planned.stems[1:2]), 2)
        given: dict[str, Any] = {"phase": source, "domain": domain, "repair": 2, "level": "keep", "loop": "off",
                                 "device": "cpu"}
        wanted, = lts_batch.morph(CLIPS, RATE, model=model, x=[0.5], **given)
        assert stem.tobytes() == wanted.tobytes() and cost > 0.0


def test_only_phase_of_the_clips_nulls(results: study.Results) -> None:
    assert set(phase_report.eligible(results)) == {"source/frame 0", "source/frame 2"}
    figures = results["pairs"]["a~b"]
    assert figures["griffinlim/frame 0"]["true"]["mr_stft_sc_db"] > figures["griffinlim/frame 2"]["true"]["mr_stft_sc_db"]
    assert figures["griffinlim/frame 0"]["log_mel_db"] > figures["source/frame 0"]["log_mel_db"]
    assert sum(phase_report.wins(results, phase_report.eligible(results)).values()) == 1
    deaf = json.loads(json.dumps(results))
    for found in deaf["pairs"]["a~b"].values():
        found["null_db"] = [-60.0, -120.0]
    assert phase_report.eligible(deaf) == [] and "nulls below" in phase_report.failures(deaf)[0]


def test_stft_magnitudes_alone_are_judged_by_both_figures(results: study.Results) -> None:
    results = json.loads(json.dumps(results))
    alone = results["alone"]["a"]
    for good, dear in ((-26.0, 0.1), (-26.0, 0.2), (-20.0, 0.1)):
        for figures in alone.values():
            figures |= {"mr_stft_sc_db": good, "cost": dear}
        assert bool(phase_report.failures(results)) == (good > phase_report.ALONE_SC_DB or dear > phase_report.ALONE_COST)


def test_heap_integration_beats_chance_from_stft_magnitudes() -> None:
    found = phase_ways.stft_alone(harmonic(1.0, 220.0), 8, (0, 4))
    assert found[0]["mr_stft_sc_db"] < -15.0 and found[4]["mr_stft_sc_db"] < found[0]["mr_stft_sc_db"]


def test_a_cut_is_faded_and_nothing_else_changed() -> None:
    sound = tone(1.0, 440.0)
    cut = phase_ways.cut(sound, 0.5)
    assert cut.shape == (1, RATE // 2) and abs(cut[0, -1]) < 1e-3
    np.testing.assert_array_equal(cut[:, :RATE // 2 - 1000], sound[:, :RATE // 2 - 1000])
    assert phase_ways.cut(sound, 2.0) is sound


def test_figures_are_told_and_drawn(results: study.Results, tmp_path: Path) -> None:
    said = phase_report.table(results)
    assert "source/frame 2" in said and "the default is" in said and "overlap 8, 2 repairs" in said
    figure = study.new_figure(4.0)
    phase_report.picture(results, figure)
    assert [len(axis.lines) for axis in figure.axes] == [2, 1, 2]
    study.save(figure, tmp_path / "phase.png")
    assert (tmp_path / "phase.png").stat().st_size > 10_000
