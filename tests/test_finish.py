"""The last touch of a stem: off it leaves every bit, on it does what it says, and it never needs a stem as a whole."""

import math

import numpy as np
import pyloudnorm
import pytest
from finishing import RATE, finished, loudness_db, noise, stream
from hypothesis import given
from hypothesis import settings as check
from hypothesis import strategies as st

from lts_batch.engine import finish
from lts_batch.engine.finish import finish_arrays
from lts_batch.errors import SettingsError
from lts_batch.settings import Settings

# ---------------------------------------------------------------- nothing asked for


def test_without_settings_the_stream_is_the_one_that_was_given():
    given_stream = stream(noise(2))
    done = finish.finish(given_stream, RATE, 2, Settings(), None)
    assert done.blocks is given_stream and done.samples == 60_000


def test_a_tail_needs_effects_to_ring():
    assert finished(noise(), Settings(tail_seconds=1.0)).shape == (1, 60_000)


# ---------------------------------------------------------------- level


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("target_db", [-30.0, -23.0, -14.0])
def test_the_level_gain_brings_a_stem_to_its_loudness(channels, target_db):
    sound = noise(channels, level=0.07) * np.linspace(0.2, 1, 60_000, dtype=np.float32)
    out = finished(sound, Settings(), target_db)
    assert pyloudnorm.Meter(RATE).integrated_loudness(out.T.astype(np.float64)) == pytest.approx(target_db, abs=0.06)
    gain = out[0, 1000] / sound[0, 1000]
    assert np.allclose(out, sound * gain, rtol=1e-6, atol=1e-9), "it is one constant gain"


def test_short_stems_have_a_level_too():
    out = finished(noise(samples=3000), Settings(), -20.0)
    assert loudness_db(out) == pytest.approx(-20.0, abs=0.01)


@pytest.mark.parametrize(("missing_db", "given_db"), [(30.0, 12.0), (-30.0, -12.0), (5.0, 5.0), (0.02, 0.02)])
def test_the_level_gain_has_bounds(missing_db, given_db):
    sound = noise()
    out = finished(sound, Settings(), loudness_db(sound) + missing_db)
    assert 20 * math.log10(np.abs(out).max() / np.abs(sound).max()) == pytest.approx(given_db, abs=1e-3)


def test_a_hair_off_leaves_every_bit():
    sound = noise()
    given_stream = stream(sound)
    for missing_db in (-0.009, 0.0, 0.009):
        done = finish.finish(given_stream, RATE, 1, Settings(), loudness_db(sound) + missing_db)
        assert done.blocks is given_stream


def test_silence_stays_silence():
    silence = np.zeros((2, 5000), np.float32)
    everything = Settings(remove_dc=True, trim_db=-60.0, fade_in_seconds=0.01, ceiling_db=-1.0)
    assert np.array_equal(finished(silence, everything, -20.0), silence)
    assert np.array_equal(finish_arrays([silence], RATE, everything, [-20.0])[0], silence)


# ---------------------------------------------------------------- offset


def test_a_constant_offset_goes_channel_by_channel():
    sound = noise(2) + np.float32([[0.05], [-0.2]])
    out = finished(sound, Settings(remove_dc=True))
    assert np.abs(out.mean(axis=1, dtype=np.float64)).max() < 1e-7
    assert np.abs(out - (sound - sound.mean(axis=1, keepdims=True, dtype=np.float64))).max() < 1e-7


def test_offset_and_level_together():
    sound = noise() + np.float32(0.1)
    out = finished(sound, Settings(remove_dc=True), loudness_db(sound) + 6.0)
    gain = 10 ** (6 / 20)
    assert np.abs(out - gain * (sound - sound.mean(dtype=np.float64))).max() < 1e-6


# ---------------------------------------------------------------- silence


def test_silence_is_cut_off_both_ends_to_the_sample():
    sound = np.zeros((2, 30_000), np.float32)
    sound[1, 10_000:20_000] = 0.5
    sound[0, 9_000] = 0.5 * 10 ** (-59 / 20)  # one channel is enough
    sound[0, 21_000] = 0.5 * 10 ** (-61 / 20)
    for block_samples in (777, 100_000):
        assert np.array_equal(finished(sound, Settings(trim_db=-60.0), block_samples=block_samples), sound[:, 9_000:20_000])


def test_what_is_silence_is_judged_without_the_offset_and_regardless_of_level():
    sound = np.full((1, 20_000), 0.3, np.float32)
    sound[0, 5000:6000] += np.float32(0.1) * np.tile(np.float32([1, -1]), 500)
    for target in (None, -30.0):
        assert finished(sound, Settings(trim_db=-40.0, remove_dc=True), target).shape == (1, 1000)
    assert finished(sound, Settings(trim_db=-40.0)).shape == (1, 20_000)


