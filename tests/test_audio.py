"""Audio files are read as they are, excerpt by excerpt."""

import io

import numpy as np
import pytest
import soundfile
from audio_files import LSB_24, music, save, wav_bytes

from lts_batch.files import audio

LOSSLESS = [
    ("wav", "PCM_U8", 2**-7, "8-bit"), ("wav", "PCM_16", 2**-15, "16-bit"), ("wav", "PCM_24", LSB_24, "24-bit"),
    ("wav", "PCM_32", 2**-24, "32-bit"), ("wav", "FLOAT", 0, "32-bit float"), ("wav", "DOUBLE", 0, "64-bit float"),
    ("aiff", "PCM_S8", 2**-7, "8-bit"), ("aiff", "PCM_16", 2**-15, "16-bit"), ("aiff", "PCM_24", LSB_24, "24-bit"),
    ("aiff", "FLOAT", 0, "32-bit float"), ("flac", "PCM_16", 2**-15, "16-bit"), ("flac", "PCM_24", LSB_24, "24-bit"),
]


@pytest.mark.parametrize(("suffix", "subtype", "step", "depth"), LOSSLESS)
@pytest.mark.parametrize(("channels", "sample_rate"), [(1, 22050), (2, 48000), (6, 96000)])
def test_lossless_formats_come_in_as_they_are(tmp_path, rng, suffix, subtype, step, depth, channels, sample_rate):
    samples = music(rng, channels, 7002, sample_rate)
    path = save(tmp_path / f"clip.{suffix}", samples, sample_rate, subtype)
    found, rate = audio.read(path)
    assert (found.dtype, found.shape, rate) == (np.float32, samples.shape, sample_rate)
    assert found.flags.c_contiguous
    assert np.abs(found - samples).max() <= step
    assert audio.info(path) == audio.Info(path, sample_rate, channels, 7002, suffix.upper(), subtype, depth)


LOSSY = [("ogg", "VORBIS", 44100), ("ogg", "OPUS", 48000), ("mp3", "MPEG_LAYER_III", 44100)]


@pytest.mark.parametrize(("suffix", "subtype", "sample_rate"), LOSSY)
def test_lossy_formats_come_in_without_delay_or_loss_of_level(tmp_path, rng, suffix, subtype, sample_rate):
    samples = music(rng, 2, 2 * sample_rate, sample_rate)
    found, rate = audio.read(save(tmp_path / f"clip.{suffix}", samples, sample_rate, subtype))
    assert (found.shape, rate) == (samples.shape, sample_rate)
    error = np.sum((found - samples) ** 2) / np.sum(samples**2)
    assert 10 * np.log10(error) < -15
    assert audio.info(tmp_path / f"clip.{suffix}").depth == "lossy"


@pytest.mark.parametrize(("suffix", "subtype", "sample_rate"), [
    *LOSSY, ("wav", "PCM_24", 44100), ("aiff", "PCM_16", 44100), ("flac", "PCM_24", 44100)])
def test_an_excerpt_is_a_slice_of_the_whole(tmp_path, rng, suffix, subtype, sample_rate):
    path = save(tmp_path / f"clip.{suffix}", music(rng, 2, 3 * sample_rate, sample_rate), sample_rate, subtype)
    everything, _ = audio.read(path)
    places = [(0, 1), (1, 3000), (50_001, 999), (126_020, 3000), (everything.shape[1] - 1, 1), (7, 4000)]
    with audio.open_reader(path) as reader:
        for start, count in places:
            expected = everything[:, start:start + count]
            assert np.abs(reader.read(start, count) - expected).max() < 1e-6
            alone, _ = audio.read(path, offset_samples=start, length_samples=count)
            assert np.abs(alone - expected).max() < 1e-6
        joined = np.concatenate(list(reader.blocks(10_007)), axis=1)
    assert np.abs(joined - everything).max() < 1e-6
    rest, _ = audio.read(path, offset_samples=40_000)
    assert rest.shape[1] == everything.shape[1] - 40_000


def test_a_long_clip_is_not_read_as_a_whole_for_an_excerpt(tmp_path):
    class Counting(io.FileIO):
        total = 0

        def readinto(self, buffer):
            count = super().readinto(buffer)
            Counting.total += count
            return count

    path = tmp_path / "long.wav"
    audio.write(path, np.zeros((2, 2_000_000), np.float32), 48000)
    with Counting(path) as handle:
        excerpt, _ = audio.read(handle, offset_samples=1_500_000, length_samples=1000)
    assert excerpt.shape == (2, 1000)
    assert Counting.total < 200_000 < path.stat().st_size


