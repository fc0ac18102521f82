"""Presets in files: what is in them, what they change, and why one cannot be used."""

import re
import tomllib
from pathlib import Path

import pytest

from lts_batch.errors import SettingsError
from lts_batch.settings import FIELDS, Settings, load_preset


def test_presets_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"

    def refused() -> str:
        with pytest.raises(SettingsError) as caught:
            load_preset(str(path))
        return str(caught.value)

    assert re.fullmatch(rf"preset {re.escape(str(path))} cannot be read \(.+\): check the name and the folder", refused())
    for text in ("steps = ", "steps = " + "1" * 5000, "x = " + "[" * 3000, "\udc80"):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        assert refused().startswith(f"preset {path} is not TOML: ")
    path.write_text("stepps = 5", encoding="utf-8")
    assert refused() == (f"preset mine.toml: unknown key 'stepps' (did you mean 'steps'?);"
                         f" known are {', '.join(FIELDS)}")
    path.write_text('detail = "all"', encoding="utf-8")
    assert refused() == "preset mine.toml: detail = 'all' has the wrong type, it takes a number"


def test_unknown_presets_are_named_with_the_nearest_right_one() -> None:
    with pytest.raises(SettingsError, match=r"no preset is called 'gradet-11' \(did you mean 'graded-11'\?\); there are "):
        load_preset("gradet-11")


def test_job_files_reach_shipped_presets_only(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("steps = 3", encoding="utf-8")
    assert load_preset(str(path)).steps == 3
    with pytest.raises(SettingsError, match="no preset is called"):
        load_preset(str(path), shipped_only=True)


def test_a_preset_changes_its_base_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('about = "Mine"\nsteps = 3\nfade_out_seconds = 0.05', encoding="utf-8")
    assert load_preset(str(path), Settings(model="mine", seed=7)) == \
        Settings(model="mine", seed=7, steps=3, fade_out_seconds=0.05)
    assert set(tomllib.loads(path.read_text(encoding="utf-8"))) == {"about", "steps", "fade_out_seconds"}
