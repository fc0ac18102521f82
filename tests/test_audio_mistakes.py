"""What is no clip is told, each kind in a sentence of its own."""

import os

import numpy as np
import pytest
from audio_files import music, save, wav_bytes
from platforms import POSIX

from lts_batch.errors import ClipError
from lts_batch.files import audio


def bad_clips(folder):
    """Files that are no clips, each with what has to be said about it."""
    good = wav_bytes(np.arange(1000))
    names = {
        "empty.wav": (b"", r"empty\.wav is empty \(0 bytes\)"),
        "text.wav": (b"Dear diary,\nno audio today.\n" * 50, "is not audio that can be read here: give a clip"),
        "tiny.mp3": (b"ID3", "is not audio"),
        "half.wav": (good[:1044], "header promises 2000 bytes of audio, 1000 are there"),
        "almost.wav": (good[:-1], "header promises 2000 bytes of audio, 1999 are there"),
        "head.wav": (good[:20], "is cut short: it has a header and no audio"),
        "nothing.wav": (wav_bytes([]), "has no samples: give a clip of at least 1 sample"),
        "note.wav": (wav_bytes([], after=b"LIST\x04\0\0\0INFO"), "has no samples"),
        "slow.wav": (wav_bytes([1, 2], rate=999), "sample rate of 999 Hz, outside of 1000 to 768000 Hz"),
        "fast.wav": (wav_bytes([1, 2], rate=768001), "sample rate of 768001 Hz"),
        "wide.wav": (wav_bytes(np.zeros(65), channels=65), "has 65 channels, outside of 1 to 64"),
    }
    for name, (data, _) in names.items():
        (folder / name).write_bytes(data)
    return {name: sentence for name, (_, sentence) in names.items()}


def test_each_bad_clip_has_its_own_sentence(tmp_path, tree):
    sentences = bad_clips(tmp_path)
    before = tree(tmp_path)
    for name, sentence in sentences.items():
        for call in (audio.info, audio.read, audio.verify, audio.open_reader):
            with pytest.raises(ClipError, match=sentence) as caught:
                call(tmp_path / name)
            assert str(caught.value).startswith(str(tmp_path / name))
    assert tree(tmp_path) == before


def test_missing_clips_and_folders(tmp_path):
    with pytest.raises(ClipError, match=r"no\.wav is missing: check the name"):
        audio.read(tmp_path / "no.wav")
    with pytest.raises(ClipError, match="is a folder: give an audio file in it"):
        audio.read(tmp_path)
    with pytest.raises(ClipError, match=r"cannot be opened|is missing"):
        audio.read(tmp_path / "nul\0.wav")


@POSIX
def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(ClipError, match="is no ordinary file"):
        audio.read(tmp_path / "pipe.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_found_where_they_are(tmp_path, value):
    samples = np.zeros((2, 1000), np.float32)
    samples[1, 441] = value
    path = save(tmp_path / "clip.wav", samples, 44100, "FLOAT")
    for call in (audio.read, audio.verify):
        with pytest.raises(ClipError, match=r"at sample 441 \(0\.010 s\)"):
            call(path)
    assert audio.read(path, length_samples=441)[0].shape == (2, 441)


@pytest.mark.parametrize(("offset", "length"), [(-1, 5), (1000, None), (0, 1001), (990, 11), (5, 0), (0, -3)])
def test_excerpts_outside_the_clip(tmp_path, offset, length):
    path = save(tmp_path / "clip.wav", np.zeros((1, 1000), np.float32), 44100, "PCM_16")
    with pytest.raises(ClipError, match="the clip has samples 0 to 1000"):
        audio.read(path, offset_samples=offset, length_samples=length)


@pytest.mark.parametrize(("suffix", "subtype"), [
    ("wav", "PCM_24"), ("rf64", "PCM_24"), ("aiff", "PCM_24"), ("flac", "PCM_16"), ("ogg", "VORBIS"),
    ("mp3", "MPEG_LAYER_III")])
@pytest.mark.parametrize("kept", [0.97, 0.5, 0.1])
def test_clips_that_are_cut_short_are_no_clips(tmp_path, rng, suffix, subtype, kept):
    path = save(tmp_path / f"clip.{suffix}", music(rng, 2, 5 * 44100, 44100), 44100, subtype)
    audio.verify(path)
    path.write_bytes(path.read_bytes()[:int(kept * path.stat().st_size)])
    with pytest.raises(ClipError, match=r"clip\..* is (damaged or )?cut short"):
        audio.verify(path)
