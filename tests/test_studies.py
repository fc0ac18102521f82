"""The studies of benchmarks/: what they measure is what it is called, and all of them fit the one command."""

import argparse
import json
import math
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import attack_energy
import ends
import engine
import fit
import kernels
import loudness_line
import numpy as np
import pytest
import scale
import seams
import study
import synthetic
import torch

RATE = 44100
PRESENT = [name for name in engine.STUDIES if (study.FOLDER / f"{name}.py").is_file()]


def fake(name: str, *, breaks: bool = False, missed: tuple[str, ...] = ()) -> study.Study:
    """A study that takes no time."""
    module = ModuleType(name)

    def run(options: argparse.Namespace) -> dict[str, Any]:
        if breaks:
            raise ValueError("no luck")
        return {"figure": 1.5 + options.pairs}

    module.__dict__.update(
        TITLE=f"about {name}", HEIGHT_INCHES=1.0, run=run, failures=lambda results: list(missed),
        add_options=lambda parser: parser.add_argument(f"--{name}-option", default="unset"),
        table=lambda results: f"figure of {name}: {results['figure']}",
        picture=lambda results, figure: figure.subplots(1, 1).plot([results["figure"]], "o"))
    return study.checked(module)


def test_every_study_of_the_folder_fits() -> None:
    assert {"vs_lts", "floor", "scale", "fidelity"} <= set(PRESENT)
    studies = {name: study.load(name) for name in PRESENT}  # raises where a part is missing
    options = engine.arguments(studies, ["--quick"])
    assert options.pairs == study.QUICK_PAIRS and options.json == engine.JSON
    assert engine.arguments(studies, []).pairs == study.PAIRS and engine.arguments(studies, ["--pairs", "3"]).pairs == 3


def test_a_module_that_lacks_a_part_is_no_study() -> None:
    with pytest.raises(SystemExit, match="it lacks TITLE"):
        study.checked(ModuleType("nothing"))
    with pytest.raises(SystemExit, match="holds no nothing"):
        study.load("nothing")


def test_one_command_runs_all_and_keeps_what_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written, drawn = tmp_path / "out" / "engine.json", tmp_path / "engine.png"
    given = ["--json", str(written), "--picture", str(drawn), "--pairs", "2"]
    studies = {"one": fake("one"), "two": fake("two", breaks=True), "three": fake("three")}
    assert engine.main(given, studies) == 1  # one broke down, the others ran
    shown = capsys.readouterr()
    assert "figure of one: 3.5" in shown.out and "figure of three: 3.5" in shown.out and "no luck" in shown.err
    found = json.loads(written.read_text(encoding="utf-8"))["studies"]
    assert found["two"]["error"] == "ValueError: no luck" and found["one"]["results"] == {"figure": 3.5}
    assert drawn.read_bytes().startswith(b"\x89PNG")

    studies["two"] = fake("two")
    assert engine.main([*given, "--only", "two", "--pairs", "7"], studies) == 0
    found = json.loads(written.read_text(encoding="utf-8"))["studies"]
    assert found["two"]["results"] == {"figure": 8.5} and found["one"]["results"] == {"figure": 3.5}

    before = written.read_bytes()
    assert engine.main([*given, "--show"], studies) == 0 and written.read_bytes() == before
    assert "figure of two: 8.5" in capsys.readouterr().out


def test_a_missed_target_is_said_and_ends_in_status_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    given = ["--json", str(tmp_path / "a.json"), "--picture", str(tmp_path / "a.png")]
    assert engine.main(given, {"one": fake("one", missed=("too dear",))}) == 1
    assert "verdict: FAILED\ntoo dear" in capsys.readouterr().out


def test_columns_line_up() -> None:
    text = study.columns(["", "dB", "count"], [["a", 1.5, 3], ["long", None, 12]], 1)
    assert text.splitlines() == ["       dB  count", "a     1.5      3", "long    -     12"]


# ---------------------------------------------------------------- measures


def test_energy_before_an_attack() -> None:
    click = np.zeros((1, RATE), np.float32)
    click[0, 20000:20100] = 1.0
    assert attack_energy.before_db(click, 20000) == -300.0
    click[0, 19500:19600] = 0.1  # 11 ms before, a hundredth of the energy
    assert attack_energy.before_db(click, 20000) == pytest.approx(-20.0, abs=1e-6)
    assert attack_energy.before_db(click, 20600) > -20.0  # where there is no attack


