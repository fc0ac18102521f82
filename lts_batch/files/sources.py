"""Audio that can be read by position, and what is laid around it: parts, repetitions, another sample rate.

Samples are float32 ``[channels, samples]``. Nothing here reads more than it is asked for, so that an hour of audio costs
no more memory than a second.
"""

import tempfile
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lts_batch.errors import OutputError

BLOCK_SAMPLES = 1 << 16
_MEMORY_BYTES = 1 << 24  # resampled audio beyond this goes to a temporary file


class Source(Protocol):
    """Audio that can be read by position; ``audio.Reader`` is one."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def samples(self) -> int: ...
    def read(self, start: int, count: int) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Excerpt:
    """Part of a source, as a source; or samples in memory ``[channels, samples]``."""

    source: Source | NDArray[np.float32]
    sample_rate: int
    start: int
    samples: int

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.source.shape[0] if isinstance(self.source, np.ndarray) else self.source.channels

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """``count`` samples from ``start``."""
        if isinstance(self.source, np.ndarray):
            return self.source[:, self.start + start:self.start + start + count]
        return self.source.read(self.start + start, count)


def blocks(source: Source, block_samples: int = BLOCK_SAMPLES) -> Iterator[NDArray[np.float32]]:
    """A source from start to end in blocks ``[channels, at most block_samples]``."""
    for start in range(0, source.samples, block_samples):
        yield source.read(start, min(block_samples, source.samples - start))


@dataclass(frozen=True)
class Mono:
    """A source with all its channels averaged into one."""

    source: Source

    @property
    def sample_rate(self) -> int:
        """That of the source, in Hz."""
        return self.source.sample_rate

    @property
    def channels(self) -> int:
        """One."""
        return 1

    @property
    def samples(self) -> int:
        """Length of the source."""
        return self.source.samples

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """``count`` samples from ``start``."""
        return np.asarray(self.source.read(start, count).mean(axis=0, keepdims=True), np.float32)


def read_around(source: Source, start: int, count: int, *, period: int | None = None) -> NDArray[np.float32]:
    """``count`` samples from ``start``, which may lie outside of the source: zeros there, or the source again.

    Args:
        period: length of one round in samples where the source goes round and round; zeros fill up a round that is
            longer than the source, and a shorter one cuts it.
    """
    out = np.zeros((source.channels, count), dtype=np.float32)
    length = source.samples if period is None else min(source.samples, period)
    turns = range(1) if period is None else range(start // period, (start + count - 1) // period + 1)
    for turn in turns:
        offset = turn * (period or 0)
        begin, end = max(start, offset), min(start + count, offset + length)
        if end > begin:
            out[:, begin - start:end - start] = source.read(begin - offset, end - begin)
    return out


class Resampled:
    """A source at another rate: resampled once from start to end (soxr, best quality), then read by position.

    What does not fit into a few megabytes lies in a temporary file, which vanishes with this object.
    """

    def __init__(self, source: Source, sample_rate: int) -> None:
        import soxr

        self.sample_rate, self.channels = sample_rate, source.channels
        self.samples = max(1, round(source.samples * sample_rate / source.sample_rate))
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115 - it lives as long as we do
        self._reading = threading.Lock()
        weakref.finalize(self, self._file.close)  # closed by chance it would warn
        stream = soxr.ResampleStream(source.sample_rate, sample_rate, self.channels, dtype="float32", quality="VHQ")
        left = source.samples
        for block in blocks(source):
            left -= block.shape[1]
            changed = stream.resample_chunk(np.ascontiguousarray(block.T), last=left == 0)
            self._keep(changed.astype(np.float32, copy=False).tobytes())

    def _keep(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise OutputError(f"the folder for temporary files, {tempfile.gettempdir()}, cannot take a resampled clip"
                              f" ({error.strerror}): make room there, or export the clips at one sample rate") from None

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """``count`` samples from ``start``; rounding of the length leaves a few zeros at the end."""
        width = 4 * self.channels
        with self._reading:  # several stems are made at once, and there is one place in the file
            self._file.seek(start * width)
            data = self._file.read(count * width)
        found = np.frombuffer(data, dtype=np.float32).reshape(-1, self.channels).T
        return np.pad(found, ((0, 0), (0, count - found.shape[1])))
