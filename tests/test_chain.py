"""Effects over stems: each that comes along works, in place and to the sample; what is wrong in a preset is said."""

from itertools import pairwise
from typing import ClassVar

import numpy as np
import pedalboard
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lts_batch.engine import chain
from lts_batch.engine.chain import BLOCK_SAMPLES, Chain
from lts_batch.engine.effects import build, known, parameters
from lts_batch.errors import SettingsError

RATE = 44100
# values by which an effect does something to noise
TELLING = {
    "Bitcrush": {"bit_depth": 4}, "BrickwallLimiter": {"ceiling_db": -20, "true_peak": True}, "Chorus": {},
    "Clipping": {"threshold_db": -20}, "Compressor": {"threshold_db": -40, "ratio": 4}, "Delay": {"delay_seconds": 0.1},
    "Distortion": {}, "GSMFullRateCompressor": {"quality": "Linear"}, "Gain": {"gain_db": -6},
    "HighShelfFilter": {"gain_db": 6}, "HighpassFilter": {"cutoff_frequency_hz": 3000}, "Invert": {},
    "LadderFilter": {"mode": "HPF24"}, "Limiter": {"threshold_db": -30}, "LowShelfFilter": {"gain_db": 6},
    "LowpassFilter": {}, "MP3Compressor": {}, "NoiseGate": {"threshold_db": -20}, "PeakFilter": {"gain_db": 6},
    "Phaser": {}, "PitchShift": {"semitones": 3}, "Resample": {}, "Reverb": {},
}
LATE = ("BrickwallLimiter", "GSMFullRateCompressor", "MP3Compressor", "PitchShift", "Resample")  # before it is made good


def noise(channels, samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


def run(effects, sound, rate=RATE, *, tail=0, block_samples=5000):
    made = effects if isinstance(effects, Chain) else Chain(effects, "test")
    blocks = (sound[:, start:start + block_samples] for start in range(0, sound.shape[1], block_samples))
    out = list(made.run(blocks, rate, len(sound), sound.shape[1] + tail))
    assert all(block.dtype == np.float32 and 0 < block.shape[1] <= BLOCK_SAMPLES for block in out)
    return np.concatenate(out, axis=1)


# ---------------------------------------------------------------- the effects that come along


def test_the_list_of_effects_is_that_of_pedalboard_without_what_holds_or_loads_others():
    assert set(TELLING) | {"Convolution"} <= set(known())  # later versions may bring more
    assert not {"Pedalboard", "Chain", "Mix", "VST3Plugin", "AudioUnitPlugin", "Plugin", "IIRFilter"} & set(known())
    assert parameters(known()["Delay"]) == ["delay_seconds", "feedback", "mix"]
    assert parameters(known()["PeakFilter"]) == ["cutoff_frequency_hz", "gain_db", "q"]
    assert parameters(known()["Convolution"]) == ["impulse_response_filename", "mix"]
    assert parameters(known()["Invert"]) == []


@pytest.mark.parametrize("name", sorted(TELLING))
@pytest.mark.parametrize("channels", [1, 2])
def test_each_effect_does_something_and_always_the_same(name, channels):
    sound = noise(channels, 100_001)
    made = Chain([{"name": name, **TELLING[name]}], "test")
    first = run(made, sound, tail=1000, block_samples=777)
    assert first.shape == (channels, 101_001)
    assert np.abs(first[:, :100_001] - sound).max() > 0.01
    assert np.array_equal(run(made, sound, tail=1000), first), "what was run before leaves its trace"
    assert np.array_equal(run([{"name": name, **TELLING[name]}], sound, tail=1000, block_samples=200_000), first)
    if name != "GSMFullRateCompressor":  # its frames fall elsewhere when all comes at once
        padded = np.pad(sound, ((0, 0), (0, 1000)))
        at_once = build({"name": name, **TELLING[name]}, "test").process(padded, RATE, reset=True)
        assert np.abs(at_once - first).max() < 1e-6


@pytest.mark.parametrize("name", LATE)
def test_what_effects_hold_back_comes_out_in_its_place(name):
    """A burst starts and ends where it did, to a few ms for those that smear."""
    sound = np.zeros((1, 60_000), np.float32)
    sound[:, 20_000:40_000] = np.sin(np.arange(20_000) * 2 * np.pi * 441 / RATE) * 0.3
    neutral = {"PitchShift": {"semitones": 0.0}, "Resample": {"target_sample_rate": 22050}, "BrickwallLimiter": {}}
    out = run([{"name": name, **neutral.get(name, {})}], sound)
    loud = np.flatnonzero(np.abs(out[0]) > 0.1)
    assert out.shape == sound.shape
    assert abs(loud[0] - 20_000) < 600 and abs(loud[-1] - 40_000) < 600
    assert (np.abs(out[0, 21_000:39_000].reshape(-1, 500)).max(axis=1) > 0.2).all(), "there is a hole in it"
    inside = slice(25_000, 35_000)
    lags = {lag: float(np.dot(out[0, inside], np.roll(sound[0], lag)[inside])) for lag in range(-50, 51)}
    assert abs(max(lags, key=lags.__getitem__)) <= 6


def test_a_chain_of_late_effects_is_in_time_to_the_sample():
    sound = noise(2, 150_000)
    sound[:, 70_000:] = 0
    chain_ = [{"name": "BrickwallLimiter", "lookahead_ms": 20.0}, {"name": "Gain", "gain_db": 6.0},
              {"name": "BrickwallLimiter", "ceiling_db": 0.0}, {"name": "Gain", "gain_db": -6.0}]
    assert np.abs(run(chain_, 0.5 * sound) - 0.5 * sound).max() < 1e-6


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 90_000), min_size=1, max_size=5), st.integers(0, 3000), st.integers(1, 4), st.booleans())
def test_lengths_are_kept_whatever_the_blocks(sizes, tail, channels, shifted):
    total = max(1, sum(sizes))
    sound = noise(channels, total)
    edges = np.cumsum([0, *sizes[:-1], total])
    blocks = [sound[:, a:b] for a, b in pairwise(edges)]
    made = Chain([{"name": "BrickwallLimiter", "ceiling_db": 20.0}, {"name": "Invert"},
                  *([{"name": "PitchShift", "semitones": 3}] if shifted else [])], "test")
    out = np.concatenate(list(made.run(blocks, RATE, channels, total + tail)), axis=1)
    assert out.shape == (channels, total + tail)
    if shifted:
        return
    assert np.allclose(out[:, :total], -sound, atol=1e-6) and not out[:, total:].any()


