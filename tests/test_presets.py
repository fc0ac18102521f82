"""The shipped presets: right, small, introduced by a sentence, documented."""

import re
import tomllib
from pathlib import Path

import pytest

from lts_batch.engine.mixes import mixes
from lts_batch.errors import SettingsError
from lts_batch.settings import Settings, as_dict, load_preset, preset_about, preset_paths, presets_folder
from lts_batch.stems.names import stem_names

ROOT = Path(__file__).parent.parent
PRESETS = preset_paths()


def test_the_promised_presets_are_there() -> None:
    assert {"roundtrip", "graded-11", "even-11", "beyond", "sweep", "lts-classic-names", "drums", "loops", "glide", "grid-3x3",
            "draft"} == set(PRESETS)
    assert all(path.parent == presets_folder() for path in PRESETS.values())


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_loads_by_name_and_by_path(name: str) -> None:
    assert load_preset(name) == load_preset(str(PRESETS[name])) == load_preset(name, shipped_only=True)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_introduces_itself_in_one_sentence(name: str) -> None:
    about = preset_about(PRESETS[name])
    assert re.fullmatch(r"[A-Z].{20,110}[^.\s]", about), about


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_holds_what_it_is_about(name: str) -> None:
    """What it sets differs from the defaults; a few may be said once more for their own sake, but not all."""
    written = tomllib.loads(PRESETS[name].read_text(encoding="utf-8"))
    del written["about"]
    settings, plain = as_dict(load_preset(name)), as_dict(Settings())
    different = {key for key in settings if settings[key] != plain[key]}
    assert different, "a preset that changes nothing"
    assert set(written) == different, f"says the default again: {sorted(set(written) - different)}"


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_documented_in_the_guide(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")


def test_a_preset_is_no_name_that_a_file_system_refuses_nor_a_pair() -> None:
    for name in PRESETS:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", name)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_how_to_mix_as_many_clips_as_it_is_for(name: str) -> None:
    settings = load_preset(name)
    clips = 4 if settings.grid else 2
    assert mixes(settings, clips)
    with pytest.raises(SettingsError):
        mixes(settings, 6 - clips)


def test_what_the_presets_promise() -> None:
    assert len(load_preset("graded-11").amounts()) == 11
    assert load_preset("beyond").amounts() == (-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
    assert load_preset("sweep").amounts() == ()
    trip = load_preset("roundtrip")
    assert trip.detail == 1.0 and trip.length == "first" and {0.0, 1.0} <= set(trip.amounts())
    classic = load_preset("lts-classic-names")
    assert classic.detail == 0.0
    names = stem_names(["a", "b"], mixes(classic, 2), classic.naming)
    assert names[0] == "01-x_extrapolations_-0.5.wav" and "07-x_interpolations_0.1.wav" in names
    even = load_preset("even-11")
    assert even.spacing == "even-distance" and len(even.amounts()) == 11
    assert len(mixes(load_preset("grid-3x3"), 4)) == 9
    assert load_preset("drums").align == "onsets" and load_preset("loops").align == "beats"
    assert load_preset("loops").loop == "auto" and load_preset("glide").pitch == "glide"
    assert load_preset("draft").quality == "draft"
