"""Clips in, stems out: every sample enters and leaves the program here.

Samples are float32 ``[channels, samples]``, full scale is -1 to 1. Reading goes by position, so that a long clip never
has to be in memory as a whole; writing is whole or not at all.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from lts_batch.errors import ClipError
from lts_batch.files import decoders, wav
from lts_batch.files.promises import AGAIN

Samples = NDArray[np.float32]
Clip = Path | str | BinaryIO

LEAST_RATE_HZ, MOST_RATE_HZ = 1000, 768000
MOST_CHANNELS = 64
MOST_PEAK_DB = 240.0  # samples counted in whole numbers of 32 bits reach 187; squares of squares have to fit a float
SILENCE_DB = -80.0  # peak; above 16-bit dither, below anything that was meant to be heard
_BLOCK_SAMPLES = 1 << 18

_DEPTHS = {
    "PCM_U8": "8-bit", "PCM_S8": "8-bit", "PCM_16": "16-bit", "PCM_24": "24-bit", "PCM_32": "32-bit",
    "FLOAT": "32-bit float", "DOUBLE": "64-bit float", "int8": "8-bit", "int16": "16-bit", "int24": "24-bit",
    "int32": "32-bit", "float32": "32-bit float", "float64": "64-bit float",
}


@dataclass(frozen=True)
class Info:
    """What a clip is: ``samples`` per channel, ``format`` as in WAV or FLAC, ``depth`` as in "24-bit" or "lossy"."""

    path: Path
    sample_rate: int
    channels: int
    samples: int
    format: str
    subtype: str
    depth: str

    @property
    def duration_seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate


# ---------------------------------------------------------------- reading


class Reader:
    """An open clip that gives any excerpt without reading the rest. A context; a handle given to it stays open.

    Args:
        clip: a path, or a file open for reading in binary mode.

    Raises:
        ClipError: missing, a folder, empty, cut short, not audio, no samples, or a rate or channel count out of range.
    """

    def __init__(self, clip: Clip) -> None:
        self._owned, self._reading = isinstance(clip, str | Path), threading.Lock()
        self._handle = _open(Path(clip)) if isinstance(clip, str | Path) else clip
        self.path = Path(clip if isinstance(clip, str | Path) else str(getattr(clip, "name", "the clip")))
        try:
            self._decoder = decoders.open_decoder(self._handle, str(self.path))
            self.sample_rate = self._decoder.sample_rate
            self.channels = self._decoder.channels
            self.samples = self._decoder.samples
            _check(self)
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> Info:
        """What the clip is."""
        subtype = self._decoder.subtype
        return Info(self.path, self.sample_rate, self.channels, self.samples, self._decoder.format, subtype,
                    _DEPTHS.get(subtype, "lossy"))

    def read(self, start: int, count: int) -> Samples:
        """``count`` samples from ``start`` as ``[channels, count]``.

        Raises:
            ClipError: the excerpt lies outside the clip, the file ends too soon, or a sample is NaN or infinite.
        """
        if start < 0 or count < 1 or start + count > self.samples:
            raise ClipError(f"{self.path}: samples {start} to {start + count} were asked for, but the clip has samples"
                            f" 0 to {self.samples} ({self.sample_rate} Hz): choose an excerpt inside the clip")
        with self._reading:  # several stems are made at once, and a decoder has one place in its file
            block = self._decoder.read(start, count)
        if block.shape[1] < count:
            raise ClipError(f"{self.path} is cut short: it ends after {start + block.shape[1]} of {self.samples}"
                            f" samples; wait until it is fully copied, or {AGAIN}")
        if not np.isfinite(block).all():
            bad = start + int(np.argmin(np.isfinite(block).all(axis=0)))
            raise ClipError(f"{self.path} holds a value that is not a number or infinite at sample {bad}"
                            f" ({bad / self.sample_rate:.3f} s): cut it out, or {AGAIN}")
        return block

    def blocks(self, block_samples: int = _BLOCK_SAMPLES) -> Iterator[Samples]:
        """The clip from start to end in blocks of at most ``block_samples``."""
        for start in range(0, self.samples, block_samples):
            yield self.read(start, min(block_samples, self.samples - start))

    def close(self) -> None:
        """Close what was opened here."""
        if hasattr(self, "_decoder"):
            self._decoder.close()
        if self._owned:
            self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def open_reader(clip: Clip) -> Reader:
    """Open a clip for reading by slices; see ``Reader``."""
    return Reader(clip)


def info(clip: Clip) -> Info:
    """What a clip is, from its header (MP3 has to be counted through). Raises ``ClipError`` like ``Reader``."""
    with Reader(clip) as reader:
        return reader.info


def read(clip: Clip, *, offset_samples: int = 0, length_samples: int | None = None) -> tuple[Samples, int]:
    """A clip or an excerpt of it.

    Args:
        offset_samples: where to start, in samples of the clip's own rate.
        length_samples: how many samples; the rest of the clip if not given.

    Returns:
        Samples float32 ``[channels, samples]`` and the sample rate in Hz.

    Raises:
        ClipError: as ``Reader`` and its ``read``.
    """
    with Reader(clip) as reader:
        length = max(1, reader.samples - offset_samples) if length_samples is None else length_samples
        return reader.read(offset_samples, length), reader.sample_rate


def verify(clip: Clip) -> Info:
    """Read a clip to its end, a block at a time, and say what it is.

    Raises:
        ClipError: anything in it that cannot be read; some damage shows nowhere but in the samples.
    """
    with Reader(clip) as reader:
        for _ in reader.blocks():
            pass
        return reader.info


def peak(samples: Samples) -> float:
    """The largest absolute value; 0 for no samples."""
    return float(np.abs(samples).max(initial=0.0))


def _open(path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            raise ClipError(f"{path} is a folder: give an audio file in it")
        if path.exists() and not path.is_file():  # opening a named pipe would wait for ever
            raise ClipError(f"{path} is no ordinary file: copy the audio into a file first")
        return path.open("rb")
    except FileNotFoundError:
        raise ClipError(f"{path} is missing: check the name and the folder") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ClipError(f"{path} cannot be opened ({why}): check its name and permissions") from None


def _check(reader: Reader) -> None:
    """Refuse headers that no clip has."""
    if reader.samples == 0:
        raise ClipError(f"{reader.path} has no samples: give a clip of at least 1 sample")
    if not LEAST_RATE_HZ <= reader.sample_rate <= MOST_RATE_HZ:
        raise ClipError(f"{reader.path} has a sample rate of {reader.sample_rate} Hz, outside of {LEAST_RATE_HZ} to"
                        f" {MOST_RATE_HZ} Hz: export it at a usual rate, for example 48000 Hz")
    if not 1 <= reader.channels <= MOST_CHANNELS:
        raise ClipError(f"{reader.path} has {reader.channels} channels, outside of 1 to {MOST_CHANNELS}:"
                        f" split it into files of fewer channels")


# ---------------------------------------------------------------- writing


def write(path: Path, samples: Samples, sample_rate: int, *, subtype: wav.Subtype = "PCM_24",
          overwrite: bool = False, dither_seed: int | None = None) -> None:
    """Write samples ``[channels, samples]`` as a WAV file, whole or not at all. Arguments and errors as ``wav.Writer``."""
    with wav.Writer(path, sample_rate, samples.shape[0], subtype=subtype, overwrite=overwrite,
                expected_samples=samples.shape[1], dither_seed=dither_seed) as writer:
        for start in range(0, samples.shape[1], _BLOCK_SAMPLES):  # bounds the memory of the conversion
            writer.write(samples[:, start:start + _BLOCK_SAMPLES])