def test_effects_ring_on_into_the_tail():
    sound = np.zeros((1, 1000), np.float32)
    sound[0, 10] = 1.0
    out = run([{"name": "Delay", "delay_seconds": 0.1, "feedback": 0.5, "mix": 0.5}], sound, tail=RATE)
    echoes = np.flatnonzero(np.abs(out[0]) > 0.01)
    assert echoes[:4].tolist() == [10, 4420, 8830, 13240]
    assert run([{"name": "Delay", "delay_seconds": 0.1}], sound).shape == (1, 1000)


def test_every_channel_of_many_gets_its_effects():
    """pedalboard leaves more than two channels dry in some effects."""
    sound = noise(5, 30_000)
    out = run([{"name": "Reverb", "room_size": 0.8}], sound)
    for channel in range(5):
        assert np.array_equal(out[channel:channel + 1], run([{"name": "Reverb", "room_size": 0.8}], sound[channel:channel + 1]))


@pytest.mark.parametrize("rate", [22050, 48000, 96000, 192000])
def test_effects_work_at_every_rate(rate):
    names = sorted(set(TELLING) - {"MP3Compressor"})
    made = Chain([{"name": name} for name in names], "test")
    for channels in (1, 2, 3):
        made.check(rate, channels)
    with pytest.raises(SettingsError, match="MP3Compressor"):
        Chain([{"name": "MP3Compressor"}], "test").check(192000, 1)
    assert run([{"name": "Delay", "delay_seconds": 0.01}], noise(1, 5000), rate).shape == (1, 5000)


def test_a_room_of_ones_own(tmp_path):
    from lts_batch.files import audio

    audio.write(tmp_path / "room.wav", np.float32([[0, 0, 0.5, 0, -0.25]]), RATE)
    sound = noise(1, 5000)
    out = run([{"name": "Convolution", "impulse_response_filename": str(tmp_path / "room.wav")}], sound)
    wanted = np.convolve(sound[0], [0, 0, 0.5, 0, -0.25])[:5000]
    scale = np.dot(out[0], wanted) / np.dot(wanted, wanted)  # pedalboard brings impulse responses to a level of its own
    assert scale > 0 and np.abs(out[0] - scale * wanted).max() < 1e-4 * np.abs(out).max()