@check(max_examples=30, deadline=None)
@given(st.integers(1, 5000), st.floats(-120, -10), st.integers(1, 3), st.integers(0, 2**31), st.integers(1, 6000))
def test_trimming_never_leaves_nothing_and_keeps_the_peak(samples, trim_db, channels, seed, block_samples):
    sound = noise(channels, samples, seed=seed)
    out = finished(sound, Settings(trim_db=trim_db), block_samples=block_samples)
    assert 1 <= out.shape[1] <= samples
    assert np.abs(out).max() == np.abs(sound).max()
    least = np.abs(sound).max() * 10 ** (trim_db / 20) * (1 - 1e-6)
    assert (np.abs(out[:, [0, -1]]).max(axis=0) >= least).all()


# ---------------------------------------------------------------- effects and fades


def test_effects_ring_on_for_their_tail_and_fades_come_last():
    sound = np.zeros((1, 20_000), np.float32)
    sound[0, 5000] = 0.5
    echo = {"name": "Delay", "delay_seconds": 0.25, "feedback": 0.0, "mix": 0.5}
    settings = Settings(effects=(echo,), tail_seconds=0.5, trim_db=-60.0)
    out = finished(sound, settings)
    assert out.shape == (1, 1 + 22_050)
    assert np.flatnonzero(np.abs(out[0]) > 0.1).tolist() == [0, 11_025]
    faded = finished(sound, Settings(effects=(echo,), tail_seconds=0.5, trim_db=-60.0, fade_out_seconds=0.5))
    assert faded[0, 11_025] == pytest.approx(out[0, 11_025] / 2, rel=1e-3) and faded[0, -1] == 0.0


def test_a_mistake_in_the_effects_is_known_before_any_stem():
    with pytest.raises(SettingsError, match=r"effects: effect 1 \(Delay\): there is no parameter 'seconds'"):
        finish.effects(Settings(effects=({"name": "Delay", "seconds": 1},)))
    assert finish.effects(Settings()) is finish.effects(Settings(effects=())) is None


@pytest.mark.parametrize("block_samples", [100, 44_100])
def test_fades_are_raised_cosines_over_the_whole_stem(block_samples):
    out = finished(np.ones((2, 44_100), np.float32), Settings(fade_in_seconds=0.2, fade_out_seconds=0.5),
                   block_samples=block_samples)
    times = np.arange(44_100) / RATE
    wanted = np.where(times < 0.2, 0.5 - 0.5 * np.cos(np.pi * times / 0.2), 1.0)
    wanted *= np.where(times[::-1] < 0.5, 0.5 - 0.5 * np.cos(np.pi * times[::-1] / 0.5), 1.0)
    assert np.abs(out - wanted).max() < 1e-6
    assert (out[0, 0], out[0, -1]) == (0.0, 0.0)


def test_fades_longer_than_the_stem_meet():
    out = finished(np.ones((1, 1000), np.float32), Settings(fade_in_seconds=9.0, fade_out_seconds=9.0))
    assert out.shape == (1, 1000) and out.max() == pytest.approx(0.25, abs=1e-3) and out.argmax() in (499, 500)


@check(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=6), st.integers(1, 2))
def test_blocks_of_any_size_give_the_same_stem(sizes, channels):
    sound = noise(channels, max(1, sum(sizes)))
    settings = Settings(remove_dc=True, trim_db=-12.0, fade_in_seconds=0.01, tail_seconds=0.05,
                        effects=({"name": "Reverb"},))
    edges = np.cumsum([0, *sizes[:-1]])
    parts = [sound[:, start:start + size] for start, size in zip(edges, [*sizes[:-1], sound.shape[1]], strict=True)]
    done = finish.finish(lambda: iter(parts), RATE, channels, settings, -25.0)
    out = np.concatenate(list(done.blocks()), axis=1)
    assert np.abs(out - finished(sound, settings, -25.0, block_samples=10**6)).max() < 1e-5


def test_memory_does_not_grow_with_the_stem():
    """A stream that is made as it goes: what was read before is let go."""
    import tracemalloc

    block = noise(1, 50_000)
    settings = Settings(remove_dc=True, trim_db=-60.0, fade_out_seconds=0.5, effects=({"name": "Gain", "gain_db": 0.0},))
    most = {}
    for count in (4, 40):
        tracemalloc.start()
        done = finish.finish(lambda count=count: (block for _ in range(count)), RATE, 1, settings, -23.0)
        assert sum(part.shape[1] for part in done.blocks()) == done.samples
        most[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most[40] < 1.2 * most[4] < 40e6
