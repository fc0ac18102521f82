"""Notes for a SoundFont: MIDI files as the standard asks for, sounds at their pitch and time."""

from pathlib import Path

import fonts
import numpy as np
import pytest
from fonts import RATE
from numpy.typing import NDArray

from lts_batch.material import soundfont

font = fonts.font


def fundamental_hz(sound: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound)))
    return float(np.argmax(spectrum) * RATE / (4 * len(sound)))


def test_the_midi_file_is_the_one_the_standard_asks_for() -> None:
    content = soundfont.midi_file([*soundfont.note(0.0, 0.2, 60, 100), *soundfont.note(0.1, 0.4, 64, 90)])
    assert content.hex(" ") == (
        "4d 54 68 64 00 00 00 06 00 00 00 01 03 e8"  # MThd: format 0, one track, 1000 ticks a quarter
        " 4d 54 72 6b 00 00 00 1c"
        " 00 ff 51 03 0f 42 40"  # a quarter is a second
        " 00 90 3c 64 64 90 40 5a 64 80 3c 00 82 2c 80 40 00"
        " 00 ff 2f 00")


def test_a_bend_of_nothing_is_the_centre_and_the_ends_hold() -> None:
    assert soundfont.bend(0, 0.0).message == (0xE0, 0, 64)
    assert soundfont.bend(0, 12.0).message == (0xE0, 127, 127)
    assert soundfont.bend(0, -12.0).message == (0xE0, 0, 0)


@pytest.mark.parametrize("key", [45, 69, 84])
def test_a_note_sounds_at_its_pitch_and_time(key: int, font: Path) -> None:
    """Program 79, an ocarina, is nearly a sine. The second segment comes from the middle of one run."""
    played = (*soundfont.program(79), *soundfont.note(0.25, 1.0, key, 100))
    silent = soundfont.Segment(soundfont.program(0), 0.5)
    executable = soundfont.find_fluidsynth()
    assert executable is not None
    before, sound, after = soundfont.render_segments(
        [silent, soundfont.Segment(played, 1.0), silent], font, executable, RATE)
    assert sound.shape == (2, RATE)
    assert np.abs(before).max() < 1e-4 > np.abs(after).max()
    mono = sound.mean(axis=0)
    assert np.abs(mono[:int(0.24 * RATE)]).max() < 1e-4
    assert np.abs(mono[int(0.3 * RATE):]).max() > 5e-3
    wanted = 440 * 2 ** ((key - 69) / 12)
    assert abs(1200 * np.log2(fundamental_hz(mono[int(0.4 * RATE):]) / wanted)) < 20


def test_a_bend_of_twelve_semitones_is_an_octave(font: Path) -> None:
    executable = soundfont.find_fluidsynth()
    assert executable is not None
    events = (*soundfont.program(79), soundfont.bend(0.0, 12.0), *soundfont.note(0.01, 1.0, 69, 100))
    [sound] = soundfont.render_segments([soundfont.Segment(events, 1.0)], font, executable, RATE)
    assert abs(1200 * np.log2(fundamental_hz(sound.mean(axis=0)[RATE // 4:]) / 880)) < 20
