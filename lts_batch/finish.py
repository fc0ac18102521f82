"""The last touch on a stem: fades, and the question of full scale. Everything is off unless asked for."""

import numpy as np
from numpy.typing import NDArray


def fade(block: NDArray[np.float32], start_sample: int, stem_samples: int, sample_rate: int, *,
         fade_in_seconds: float, fade_out_seconds: float) -> NDArray[np.float32]:
    """A block ``[channels, samples]`` of a stem with raised-cosine fades at the stem's ends; unchanged without fades."""
    if fade_in_seconds == 0.0 and fade_out_seconds == 0.0:
        return block
    position = start_sample + np.arange(block.shape[1])
    gain = np.ones(block.shape[1])
    for seconds, distance in ((fade_in_seconds, position), (fade_out_seconds, stem_samples - 1 - position)):
        if seconds > 0.0:
            length = min(seconds * sample_rate, stem_samples)
            gain *= 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / length, 0.0, 1.0))
    return np.asarray(block * gain, dtype=np.float32)


def common_gain(peaks: list[float]) -> float:
    """The one gain that brings the loudest stem of a job to full scale, 1 where none passes it.

    >>> common_gain([0.5, 2.0]), common_gain([0.5])
    (0.5, 1.0)
    """
    loudest = max(peaks, default=0.0)
    return 1.0 if loudest <= 1.0 else 1.0 / loudest
