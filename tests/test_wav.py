"""WAV files are written to the bit, whole or not at all, with dither where it is asked for."""

import os
import struct
import wave

import numpy as np
import pytest
import scipy.io.wavfile
import soundfile
from audio_files import LSB_24, music
from platforms import POSIX, with_small_files

from lts_batch.errors import OutputError
from lts_batch.files import audio, riff, wav, whole

# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("samples", [1, 4095])
def test_24_bit_is_right_to_half_a_step(tmp_path, rng, channels, samples):
    sound = rng.uniform(-1, 1, (channels, samples)).astype(np.float32)
    audio.write(tmp_path / "stem.wav", sound, 44100)
    found, rate = audio.read(tmp_path / "stem.wav")
    assert rate == 44100
    assert np.abs(found.astype(np.float64) - sound).max() <= LSB_24 / 2
    assert audio.info(tmp_path / "stem.wav").subtype == "PCM_24"


def test_codes_of_24_bit_come_back_bit_for_bit(tmp_path, rng):
    codes = np.concatenate([rng.integers(-2**23, 2**23, 50_000), [-2**23, 2**23 - 1, 0, 1, -1]])
    sound = (codes / 2**23).astype(np.float32)[None]
    audio.write(tmp_path / "stem.wav", sound, 48000)
    _, stored = scipy.io.wavfile.read(tmp_path / "stem.wav")
    assert np.array_equal(stored >> 8, codes)
    assert np.array_equal(audio.read(tmp_path / "stem.wav")[0], sound)


def test_full_scale_is_the_largest_code_and_no_more(tmp_path, tree):
    audio.write(tmp_path / "stem.wav", np.float32([[1.0, -1.0]]), 48000)
    assert np.array_equal(audio.read(tmp_path / "stem.wav")[0], np.float32([[1 - LSB_24, -1.0]]))
    before = tree(tmp_path)
    over = np.float32([[0.0, -1.1]])
    for subtype in ("PCM_24", "PCM_16"):
        with pytest.raises(OutputError, match=rf"peaks at \+0\.83 dBFS, and {subtype} ends at 0 dBFS; write"):
            audio.write(tmp_path / "over.wav", over, 48000, subtype=subtype)
    assert tree(tmp_path) == before
    audio.write(tmp_path / "over.wav", over, 48000, subtype="FLOAT")
    assert np.array_equal(audio.read(tmp_path / "over.wav")[0], over)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_other_programs_read_the_same(tmp_path, rng, subtype, channels):
    sound = rng.uniform(-1, 1, (channels, 501)).astype(np.float32)
    path = tmp_path / "stem.wav"
    audio.write(path, sound, 96000, subtype=subtype)
    by_soundfile, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == 96000
    assert np.array_equal(by_soundfile.T, audio.read(path)[0])
    rate, by_scipy = scipy.io.wavfile.read(path)
    assert (rate, by_scipy.reshape(501, -1).shape) == (96000, (501, channels))
    if subtype != "FLOAT" and channels < 3:
        with wave.open(str(path)) as file:
            assert file.getparams()[:4] == (channels, riff.SAMPLE_BYTES[subtype], 96000, 501)
    head = path.read_bytes()[:8]
    assert struct.unpack("<4sI", head) == (b"RIFF", path.stat().st_size - 8)
    assert path.stat().st_size % 2 == 0


def test_blocks_give_the_same_file_as_one_piece(tmp_path, rng):
    sound = music(rng, 2, 10_000, 44100)
    audio.write(tmp_path / "one.wav", sound, 44100)
    with wav.Writer(tmp_path / "blocks.wav", 44100, 2) as writer:
        for start in range(0, 10_000, 777):
            writer.write(sound[:, start:start + 777])
        assert [whole.is_temporary(path) for path in tmp_path.iterdir() if path.name != "one.wav"] == [True]
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "blocks.wav").read_bytes()


def test_more_than_4_gib_is_rf64_or_refused(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(riff, "SIZE_LIMIT_BYTES", 5000)
    sound = music(rng, 2, 1001, 44100)
    with pytest.raises(OutputError, match="would pass 4 GiB"), wav.Writer(tmp_path / "a.wav", 44100, 2) as writer:
        writer.write(sound)
    assert os.listdir(tmp_path) == []
    monkeypatch.undo()
    long = wav.Writer(tmp_path / "a.wav", 44100, 2, expected_samples=2**30)
    with long:
        long.write(sound)
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    by_soundfile, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert np.abs(by_soundfile.T - sound).max() <= LSB_24 / 2
    assert np.array_equal(audio.read(tmp_path / "a.wav")[0], by_soundfile.T)


def test_failures_leave_nothing(tmp_path):
    good, bad = np.zeros((1, 10), np.float32), np.full((1, 10), np.nan, np.float32)
    with pytest.raises(OutputError, match="values that are not numbers"):
        audio.write(tmp_path / "a.wav", bad, 44100, subtype="FLOAT")
    with pytest.raises(RuntimeError), wav.Writer(tmp_path / "a.wav", 44100, 1) as writer:
        writer.write(good)
        raise RuntimeError
    writer = wav.Writer(tmp_path / "a.wav", 44100, 1)
    with pytest.raises(ValueError, match=r"shape \[1, n\], found \[2, 10\]"):
        writer.write(np.zeros((2, 10), np.float32))
    assert os.listdir(tmp_path) == []


def test_stems_overwrite_only_when_told(tmp_path):
    one, two = np.zeros((1, 10), np.float32), np.ones((1, 10), np.float32) / 2
    audio.write(tmp_path / "a.wav", one, 44100)
    with pytest.raises(OutputError, match="it exists already"):
        audio.write(tmp_path / "a.wav", two, 44100)
    assert np.array_equal(audio.read(tmp_path / "a.wav")[0], one)
    audio.write(tmp_path / "a.wav", two, 44100, overwrite=True)
    assert np.array_equal(audio.read(tmp_path / "a.wav")[0], two)


@POSIX
def test_a_disk_that_fills_up_leaves_nothing(tmp_path):
    said = with_small_files(f"""
        import numpy as np
        from lts_batch.files import wav
        with wav.Writer(Path({str(tmp_path)!r}) / "stem.wav", 48000, 2) as writer:
            for _ in range(100):
                writer.write(np.zeros((2, 1000), np.float32))
    """)
    assert "stem.wav cannot be written, the file would grow larger than" in said
    assert os.listdir(tmp_path) == []


# ---------------------------------------------------------------- dither


def codes_16(path):
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels()).T.astype(np.float64)


