"""What is wrong with effects in a preset is said in one sentence, with its place and a remedy."""

import pytest
from effect_chains import noise, run

from lts_batch.engine import chain
from lts_batch.engine.chain import Chain
from lts_batch.errors import SettingsError


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
