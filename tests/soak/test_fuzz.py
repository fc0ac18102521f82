"""Job files that are damaged by a seed, and by Hypothesis, which also finds the smallest that goes wrong."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lts_batch.protocol import JOB_FILE_LIMIT_BYTES
from soak.damage import GOOD, LARGE_EVERY, inputs
from soak.fuzz import in_an_inbox, outcome, trial

CHOSEN = 20200608


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_what_is_damaged_was_good(number: int, tmp_path: Path) -> None:
    data = json.dumps(GOOD[number]).encode()
    assert outcome(data) == "taken"
    in_an_inbox(data, tmp_path)


def test_nothing_comes_of_damaged_job_files_but_sentences() -> None:
    figures = trial(2 * LARGE_EVERY, CHOSEN)
    assert figures["ok"], figures["mistakes"]
    came_to = figures["came_to"]
    assert sum(came_to.values()) == 2 * LARGE_EVERY
    assert all(came_to[kind] > 100 for kind in ("taken", "JobError", "SettingsError")), "each way through was gone"


def test_inputs_differ_and_come_again_with_their_seed() -> None:
    first = [data for data, _ in zip(inputs(3), range(200), strict=False)]
    assert first == [data for data, _ in zip(inputs(3), range(200), strict=False)]
    assert len(set(first)) > 150 and max(map(len, first)) < JOB_FILE_LIMIT_BYTES


@pytest.mark.parametrize("place", ["the job", "a clip"])
def test_a_sentence_is_short_whatever_it_quotes(place: str) -> None:
    good = copy.deepcopy(GOOD[0])
    (good if place == "the job" else good["clips"][0])["k" * 2000] = 1
    assert outcome(json.dumps(good).encode()) == "JobError"


def test_no_depth_is_too_deep() -> None:
    holes = {depth for depth in range(600, 1010) for good in (copy.deepcopy(GOOD[0]),)
             if not _refused(good, b"[" * depth + b"]" * depth)}
    assert holes == set()


def _refused(good: dict[str, Any], inner: bytes) -> bool:
    good["settings"]["x"] = "HERE"
    try:
        return outcome(json.dumps(good).encode().replace(b'"HERE"', inner)) in ("JobError", "SettingsError")
    except RecursionError:
        return False


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(GOOD), st.data())
def test_one_cut_and_one_patch_anywhere(good: dict[str, object], data: st.DataObject) -> None:
    whole = json.dumps(good).encode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    patch = data.draw(st.binary(max_size=8) | st.sampled_from([b"NaN", b"1e999", b'"\\ud800"', b"[" * 500, b'"path": 1,']))
    assert outcome(whole[:start] + patch + whole[end:]) in ("taken", "JobError", "SettingsError")