def test_dither_keeps_what_rounding_would_lose(tmp_path):
    """A tone of a quarter of a step: rounded it is silence, dithered it is a tone in noise of no other harmonic."""
    tone = (0.25 / 2**15 * np.sin(2 * np.pi * 1000 * np.arange(200_000) / 40_000)).astype(np.float32)[None]
    audio.write(tmp_path / "plain.wav", tone, 40_000, subtype="PCM_16")
    audio.write(tmp_path / "dithered.wav", tone, 40_000, subtype="PCM_16", dither_seed=1)
    assert not codes_16(tmp_path / "plain.wav").any()
    spectrum = np.abs(np.fft.rfft(codes_16(tmp_path / "dithered.wav")[0])) / 100_000
    assert spectrum[5000] == pytest.approx(0.25, abs=0.02)
    assert spectrum[[10_000, 15_000, 20_000, 25_000]].max() < 0.01


def test_dither_is_triangular_to_one_step_and_free_of_offset(tmp_path):
    loud = (np.random.default_rng(3).integers(-30_000, 30_000, 100_000) / 2**15).astype(np.float32)[None]
    audio.write(tmp_path / "a.wav", loud, 44100, subtype="PCM_16", dither_seed=0)
    error = codes_16(tmp_path / "a.wav") - loud.astype(np.float64) * 2**15
    assert set(np.unique(error)) == {-1.0, 0.0, 1.0}
    assert abs(error.mean()) < 0.01
    assert np.square(error).mean() == pytest.approx(0.25, abs=0.01)  # 1/6 of the noise, 1/12 of rounding
    half = loud + np.float32(0.5 / 2**15)
    audio.write(tmp_path / "b.wav", half, 44100, subtype="PCM_16", dither_seed=0)
    error = codes_16(tmp_path / "b.wav") - half.astype(np.float64) * 2**15
    assert abs(error.mean()) < 0.01 and np.square(error).mean() == pytest.approx(0.25, abs=0.01), "noise that follows the sound"


def test_dither_is_the_same_for_the_same_seed_whatever_the_blocks(tmp_path, rng):
    sound = music(rng, 2, 5000, 44100)
    for name, seed in (("one", 7), ("other", 8)):
        audio.write(tmp_path / f"{name}.wav", sound, 44100, subtype="PCM_16", dither_seed=seed)
    with wav.Writer(tmp_path / "blocks.wav", 44100, 2, subtype="PCM_16", dither_seed=7) as writer:
        for start in range(0, 5000, 333):
            writer.write(sound[:, start:start + 333])
    one = (tmp_path / "one.wav").read_bytes()
    assert one == (tmp_path / "blocks.wav").read_bytes() != (tmp_path / "other.wav").read_bytes()
    left, right = codes_16(tmp_path / "one.wav") - np.rint(sound * 2**15)
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.1, "channels have noise of their own"


def test_dither_never_turns_full_scale_over(tmp_path):
    audio.write(tmp_path / "a.wav", np.tile(np.float32([[1.0, -1.0]]), 1000), 44100, subtype="PCM_16", dither_seed=0)
    codes = codes_16(tmp_path / "a.wav")[0]
    assert codes[::2].min() >= 32766 and codes[1::2].max() <= -32767
    with pytest.raises(OutputError, match="would clip"):
        audio.write(tmp_path / "b.wav", np.float32([[1.01]]), 44100, subtype="PCM_16", dither_seed=0)


def test_only_16_bits_are_dithered(tmp_path, rng):
    sound = music(rng, 1, 1000, 44100)
    for subtype in ("PCM_24", "FLOAT"):
        audio.write(tmp_path / f"{subtype}.wav", sound, 44100, subtype=subtype)
        audio.write(tmp_path / f"{subtype}_asked.wav", sound, 44100, subtype=subtype, dither_seed=0)
        assert (tmp_path / f"{subtype}.wav").read_bytes() == (tmp_path / f"{subtype}_asked.wav").read_bytes()
