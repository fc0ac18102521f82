"""Sound to write and read again."""

import struct

import numpy as np
import soundfile

LSB_24 = 2.0**-23


def music(rng, channels, samples, sample_rate):
    """Tones and a little noise, channels unlike each other, below full scale."""
    time = np.arange(samples) / sample_rate
    tones = np.stack([0.3 * np.sin(2 * np.pi * 220 * (n + 1) * time + n) for n in range(channels)])
    return (tones + 0.02 * rng.standard_normal((channels, samples))).astype(np.float32)


def save(path, samples, sample_rate, subtype):
    """By soundfile, in short blocks: its Vorbis encoder crashes on long ones."""
    with soundfile.SoundFile(path, "w", sample_rate, samples.shape[0], subtype) as file:
        for start in range(0, samples.shape[1], 4096):
            file.write(samples[:, start:start + 4096].T)
    return path


def wav_bytes(samples_16bit, data_size=None, riff_size=None, after=b"", rate=44100, channels=1):
    """A WAV file of 16-bit samples whose header may promise something else than is there."""
    data = np.asarray(samples_16bit, "<i2").tobytes()
    data_size = len(data) if data_size is None else data_size
    riff_size = 36 + len(data) + len(after) if riff_size is None else riff_size
    return (struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", riff_size, b"WAVE", b"fmt ", 16, 1, channels, rate,
                        rate * 2 * channels, 2 * channels, 16, b"data", data_size) + data + after)
