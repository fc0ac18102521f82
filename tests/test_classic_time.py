"""Stems with a model of the original in time: their lengths, and phase that goes on smoothly where a clip is stretched."""

import classic_clips
import numpy as np
import pytest
from classic_clips import LOW, QUICK, RATE, stems, strongest_hz
from sounds import pluck, rms_db, tone

from lts_batch.engine import classic_stems
from lts_batch.original import classic
from lts_batch.original.classic_model import ClassicModel

mirror = classic_clips.mirror


def test_lengths_lie_between_and_pitch_stays(mirror: ClassicModel) -> None:
    long = tone(0.6, 440.0, 0.3, RATE)
    found = stems([LOW, long], mirror, x=(0.0, 0.25, 1.0), detail=0.0)
    assert [sound.shape[1] for sound in found] == [8820, 9923, 13230]
    for sound in found:
        assert strongest_hz(sound) == pytest.approx(440.0, abs=1.0)


def test_phase_goes_on_smoothly_where_a_clip_is_stretched() -> None:
    """A tone read at 0.7 of its speed has the coefficients of a tone of its own frequency, turned by one angle."""
    found = classic.coefficients(tone(0.6, 440.0, 0.3, RATE)[0], QUICK)
    positions = 20.0 + 0.7 * np.arange(70)
    low = np.floor(positions).astype(np.int64)
    share = (positions - low).astype(np.float32)
    new = classic_stems.propagated(found, low, low + 1, share, np.zeros(0, np.int64))
    band = int(np.abs(found[:, 50]).argmax())
    apart = np.angle(new[band] * found[band, 20:90].conj())
    assert np.abs(apart - apart[0]).max() < 0.05


def test_propagation_at_unit_speed_is_the_clip_itself() -> None:
    found = classic.coefficients(pluck(0.3, 220.0, RATE)[0], QUICK)
    low = np.arange(found.shape[1] - 1)
    new = classic_stems.propagated(found, low, low + 1, np.zeros(len(low), np.float32), np.array([7, 40]))
    assert np.abs(new - found[:, :-1]).max() < 1e-4 * np.abs(found).max()


def test_trim_pad_and_loop(mirror: ClassicModel) -> None:
    short, long = tone(0.2, 440.0, 0.3, RATE), tone(0.5, 440.0, 0.3, RATE)
    for align, samples, sounds in (("trim", 4410, True), ("pad", 11025, False), ("loop", 11025, True)):
        found, = stems([short, long], mirror, x=(0.0,), align=align, level="keep")
        assert found.shape == (1, samples)
        assert (rms_db(found[:, -1500:]) > -25.0) == sounds, align
