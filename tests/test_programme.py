"""What the corpus plays: every program and every drum, with notes that stay in range and end."""

from pathlib import Path

import numpy as np
import pytest
from fonts import RATE

from lts_batch.material import arrangement, corpus, programme, soundfont


def test_every_program_and_every_drum_is_dealt() -> None:
    clips = programme.plan(Path("out"), 0, 60.0, tuple(corpus.SHARES))
    dealt = [clip.path.stem.split("_")[1] for clip in clips["soundfont"]]
    assert sorted(dealt[:128]) == sorted(dealt[128:256]) == [f"program{n:03d}" for n in range(128)]
    hits = {event.message[1] for clip in clips["drums"] for layer in programme.layers_of(clip, 0)
            for event in layer.events if event.message[0] == 0x90 | soundfont.DRUM_CHANNEL}
    assert hits == set(range(35, 82))
    kits = {layer.events[1].message[1] for clip in clips["drums"] for layer in programme.layers_of(clip, 0)}
    assert kits == set(soundfont.KITS)


@pytest.mark.parametrize("number", range(0, 128, 9))
def test_notes_stay_in_range_and_end(number: int) -> None:
    low, high = arrangement.RANGES[number // 8][number % 8]
    for seed in range(10):
        segment = arrangement.melodic(np.random.default_rng(seed), number, 5 * RATE)
        on = [event for event in segment.events if event.message[0] == 0x90]
        off = [event for event in segment.events if event.message[0] == 0x80]
        assert len(on) == len(off) > 0
        assert all(low <= event.message[1] <= high + 19 and 0 < event.message[2] < 128 for event in on)
        assert all(event.seconds < 5 for event in on)