def test_an_open_handle_is_read_and_left_open(tmp_path, rng):
    samples = music(rng, 2, 5000, 44100)
    path = save(tmp_path / "clip.flac", samples, 44100, "PCM_24")
    with path.open("rb") as handle:
        handle.seek(17)
        assert audio.info(handle).path == path
        found, _ = audio.read(handle)
        assert not handle.closed
    assert np.abs(found - samples).max() <= LSB_24
    again, _ = audio.read(io.BytesIO(path.read_bytes()))
    assert np.array_equal(again, found)


def test_a_name_that_ends_in_raw_changes_nothing(tmp_path, rng):
    samples = music(rng, 1, 500, 44100)
    save(tmp_path / "clip.wav", samples, 44100, "FLOAT").rename(tmp_path / "clip.raw")
    assert np.array_equal(audio.read(tmp_path / "clip.raw")[0], samples)


@pytest.mark.parametrize(("suffix", "subtype", "depth"), [
    ("wav", "PCM_U8", "8-bit"), ("flac", "PCM_16", "16-bit"), ("aiff", "PCM_24", "24-bit"),
    ("wav", "FLOAT", "32-bit float")])
def test_pedalboard_catches_what_soundfile_cannot_open(tmp_path, rng, monkeypatch, suffix, subtype, depth):
    samples = music(rng, 2, 5000, 44100)
    path = save(tmp_path / f"clip.{suffix}", samples, 44100, subtype)
    whole_clip, _ = audio.read(path)

    def refuse(*_: object) -> None:
        raise soundfile.LibsndfileError(1)

    monkeypatch.setattr(soundfile, "SoundFile", refuse)
    found, rate = audio.read(path)
    assert rate == 44100
    assert np.abs(found - whole_clip).max() <= 2**-24
    assert np.array_equal(audio.read(path, offset_samples=1234, length_samples=99)[0], found[:, 1234:1333])
    assert (audio.info(path).depth, audio.info(path).format) == (depth, suffix.upper())


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFEFFE, 0x7FFFFFFF])
@pytest.mark.parametrize("values", [np.arange(-500, 500), np.zeros(1000)])
def test_wav_from_a_pipe_has_no_length_and_is_read_to_its_end(size, values):
    found, _ = audio.read(io.BytesIO(wav_bytes(values, data_size=size, riff_size=size)))
    assert np.array_equal(found[0] * 2**15, values)


def test_aiff_from_a_pipe_has_no_length_and_is_read_to_its_end(tmp_path, rng):
    samples = music(rng, 2, 1000, 44100)
    path = save(tmp_path / "clip.aiff", samples, 44100, "PCM_24")
    data = path.read_bytes()
    at = data.index(b"SSND") + 4
    path.write_bytes(data[:at] + (0x7F000004).to_bytes(4, "big") + data[at + 4:])
    assert np.abs(audio.read(path)[0] - samples).max() <= LSB_24


def test_flac_from_a_pipe_has_no_length_and_is_counted(tmp_path, rng):
    path = save(tmp_path / "clip.flac", music(rng, 2, 200_001, 44100), 44100, "PCM_24")
    expected, _ = audio.read(path)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # STREAMINFO: the last 36 bits before the checksum count the samples, 0 if unknown
    data[22:26] = bytes(4)
    path.write_bytes(data)
    found, _ = audio.read(path)
    assert np.array_equal(found, expected)


def test_mp3_without_a_length_is_counted(tmp_path, rng):
    path = save(tmp_path / "clip.mp3", music(rng, 2, 100_000, 44100), 44100, "MPEG_LAYER_III")
    data = path.read_bytes()
    assert data.count(b"Info") + data.count(b"Xing") == 1
    path.write_bytes(data.replace(b"Info", bytes(4)).replace(b"Xing", bytes(4)))
    found, _ = audio.read(path)
    assert found.shape[1] == audio.info(path).samples
    assert 100_000 <= found.shape[1] < 100_000 + 4 * 1152


def test_rf64_is_read(tmp_path, rng):
    samples = music(rng, 2, 999, 48000)
    path = save(tmp_path / "clip.rf64", samples, 48000, "PCM_24")
    assert path.read_bytes()[:4] == b"RF64"
    assert np.abs(audio.read(path)[0] - samples).max() <= LSB_24


def test_one_sample_and_silence_are_clips(tmp_path):
    assert audio.read(save(tmp_path / "one.wav", np.full((1, 1), 0.5, np.float32), 44100, "PCM_16"))[0] == 0.5
    silence, _ = audio.read(save(tmp_path / "none.wav", np.zeros((2, 100), np.float32), 44100, "PCM_16"))
    assert silence.shape == (2, 100) and not silence.any()
