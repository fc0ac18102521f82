"""The invertible filterbank: a tight nonstationary Gabor frame with one uniform grid of frames for all bands.

Construction (Velasco, Holighaus, Doerfler, Grill 2011; Holighaus et al. 2013): the spectrum of the clip is cut into
bands by smooth windows g_k(f), and each band goes back to time by one inverse FFT of M points,

    c_k[m] = 2/L * sum_b X[b] g_k(b) exp(2 pi i b m / M),      L = M * sample_rate / frame_rate,

so column m of every band lies at m / frame_rate seconds: a column is a frame for the VAE. Every window is at most
frame_rate wide (the painless case), so the frame operator is diagonal in frequency, S(f) = sum_k g_k(f)^2. The windows
are divided by sqrt(S): the frame is tight, its canonical dual is the frame itself, and the inverse is exact.

With the factor 2/L a sine of amplitude A gives sum_k |c_k[m]|^2 = A^2 in every frame: the norm of a frame is an
amplitude, whatever the sample rate and the transform length.

Spacing is logarithmic at the bottom and linear where frame_rate no longer covers the window. The half-width of a window
is its spacing plus gamma: pure constant-Q at 33 Hz rings for seconds and smears attacks (benchmarks/gamma_trial.py).
What the model's bands leave over (down to DC, up to Nyquist) is held by *residual* rows on the same grid.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.errors import SettingsError
from lts_batch.frame.windows import entries

RING_SECONDS = 0.25  # zeros after a clip, so that what rings past its end does not wrap onto its attack
COARSEST = 3  # frames may be thinned out to every third: 3 divides the frames of a unit at all usual rates
LEAST_SECONDS = 2.0  # shortest transform: below it the narrow windows hold too few bins to be smooth


@dataclass(frozen=True)
class Bands:
    """The band layout: defined in Hz and frames per second, so it is the same for every sample rate.

    Frozen with a model, for a model knows nothing but these bands.
    """

    lowest_hz: float = 32.703195662574829  # C1
    bands_per_octave: int = 48
    highest_hz: float = 22050.0
    gamma_hz: float = 20.0
    frame_rate: Fraction = Fraction(44100, 128)

    @cached_property
    def centres_hz(self) -> NDArray[np.float64]:
        """Centre of every band ``[bands]``: logarithmic, then linear at half the frame rate."""
        cap, ratio = float(self.frame_rate) / 2, 2.0 ** (1.0 / self.bands_per_octave)
        centres = [self.lowest_hz]
        while True:
            step = min(centres[-1] * (ratio - 1.0), cap)
            following = centres[-1] + step
            if following + min(following * (ratio - 1.0) + self.gamma_hz, cap) > self.highest_hz:
                return np.array(centres)
            centres.append(following)

    @cached_property
    def spacings_hz(self) -> NDArray[np.float64]:
        """Distance from each band to the next ``[bands]``."""
        logarithmic = self.centres_hz * (2.0 ** (1.0 / self.bands_per_octave) - 1.0)
        return np.asarray(np.minimum(logarithmic, float(self.frame_rate) / 2))

    @cached_property
    def half_widths_hz(self) -> NDArray[np.float64]:
        """Half the support of each window ``[bands]``: spacing + gamma, at most half the frame rate."""
        return np.minimum(self.spacings_hz + self.gamma_hz, float(self.frame_rate) / 2)

    def __len__(self) -> int:
        return len(self.centres_hz)

    def response(self, frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
        """The frame of a steady sine of amplitude 1 at each frequency ``[n]``: magnitudes ``[n, bands]``.

        Raw windows over the root of their summed squares, as in ``Filterbank``; right wherever only the bands reach.
        """
        offset = np.clip((frequencies_hz[:, None] - self.centres_hz) / self.half_widths_hz, -1.0, 1.0)
        raw = np.sqrt(self.spacings_hz / self.half_widths_hz) * np.cos(0.5 * np.pi * offset) ** 2
        return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True).clip(1e-12))

    def as_dict(self) -> dict[str, Any]:
        """For JSON; ``Bands.from_dict`` gives it back."""
        return {
            "lowest_hz": self.lowest_hz, "bands_per_octave": self.bands_per_octave, "highest_hz": self.highest_hz,
            "gamma_hz": self.gamma_hz, "frame_rate": str(self.frame_rate), "count": len(self),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Bands":
        """Raises ValueError or KeyError where the values do not describe a layout."""
        try:
            bands = cls(float(values["lowest_hz"]), int(values["bands_per_octave"]), float(values["highest_hz"]),
                        float(values["gamma_hz"]), Fraction(values["frame_rate"]))
        except (ZeroDivisionError, TypeError) as error:
            raise ValueError(f"the layout holds a value that is no number: {error}") from None
        ranges = (0.0 < bands.lowest_hz < bands.highest_hz <= 1e6, 1 <= bands.bands_per_octave <= 1200,
                  0.0 <= bands.gamma_hz <= 1e6, 1 <= bands.frame_rate <= 100_000)
        if not all(ranges):  # most of these would lay out bands without end
            raise ValueError(f"the layout is out of range: {values}")
        if len(bands) != values["count"]:
            raise ValueError(f"the layout gives {len(bands)} bands, not {values['count']}")
        return bands


@dataclass(frozen=True)
class Grid:
    """Lengths that keep the two clocks exact: ``samples / frames = sample_rate / frame_rate`` with no remainder."""

    sample_rate: int
    frame_rate: Fraction

    @cached_property
    def unit(self) -> tuple[int, int]:
        """Smallest (samples, frames) with that ratio: (128, 1) at 44.1 kHz, (20480, 147) at 48 kHz."""
        ratio = self.sample_rate / self.frame_rate
        return ratio.numerator, ratio.denominator

    def covering(self, samples: int, least_seconds: float = LEAST_SECONDS) -> tuple[int, int]:
        """Transform length (samples, frames) for a clip: room for the ring after it, small prime factors."""
        unit_samples, unit_frames = self.unit
        wanted = max(samples + RING_SECONDS * self.sample_rate, least_seconds * self.sample_rate)
        units = self.smooth_units(math.ceil(wanted / unit_samples))
        return units * unit_samples, units * unit_frames

    def smooth_units(self, least: int) -> int:
        """The least number of units from ``least`` on whose FFTs are fast, and whose frames can be thinned out."""
        units = least
        while not _smooth(units) or units * self.unit[1] % COARSEST:
            units += 1
        return units


def _smooth(number: int) -> bool:
    for factor in (2, 3, 5, 7):
        while number % factor == 0:
            number //= factor
    return number == 1


class Filterbank:
    """The frame for one transform length: ``forward`` and its exact inverse, batched over channels.

    Rows 0 .. model_rows - 1 of the coefficients are the bands below Nyquist; the rows after them are residual. ``row_hz``
    holds the centre of each.

    Args:
        bands: the layout.
        sample_rate: in Hz.
        samples: transform length; with ``frames`` it keeps the ratio of ``Grid``.
        frames: number of columns.
    """

    def __init__(self, bands: Bands, sample_rate: int, samples: int, frames: int,
                 device: torch.device | str = "cpu") -> None:
        if samples * bands.frame_rate != frames * sample_rate:
            raise SettingsError(f"{samples} samples at {sample_rate} Hz are not {frames} frames; use Grid.covering")
        self.bands, self.sample_rate, self.samples, self.frames = bands, sample_rate, samples, frames
        slots, bins, weights, signs, self.row_hz, self.model_rows = entries(
            bands.centres_hz, bands.spacings_hz, bands.half_widths_hz, float(bands.frame_rate) / 2, sample_rate, samples,
            frames)
        self.rows = len(self.row_hz)  # bands below Nyquist and residual
        self._slots, self._bins = torch.from_numpy(slots).to(device), torch.from_numpy(bins).to(device)
        # for the real and the imaginary part [n, 2]
        self._weights = torch.from_numpy(np.stack((weights, weights * signs), axis=1)).to(device)

    @property
    def reach(self) -> NDArray[np.int64]:
        """How many frames ahead a row hears what comes ``[rows]``: the width of its window in time."""
        half = np.interp(self.row_hz, self.bands.centres_hz, self.bands.half_widths_hz)
        return np.ceil(float(self.bands.frame_rate) / half).astype(np.int64)

    def forward(self, audio: Tensor, every: int = 1) -> Tensor:
        """Audio ``[channels, samples]`` float32 to coefficients ``[channels, rows, frames / every]`` complex64.

        Shorter audio is zero-padded to the transform length. With ``every`` > 1 (a divisor of ``frames``) only every so
        manyth column is computed: thinning out in time is folding in frequency, and a short FFT does the rest.
        """
        if audio.ndim != 2 or audio.shape[1] > self.samples:
            raise SettingsError(f"audio {tuple(audio.shape)} does not fit [channels, at most {self.samples} samples]")
        spectrum = torch.fft.rfft(audio, n=self.samples)  # [channels, bins]
        coefficients: Tensor = spectrum.new_empty(len(audio), self.rows, self.frames // every)
        # in place and a channel at a time: fresh memory for arrays of this size costs as much as the arithmetic
        for channel, found in zip(spectrum, coefficients, strict=True):
            seen = channel[self._bins]
            torch.view_as_real(seen).mul_(self._weights)
            banded = seen.new_zeros(self.rows * self.frames)
            banded[self._slots] = seen
            banded = banded.unflatten(0, (self.rows, every, self.frames // every))
            banded = banded.sum(1) if every > 1 else banded[:, 0]  # folded in frequency: thinned in time
            torch.fft.ifft(banded, dim=-1, norm="forward", out=found)
            found.mul_(2.0 / self.samples)
        return coefficients

    def inverse(self, coefficients: Tensor) -> Tensor:
        """Coefficients ``[channels, rows, frames]`` to audio ``[channels, samples]``: exact after ``forward``.

        For other coefficients it is the audio whose coefficients are nearest in energy (least squares).
        """
        if coefficients.shape[1:] != (self.rows, self.frames):
            raise SettingsError(f"coefficients {tuple(coefficients.shape)} do not fit [channels, {self.rows},"
                                f" {self.frames}]")
        spectrum = coefficients.new_zeros(len(coefficients), self.samples // 2 + 1)
        for channel, found in zip(coefficients, spectrum, strict=True):
            banded = torch.fft.fft(channel, dim=-1).flatten()[self._slots]
            torch.view_as_real(banded).mul_(self._weights)
            found.index_add_(0, self._bins, banded)  # one value after the other: the same bits on every run
        spectrum[:, 0] *= 2.0  # bins that are their own mirror image get both halves
        if self.samples % 2 == 0:
            spectrum[:, -1] *= 2.0
        audio: Tensor = torch.fft.irfft(spectrum, n=self.samples)
        return audio.mul_(self.samples / (2.0 * self.frames))


@lru_cache(maxsize=4)
def filterbank(bands: Bands, sample_rate: int, samples: int, frames: int, device: str = "cpu") -> Filterbank:
    """A cached ``Filterbank``: slices of one length share their windows."""
    return Filterbank(bands, sample_rate, samples, frames, device)
