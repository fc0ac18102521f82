"""Stems of clips of different lengths: as long as was asked for, at the pitch and loudness that they had."""

import math

import numpy as np
import pytest
from sounds import null_db, pluck, rms_db, tone

from lts_batch.engine.arrays import morph
from lts_batch.models.checkpoint import Model


@pytest.mark.parametrize(("options", "expected"), [
    ({}, [20000, 20000, 25000, 30000, 30000]),
    ({"length": "first"}, [20000] * 5), ({"length": "second"}, [30000] * 5), ({"length": "longest"}, [30000] * 5),
    ({"align": "trim"}, [20000] * 5), ({"align": "pad"}, [30000] * 5),
])
def test_lengths(model: Model, options: dict[str, str], expected: list[int]) -> None:
    one, two = pluck(1, 220)[:, :20000], pluck(1, 331)[:, :30000]
    stems = morph([one, two], 44100, x=[-0.2, 0, 0.5, 1, 1.2], model=model, **options)
    assert [stem.shape for stem in stems] == [(1, length) for length in expected]


def test_trim_and_pad_keep_the_clips_in_their_own_time(model: Model) -> None:
    one, two = pluck(1, 220)[:, :20000], pluck(1, 331)[:, :30000]
    first, last = morph([one, two], 44100, x=[0, 1], align="trim", model=model)
    assert null_db(first, one) < -100
    assert null_db(last[:, :15000], two[:, :15000]) < -60  # its cut end rings a little
    first, last = morph([one, two], 44100, x=[0, 1], align="pad", model=model)
    assert null_db(first, np.pad(one, ((0, 0), (0, 10000)))) < -100
    assert null_db(last, two) < -100


@pytest.mark.parametrize("hz", [110.0, 443.0, 2345.6])
@pytest.mark.parametrize("length", ["first", "second"])
def test_a_stretched_tone_keeps_its_pitch_and_loudness(model: Model, hz: float, length: str) -> None:
    one, two = tone(1.0, hz), tone(2.0, hz)
    (stem,) = morph([one, two], 44100, x=0.0 if length == "second" else 1.0, length=length, model=model)
    middle = stem[0, stem.shape[1] // 3:-stem.shape[1] // 4].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 19))
    peak = int(spectrum.argmax())
    below, at, above = np.log(spectrum[peak - 1:peak + 2])
    measured = (peak + 0.5 * (below - above) / (below - 2 * at + above)) * 44100 / (1 << 19)
    assert abs(1200 * math.log2(measured / hz)) < 3
    # twice as long, bands drift apart over an abrupt onset: see test_vocoder_stretched.py
    assert abs(rms_db(middle[None]) - 20 * math.log10(0.3 / math.sqrt(2))) < 2
