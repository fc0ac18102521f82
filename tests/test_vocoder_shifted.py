"""The phase vocoder at other frequencies: a shifted tone is one at its new pitch, and nothing beside it."""

import numpy as np
import pytest
from sounds import drum, harmonic, null_db, rms_db
from vocoding import cents, loudest_hz, middle, spectrum, stretched


@pytest.mark.parametrize("octaves", [np.log2(1.5), -np.log2(1.5), 1.0])
def test_a_shifted_tone_is_a_comb_at_its_new_pitch(octaves: float) -> None:
    clip, wanted = harmonic(1.4, 220.0), 220.0 * 2.0**octaves
    stem = stretched(clip, clip.shape[1], octaves=octaves)
    for number in range(1, 6):
        assert abs(cents(loudest_hz(stem, number * wanted), number * wanted)) < 10
    hertz, power = spectrum(stem)
    numbers = np.maximum(1, np.round(hertz / wanted))
    off = np.abs(hertz - numbers * wanted) > 12.0
    off_db = 10 * np.log10(power[off].sum() / power.sum())
    assert off_db < -50
    assert rms_db(middle(stem)) == pytest.approx(rms_db(middle(clip)), abs=1.0)


def test_a_shift_of_nothing_is_the_clip() -> None:
    clip = drum(0.5, 0.1, 110.0)
    assert null_db(stretched(clip, clip.shape[1], octaves=0.0), clip) < -90
