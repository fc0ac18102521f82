"""Augmentation: other frames, but frames: of unit norm, in range, and repeatable."""

import numpy as np
import torch
from torch import Tensor

from lts_batch.frame import features
from lts_batch.frame.filterbank import Bands
from lts_batch.training.augment import SHIFT_BANDS, augment

LAYOUT = Bands()
BANDS = len(LAYOUT)


def one_band_each(count: int, band: int) -> Tensor:
    linear = torch.zeros(count, BANDS)
    linear[:, band] = 1.0
    return features.compress(linear)


def shapes(count: int) -> Tensor:
    return features.split(torch.rand(count, BANDS, generator=torch.Generator().manual_seed(1)) ** 6)[1]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_as_many_frames_of_unit_norm_come_out() -> None:
    for count in (1, 7, 512):
        changed = augment(shapes(count), LAYOUT, seeded())
        assert changed.shape == (count, BANDS)
        assert float(changed.min()) >= 0.0
        assert float(changed.max()) <= 1.0 + 1e-6
        norms = torch.linalg.vector_norm(features.expand(changed), dim=1)
        assert torch.allclose(norms, torch.ones(count), atol=1e-4)


def test_a_quarter_stays_and_the_rest_changes() -> None:
    before = shapes(400)
    after = augment(before, LAYOUT, seeded())
    same = (after == before).all(1)
    assert bool(same[:100].all())
    assert not bool(same[100:].any())


def test_the_seed_decides() -> None:
    assert torch.equal(augment(shapes(64), LAYOUT, seeded(3)), augment(shapes(64), LAYOUT, seeded(3)))
    assert not torch.equal(augment(shapes(64), LAYOUT, seeded(3)), augment(shapes(64), LAYOUT, seeded(4)))


def test_shifts_reach_half_an_octave_both_ways_and_no_farther() -> None:
    seen: set[int] = set()
    for seed in range(40):
        changed = augment(one_band_each(80, 100), LAYOUT, seeded(seed))[:60]  # the last quarter is joined by tones
        seen |= set(np.asarray(changed.argmax(1)).tolist())
    assert min(seen) >= 100 - SHIFT_BANDS
    assert max(seen) <= 100 + SHIFT_BANDS
    assert max(seen) - min(seen) > 1.8 * SHIFT_BANDS


def test_what_is_shifted_out_at_an_edge_does_not_come_in_at_the_other() -> None:
    for seed in range(20):
        changed = augment(one_band_each(80, 3), LAYOUT, seeded(seed))[:60]  # the last quarter is joined by tones
        assert bool(torch.isfinite(changed).all())
        assert not changed[:, 3 + SHIFT_BANDS + 1:].any()


def test_tones_join_a_quarter_anywhere() -> None:
    joined = torch.cat([augment(one_band_each(80, 100), LAYOUT, seeded(seed))[60:] for seed in range(20)])
    places = np.asarray(joined.argmax(1))
    # in the bass a tone is spread over so many bands that none of them stands out
    assert np.histogram(places, bins=8, range=(0, BANDS))[0][1:].min() > 5
    assert np.isin(places, range(100 - SHIFT_BANDS, 101 + SHIFT_BANDS)).mean() > 0.2, "some stay below the frame"


def test_the_frames_given_are_not_changed() -> None:
    before = shapes(64)
    kept = before.clone()
    augment(before, LAYOUT, seeded())
    assert torch.equal(before, kept)
