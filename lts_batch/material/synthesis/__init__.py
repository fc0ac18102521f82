"""Training tones made by rule: no recording, so no licence, and any number of them.

Every voice in ``VOICES`` makes one event: ``voice(rng, seconds, sample_rate) -> float32 [samples]``, peak 1, free of
DC, the same for the same generator. The aim is breadth of spectral shape rather than likeness to any instrument. What
could alias is built band-limited (tones.py), FM is held inside Carson's bandwidth.
"""

from collections.abc import Callable

import numpy as np

from lts_batch.material.synthesis.noises import crackle, grains, noise, wind
from lts_batch.material.synthesis.pitched import bowed, drone, fm, harmonic, hum, sine, subtractive, sweep
from lts_batch.material.synthesis.struck import bell, cymbal, kick, pluck, snare, tom
from lts_batch.material.synthesis.throats import call, robot, vowel, whisper
from lts_batch.material.tones import Samples

Voice = Callable[[np.random.Generator, float, int], Samples]

VOICES: dict[str, Voice] = {
    "sine": sine, "harmonic": harmonic, "bell": bell, "fm": fm, "subtractive": subtractive, "pluck": pluck,
    "kick": kick, "snare": snare, "tom": tom, "cymbal": cymbal, "noise": noise, "wind": wind,
    "crackle": crackle, "vowel": vowel, "whisper": whisper, "sweep": sweep, "grains": grains, "drone": drone,
    "bowed": bowed, "call": call, "robot": robot, "hum": hum,
}
