"""How loud audio is to the ear, and how high it really peaks: ITU-R BS.1770-4, a block at a time.

Loudness is the mean square behind two filters (a shelf for the head, a high-pass for the ear), of blocks of 400 ms every
100 ms, without those that are silent (-70 LUFS) or far below the rest (10 LU). The standard prints the filters for 48 kHz;
here they are analogue prototypes, which any sample rate can follow. All channels count alike: the standard's 1.41 for
surrounds needs to know which channel is one, and nothing says so in a clip of four channels.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEPS_PER_SECOND = 100
_BLOCK_STEPS, _HOP_STEPS = 40, 10  # 400 ms blocks, 75 % overlap
_TOGETHER_SAMPLES = 1 << 15  # filtered at a time: what comes of them stays in the cache
_ABSOLUTE_GATE_DB, _RELATIVE_GATE_DB = -70.0, -10.0
_OFFSET_DB = -0.691  # so that 997 Hz at full scale reads -3.01 LUFS

# The prototypes of which the bilinear transform at 48 kHz gives the coefficients of the standard's tables 1 and 2
# (found by Brecht De Man, 2014): H(s) = (top s^2 + middle s / q + bottom) / (s^2 + s / q + 1), s in units of the corner.
_SHELF_HZ, _SHELF_Q = 1681.974450955533, 0.7071752369554196
_SHELF_GAIN = 10.0 ** (3.999843853973347 / 20.0)
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773
_TABLE_HZ = 48000.0
_CORNER = math.tan(math.pi * _HIGH_PASS_HZ / _TABLE_HZ)
_HIGH_PASS_GAIN = 1.0 + _CORNER / _HIGH_PASS_Q + _CORNER**2  # table 2 has plain 1, -2, 1 on top: 0.04 dB at all rates
_PROTOTYPES = (
    (_SHELF_HZ, _SHELF_Q, (_SHELF_GAIN, _SHELF_GAIN**0.499666774155, 1.0)),
    (_HIGH_PASS_HZ, _HIGH_PASS_Q, (_HIGH_PASS_GAIN, 0.0, 0.0)),
)


def k_response(frequencies_hz: ArrayLike) -> NDArray[np.float64]:
    """What the K-weighting makes of an amplitude at each frequency, the same for every sample rate.

    >>> [round(float(20 * np.log10(gain)), 1) for gain in k_response([20, 100, 1000, 10000])]
    [-13.3, -1.1, 0.7, 4.0]
    """
    gains = np.ones(np.shape(frequencies_hz))
    for corner_hz, q, (top, middle, bottom) in _PROTOTYPES:
        s = 1j * np.asarray(frequencies_hz, np.float64) / corner_hz
        gains *= np.abs((top * s * s + middle * s / q + bottom) / (s * s + s / q + 1.0))
    return gains


def _sections(sample_rate: int) -> NDArray[np.float64]:
    """The two filters at a sample rate, second-order sections ``[2, 6]``, by bilinear transforms that keep the corner."""
    rows = []
    for corner_hz, q, (top, middle, bottom) in _PROTOTYPES:
        kept_hz = min(corner_hz, sample_rate / 4.0)  # at 4 kHz the shelf's corner has no place below Nyquist
        k = math.tan(math.pi * kept_hz / sample_rate) * corner_hz / kept_hz
        over = np.array([top + middle * k / q + bottom * k * k, 2.0 * (bottom * k * k - top),
                         top - middle * k / q + bottom * k * k])
        under = np.array([1.0 + k / q + k * k, 2.0 * (k * k - 1.0), 1.0 - k / q + k * k])
        rows.append(np.concatenate([over, under]) / under[0])
    return np.stack(rows)


class Meter:
    """Loudness of audio that comes in blocks; what it keeps is a number per 10 ms and channel.

    >>> meter = Meter(48000, channels=1)
    >>> meter.add(np.sin(np.arange(48000) * 2 * np.pi * 997 / 48000)[None])
    >>> round(meter.loudness_db(), 2)
    -3.01
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        from scipy.signal import sosfilt

        self.sample_rate, self.channels, self.samples = sample_rate, channels, 0
        self._filter: Callable[..., tuple[NDArray[np.float64], NDArray[np.float64]]] = sosfilt
        self._sos = _sections(sample_rate)
        self._state = np.zeros((len(self._sos), channels, 2))
        self._sums = [np.zeros((channels, 0))]  # of squares, per step
        self._open = np.zeros((channels, 0))  # of the last step so far, once there is one

    def add(self, block: NDArray[np.floating]) -> None:
        """Append samples ``[channels, n]``."""
        if block.ndim != 2 or block.shape[0] != self.channels:
            raise ValueError(f"this meter takes blocks of shape [{self.channels}, n], found {list(block.shape)}")
        for start in range(0, block.shape[1], _TOGETHER_SAMPLES):
            self._add(block[:, start:start + _TOGETHER_SAMPLES])

    def _add(self, block: NDArray[np.floating]) -> None:
        weighted, self._state = self._filter(self._sos, block.astype(np.float64), zi=self._state)
        self._state[np.abs(self._state) < 1e-100] = 0.0  # silence would fade to denormal numbers, which are slow
        first, last = self._step(self.samples), self._step(self.samples + block.shape[1] - 1)
        starts = np.maximum(self._edges(first, last + 1) - self.samples, 0)
        sums = np.add.reduceat(np.square(weighted, out=weighted), starts, axis=1)
        if first < self._count:  # the block goes on with the open step
            sums[:, :1] += self._open
        else:
            self._sums.append(self._open)
        self._sums.append(sums[:, :-1])
        self._open = sums[:, -1:]
        self.samples += block.shape[1]

    @property
    def _count(self) -> int:
        """Steps so far, with the open one."""
        return self._step(self.samples - 1) + 1 if self.samples else 0

    def _step(self, sample: int) -> int:
        return ((sample + 1) * STEPS_PER_SECOND - 1) // self.sample_rate

    def _edges(self, first: int, stop: int) -> NDArray[np.int64]:
        """Where steps start, in samples; where 10 ms are not a whole number of them, steps differ by one."""
        return np.arange(first, stop, dtype=np.int64) * self.sample_rate // STEPS_PER_SECOND

    @property
    def energies(self) -> NDArray[np.float64]:
        """K-weighted mean squares ``[channels, steps of 10 ms]``; the last of what there is of its step."""
        if not self.samples:
            return np.zeros((self.channels, 0))
        lengths = np.diff(np.append(self._edges(0, self._count), self.samples))
        energies: NDArray[np.float64] = np.concatenate([*self._sums, self._open], axis=1) / lengths
        return energies

    @property
    def last_step(self) -> float:
        """How much of the last step there is, 0..1."""
        edges = self._edges(self._count - 1, self._count + 1) if self.samples else np.array([0, 1])
        return float((self.samples - edges[0]) / (edges[1] - edges[0]))

    def loudness_db(self) -> float:
        """Integrated loudness in LUFS of all that was added, see ``integrated_db``; minus infinity for silence."""
        return integrated_db(self.energies, self.last_step)


