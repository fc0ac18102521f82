"""Effects over stems: each that comes along works, in place and to the sample."""

from itertools import pairwise

import numpy as np
import pytest
from effect_chains import RATE, noise, run
from hypothesis import given, settings
from hypothesis import strategies as st

from lts_batch.engine.chain import Chain
from lts_batch.engine.effects import build, known, parameters
from lts_batch.errors import SettingsError

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
