"""What is played in the training corpus: notes, chords, phrases and beats for a SoundFont, rows and loops of our own.

A layer is either a ``Segment`` that the SoundFont is to play or sound that is there already, float32 [samples].
"""

from collections.abc import Callable, Sequence

import numpy as np

from lts_batch.material.soundfont import DRUM_CHANNEL, KITS, Event, Segment, bend, note, program
from lts_batch.material.synthesis import VOICES
from lts_batch.material.tones import Samples

SAMPLE_RATE = 44100
Layer = Segment | Samples

# lowest and highest note to play of each General MIDI program, in rows of eight: a little beyond the instrument's own
RANGES = (
    ((24, 105),) * 8,  # pianos
    ((60, 105), (72, 108), (60, 96), (45, 92), (48, 96), (60, 108), (55, 84), (48, 84)),  # chromatic percussion
    ((28, 96),) * 6 + ((55, 90), (41, 84)),  # organs
    ((40, 84), (40, 84), (40, 86), (40, 86), (40, 84), (36, 86), (36, 86), (50, 96)),  # guitars
    ((24, 60), (24, 62), (24, 62), (24, 62), (24, 60), (24, 60), (24, 64), (24, 64)),  # basses
    ((55, 100), (48, 88), (36, 76), (24, 55), (30, 96), (30, 90), (24, 100), (36, 60)),  # strings, harp, timpani
    ((28, 96), (28, 96), (28, 96), (28, 96), (43, 84), (43, 84), (43, 84), (40, 84)),  # ensembles, choirs
    ((52, 84), (40, 74), (28, 58), (54, 84), (40, 77), (36, 84), (36, 84), (36, 84)),  # brass
    ((56, 88), (49, 81), (44, 76), (36, 69), (58, 91), (52, 81), (34, 72), (50, 91)),  # reeds
    ((74, 108), (60, 96), (60, 96), (60, 96), (48, 84), (52, 84), (60, 96), (60, 96)),  # pipes
    ((28, 100),) * 8,  # leads
    ((28, 96),) * 8,  # pads
    ((28, 96),) * 8,  # effects
    ((48, 84), (48, 84), (50, 88), (55, 84), (45, 90), (36, 84), (55, 96), (52, 84)),  # folk
    ((60, 96), (48, 90), (48, 90), (48, 84), (36, 84), (36, 84), (36, 84), (36, 84)),  # percussive
    ((36, 96),) * 8,  # sound effects
)
DRUM_NOTES = (35, 81)
STRUCK = ("kick", "snare", "tom", "cymbal", "bell", "pluck", "grains", "crackle", "robot", "noise")
SHORT = (*STRUCK, "call", "fm", "subtractive", "harmonic", "bowed", "vowel", "whisper", "sweep", "sine")

# ---------------------------------------------------------------- the SoundFont's part


