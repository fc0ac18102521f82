"""A SoundFont played by the ``fluidsynth`` program: a small MIDI writer, and one rendering of many segments.

fluidsynth is an optional companion (LGPL, run as a program of its own). Loading a SoundFont takes about a second, so
segments are laid one after the other in one MIDI file and cut apart by their known times.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lts_batch.errors import CorpusError

DRUM_CHANNEL = 9
KITS = (0, 8, 16, 24, 25, 32, 40, 48)  # GS numbers of the drum kits that most General MIDI fonts have
FLUIDSYNTH_LIMIT_SECONDS = 1800

KNOWN_LICENCES = {  # by SHA-256
    "74594e8f4250680adf590507a306655a299935343583256f3b722c48a1bc1cb0": "MIT (FluidR3_GM 3.1, Frank Wen and others)",
}
UNKNOWN_LICENCE = "unknown: check"

_FOLDERS = {
    "linux": ("/usr/share/sounds/sf2", "/usr/share/soundfonts", "/usr/local/share/soundfonts",
              "/usr/local/share/sounds/sf2", "~/.local/share/soundfonts"),
    "darwin": ("~/Library/Audio/Sounds/Banks", "/Library/Audio/Sounds/Banks", "/opt/homebrew/share/soundfonts",
               "/usr/local/share/soundfonts", "/opt/homebrew/share/fluid-synth/sf2",
               "/usr/local/share/fluid-synth/sf2"),
    "win32": (r"C:\soundfonts", r"C:\ProgramData\soundfonts", r"~\Documents\soundfonts", r"~\soundfonts"),
}
_NAMES = ("FluidR3_GM.sf2", "FluidR3_GM2-2.sf2", "default-GM.sf2", "default.sf2", "GeneralUser-GS.sf2")


def find_soundfont() -> Path | None:
    """The General MIDI SoundFont to use: ``FLUID_SOUNDFONT`` if set, else the first found in the usual places."""
    named = os.environ.get("FLUID_SOUNDFONT")
    if named:
        return Path(named) if Path(named).is_file() else None
    folders = [Path(folder).expanduser() for folder in _FOLDERS.get(sys.platform, _FOLDERS["linux"])]
    for name in _NAMES:
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
    found = sorted(path for folder in folders if folder.is_dir() for path in folder.glob("*.sf2"))
    return found[0] if found else None


def is_soundfont(path: Path) -> bool:
    """Whether a file begins as SoundFonts do (SoundFont 2.04, section 4): a RIFF file of the form ``sfbk``."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"sfbk"


def find_fluidsynth() -> Path | None:
    """The fluidsynth executable on the search path."""
    found = shutil.which("fluidsynth")
    return Path(found) if found else None


def fluidsynth_version(executable: Path) -> str:
    """What ``fluidsynth --version`` says first."""
    result = subprocess.run([str(executable), "--version"], capture_output=True, text=True, encoding="utf-8",
                            errors="replace", timeout=60, check=False)
    return next((line.strip() for line in result.stdout.splitlines() if line.strip()), "unknown")


# ---------------------------------------------------------------- MIDI


@dataclass(frozen=True)
class Event:
    """One MIDI message, ``seconds`` after the start of its segment."""

    seconds: float
    message: tuple[int, ...]


@dataclass(frozen=True)
class Segment:
    """Messages and the length of sound to keep from them."""

    events: tuple[Event, ...]
    seconds: float


def note(seconds: float, length_seconds: float, pitch: int, velocity: int, channel: int = 0) -> tuple[Event, Event]:
    """A note on and its note off."""
    return (Event(seconds, (0x90 | channel, pitch, velocity)),
            Event(seconds + length_seconds, (0x80 | channel, pitch, 0)))


def program(number: int, channel: int = 0) -> tuple[Event, ...]:
    """Take an instrument (or a drum kit on ``DRUM_CHANNEL``), controllers at rest, bends of up to an octave."""
    control = 0xB0 | channel
    return (Event(0.0, (control, 121, 0)), Event(0.0, (0xC0 | channel, number)),
            Event(0.0, (control, 101, 0)), Event(0.0, (control, 100, 0)), Event(0.0, (control, 6, 12)),
            Event(0.0, (0xE0 | channel, 0, 64)))