def integrated_db(energies: NDArray[np.floating], last_step: float = 1.0) -> float:
    """Integrated loudness in LUFS (BS.1770-4 with both gates).

    Under 0.4 s, and where every block is gated away, it is that of the plain K-weighted mean square. A block counts that
    misses less than 50 ms at the end (missing parts are silent): the standard drops such a block, which would leave up to
    a fifth of a half-second clip unheard; ``pyloudnorm`` counts it too.

    Args:
        energies: K-weighted mean squares ``[channels, steps]`` or ``[steps]``, 10 ms each, as ``Meter.energies``.
        last_step: how much of the last step there is, 0..1; ``Meter.last_step``.
    """
    powers = np.array(energies, np.float64)
    powers = powers.sum(axis=0) if powers.ndim == 2 else powers
    if not len(powers):
        return -math.inf
    powers[-1] *= last_step
    length = len(powers) - 1 + last_step  # in steps
    loudness = _db(powers.sum() / length)
    if length < _BLOCK_STEPS - 1e-9:
        return loudness
    count = round((length / STEPS_PER_SECOND - 0.4) / (0.4 * 0.25)) + 1  # halves fall as pyloudnorm's numbers let them
    starts = np.arange(count) * _HOP_STEPS
    totals = np.concatenate([[0.0], np.cumsum(powers)])
    blocks = (totals[np.minimum(starts + _BLOCK_STEPS, len(powers))] - totals[starts]) / _BLOCK_STEPS
    heard = blocks[blocks >= _power(_ABSOLUTE_GATE_DB)]
    if not len(heard):
        return loudness
    return _db(heard[heard > heard.mean() * 10.0 ** (_RELATIVE_GATE_DB / 10.0)].mean())


