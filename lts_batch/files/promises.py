"""What the headers of a clip promise, and whether the file holds it; and a view of the file that the libraries can trust."""

import io
from typing import Any, BinaryIO

from lts_batch.errors import ClipError
from lts_batch.files import riff

AGAIN = "export it again from where it came"


class View(io.RawIOBase):
    """A file as the libraries should see it: without its name, and where need be with a few bytes read as others.

    soundfile takes a name that ends in .raw as leave to guess. The file itself is left alone, also when this is closed.
    """

    def __init__(self, handle: BinaryIO, patch_at: int = 0, patch: bytes = b"") -> None:
        super().__init__()
        self._handle, self._patch_at, self._patch = handle, patch_at, patch

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence == 1:
            offset, whence = self._handle.tell() + offset, 0
        # a damaged header sends libraries to places before the start, and they do not expect an exception
        return self._handle.seek(max(0, offset) if whence == 0 else offset, whence)

    def tell(self) -> int:
        return self._handle.tell()

    def readinto(self, buffer: Any, /) -> int:
        start = self._handle.tell()
        data = bytearray(self._handle.read(len(buffer)))
        for n, byte in enumerate(self._patch, self._patch_at - start):
            if 0 <= n < len(data):
                data[n] = byte
        buffer[:len(data)] = data
        return len(data)


def checked(handle: BinaryIO, name: str) -> View:
    """The file, if the file holds what its header promises; WAV from a pipe gets the size that it could not know."""
    present = riff.file_bytes(handle)
    _check_ogg(handle, present, name)
    chunk = riff.audio_chunk(handle)
    if chunk is None:
        return View(handle)
    left = present - chunk.start
    if riff.is_unknown(chunk.size_bytes):
        if chunk.name == b"data" and chunk.size_bytes == 0 and left and not riff.is_chunk_list(handle, chunk.start):
            return View(handle, chunk.size_at, b"\xff\xff\xff\xff")  # libsndfile reads this one as "to the end"
        return View(handle)
    if left < chunk.size_bytes:
        raise truncated(name, f"its header promises {chunk.size_bytes} bytes of audio, {left} are there")
    return View(handle)


def _check_ogg(handle: BinaryIO, present: int, name: str) -> None:
    """Refuse an Ogg file whose last page is cut (RFC 3533: 27 bytes, the segment table, the segments)."""
    handle.seek(0)
    if handle.read(4) != b"OggS":
        return
    start = max(0, present - (1 << 17))  # a page has at most 65,307 bytes
    handle.seek(start)
    tail = handle.read()
    page = tail[tail.rfind(b"OggS"):]
    segments = page[26] if len(page) > 26 else 0
    wanted = 27 + segments + sum(page[27:27 + segments])
    if len(page) < max(wanted, 28):
        raise truncated(name, f"its last page should have {wanted} bytes, {len(page)} are there")


def mp3_promise(handle: View) -> int | None:
    """Samples by the Xing or Info header of an MP3 file, if it has one (frames of 1152 samples, 576 below 32 kHz)."""
    handle.seek(0)
    head = handle.read(10) or b""
    skip = 0
    if head[:3] == b"ID3" and len(head) == 10:  # its size has 7 bits to the byte
        skip = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    handle.seek(skip)
    frame = handle.read(200) or b""
    found = max(frame.find(b"Xing"), frame.find(b"Info"))
    if frame[:1] != b"\xff" or found < 0 or len(frame) < found + 12 or not frame[found + 7] & 1:
        return None
    samples_per_frame = 1152 if frame[1] & 0x08 else 576
    return int.from_bytes(frame[found + 8:found + 12], "big") * samples_per_frame


def truncated(name: str, found: str) -> ClipError:
    """The error for a clip that ends before its time."""
    return ClipError(f"{name} is cut short: {found}; wait until it is fully copied, or {AGAIN}")