# ---------------------------------------------------------------- plug-ins


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


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(("effect", "message"), [
    ({"name": "Reverbb"}, r"effect 1 \(Reverbb\): there is no such effect \(did you mean 'Reverb'\?\); there are Bitcrush, "),
    ({"name": "reverb"}, r"did you mean 'Reverb'\?"),
    ({"name": "VST3Plugin", "path_to_plugin_file": "/x"}, "there is no such effect"),
    ({"name": "Pedalboard"}, "there is no such effect"), ({"name": "AudioFile"}, "there is no such effect"),
    ({"name": "__init__"}, "there is no such effect"), ({"name": "IIRFilter"}, "there is no such effect"),
    ({"name": 7}, "there is no such effect"), ({}, "must have either a name"),
    ({"name": "Reverb", "roomsize": 0.3}, r"there is no parameter 'roomsize' \(did you mean 'room_size'\?\); its parameters are"
                                          " room_size, damping,"),
    ({"name": "Reverb", "__class__": 1}, "there is no parameter '__class__'"),
    ({"name": "Reverb", "is_effect": True}, "there is no parameter 'is_effect'"),
    ({"name": "Invert", "gain": 1}, "there is no parameter 'gain'; it has none"),
    ({"name": "Reverb", "room_size": 3}, r"room_size = 3: Room Size value must be between 0\.0 and 1\.0"),
    ({"name": "Reverb", "room_size": "big"}, "room_size = 'big' has the wrong type, it takes a number"),
    ({"name": "Reverb", "room_size": True}, "room_size = True has the wrong type, it takes a number"),
    ({"name": "BrickwallLimiter", "true_peak": 1}, "true_peak = 1 has the wrong type, it takes true or false"),
    ({"name": "LadderFilter", "mode": "LP24"}, r"mode = 'LP24' is not known \(did you mean '.*'\?\); there are LPF12, HPF12,"),
    ({"name": "Chorus", "feedback": 2}, "feedback = 2 is out of range: it goes from -1 to 1"),
    ({"name": "Gain", "gain_db": 1e300}, r"gain_db = 1e\+300 is out of range: it goes from -120 to 120"),
    ({"name": "Gain", "gain_db": float("nan")}, "gain_db = nan is out of range"),
    ({"name": "Resample", "target_sample_rate": 0.001}, "target_sample_rate = 0.001 is out of range: it goes from 1000"),
    ({"name": "Convolution"}, "nothing is not what it takes; its parameters are impulse_response_filename, mix"),
    ({"name": "Convolution", "impulse_response_filename": "gone.wav"}, "'gone.wav' is missing: give the full path of an audio"),
    ({"name": "Convolution", "impulse_response": "gone.wav"}, "there is no parameter 'impulse_response'"),
])
def test_every_mistake_is_one_sentence_with_its_place_and_a_remedy(effect, message):
    with pytest.raises(SettingsError, match=message) as caught:
        Chain([effect], "preset x.toml")
    assert str(caught.value).startswith("preset x.toml: effect 1 (") and "\n" not in str(caught.value)


def test_an_effect_that_does_not_know_the_rate_is_named():
    made = Chain([{"name": "Gain"}, {"name": "MP3Compressor"}], "effects")
    with pytest.raises(SettingsError, match=r"effects: effect 2 \(MP3Compressor\) does not work with 1 channel at 96000 Hz"
                                            r" \(MP3 only supports .*\): leave it out, or choose another sample_rate"):
        run(made, noise(1, 100), 96000)
    assert run(made, noise(1, 100)).shape == (1, 100)


def test_values_that_explode_are_said():
    with pytest.raises(SettingsError, match=r"effect 2 \(HighpassFilter\) gives values that are no numbers: keep frequencies"
                                            " below 22050 Hz"):
        run([{"name": "Invert"}, {"name": "HighpassFilter", "cutoff_frequency_hz": 30000}], noise(1, 50_000))


def test_effects_that_never_give_anything_back_do_not_hang(monkeypatch):
    monkeypatch.setattr(chain, "_process", lambda effect, block, rate, width, whole: block[:, :0])
    with pytest.raises(SettingsError, match=r"effect 1 \(Invert\) holds audio back for more than 60 s: leave it out"):
        run([{"name": "Invert"}], noise(1, 1000), 8000)
