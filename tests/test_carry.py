"""Gains of bands carried over to the cells of an STFT."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from lts_batch.frame.filterbank import Bands
from lts_batch.frame.stft import stft
from lts_batch.resynthesis import carry

RATE = 44100
BANDS = Bands()
ROWS, FRAMES, COLUMNS = len(BANDS), 120, 30
FRAME_SECONDS = np.arange(FRAMES) / float(BANDS.frame_rate)
COLUMN_SECONDS = np.linspace(0.0, FRAME_SECONDS[-1], COLUMNS)
TRANSFORM = stft(RATE, 4, "hann")
BIN_HZ = RATE / TRANSFORM.window_samples


@pytest.fixture(scope="module")
def carrier() -> carry.Carrier:
    return carry.Carrier(BANDS, ROWS, BIN_HZ, FRAME_SECONDS, COLUMN_SECONDS)


@pytest.fixture(scope="module")
def magnitudes() -> Tensor:
    """Noise with 40 dB between its loudest and quietest cells."""
    return 10.0 ** (-2.0 * torch.rand(2, ROWS, FRAMES, generator=torch.Generator().manual_seed(3)))


def gains_db(carrier: carry.Carrier, wanted: Tensor, there: Tensor, floor: float = 1e-6) -> Tensor:
    found = carry.log_gains(carrier.log_energies(wanted, floor), carrier.log_energies(there, floor))
    return found * (20.0 / math.log(10.0))


def test_every_bin_that_the_bands_reach_is_covered(carrier: carry.Carrier, magnitudes: Tensor) -> None:
    energies = carrier.energies(magnitudes)
    assert energies.shape == (2, carrier.bins, COLUMNS)
    assert bool((energies > 0.0).all())
    assert abs(carrier.bins * BIN_HZ - BANDS.centres_hz[-1] - BANDS.spacings_hz[-1] / 2) < 2 * BIN_HZ
    assert carrier.bins <= TRANSFORM.bins


def test_equal_magnitudes_need_no_gain_to_the_bit(carrier: carry.Carrier, magnitudes: Tensor) -> None:
    assert not gains_db(carrier, magnitudes, magnitudes.clone()).any()


def test_energies_of_equal_cells_are_theirs(carrier: carry.Carrier) -> None:
    energies = carrier.energies(torch.full((1, ROWS, FRAMES), 0.25))
    assert torch.allclose(energies, torch.full_like(energies, 0.0625), rtol=1e-4)


@pytest.mark.parametrize("gain_db", [-40.0, -6.0, 3.0, 20.0])
def test_one_gain_everywhere_is_the_gain_of_all_cells(carrier: carry.Carrier, magnitudes: Tensor, gain_db: float) -> None:
    found = gains_db(carrier, magnitudes * 10.0 ** (gain_db / 20.0), magnitudes)
    assert float((found - gain_db).abs().max()) < 0.01


@pytest.mark.parametrize(("first_hz", "last_hz"), [(100.0, 140.0), (900.0, 1200.0), (6000.0, 8000.0)])
def test_a_local_gain_stays_local(carrier: carry.Carrier, first_hz: float, last_hz: float) -> None:
    rows = np.flatnonzero((BANDS.centres_hz >= first_hz) & (BANDS.centres_hz <= last_hz))
    there = torch.full((1, ROWS, FRAMES), 0.1)
    wanted = there.clone()
    wanted[:, rows[0]:rows[-1] + 1, 40:80] *= 4.0
    found = gains_db(carrier, wanted, there)[0]
    hertz = np.arange(carrier.bins) * BIN_HZ
    reach = max(2.0 * BIN_HZ, float(BANDS.spacings_hz[rows[-1]])) * 1.01
    window = 1.0 / BIN_HZ
    outside = (hertz < BANDS.centres_hz[rows[0]] - reach) | (hertz > BANDS.centres_hz[rows[-1]] + reach)
    seconds = COLUMN_SECONDS.copy()
    before, after = seconds < FRAME_SECONDS[40] - window / 2, seconds > FRAME_SECONDS[79] + window / 2
    assert outside.any()
    assert before.any()
    assert after.any()
    assert float(found[torch.from_numpy(outside)].abs().max()) < 1e-3
    assert float(found[:, torch.from_numpy(before | after)].abs().max()) < 1e-3
    middle = int(np.abs(hertz - (first_hz + last_hz) / 2).argmin())
    column = int(np.abs(COLUMN_SECONDS - FRAME_SECONDS[60]).argmin())
    assert float(found[middle, column]) == pytest.approx(20 * math.log10(4.0), abs=1.5)
    assert float(found.min()) > -1e-3
    assert float(found.max()) < 20 * math.log10(4.0) + 1e-3


def test_gains_are_bounded(carrier: carry.Carrier, magnitudes: Tensor) -> None:
    louder, quieter = (gains_db(carrier, magnitudes * g, magnitudes, 1e-12) for g in (1e4, 1e-7))
    assert float((louder - carry.MOST_GAIN_DB).abs().max()) < 1e-4
    assert float((quieter - carry.LEAST_GAIN_DB).abs().max()) < 1e-4


def test_silence_is_finite_and_left_silent(carrier: carry.Carrier, magnitudes: Tensor) -> None:
    silence = torch.zeros_like(magnitudes)
    assert not gains_db(carrier, silence, silence).any()
    assert bool(torch.isfinite(gains_db(carrier, magnitudes, silence)).all())
    assert float(gains_db(carrier, silence, magnitudes).max()) < -30


def test_levels_are_seen_by_columns_as_bands_are(carrier: carry.Carrier) -> None:
    steady = torch.full((2, FRAMES), 0.5)
    assert torch.allclose(carrier.columns(steady).sqrt(), torch.full((2, COLUMNS), 0.5), rtol=1e-5)
    click = torch.zeros(1, FRAMES)
    click[0, 60] = 1.0
    heard = np.flatnonzero(carrier.columns(click)[0].numpy() > 1e-4)
    assert len(heard)
    assert (np.abs(COLUMN_SECONDS[heard] - FRAME_SECONDS[60]) < 0.5 / BIN_HZ).all()


def test_columns_between_distant_frames_hear_the_nearest() -> None:
    sparse = carry.Carrier(BANDS, ROWS, BIN_HZ, np.array([0.0, 1.0]), np.array([-3.0, 0.3, 0.7, 9.0]))
    levels = sparse.columns(torch.tensor([[1.0, 2.0]]))
    assert torch.allclose(levels.sqrt(), torch.tensor([[1.0, 1.0, 2.0, 2.0]]))


@pytest.mark.parametrize("rows", [1, 2, 40, 200])
def test_fewer_bands_at_lower_rates(rows: int) -> None:
    few = carry.Carrier(BANDS, rows, BIN_HZ, FRAME_SECONDS, COLUMN_SECONDS)
    energies = few.energies(torch.full((1, rows, FRAMES), 2.0))
    assert torch.allclose(energies, torch.full((1, few.bins, COLUMNS), 4.0), rtol=1e-4)


def test_many_columns_are_the_same_as_few(magnitudes: Tensor) -> None:
    many = np.linspace(0.0, FRAME_SECONDS[-1], 200)
    whole = carry.Carrier(BANDS, ROWS, BIN_HZ, FRAME_SECONDS, many).columns(magnitudes)
    part = carry.Carrier(BANDS, ROWS, BIN_HZ, FRAME_SECONDS, many[100:110]).columns(magnitudes)
    assert torch.allclose(whole[..., 100:110], part, rtol=1e-4)


def test_stems_share_a_carrier(magnitudes: Tensor) -> None:
    one, two = (carry.carrier(BANDS, ROWS, BIN_HZ, (0.0, float(FRAME_SECONDS[-1])), FRAMES, (0.0, float(FRAME_SECONDS[-1])),
                              COLUMNS) for _ in range(2))
    assert one is two
    own = carry.Carrier(BANDS, ROWS, BIN_HZ, FRAME_SECONDS, COLUMN_SECONDS)
    assert torch.allclose(one.energies(magnitudes), own.energies(magnitudes), rtol=1e-4)
