"""The two libraries that decode clips, behind one interface: soundfile, and pedalboard as the wider net.

Both read from an open binary handle, so that what was checked is what is read. What they cannot be relied on for is
mended here: headers that promise more than the file holds, lengths that are only estimates, and seeking in Ogg.
"""

from contextlib import suppress
from pathlib import PurePath
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from lts_batch.errors import ClipError
from lts_batch.files import riff
from lts_batch.files.promises import AGAIN, View, checked, mp3_promise, truncated

FORMATS = "WAV, AIFF, FLAC, OGG, MP3"
_BLOCK_SAMPLES = 1 << 16
_UNKNOWN_LENGTH_SAMPLES = 1 << 40  # no clip is that long; libsndfile says 2**63 - 1 where a FLAC header gives no length
_LEAST_BYTES = {"PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
_MP3_SLACK_SAMPLES = 4 * 1152  # the header counts whole frames, with the padding at both ends and maybe with itself


class Decoder(Protocol):
    """Samples of an open clip, by position."""

    sample_rate: int
    channels: int
    samples: int
    format: str
    subtype: str

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Samples ``start`` to ``start + count`` as ``[channels, n]``; n is smaller where the file ends too soon."""
        ...

    def close(self) -> None:
        """Let the library's own memory go; the handle stays open."""
        ...


def open_decoder(handle: BinaryIO, name: str) -> Decoder:
    """Open a clip with the first library that can.

    Args:
        handle: readable, seekable, binary.
        name: what to call the clip in an error.

    Raises:
        ClipError: empty, cut short, or not audio.
    """
    if riff.file_bytes(handle) == 0:
        raise ClipError(f"{name} is empty (0 bytes): {AGAIN}")
    view = checked(handle, name)
    if riff.is_chunked(handle) and riff.audio_chunk(handle) is None:
        return _without_promise(view, riff.file_bytes(handle), name)
    for library in (SoundFileDecoder, PedalboardDecoder):
        with suppress(_Unreadable):
            view.seek(0)
            return library(view, name)
    raise ClipError(f"{name} is not audio that can be read here: give a clip in one of {FORMATS}")


class _Unreadable(Exception):
    """This library cannot open the clip; the next one may."""


def _without_promise(view: View, present: int, name: str) -> Decoder:
    """A chunked file in which no audio is found: its head was cut off, or its chunks are so crooked that only libsndfile finds
    their end. pedalboard would search for ever."""
    with suppress(_Unreadable):
        found = SoundFileDecoder(view, name)
        if found.samples * found.channels * _LEAST_BYTES.get(found.subtype, 0) <= present:
            return found
        found.close()
    raise truncated(name, "it has a header and no audio")


class SoundFileDecoder:
    """Decodes with libsndfile."""

    def __init__(self, view: View, name: str) -> None:
        self._view, self._name = view, name
        promised = mp3_promise(view)  # before libsndfile, which relies on finding the file where it left it
        self._file = self._open()
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.samples: int = self._file.frames
        self.format: str = self._file.format
        self.subtype: str = self._file.subtype
        unknown_length = self.samples >= _UNKNOWN_LENGTH_SAMPLES
        # libsndfile's seek in Ogg often lands beside the sample asked for, so there we decode up to it
        self._exact_seek = self.format != "OGG" and not unknown_length
        if self.subtype.startswith("MPEG") or unknown_length:
            self._count(promised)

    def _open(self) -> Any:
        import soundfile

        self._view.seek(0)
        self._position = 0
        try:
            file = soundfile.SoundFile(self._view)
        except (soundfile.LibsndfileError, ValueError, TypeError):
            raise _Unreadable from None
        file.seekable = lambda: False  # or soundfile seeks to where it is after every block, which Ogg doesn't survive
        return file

    def _count(self, promised: int | None) -> None:
        """Lengths of MP3 are guesses from the size of the file, so they are counted (some 500 times real time)."""
        counted = 0
        while block := self.read(counted, _BLOCK_SAMPLES).shape[1]:
            counted += block
        if promised is not None and counted < promised - _MP3_SLACK_SAMPLES:
            raise truncated(self._name, f"its header promises {promised} samples, {counted} are there")
        self.samples = counted
        self._file.close()
        self._file = self._open()

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Samples ``start`` to ``start + count`` as ``[channels, n]``, n <= count."""
        import soundfile

        try:
            self._go_to(start)
            block = self._file.read(count, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            why = error.error_string.strip(" .")
            raise ClipError(f"{self._name} is damaged or cut short ({why}): {AGAIN}") from None
        self._position = start + len(block)
        return np.ascontiguousarray(block.T)

    def _go_to(self, start: int) -> None:
        if start == self._position:
            return
        if self._exact_seek:
            self._file.seek(start)
            return
        if start < self._position:
            self._file.close()
            self._file = self._open()
        while self._position < start:
            skipped = len(self._file.read(min(_BLOCK_SAMPLES, start - self._position), dtype="float32"))
            if not skipped:
                raise truncated(self._name, f"it ends after {self._position} of {self.samples} samples")
            self._position += skipped

    def close(self) -> None:
        """Close libsndfile's side."""
        self._file.close()


class PedalboardDecoder:
    """Decodes with pedalboard: what the operating system knows besides, such as AAC on macOS and Windows."""

    def __init__(self, view: View, name: str) -> None:
        from pedalboard.io import AudioFile

        try:
            self._file: Any = AudioFile(cast(BinaryIO, view))
        except (ValueError, RuntimeError):
            raise _Unreadable from None
        self.sample_rate = int(self._file.samplerate)
        self.channels: int = self._file.num_channels
        self.samples = int(self._file.frames)
        if self.samples < 0:  # what a header without its numbers comes to
            raise _Unreadable
        self.format: str = PurePath(name).suffix[1:].upper() or "unknown"
        self.subtype: str = self._file.file_dtype
        self._name = name
        # pedalboard divides integers by the largest code, not by full scale: a 16-bit -32768 comes as -1.00003
        bits = int(self.subtype.removeprefix("int")) if self.subtype.startswith("int") else 32
        self._scale = np.float32(1 - 2.0 ** (1 - bits)) if bits < 32 else np.float32(1)

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Samples ``start`` to ``start + count`` as ``[channels, n]``, n <= count."""
        try:
            if start != self._file.tell():
                self._file.seek(start)
            with np.errstate(invalid="ignore", over="ignore"):  # what is no number is told of later, with its place
                return np.ascontiguousarray(self._file.read(count), dtype=np.float32) * self._scale
        except (ValueError, RuntimeError, OSError) as error:
            raise ClipError(f"{self._name} is damaged or cut short ({error}): {AGAIN}") from None

    def close(self) -> None:
        """Close pedalboard's side."""
        self._file.close()
