"""Loudness, rates and channels of stems with a model of the original."""

from pathlib import Path

import classic_clips
import numpy as np
import pytest
from classic_clips import HIGH, LOW, RATE, notes, share_db, stems, strongest_hz
from sounds import rms_db, tone

import lts_batch
from lts_batch.clips.loudness import Meter
from lts_batch.original.classic_model import ClassicModel

mirror = classic_clips.mirror


def test_loudness_lies_on_the_line(mirror: ClassicModel, tmp_path: Path) -> None:
    clips = [tone(0.6, 440.0, 0.3, RATE), tone(0.6, 1000.0, 0.05, RATE)]
    found = lts_batch.morph(clips, RATE, x=[0.0, 0.5, 1.0], model=mirror)
    loud = []
    for sound in (*clips, *found):
        meter = Meter(RATE, 1)
        meter.add(sound)
        loud.append(meter.loudness_db())
    assert loud[2:] == pytest.approx([loud[0], (loud[0] + loud[1]) / 2, loud[1]], abs=0.1)


def test_levels_have_amounts_of_their_own(mirror: ClassicModel) -> None:
    loud, faint = tone(0.4, 440.0, 0.3, RATE), tone(0.4, 440.0, 0.03, RATE)
    moving, = stems([loud, faint], mirror, curve=((0.0, 0.0), (1.0, 1.0)), x_level=((0.0, 0.0), (1.0, 1.0)))
    first, second, third = (rms_db(part) for part in (moving[:, 2000:3000], moving[:, 3900:4900], moving[:, 5800:6800]))
    assert first - second == pytest.approx(4.3, abs=0.8)  # 20 dB in a straight line, 1900 of 8820 samples
    assert second - third == pytest.approx(4.3, abs=0.8)
    matched, = stems([loud, faint], mirror, x=(1.0,), level="match")
    assert rms_db(matched) == pytest.approx(rms_db(loud), abs=1.0)


def test_other_rates_and_channels_are_told(mirror: ClassicModel) -> None:
    stereo = np.concatenate([LOW, HIGH])
    high = tone(0.4, 1318.5, 0.1, rate=48000)
    said = notes([high, stereo], mirror, [48000, RATE])
    assert "clip 2 was mixed from 2 channels to mono" in said
    assert "clip 1 was resampled from 48000 to 22050 Hz" in said
    assert "the stems have the model's rate of 22050 Hz" in said
    found, = stems([high, stereo], mirror, [48000, RATE], x=(1.0,), detail=0.0, level="keep")
    assert share_db(found, 440.0) == pytest.approx(20 * np.log10(0.15), abs=0.6)


def test_another_output_rate(mirror: ClassicModel) -> None:
    assert "resampled to 48000 Hz" in notes([LOW, HIGH], mirror, sample_rate=48000)
    found, = stems([LOW, HIGH], mirror, x=(0.0,), sample_rate=48000)
    assert found.shape == (1, 19200)
    assert strongest_hz(found, 48000) == pytest.approx(440.0, abs=1.0)


def test_morph_keeps_the_first_clips_rate(mirror: ClassicModel) -> None:
    found, = lts_batch.morph([tone(0.2, 440.0, rate=48000), LOW[:, :4410]], [48000, RATE], x=[0.0], model=mirror)
    assert found.shape == (1, 9600)