def _db(power: float) -> float:
    return _OFFSET_DB + 10.0 * math.log10(power) if power > 0.0 else -math.inf


def _power(loudness_db: float) -> float:
    return float(10.0 ** ((loudness_db - _OFFSET_DB) / 10.0))


class TruePeak:
    """The highest point of the waveform between samples too, of audio that comes in blocks (BS.1770-4, annex 2).

    Oversampled to at least 176.4 kHz (four times up to 48 kHz, twice to 96 kHz), as the standard wants it; the top of each
    crest is that of a parabola through its three points, for at four times alone a crest of a quarter of the sample rate
    may read 0.17 dB low.

    >>> meter = TruePeak(48000, channels=1)
    >>> tone = np.sin(np.arange(4800) * np.pi / 2 + np.pi / 4).astype(np.float32)[None]
    >>> meter.add(tone)
    >>> round(float(np.abs(tone).max()), 1), round(meter.finish(), 1)
    (0.7, 1.0)
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self.channels, self._rate = channels, sample_rate
        self._factor = 4 if sample_rate < 88200 else 2 if sample_rate < 176400 else 1
        self._peak = 0.0  # of the samples themselves, and of the crests
        self._last = np.zeros((channels, 2), np.float32)
        self._stream = _oversampler(sample_rate, self._factor, channels)

    def add(self, block: NDArray[np.float32]) -> None:
        """Append samples ``[channels, n]``."""
        if block.ndim != 2 or block.shape[0] != self.channels:
            raise ValueError(f"this meter takes blocks of shape [{self.channels}, n], found {list(block.shape)}")
        self._peak = max(self._peak, float(np.abs(block).max(initial=0.0)))
        self._look(self._stream(block, False))

    def finish(self) -> float:
        """The peak, linear, full scale 1, never below the highest sample. Nothing can be added after."""
        self._look(self._stream(np.zeros((self.channels, 0), np.float32), True))
        return self._peak

    def _look(self, fine: NDArray[np.float32]) -> None:
        points = np.concatenate([self._last, fine], axis=1)
        self._last = points[:, -2:]
        tops = points[:, 1:-1]
        heights = np.abs(tops)
        # where the middle point is the highest, a parabola rises above it by no more than a quarter
        high = heights > 0.8 * self._peak
        if not high.any():
            return
        sides = np.sign(tops[high]).astype(np.float64)
        before, at, after = points[:, :-2][high] * sides, heights[high].astype(np.float64), points[:, 2:][high] * sides
        crests = (at >= before) & (at >= after)
        bend = np.maximum(2.0 * at - before - after, 1e-30)
        rise = (before - after) ** 2 / (8.0 * bend)
        self._peak = max(self._peak, float((at + rise)[crests].max(initial=0.0)))


def _oversampler(sample_rate: int, factor: int, channels: int) -> Callable[[NDArray[np.float32], bool], NDArray[np.float32]]:
    """A function from blocks, and whether one is the last, to blocks of ``factor`` times as many samples."""
    if factor == 1:
        return lambda block, last: block
    import soxr

    stream = soxr.ResampleStream(sample_rate, factor * sample_rate, channels, dtype="float32", quality="HQ")

    def oversample(block: NDArray[np.float32], last: bool) -> NDArray[np.float32]:
        chunk = np.ascontiguousarray(block.T, dtype=np.float32)
        return np.asarray(stream.resample_chunk(chunk, last=last), np.float32).reshape(-1, channels).T

    return oversample