def test_scenes_have_their_attacks_where_they_say() -> None:
    scene = attack_energy.click_scene(0.08)
    for clip, attacks in zip(scene.clips, scene.attacks, strict=True):
        loud = np.flatnonzero(np.abs(clip[0]) > 0.0)
        starts = [loud[0], *loud[1:][np.diff(loud) > RATE // 10]]
        assert starts == pytest.approx(attacks, abs=1)
        assert max(attack_energy.before_db(clip, at) for at in attacks) == -300.0
    apart = [abs(a - b) / RATE for a, b in zip(*scene.attacks, strict=True)]
    assert apart == pytest.approx([0.08] * len(apart))


def test_a_step_at_the_seam_is_seen() -> None:
    loop = synthetic.loop(RATE, RATE, 110.0, 0)[None]
    assert seams.step_db(loop) < 0.0
    assert seams.step_db(loop[:, :-100]) > 10.0  # cut somewhere else it has a step
    assert seams.across_db(loop, loop) == -300.0 and seams.across_db(loop, loop[:, 1:]) == 300.0


def test_loudness_of_long_and_short_sounds() -> None:
    tone = np.sin(2 * np.pi * 997 * np.arange(RATE * 2) / RATE)[None].astype(np.float32)
    assert loudness_line.loudness_db(tone, RATE) == pytest.approx(-3.01, abs=0.05)  # BS.1770: 997 Hz at full scale
    assert loudness_line.loudness_db(tone[:, :RATE // 5], RATE) == pytest.approx(-3.01, abs=0.1)
    assert loudness_line.loudness_db(0.1 * tone, RATE) == pytest.approx(-23.01, abs=0.05)


def test_worst_ends() -> None:
    found = {"p": [{"null_db": -120.0}, {"null_db": -85.0}], "q": [{"null_db": -130.0}, {"log_mel_db": 2.0}]}
    assert ends.worst(found, "null_db") == (-85.0, "p, x = 1")
    assert [line.split(":")[0] for line in ends.failures({"case": found})] == ["case", "case"]
    assert "-85.0" in ends.table({"case": found}) and ends.failures({"case": {"q": found["q"][:1]}}) == []


def test_a_sound_at_another_speed_is_known_again() -> None:
    def sweep(seconds: float, highest_hz: float) -> np.ndarray:  # the same way whatever its duration
        turn = np.arange(round(seconds * RATE)) / RATE / seconds
        phase = 2 * np.pi * seconds * (300 * turn + (highest_hz - 300) * turn**2 / 2)
        return (0.5 * np.sin(phase))[None].astype(np.float32)

    slow, fast, other = sweep(3.0, 900.0), sweep(1.0, 900.0), sweep(1.0, 2000.0)
    known = ends.resampled_log_mel_db(slow, fast)
    assert known == pytest.approx(ends.resampled_log_mel_db(fast, slow), abs=1e-9)
    assert known < 1.5 and ends.resampled_log_mel_db(slow, other) > 3 * known


def test_a_slow_start_is_no_cost_of_the_length() -> None:
    start = scale.Child(2.0, 2.5, 10**8)
    row = scale._row(10.0, scale.Child(7.0, 5.0, 10**9), start)
    assert row["cost"] == pytest.approx(0.1) and row["wall"] == pytest.approx(0.05) and row["cores_busy"] == pytest.approx(2.0)
    fine = {"rows": [row, row | {"seconds": 60.0}], "cores": 2, "identical": True}
    assert scale.failures(fine) == []
    dear = fine | {"rows": [row, row | {"cost": 0.13, "peak_bytes": 2 * 10**9, "cores_busy": 1.0}], "identical": False}
    assert len(scale.failures(dear)) == 4


def test_a_fit_is_held_to_half_the_error_its_time_and_what_lies_between() -> None:
    between = dict.fromkeys(fit.SHOWN, 0.9)

    def one(after_db: float, seconds: float, r2: float) -> study.Results:
        errors = [{"shape_lsd_db": [db, db], "sc_db": [-10.0, -20.0], **between} for db in (3.0, after_db)]
        return {"clip_seconds": 5.0, "seconds": seconds, "axes": 24, "as it is": errors[0],
                "fitted": errors[1] | dict.fromkeys(fit.R2, r2), fit.RIVAL: between | dict.fromkeys(fit.R2, 0.5)}

    assert fit.failures({"steps": 120, "pairs": {"a~b": one(1.4, 8.0, 0.5)}}) == []
    missed = fit.failures({"steps": 120, "pairs": {"a~b": one(1.6, 21.0, 0.4)}})
    assert len(missed) == 2 + len(fit.R2) and missed[0].startswith("a~b: shape LSD 3.00 -> 1.60 dB")
    assert "-15.00" in fit.table({"steps": 120, "pairs": {"a~b": one(1.6, 21.0, 0.4)}})


# ---------------------------------------------------------------- kernels


def test_multiply_adds_of_a_network() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(10, 20), torch.nn.SiLU(), torch.nn.Linear(20, 3))
    used = kernels.layers(network, lambda: network(torch.zeros(4, 10)))
    assert kernels.multiply_adds(used) == 10 * 20 + 20 * 3
    assert not network[0]._forward_hooks


def test_transforms_are_recorded_and_unchanged() -> None:
    audio = torch.randn(2, 64)
    with kernels.recorded_transforms() as calls:
        spectrum = torch.fft.rfft(audio, n=128)
        back = torch.fft.irfft(spectrum, n=128)
        torch.fft.irfft(spectrum, n=128)
    torch.testing.assert_close(back[:, :64], audio)
    assert calls == Counter({("rfft", (2, 64), torch.float32, (("dim", -1), ("n", 128), ("norm", None))): 1,
                             ("irfft", (2, 65), torch.complex64, (("dim", -1), ("n", 128), ("norm", None))): 2})
    assert torch.fft.rfft.__module__ != kernels.__name__ and kernels.transform_seconds(calls) > 0.0


def test_the_stopwatch_counts_each_second_once() -> None:
    class Work:
        def inner(self, x: torch.Tensor) -> None:
            burn(0.03)

        def outer(self, x: torch.Tensor) -> None:
            burn(0.02)
            self.inner(x)

    def burn(seconds: float) -> None:
        import time

        until = time.thread_time() + seconds
        while time.thread_time() < until:
            math.sqrt(2.0)

    with kernels.Stopwatch().on({"outside": [(Work, "outer")], "inside": [(Work, "inner")]}) as watch:
        Work().outer(torch.zeros(7, 2))
    assert watch.seconds["inside"] == pytest.approx(0.03, rel=0.3)
    assert watch.seconds["outside"] == pytest.approx(0.02, rel=0.3)
    assert watch.rows == {"outside": 7, "inside": 7}
