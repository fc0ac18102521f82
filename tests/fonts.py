"""A SoundFont to play, and the rate that the corpus is rendered at."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lts_batch.material import corpus, soundfont

RATE = corpus.SAMPLE_RATE


@pytest.fixture
def font(program: Callable[[str], str]) -> Path:
    """A SoundFont, where there are one and fluidsynth; what is missing in CI is a failure."""
    program("fluidsynth")
    found = soundfont.find_soundfont()
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no SoundFont is installed")
    return found
