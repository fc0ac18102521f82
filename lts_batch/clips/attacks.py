"""Attacks: the moments where a clip sets in, a drum is struck or a string is plucked.

The clip runs through four broad filters, and each band's energy is taken every millisecond. An attack is where the
energy of the next 10 ms stands above everything of the last 50 ms, in one band by far or in several by some, and is
about as loud as what follows: a jump, not the foot of a swell. Comparing with the largest value of what came before, not
with its mean, keeps noise, beats and low tones silent. Nothing depends on how loud the clip is as a whole.

Then the samples around each attack are looked at again, for the first that sticks out of what came before it.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lts_batch.files.sources import Source, blocks, read_around

RISE_DB = 6.5  # root mean square over the bands: 13 dB in one of four, or 6.5 in all
MOST_RISE_DB = 30.0  # that one band may count for
FLOOR_DB = -70.0  # under the loudest millisecond of the clip: nothing rises below that
MASK_DB = -50.0  # under the loudest band: what lies deeper may have leaked from there
SWELL_DB = 15.0  # a rise counts in full where nothing louder follows, and not at all where it lies this far under it
BEFORE_SECONDS, RISING_SECONDS, FOLLOWING_SECONDS = 0.050, 0.010, 0.060
APART_SECONDS = 0.050  # of attacks closer together than this, the strongest counts

_EDGES_HZ = (30.0, 200.0, 1000.0, 4000.0)  # lower edges of the bands; the uppermost band is open
_STEPS_PER_SECOND = 1000
_ENOUGH_HZ = 20000  # higher rates are averaged down towards this: attacks are not heard by what lies above
_BLOCK_STEPS = 1 << 11
_BATCH = 64  # attacks looked at together

_SETTLE_SECONDS, _QUIET_SECONDS = 0.020, 0.030  # read before an attack: for the filters, and what it stands out from
_BACK_SECONDS = 0.004  # how far before the highest rise an attack may begin
_CLEAR_RISE_DB = 6.0  # bands that rise less do not say where an attack begins
_PEAK_SHARE = 0.03  # of its peak: where an attack begins in silence
_STANDS_OUT = 1.5  # times the largest sample before it: where it begins in sound

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Attacks:
    """Attacks in rising order: ``times`` in samples ``[n]``, and ``strengths`` ``[n]`` from 0 to 1, the strongest."""

    times: NDArray[np.float64]
    strengths: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.times)


def find(source: Source) -> Attacks:
    """All attacks of a source, to within a millisecond where they are sharp.

    A clip that begins with its sound has one at 0. The clip is read in blocks, and less than 0.1 MB is kept of each second.
    """
    grid = _grid(source.sample_rate)
    energies = _energies(source, grid)
    rises, strengths = _rises(energies, grid)
    steps, strengths = _strongest(np.sqrt(np.mean(rises**2, axis=0)), strengths, grid)
    batches = np.split(steps, range(_BATCH, len(steps), _BATCH))
    times = np.concatenate([_begins(source, grid, batch, rises[:, batch]) for batch in batches if len(batch)] or [steps])
    # two that are told apart by the millisecond may begin with the same sample
    times, first = np.unique(times, return_index=True)
    return Attacks(times.astype(np.float64), strengths[first] / max(strengths.max(initial=0.0), 1e-30))


class _Grid:
    """What depends on the sample rate: how many samples become one value, how many values a step, and the bands' filters.

    Attributes:
        steep, gentle: second-order sections of each band's Butterworth filter. Steep ones keep the bands apart; gentle
            ones answer at once.
    """

    def __init__(self, sample_rate: int) -> None:
        from scipy.signal import butter, sosfilt_zi

        self.averaged = max(1, sample_rate // _ENOUGH_HZ)
        rate_hz = sample_rate / self.averaged
        self.values = max(1, round(rate_hz / _STEPS_PER_SECOND))
        self.step_samples = self.averaged * self.values
        self.step_seconds = self.step_samples / sample_rate
        edges = [edge for edge in _EDGES_HZ if edge < 0.3 * rate_hz]
        self.steep, self.gentle = (
            [butter(order, band, "bandpass", fs=rate_hz, output="sos") for band in pairwise(edges)]
            + [butter(order, edges[-1], "highpass", fs=rate_hz, output="sos")] for order in (4, 1))
        self.settled = [sosfilt_zi(sections) for sections in self.gentle]

    def steps(self, seconds: float) -> int:
        """Steps in a time, at least one."""
        return max(1, round(seconds / self.step_seconds))

    def average(self, block: NDArray[np.float32]) -> NDArray[np.float64]:
        """A block ``[channels, samples]`` at the lower rate."""
        if self.averaged == 1:
            return block.astype(np.float64)
        short = -block.shape[1] % self.averaged
        block = np.pad(block, ((0, 0), (0, short)), mode="edge")
        # a sum of a few long rows takes a ninth of the time of a mean of many short ones
        rows = (block[:, first::self.averaged].astype(np.float64) for first in range(self.averaged))
        return np.asarray(sum(rows)) / self.averaged


@lru_cache(maxsize=8)
def _grid(sample_rate: int) -> _Grid:
    """A cached ``_Grid``: filters take as long to design as a short clip to be listened through."""
    return _Grid(sample_rate)


def _energies(source: Source, grid: _Grid) -> NDArray[np.float32]:
    """Mean square of each band in each step, all channels together ``[bands, steps]``."""
    from scipy.signal import sosfilt

    states: list[Any] = [np.zeros((len(sections), source.channels, 2)) for sections in grid.steep]
    parts = []
    for block in blocks(source, _BLOCK_STEPS * grid.step_samples):
        values = grid.average(block)
        short = -values.shape[1] % grid.values
        part = np.empty((len(states), (values.shape[1] + short) // grid.values), dtype=np.float32)
        for band, sections in enumerate(grid.steep):
            filtered, states[band] = sosfilt(sections, values, axis=1, zi=states[band])
            power = np.einsum("cn,cn->n", filtered, filtered)
            part[band] = np.pad(power, (0, short)).reshape(-1, grid.values).mean(axis=1)
        parts.append(part)
    return np.concatenate(parts, axis=1)


def _rises(energies: NDArray[np.float32], grid: _Grid) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """How far each band rises after each step in dB ``[bands, steps]``, and how strong an attack is that begins there:
    the amplitudes that are new, summed over the bands ``[steps]``."""
    total = energies.sum(axis=0)
    mask = _largest(total, 0, grid.steps(RISING_SECONDS)) * 10.0 ** (MASK_DB / 10.0)
    mask = np.maximum(mask, max(total.max() * 10.0 ** (FLOOR_DB / 10.0), 1e-30))
    rises, strengths = np.empty_like(energies), np.zeros(energies.shape[1])
    for band, energy in enumerate(energies):
        before = _largest(energy, -grid.steps(BEFORE_SECONDS), 0)
        rising = _largest(energy, 0, grid.steps(RISING_SECONDS))
        following = _largest(energy, 0, grid.steps(FOLLOWING_SECONDS))
        rise = 10.0 * np.log10((rising + mask) / (before + mask))
        sudden = 1.0 + 10.0 * np.log10((rising + mask) / (following + mask)) / SWELL_DB
        rises[band] = rise.clip(0.0, MOST_RISE_DB) * sudden.clip(0.0, 1.0)
        strengths += np.sqrt(np.maximum(rising - before, 0.0))
    return rises, strengths


def _largest(values: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    """The largest of ``values[k + start:k + stop]`` for each k; 0 stands outside."""
    from scipy.ndimage import maximum_filter1d

    padded = np.pad(values, (max(0, -start), stop))
    size = stop - start
    # the filter's window reaches size // 2 back from its centre
    centres = np.arange(len(values)) + max(0, -start) + start + size // 2
    return np.asarray(maximum_filter1d(padded, size, mode="constant"))[centres]


def _strongest(rise: NDArray[np.float32], strengths: NDArray[np.float64],
               grid: _Grid) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Steps and strengths of the attacks: where each run of enough rise is highest, the strongest of those close together."""
    runs = np.flatnonzero(np.diff((rise >= RISE_DB).astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    # the rise looks ahead, so that it is as high some steps before the attack as right at it: take the last of the highest
    tops = np.array([stop - 1 - int(rise[start:stop][::-1].argmax()) for start, stop in runs], dtype=np.int64)
    powers = np.array([strengths[start:stop].max() for start, stop in runs])
    apart, taken, kept = grid.steps(APART_SECONDS), np.zeros(len(rise), dtype=bool), np.zeros(len(tops), dtype=bool)
    for run in np.argsort(-powers, kind="stable"):
        top = int(tops[run])
        kept[run] = not taken[top]
        if kept[run]:
            taken[max(0, top - apart + 1):top + apart] = True
    return tops[kept], powers[kept]


def _begins(source: Source, grid: _Grid, steps: NDArray[np.int64], rises: NDArray[np.float32]) -> NDArray[np.int64]:
    """The samples where the attacks begin that were found at steps ``[n]`` with rises ``[bands, n]``."""
    from scipy.signal import sosfilt

    settle, quiet, back = (grid.steps(seconds) for seconds in (_SETTLE_SECONDS, _QUIET_SECONDS, _BACK_SECONDS))
    lead = settle + quiet + back
    count = lead + grid.steps(RISING_SECONDS) + 1
    values = np.stack([grid.average(read_around(source, int(step - lead) * grid.step_samples,
                                                count * grid.step_samples)) for step in steps])  # [n, channels, values]
    begins = np.full(rises.shape, values.shape[2])
    clear = rises >= np.minimum(rises.max(axis=0), np.maximum(rises.max(axis=0) / 2.0, _CLEAR_RISE_DB))
    for band, (sections, settled) in enumerate(zip(grid.gentle, grid.settled, strict=True)):
        filtered, _ = sosfilt(sections, values, axis=2, zi=settled[:, None, None, :] * values[None, :, :, :1])
        amplitudes = np.abs(filtered).max(axis=1)[:, settle * grid.values:]  # [n, values]
        before, after = np.split(amplitudes, [quiet * grid.values], axis=1)
        quietest, peak = before.max(axis=1), after.max(axis=1)
        threshold = np.minimum(np.maximum(_STANDS_OUT * quietest, _PEAK_SHARE * peak), np.sqrt(quietest * peak))
        threshold = np.maximum(threshold, _PEAK_SHARE * peak)
        begins[band] = np.where(clear[band], (after >= threshold[:, None]).argmax(axis=1), begins[band])
    samples = (steps - back) * grid.step_samples + begins.min(axis=0) * grid.averaged
    return np.where(samples <= grid.step_samples, 0, samples)
