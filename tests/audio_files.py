"""Sound to write and read again."""

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
