"""WAV files written block by block, whole or not at all. Samples are float32 ``[channels, samples]``."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lts_batch.errors import OutputError
from lts_batch.files import riff, whole

Subtype = Literal["PCM_16", "PCM_24", "FLOAT"]


class Writer(whole.Unfinished):
    """A WAV file written block by block. As a context it appears, complete, at the end of the block, or not at all.

    PCM values are rounded to the nearest step of ``2**-23`` (or ``2**-15``), so that a clip of that depth comes back
    bit for bit; exactly 1.0 becomes the largest code. (libsndfile scales by ``2**23 - 1``, up to one step off.)

    Args:
        subtype: ``PCM_24``, ``PCM_16`` or ``FLOAT``.
        overwrite: replace an existing file.
        expected_samples: length to come, if known; needed only where the file would pass 4 GiB.
        dither_seed: add triangular noise of up to one step either way before rounding to ``PCM_16``, the same for the same
            seed, so that what is softer than a step fades into noise instead of distortion; the loudest codes hold what it
            would push past full scale. Nothing is added without it, nor to other subtypes.

    Raises:
        OutputError: the destination exists or cannot be written, at any stage; a block is not finite, or passes full
            scale in PCM.
    """

    def __init__(self, path: Path, sample_rate: int, channels: int, *, subtype: Subtype = "PCM_24",
                 overwrite: bool = False, expected_samples: int = 0, dither_seed: int | None = None) -> None:
        if subtype not in riff.SAMPLE_BYTES:
            raise ValueError(f"subtype must be one of {', '.join(riff.SAMPLE_BYTES)}, found {subtype!r}")
        self.path, self.sample_rate, self.channels, self.subtype = Path(path), sample_rate, channels, subtype
        self.samples = 0
        self._noise = np.random.default_rng(dither_seed) if dither_seed is not None and subtype == "PCM_16" else None
        self._block_bytes = channels * riff.SAMPLE_BYTES[subtype]
        self._long = expected_samples * self._block_bytes > riff.SIZE_LIMIT_BYTES - 1024  # 1024 for the head
        self._file = whole.WholeFile(self.path, overwrite=overwrite)
        with self._discarding():
            self._file.write(self._head())

    def _head(self) -> bytes:
        return riff.wav_head(self.sample_rate, self.channels, self.subtype, self.samples * self._block_bytes,
                             long=self._long)

    def write(self, block: NDArray[np.float32]) -> None:
        """Append samples ``[channels, n]``."""
        with self._discarding():
            if block.ndim != 2 or block.shape[0] != self.channels:
                raise ValueError(f"{self.path} takes blocks of shape [{self.channels}, n], found {list(block.shape)}")
            total = (self.samples + block.shape[1]) * self._block_bytes
            if not self._long and total > riff.SIZE_LIMIT_BYTES - 1024:
                raise OutputError(f"{self.path} would pass 4 GiB, the most a plain WAV can hold:"
                                  " make the stem shorter, or of fewer channels")
            self._file.write(self._encode(block))
            self.samples += block.shape[1]

    def _encode(self, block: NDArray[np.float32]) -> bytes:
        if not np.isfinite(block).all():
            raise OutputError(f"{self.path} would hold values that are not numbers: please report this, with the clips"
                              " and settings it came from")
        if self.subtype == "FLOAT":
            return block.T.astype("<f4").tobytes()
        highest = float(np.abs(block).max(initial=0.0))
        if highest > 1.0:
            raise OutputError(f"{self.path} would clip: it peaks at {20 * math.log10(highest):+.2f} dBFS, and"
                              f" {self.subtype} ends at 0 dBFS; write it as FLOAT, or scale it")
        depth = riff.SAMPLE_BYTES[self.subtype]
        full = 1 << (8 * depth - 1)
        steps = block.T.astype(np.float64, order="C") * full
        if self._noise is not None:
            noise = self._noise.random((*steps.shape, 2))  # in the order of samples, so that blocks make no difference
            steps += noise[..., 0] - noise[..., 1]
        codes = np.clip(np.rint(steps), -full, full - 1).astype("<i4", order="C")
        return codes.view(np.uint8).reshape(-1, 4)[:, :depth].tobytes()

    @contextmanager
    def _discarding(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._file.discard()
            raise

    def commit(self) -> None:
        """Put the lengths into the head and let the file appear."""
        with self._discarding():
            if self.samples * self._block_bytes % 2:
                self._file.write(b"\0")  # chunks have even lengths
            self._file.seek(0)
            self._file.write(self._head())
            self._file.commit()

    def discard(self) -> None:
        """Leave nothing."""
        self._file.discard()
