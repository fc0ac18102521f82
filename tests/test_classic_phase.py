"""Where the phase of stems with a model of the original comes from, and how often it is repaired."""

import classic_clips
import numpy as np
from classic_clips import HIGH, LOW, QUICK, RATE, stems
from sounds import null_db, pluck

from lts_batch.metrics import measures
from lts_batch.original import classic
from lts_batch.original.classic_model import ClassicModel

mirror = classic_clips.mirror


def test_griffin_lim_is_librosas_on_the_mixed_magnitudes(mirror: ClassicModel) -> None:
    found, again, other = (stems([LOW, HIGH], mirror, x=(0.5,), detail=0.0, phase="griffinlim", seed=seed, level="keep")[0]
                           for seed in (3, 3, 4))
    magnitudes = (classic.frames(LOW[0], QUICK) + classic.frames(HIGH[0], QUICK)) / 2
    wanted = classic.rebuild(magnitudes, LOW.shape[1], mirror.iterations, 3, QUICK)[None]
    assert null_db(found, wanted) < -60.0
    assert np.array_equal(found, again) and not np.array_equal(found, other)


def test_the_clips_phase_is_better_than_a_guess(mirror: ClassicModel) -> None:
    clips = [pluck(0.5, 220.0, RATE), pluck(0.5, 330.0, RATE)]
    source, guess = (stems(clips, mirror, x=(0.0,), detail=0.0, phase=phase, level="keep")[0]
                     for phase in ("source", "griffinlim"))
    assert measures.mr_stft_sc_db(clips[0], source) < measures.mr_stft_sc_db(clips[0], guess) - 15.0


def test_repairs_follow_the_first_phase(mirror: ClassicModel) -> None:
    plain, repaired = (stems([LOW, HIGH], mirror, x=(0.5,), repair=repair, level="keep")[0] for repair in (0, 2))
    assert -60.0 < null_db(repaired, plain) < 0.0
