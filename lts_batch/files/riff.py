"""The chunks of RIFF files (WAV, RF64, AIFF, Wave64): walked to see what a file promises, and written as the head of a WAV.

Sources: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications" 1.0 (RIFF); EBU Tech 3306 (RF64);
Apple, "Audio Interchange File Format" 1.3; Sony, "Sony Pictures Digital Wave 64" (2004).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

SIZE_LIMIT_BYTES = 0xFFFFFFFF  # what a 32-bit size can say; longer files are RF64

SAMPLE_BYTES = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}
_FORMS = {(form, b"WAVE") for form in (b"RIFF", b"RIFX", b"RF64", b"BW64")} | {(b"FORM", b"AIFF"), (b"FORM", b"AIFC")}
_WAVE64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_WAVE64_HEAD, _WAVE64_FILE_HEAD = 24, 40  # of a chunk: its 16 bytes of name, and a size that counts them; of the file
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


@dataclass(frozen=True)
class Chunk:
    """One chunk: where its size is written, where its content starts, and how many bytes it promises."""

    name: bytes
    size_at: int
    start: int
    size_bytes: int


def is_unknown(size_bytes: int) -> bool:
    """Whether a size is one that programs leave behind when they write into a pipe and can't go back to fill it in.

    SoX takes the largest whole number of samples below two limits of its own.

    >>> is_unknown(0xFFFFFFFF), is_unknown(96000)
    (True, False)
    """
    return size_bytes in (0, SIZE_LIMIT_BYTES, 0x7FFFFFFF) or any(0 <= limit - size_bytes < 256
                                                                  for limit in (0x7FFFF000, 0x7F000008))


def file_bytes(handle: BinaryIO) -> int:
    """Length of an open file."""
    return handle.seek(0, 2)


def chunks(handle: BinaryIO) -> Iterator[Chunk]:
    """Chunks of a RIFF, RIFX, RF64, BW64, AIFF or Wave64 file in their order; nothing for any other file.

    The sizes are those that the file claims: the last chunk may reach beyond its end.
    """
    end = file_bytes(handle)
    handle.seek(0)
    head = handle.read(16)
    if head == _WAVE64:
        yield from _wave64_chunks(handle, end)
        return
    form, kind = head[:4], head[8:12]
    if (form, kind) not in _FORMS:
        return
    order = ">" if form in (b"FORM", b"RIFX") else "<"
    position, long_data_bytes = 12, None
    while position + 8 <= end:
        handle.seek(position)
        name, size = struct.unpack(f"{order}4sI", handle.read(8))
        if name == b"ds64":
            long_data_bytes = struct.unpack("<Q", handle.read(16)[8:].ljust(8, b"\0"))[0]
        if name == b"data" and size == SIZE_LIMIT_BYTES and long_data_bytes is not None:
            size = long_data_bytes
        yield Chunk(name, position + 4, position + 8, size)
        position += 8 + size + size % 2


def _wave64_chunks(handle: BinaryIO, end: int) -> Iterator[Chunk]:
    position = _WAVE64_FILE_HEAD
    while position + _WAVE64_HEAD <= end:
        handle.seek(position)
        name, size = struct.unpack("<4s12xQ", handle.read(_WAVE64_HEAD))
        yield Chunk(name, position + 16, position + _WAVE64_HEAD, max(0, size - _WAVE64_HEAD))
        position += max(_WAVE64_HEAD, size + -size % 8)


def is_chunked(handle: BinaryIO) -> bool:
    """Whether this is the head of a file that ``chunks`` can walk."""
    handle.seek(0)
    head = handle.read(16)
    return head == _WAVE64 or (head[:4], head[8:12]) in _FORMS


def audio_chunk(handle: BinaryIO) -> Chunk | None:
    """The chunk that holds the samples, if the file has one."""
    some = islice(chunks(handle), 10000)  # a damaged file can hold millions of empty ones
    return next((chunk for chunk in some if chunk.name in (b"data", b"SSND")), None)


def is_chunk_list(handle: BinaryIO, start: int) -> bool:
    """Whether the bytes from ``start`` to the end of the file read as little-endian chunks, and not as samples."""
    end = file_bytes(handle)
    while start + 8 <= end:
        handle.seek(start)
        name, size = struct.unpack("<4sI", handle.read(8))
        if not all(32 <= letter < 127 for letter in name):
            return False
        start += 8 + size + size % 2
    return start in (end, end + 1)  # the last pad byte is often forgotten


def wav_head(sample_rate: int, channels: int, subtype: str, data_bytes: int, *, long: bool = False) -> bytes:
    """Everything of a WAV file before its samples.

    Its length depends on ``channels``, ``subtype`` and ``long`` alone, so it can be written first and put right when
    ``data_bytes`` is known. Clips of more than two channels get the extensible format with no speaker positions.

    Args:
        subtype: one of ``SAMPLE_BYTES``.
        long: RF64, for more than 4 GiB.

    >>> len(wav_head(48000, 2, "PCM_24", 600))
    44
    """
    depth = SAMPLE_BYTES[subtype]
    block = channels * depth
    tag = _FLOAT if subtype == "FLOAT" else _PCM
    fmt = struct.pack("<HIIHH", channels, sample_rate, sample_rate * block, block, depth * 8)
    if channels > 2:
        fmt = struct.pack("<H", _EXTENSIBLE) + fmt + struct.pack("<HHIH", 22, depth * 8, 0, tag) + _GUID_TAIL
    elif tag == _FLOAT:
        fmt = struct.pack("<H", tag) + fmt + struct.pack("<H", 0)
    else:
        fmt = struct.pack("<H", tag) + fmt
    samples = data_bytes // block
    body = b"WAVE"
    middle = _chunk(b"fmt ", fmt)
    if tag == _FLOAT:
        middle += _chunk(b"fact", struct.pack("<I", min(samples, SIZE_LIMIT_BYTES)))
    size = len(body) + len(middle) + 8 + data_bytes + data_bytes % 2
    if not long:
        return struct.pack("<4sI", b"RIFF", size) + body + middle + struct.pack("<4sI", b"data", data_bytes)
    ds64 = _chunk(b"ds64", struct.pack("<QQQI", size + 36, data_bytes, samples, 0))
    return (struct.pack("<4sI", b"RF64", SIZE_LIMIT_BYTES) + body + ds64 + middle
            + struct.pack("<4sI", b"data", SIZE_LIMIT_BYTES))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)