def bend(seconds: float, semitones: float, channel: int = 0) -> Event:
    """A pitch bend, -12 to 12 semitones after ``program``."""
    value = max(0, min(16383, round(8192 + semitones / 12 * 8192)))
    return Event(seconds, (0xE0 | channel, value & 0x7F, value >> 7))


def _silence(channel: int) -> tuple[tuple[int, ...], ...]:
    return (0xB0 | channel, 123, 0), (0xB0 | channel, 120, 0)


def midi_file(events: Sequence[Event]) -> bytes:
    """A Standard MIDI File of format 0 in which one tick is one millisecond."""
    track = bytearray(b"\x00\xff\x51\x03" + (1_000_000).to_bytes(3, "big"))  # a quarter note is one second
    now = 0
    for event in sorted(events, key=lambda item: round(item.seconds * 1000)):  # a stable sort: order at one time stays
        tick = round(event.seconds * 1000)
        track += _variable_length(tick - now) + bytes(event.message)
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = b"MThd" + (6).to_bytes(4, "big") + b"\x00\x00\x00\x01" + (1000).to_bytes(2, "big")
    return header + b"MTrk" + len(track).to_bytes(4, "big") + bytes(track)


def _variable_length(number: int) -> bytes:
    """Seven bits a byte, the highest bit set on all but the last.

    >>> _variable_length(128).hex()
    '8100'
    """
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(0x80 | number & 0x7F)
    return bytes(reversed(out))


# ---------------------------------------------------------------- rendering


def render_segments(segments: Sequence[Segment], soundfont: Path, executable: Path, sample_rate: int, *,
                    effects: bool = False) -> list[NDArray[np.float32]]:
    """The sound of each segment, float32 [channels, samples], from one run of fluidsynth.

    Args:
        effects: with fluidsynth's own reverb and chorus.

    Raises:
        CorpusError: fluidsynth failed or wrote nothing but silence.
    """
    import soundfile

    gap_seconds = 2.5 if effects else 0.3  # for the reverb of one segment to die before the next
    events: list[Event] = []
    starts, now = [], 0.0
    for segment in segments:
        starts.append(round(now * sample_rate))
        events += [Event(now + event.seconds, event.message) for event in segment.events
                   if event.seconds < segment.seconds]
        now += segment.seconds
        events += [Event(now, message) for channel in (0, 1, DRUM_CHANNEL) for message in _silence(channel)]
        now = round(now + gap_seconds, 3)
    with tempfile.TemporaryDirectory(prefix="lts-batch-") as folder:
        midi, wav = Path(folder, "segments.mid"), Path(folder, "segments.wav")
        midi.write_bytes(midi_file(events))
        switch = "1" if effects else "0"
        command = [str(executable), "-ni", "-q", "-R", switch, "-C", switch, "-g", "0.3", "-r", str(sample_rate),
                   "-o", "synth.default-soundfont=",  # else it plays another font when this one cannot be read
                   "-o", "synth.dynamic-sample-loading=1", "-o", "synth.cpu-cores=1", "-o", "synth.polyphony=256",
                   "-T", "wav", "-O", "float", "-F", str(wav), str(soundfont), str(midi)]
        try:
            result = subprocess.run(command, capture_output=True, timeout=FLUIDSYNTH_LIMIT_SECONDS, check=False,
                                    stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CorpusError(f"fluidsynth ({executable}) could not be run: {error}") from None
        sound = np.zeros((0, 2), np.float32)
        if result.returncode == 0 and wav.is_file():
            sound, _ = soundfile.read(str(wav), dtype="float32", always_2d=True)
        # a font that cannot be read leaves fluidsynth content: it exits with 0 and writes next to nothing
        if np.abs(sound).max(initial=0.0) < 1e-5 and any(event.message[0] & 0xF0 == 0x90 for event in events):
            words = [line for line in result.stderr.decode("utf-8", "replace").splitlines() if "rror" in line]
            reason = words[0].removeprefix("fluidsynth: error: ") if words else "it gave no reason"
            raise CorpusError(f"fluidsynth could not play {soundfont} (exit code {result.returncode}): {reason}; check"
                              " that SoundFont, or name another by FLUID_SOUNDFONT")
    total = round(now * sample_rate)
    sound = np.pad(sound, ((0, max(0, total - len(sound))), (0, 0)))
    return [np.ascontiguousarray(sound[start:start + round(segment.seconds * sample_rate)].T)
            for start, segment in zip(starts, segments, strict=True)]
