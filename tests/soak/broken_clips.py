"""A hundred kinds of clips that are broken, or look as if they were: bytes that programs, disks and people leave behind.

Each kind is the second clip of a pair whose first is sound. What it comes to is said here only as far as it must be: ``BAD``
has to fail, ``GOOD`` has to give stems; of the others (``EITHER``) one or the other.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE, SAMPLES = 44100, 6615  # 0.15 s
GOOD, BAD, EITHER = "good", "bad", "either"

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
UNKNOWN_LENGTH = 0xFFFFFFFF
Samples = NDArray[np.float32]
_HEADER = 44  # bytes of a plain WAV before its samples
_NOT_PCM = bytes.fromhex("ffffffff0000100080000000aa389b71")


@dataclass(frozen=True)
class Kind:
    """A clip: what is wrong with it, its bytes, its suffix, what it has to come to."""

    what: str
    data: bytes
    suffix: str = ".wav"
    end: str = BAD


@lru_cache
def sound(channels: int = 1) -> Samples:
    """Samples ``[samples, channels]``: a tone and a little noise."""
    rng = np.random.default_rng(7)
    tone = 0.3 * np.sin(2 * np.pi * 330 * np.arange(SAMPLES) / RATE)[:, None]
    return (tone + 0.01 * rng.standard_normal((SAMPLES, channels))).astype(np.float32)


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    """A RIFF chunk, of any size that it says it has."""
    return name + struct.pack("<I", len(data) if size is None else size) + data + b"\0" * (len(data) % 2)


def riff(*chunks: bytes, size: int | None = None, name: bytes = b"RIFF", form: bytes = b"WAVE") -> bytes:
    """A RIFF file of chunks."""
    body = form + b"".join(chunks)
    return name + struct.pack("<I", len(body) if size is None else size) + body


def fmt(code: int = PCM, channels: int = 1, rate: int = RATE, bits: int = 16, align: int | None = None, more: bytes = b"",
        bytes_a_second: int | None = None) -> bytes:
    """A format chunk."""
    align = channels * ((bits + 7) // 8) & 0xFFFF if align is None else align
    spent = rate * align & 0xFFFFFFFF if bytes_a_second is None else bytes_a_second
    return chunk(b"fmt ", struct.pack("<HHIIHH", code, channels, rate, spent, align, bits) + more)


@lru_cache
def pcm() -> bytes:
    """The sound as 16-bit samples."""
    return (sound() * 32767).astype("<i2").tobytes()


def written(suffix: str, subtype: str, channels: int = 1, rate: int = RATE) -> bytes:
    """The sound as a library writes it."""
    target = BytesIO()
    soundfile.write(target, sound(channels), rate, format=suffix, subtype=subtype)
    return target.getvalue()


def floats(values: Samples) -> bytes:
    """A WAV of 32-bit floats, whatever they are."""
    return riff(fmt(FLOAT, bits=32), chunk(b"data", values.astype("<f4").tobytes()))


def with_values(*values: float) -> bytes:
    """The sound with some samples put in place of its own."""
    samples = sound()[:, 0].copy()
    samples[1000:1000 + len(values)] = values
    return floats(samples)


def kinds() -> Iterator[Kind]:
    """All of them."""
    for group in (_cut_short, _sizes, _formats, _layouts, _values, _other_files, _unusual_but_whole):
        yield from group()


def _cut_short() -> Iterator[Kind]:
    whole = riff(fmt(), chunk(b"data", pcm()))
    for length in (0, 1, 4, 8, 12, 16, 20, 24, 36, 40, _HEADER - 1, _HEADER, _HEADER + 1, len(whole) // 2, len(whole) - 2,
                   len(whole) - 1):
        yield Kind(f"a WAV cut after {length} bytes", whole[:length])
    for suffix, subtype in (("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("AIFF", "PCM_24"), ("W64", "PCM_16"),
                            ("RF64", "PCM_16"), ("CAF", "PCM_16"), ("MP3", "MPEG_LAYER_III")):
        data = written(suffix, subtype)
        ending = ".wav" if suffix == "RF64" else f".{suffix.lower()}"
        yield Kind(f"{suffix} cut in half", data[:len(data) // 2], ending, EITHER if suffix in ("OGG", "MP3") else BAD)
        yield Kind(f"{suffix} cut in its head", data[:min(40, len(data) // 3)], ending)


def _sizes() -> Iterator[Kind]:
    data = chunk(b"data", pcm())
    yield Kind("a RIFF that says it is empty", riff(fmt(), data, size=0), end=EITHER)
    yield Kind("a RIFF of unknown length", riff(fmt(), data, size=UNKNOWN_LENGTH), end=EITHER)
    yield Kind("a RIFF that says it is longer", riff(fmt(), data, size=len(pcm()) * 3), end=EITHER)
    yield Kind("a RIFF that says it is shorter", riff(fmt(), data, size=100), end=EITHER)
    yield Kind("data that say they are empty, as from a pipe", riff(fmt(), chunk(b"data", pcm(), size=0)), end=GOOD)
    yield Kind("data of unknown length", riff(fmt(), chunk(b"data", pcm(), size=UNKNOWN_LENGTH)), end=EITHER)
    yield Kind("data that say they are longer", riff(fmt(), chunk(b"data", pcm(), size=len(pcm()) + 2000)))
    yield Kind("data that say they are shorter", riff(fmt(), chunk(b"data", pcm(), size=len(pcm()) - 2000)), end=EITHER)
    yield Kind("data of an odd length", riff(fmt(), chunk(b"data", pcm()[:-1])), end=EITHER)
    yield Kind("a format chunk that says it is huge", riff(chunk(b"fmt ", fmt()[8:], size=0x7FFFFFFF), data))
    yield Kind("a format chunk of four bytes", riff(chunk(b"fmt ", b"\1\0\1\0"), data))


def _formats() -> Iterator[Kind]:
    def of(what: str, end: str = BAD, **changes: int) -> Kind:
        return Kind(what, riff(fmt(**changes), chunk(b"data", pcm())), end=end)

    yield of("no channels", channels=0)
    yield of("65535 channels", channels=65535)
    for rate in (0, 1, 7, 2**31 - 1, 2**32 - 1):
        yield of(f"a rate of {rate} Hz", rate=rate)
    for bits in (0, 1, 7, 63, 255):
        yield of(f"{bits} bits", EITHER if bits in (1, 7) else BAD, bits=bits)
    yield of("blocks of no bytes", EITHER, align=0)
    yield of("blocks of 999 bytes", EITHER, align=999)
    yield of("no bytes a second", EITHER, bytes_a_second=0)
    for code, name in ((0, "unknown"), (2, "ADPCM without its numbers"), (0x55, "MP3"), (0x1234, "made up")):
        yield of(f"format {name}", code=code)
    yield of("16-bit floats", EITHER, code=FLOAT)
    made_up = struct.pack("<HHI", 22, 16, 4) + _NOT_PCM
    yield Kind("an extensible format of a made-up kind", riff(fmt(EXTENSIBLE, more=made_up), chunk(b"data", pcm())))
    yield Kind("an extensible format that ends too soon", riff(fmt(EXTENSIBLE), chunk(b"data", pcm())), end=EITHER)


def _layouts() -> Iterator[Kind]:
    data = chunk(b"data", pcm())
    yield Kind("no format", riff(data))
    yield Kind("no data", riff(fmt()))
    yield Kind("data before the format", riff(data, fmt()))
    yield Kind("two formats that differ", riff(fmt(), fmt(channels=2), data), end=EITHER)
    yield Kind("two chunks of data", riff(fmt(), data, data), end=EITHER)
    yield Kind("ten thousand empty chunks", riff(fmt(), *[chunk(b"junk", b"")] * 10_000, data), end=EITHER)
    yield Kind("an odd chunk without its padding", riff(fmt(), chunk(b"junk", b"abc")[:-1], data), end=EITHER)
    yield Kind("a chunk with an empty name", riff(fmt(), chunk(b"\0\0\0\0", b"abcd"), data), end=EITHER)
    yield Kind("a list that never ends", riff(fmt(), chunk(b"LIST", b"INFO", size=0x7FFFFFF0), data))
    yield Kind("a RIFX", riff(fmt(), data, name=b"RIFX"))
    yield Kind("a RIFF that is no WAVE", riff(fmt(), data, form=b"AVI "))
    yield Kind("zeros before the RIFF", b"\0" * 512 + riff(fmt(), data))
    yield Kind("two WAVs one after the other", riff(fmt(), data) * 2, end=EITHER)
    yield Kind("a tail of text", riff(fmt(), data) + b"and so on" * 99, end=EITHER)


def _values() -> Iterator[Kind]:
    yield Kind("not a number", with_values(np.nan))
    yield Kind("infinity", with_values(np.inf))
    yield Kind("minus infinity", with_values(-np.inf))
    yield Kind("only not a number", floats(np.full(SAMPLES, np.nan)))
    yield Kind("1e30", with_values(1e30))
    yield Kind("the largest float", with_values(3.4e38, -3.4e38))
    yield Kind("denormals", floats(np.full(SAMPLES, 1e-42)))
    yield Kind("a few denormals", with_values(*[1e-42] * 50), end=GOOD)
    yield Kind("silence", floats(np.zeros(SAMPLES)))
    yield Kind("one sample", floats(np.array([0.5])))
    yield Kind("two samples", floats(np.array([0.5, -0.5])))
    yield Kind("a constant", floats(np.full(SAMPLES, 0.9)), end=EITHER)
    yield Kind("the highest frequency", floats(np.tile([0.9, -0.9], SAMPLES // 2)), end=EITHER)
    yield Kind("40 dB over full scale", floats(sound()[:, 0] * 100.0), end=EITHER)
    yield Kind("one click", floats(np.eye(1, SAMPLES, 3000)[0]), end=GOOD)


def _other_files() -> Iterator[Kind]:
    yield Kind("text", b"this is not audio\n" * 300)
    yield Kind("JSON", b'{"format": "lts-batch/job"}')
    yield Kind("a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    yield Kind("a program", b"\x7fELF" + bytes(4000))
    yield Kind("an archive", b"PK\x03\x04" + bytes(range(256)) * 20)
    yield Kind("noise", np.random.default_rng(3).bytes(20_000))
    yield Kind("zeros", bytes(20_000))
    yield Kind("a web page", b"<!DOCTYPE html><title>404</title>" * 50)
    for suffix, subtype in (("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("AIFF", "PCM_16")):
        yield Kind(f"{suffix} called .wav", written(suffix, subtype), end=EITHER)
        yield Kind(f"a WAV called .{suffix.lower()}", riff(fmt(), chunk(b"data", pcm())), f".{suffix.lower()}", EITHER)
    data = bytearray(written("FLAC", "PCM_16"))
    data[len(data) // 2:len(data) // 2 + 64] = bytes(64)
    yield Kind("a FLAC with a hole", bytes(data), ".flac", EITHER)


def _unusual_but_whole() -> Iterator[Kind]:
    for suffix, subtype in (("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"),
                            ("WAV", "ULAW"), ("WAV", "ALAW"), ("RF64", "PCM_24"), ("W64", "PCM_24"), ("AIFF", "PCM_24"),
                            ("CAF", "ALAC_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"),
                            ("MP3", "MPEG_LAYER_III")):
        ending = ".wav" if suffix == "RF64" else f".{suffix.lower()}"
        yield Kind(f"{suffix} of {subtype}", written(suffix, subtype), ending, GOOD)
    yield Kind("24 channels", written("WAV", "PCM_16", 24), end=EITHER)
    for rate in (8000, 22050, 192_000):
        yield Kind(f"{rate} Hz", written("WAV", "PCM_16", rate=rate), end=GOOD)