def melodic(rng: np.random.Generator, number: int, samples: int, style: str = "") -> Segment:
    """Single notes, chords or a phrase of one General MIDI program."""
    seconds = samples / SAMPLE_RATE
    low, high = RANGES[number // 8][number % 8]
    style = style or str(rng.choice(["notes", "chords", "phrase", "held"], p=[0.45, 0.2, 0.25, 0.1]))
    events: list[Event] = list(program(number))
    now, place = 0.0, int(rng.integers(low, high + 1))
    pace = 0.08 * 20 ** rng.random() if style == "phrase" else 0.3 * 6 ** rng.random()
    if style == "held":
        pace = seconds
    while now < seconds - 0.05:
        if style == "phrase":
            place = int(np.clip(place + rng.integers(-7, 8), low, high))
        else:
            place = int(rng.integers(low, high + 1))
        length = min(pace * rng.uniform(0.4, 1.1), seconds - now)
        velocity = int(rng.integers(25, 128))
        steps: tuple[int, ...] = (0,)
        if style in ("chords", "held"):
            steps = ((0, 4, 7), (0, 3, 7), (0, 7, 12), (0, 4, 7, 11), (0, 3, 7, 10), (0, 5), (0, 12, 16, 19),
                     (0, 2, 5, 9), (0, 1, 6), (0,))[int(rng.integers(10))]
        for number_in_chord, step in enumerate(steps):
            if place + step <= 120:
                events += note(now + 0.015 * number_in_chord * float(rng.random()), length, place + step, velocity)
        if rng.random() < 0.12:  # a slide, up to an octave
            reach = float(rng.uniform(-12, 12))
            events += [bend(now + part * length, reach * part, 0) for part in np.linspace(0, 0.9, 24).tolist()]
            events.append(bend(now + length, 0.0))
        if rng.random() < 0.1:
            events.append(Event(now, (0xB0, 1, int(rng.integers(0, 128)))))
        now += pace * float(rng.choice([0.5, 1, 1, 1, 1.5, 2]) if style == "phrase" else rng.uniform(0.9, 1.4))
    return Segment(tuple(events), seconds)


def drums(rng: np.random.Generator, kit: int, samples: int, index: int) -> Segment:
    """Single hits through the whole kit on even indices, a beat on odd ones."""
    seconds = samples / SAMPLE_RATE
    events: list[Event] = list(program(kit, DRUM_CHANNEL))
    low, high = DRUM_NOTES
    if index % 2 == 0:
        hit, now = index // 2 * 9, 0.0
        while now < seconds - 0.05:
            events += note(now, 0.3, low + hit % (high - low + 1), int(rng.integers(40, 128)), DRUM_CHANNEL)
            hit += 1
            now += float(rng.uniform(0.25, 1.1))
        return Segment(tuple(events), seconds)
    step_seconds = 15 / float(rng.uniform(75, 185))
    parts = [(36, 0.35, (0, 6, 10)), (38, 0.15, (4, 12)), (42, 0.45, (0, 2, 4, 6, 8, 10, 12, 14)), (46, 0.05, (14,)),
             (49, 0.02, (0,))]
    for _ in range(int(rng.integers(0, 5))):  # other drums, hand drums among them
        parts.append((int(rng.integers(low, high + 1)), float(rng.uniform(0.1, 0.5)), ()))
    kept = [part for part in parts if rng.random() < 0.75] or parts[:3]
    bar = [[(key, int(rng.integers(35, 128))) for key, chance, sure in kept
            if rng.random() < (0.85 if step in sure else chance)] for step in range(16)]
    swing = float(rng.choice([0.0, 0.0, rng.uniform(0, 0.3)])) * step_seconds
    for step in range(int(seconds / step_seconds)):
        for key, velocity in bar[step % 16]:
            events += note(step * step_seconds + swing * (step % 2), 0.2, key, velocity, DRUM_CHANNEL)
    return Segment(tuple(events), seconds)


# ---------------------------------------------------------------- our own part


def synthesised(rng: np.random.Generator, name: str, samples: int) -> Samples:
    """One long event of a voice, a row of different ones, or a loop of struck ones."""
    voice = VOICES[name]
    seconds = samples / SAMPLE_RATE
    if name not in SHORT or (name not in STRUCK and rng.random() < 0.35):
        return voice(rng, seconds, SAMPLE_RATE)
    if name in STRUCK and rng.random() < 0.4:
        return _loop(rng, (name, *rng.choice(STRUCK, 2)), samples)
    out = np.zeros(samples, np.float32)
    now = 0
    while now < samples - 2000:
        size = min(samples - now, int(SAMPLE_RATE * rng.uniform(0.15, 2.0)))
        out[now:now + size] += voice(rng, size / SAMPLE_RATE, SAMPLE_RATE)[:size] * np.float32(rng.uniform(0.2, 1))
        now += max(1000, int(size * rng.choice([0.5, 0.8, 1.0, 1.15])))
    return out


def _loop(rng: np.random.Generator, names: Sequence[str], samples: int) -> Samples:
    """A bar of sixteen steps played by a few voices, each with one sound of its own."""
    step = int(SAMPLE_RATE * 15 / rng.uniform(75, 185))
    out = np.zeros(samples + SAMPLE_RATE, np.float32)
    for name in names:
        sound = VOICES[str(name)](rng, float(rng.uniform(0.1, 0.8)), SAMPLE_RATE) * np.float32(rng.uniform(0.2, 1))
        loud = rng.uniform(0.2, 1, 16) * (rng.random(16) < rng.uniform(0.15, 0.7))
        loud[rng.integers(16)] = 1.0
        for n in range(samples // step):
            if loud[n % 16] > 0:
                out[n * step:n * step + len(sound)] += sound * np.float32(loud[n % 16])
    return out[:samples]


# ---------------------------------------------------------------- mixes

_BASSES = ("subtractive", "fm", "drone", "harmonic")


def _any_program(rng: np.random.Generator) -> int:
    return int(rng.integers(0, 120))


def _any_voice(rng: np.random.Generator, samples: int) -> Samples:
    return synthesised(rng, str(rng.choice(list(VOICES))), samples)


def _beat(rng: np.random.Generator, samples: int) -> Segment:
    return drums(rng, int(rng.choice(KITS)), samples, 1)


MIXES: dict[str, Callable[[np.random.Generator, int], list[Layer]]] = {
    "two-programs": lambda rng, n: [melodic(rng, _any_program(rng), n), melodic(rng, _any_program(rng), n)],
    "three-programs": lambda rng, n: [melodic(rng, _any_program(rng), n, "chords"),
                                      melodic(rng, _any_program(rng), n),
                                      melodic(rng, int(rng.integers(32, 40)), n, "phrase")],
    "program-voice": lambda rng, n: [melodic(rng, _any_program(rng), n), _any_voice(rng, n)],
    "two-voices": lambda rng, n: [_any_voice(rng, n), _any_voice(rng, n)],
    "drums-bass": lambda rng, n: [_beat(rng, n), melodic(rng, int(rng.integers(32, 40)), n, "phrase")],
    "drums-voice": lambda rng, n: [_beat(rng, n), synthesised(rng, str(rng.choice(_BASSES)), n)],
    "drums-drums": lambda rng, n: [_beat(rng, n), _loop(rng, rng.choice(STRUCK, 3).tolist(), n)],
    "band": lambda rng, n: [_beat(rng, n), melodic(rng, _any_program(rng), n, "chords"),
                            melodic(rng, int(rng.integers(32, 40)), n, "phrase")],
}
