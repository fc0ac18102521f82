"""Plug-ins over stems: loaded by path, with parameters of their own; what is wrong with one is said."""

from typing import ClassVar

import numpy as np
import pedalboard
import pytest
from effect_chains import RATE, noise, run

from lts_batch.engine.chain import Chain
from lts_batch.errors import SettingsError


class Plugin(pedalboard.BrickwallLimiter):
    """Stands in for a plug-in that is late."""

    is_instrument = False
    is_effect = True
    size = 0.0

    @property
    def parameters(self):
        return {"size": None, "ceiling_db": None, **{f"macro_{n}": None for n in range(60)}}


class StereoOnly(pedalboard.Invert):
    parameters: ClassVar = {}

    def process(self, sound, sample_rate, **more):
        if len(sound) == 1:
            raise ValueError("Plugin 'Wide' does not support 1-channel output.")
        return super().process(sound, sample_rate, **more)


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A path at which a plug-in seems to lie, and what it was asked for."""
    path, asked = tmp_path / "Room.vst3", []
    path.mkdir()

    def load(name, plugin_name=None):
        asked.append((name, plugin_name))
        return Plugin(ceiling_db=20.0)

    monkeypatch.setattr(pedalboard, "load_plugin", load)
    return path, asked


def test_plugins_are_loaded_by_path_and_take_their_own_parameters(bundle):
    path, asked = bundle
    made = Chain([{"plugin": str(path), "plugin_name": "Hall", "parameters": {"size": 0.4}}, {"name": "Invert"}], "test")
    assert asked == [(str(path), "Hall")]
    assert made._links[0]._made[0].size == 0.4
    sound = noise(2, 10_000)
    assert np.allclose(run(made, sound), -sound, atol=1e-6)


@pytest.mark.parametrize(("more", "message"), [
    ({"parameters": {"sice": 1}}, r"there is no parameter 'sice' \(did you mean 'size'\?\); its parameters are size,"
                                  r" ceiling_db, macro_0.* and 38 more$"),
    ({"parameters": {"release_ms": 5}}, "there is no parameter 'release_ms'"),  # an attribute, but no parameter
    ({"parameters": {"ceiling_db": "loud"}}, "ceiling_db = 'loud' is not what it takes: "),
    ({"size": 1}, "'size' is not known beside plugin; known are plugin_name and parameters"),
    ({"parameters": [1]}, "parameters a table, found None and"), ({"plugin_name": 3}, "plugin_name must be text"),
    ({"name": "Reverb"}, "must have either a name, .* or a plugin, "),
])
def test_what_a_plugin_does_not_know_is_said(bundle, more, message):
    with pytest.raises(SettingsError, match=message) as caught:
        Chain([{"name": "Invert"}, {"plugin": str(bundle[0]), **more}], "preset x.toml")
    assert str(caught.value).startswith("preset x.toml: effect 2 (R")


def test_plugins_that_cannot_be_loaded(tmp_path, monkeypatch):
    text = tmp_path / "plugin.vst3"
    text.write_text("no plug-in", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"plugin\.vst3 cannot be loaded \(.*\): check that it is a VST3 or Audio Unit"):
        Chain([{"plugin": str(text)}], "test")
    with pytest.raises(SettingsError, match=r"plugin = '.*gone\.vst3' is missing: give the full path"):
        Chain([{"plugin": str(tmp_path / "gone.vst3")}], "test")
    with pytest.raises(SettingsError, match="plugin = 3 must be the path of a"):
        Chain([{"plugin": 3}], "test")
    monkeypatch.setattr(pedalboard, "load_plugin", lambda path, plugin_name: type("Synth", (), {"is_effect": False})())
    with pytest.raises(SettingsError, match="is an instrument, and stems need effects"):
        Chain([{"plugin": str(text)}], "test")


def test_a_mono_stem_goes_into_both_sides_of_a_stereo_plugin(bundle, monkeypatch):
    monkeypatch.setattr(pedalboard, "load_plugin", lambda path, plugin_name: StereoOnly())
    made = Chain([{"plugin": str(bundle[0])}, {"name": "Reverb", "wet_level": 0.0, "dry_level": 0.5}], "test")
    assert [[link.together(RATE, channels) for link in made._links] for channels in (1, 2, 3)] == [[2, 1], [2, 2], [2, 1]]
    for channels in (1, 2, 3):
        sound = noise(channels, 5000)
        assert np.allclose(run(made, sound), -sound, atol=1e-6)
