"""The short-time Fourier transform (STFT) with an exact inverse, for phase that is rebuilt from magnitudes.

Frame n is centred on sample n * hop, the audio is zero-padded on both sides, and phase refers to the centre of the window
("zero phase"):

    C[k, n] = sum_l x[n hop + l] g[l] exp(-2 pi i k l / window),      l = -window/2 .. window/2 - 1,

so a sine of f Hz moves on by 2 pi f hop / rate from frame to frame in every bin it reaches, and a click that lies d samples
after a frame's centre turns by -2 pi d / window from bin to bin. The inverse is weighted overlap-add, divided by the sum of
the squared windows (Griffin, Lim 1984): exact after ``forward``, and the nearest audio (least squares) for other
coefficients.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.errors import SettingsError

WINDOW_SECONDS = 2048 / 44100
WINDOWS = ("gauss", "hann")
HANN_TIME_FREQUENCY_RATIO = 0.25645  # of the Gaussian nearest to a Hann window (Prusa, Balazs, Sondergaard 2017, table II)
_BLOCK_SAMPLES = 1 << 19  # windowed samples held at a time


@dataclass(frozen=True)
class Stft:
    """One STFT, batched over channels, for audio of any length.

    Args:
        sample_rate: in Hz.
        window_samples: length of window and FFT; a multiple of 2 and of ``hop_samples``.
        hop_samples: from one frame to the next.
        window: ``gauss``, truncated, as wide as the grid of frames and bins wants it (see ``spread_samples``), for
            phase-gradient integration; or ``hann``, periodic.

    Raises:
        SettingsError: sizes that do not fit together.
    """

    sample_rate: int
    window_samples: int
    hop_samples: int
    window: str = "gauss"

    def __post_init__(self) -> None:
        if (self.hop_samples < 1 or self.window_samples < 2 * self.hop_samples or self.window_samples % 2
                or self.window_samples % self.hop_samples):
            raise SettingsError(f"a window of {self.window_samples} samples does not fit a hop of {self.hop_samples}: it"
                                " must be even, and a whole number of hops, at least two")
        if self.window not in WINDOWS:
            raise SettingsError(f"window = {self.window!r} is not known: choose one of {', '.join(WINDOWS)}")

    @property
    def bins(self) -> int:
        """Number of frequency bins, DC and Nyquist included."""
        return self.window_samples // 2 + 1

    @cached_property
    def centres_hz(self) -> NDArray[np.float64]:
        """Frequency of every bin ``[bins]``."""
        return np.arange(self.bins, dtype=np.float64) * (self.sample_rate / self.window_samples)

    def frames(self, samples: int) -> int:
        """Number of frames of so many samples: from 0 up to the end or just past it."""
        return 1 + math.ceil(samples / self.hop_samples)

    @cached_property
    def spread_samples(self) -> float:
        """Standard deviation of the window, or of the Gaussian nearest to it.

        A Gaussian is steep over time by 1 / spread and over frequency by spread (in radians per sample). Both are sampled
        equally well where hop / spread = spread * 2 pi / window.
        """
        if self.window == "hann":
            return self.window_samples * math.sqrt(HANN_TIME_FREQUENCY_RATIO / (2.0 * math.pi))
        return math.sqrt(self.hop_samples * self.window_samples / (2.0 * math.pi))

    @cached_property
    def _window(self) -> Tensor:
        place = np.arange(self.window_samples) - self.window_samples // 2
        if self.window == "hann":
            return torch.from_numpy((np.cos(np.pi * place / self.window_samples) ** 2).astype(np.float32))
        return torch.from_numpy(np.exp(-0.5 * (place / self.spread_samples) ** 2).astype(np.float32))

    def forward(self, audio: Tensor) -> Tensor:
        """Audio ``[channels, samples]`` float32 to coefficients ``[channels, bins, frames]`` complex64.

        The bins of a frame lie side by side in memory.
        """
        if audio.ndim != 2 or audio.shape[1] < 1:
            raise SettingsError(f"audio of shape {tuple(audio.shape)} does not fit [channels, 1 or more samples]")
        channels, samples = audio.shape
        half, frames = self.window_samples // 2, self.frames(samples)
        after = (frames - 1) * self.hop_samples + half - samples
        pieces = torch.nn.functional.pad(audio, (half, after)).unfold(1, self.window_samples, self.hop_samples)
        window = self._window.to(audio.device)
        coefficients = torch.empty(channels, frames, self.bins, dtype=torch.complex64, device=audio.device)
        for start, stop in self._blocks(channels, frames):
            block = audio.new_empty(channels, stop - start, self.window_samples)
            # the window's centre goes to sample 0 of the FFT
            torch.mul(pieces[:, start:stop, half:], window[half:], out=block[..., :half])
            torch.mul(pieces[:, start:stop, :half], window[:half], out=block[..., half:])
            coefficients[:, start:stop] = torch.fft.rfft(block)
        return coefficients.transpose(1, 2)

    def inverse(self, coefficients: Tensor, samples: int | None = None) -> Tensor:
        """Coefficients ``[channels, bins, frames]`` to audio ``[channels, samples]``: exact after ``forward``.

        Args:
            samples: length of the audio, at most ``(frames - 1) * hop_samples``, which it is if not given.
        """
        channels, bins, frames = coefficients.shape
        if bins != self.bins or (samples is not None and self.frames(samples) != frames):
            raise SettingsError(f"coefficients {tuple(coefficients.shape)} do not fit [channels, {self.bins}, frames] of"
                                f" {samples} samples")
        half, hop, overlap = self.window_samples // 2, self.hop_samples, self.window_samples // self.hop_samples
        window = self._window.to(coefficients.device)
        audio = window.new_zeros(channels, frames + overlap - 1, hop)
        power = window.new_zeros(frames + overlap - 1, hop)
        squares = window.square().reshape(overlap, hop)
        for start, stop in self._blocks(channels, frames):
            wave = torch.fft.irfft(coefficients[..., start:stop].transpose(1, 2), n=self.window_samples)
            pieces = torch.cat((wave[..., half:] * window[:half], wave[..., :half] * window[half:]), dim=-1)
            pieces = pieces.reshape(channels, stop - start, overlap, hop)
            for part in range(overlap):  # part p of frame n falls on hop n + p
                audio[:, start + part:stop + part] += pieces[:, :, part]
        for part in range(overlap):
            power[part:part + frames] += squares[part]
        audio = (audio / power).reshape(channels, -1)
        return audio[:, half:half + (samples or (frames - 1) * hop)]

    def _blocks(self, channels: int, frames: int) -> list[tuple[int, int]]:
        """Runs of frames whose windowed samples are few enough to stay in the cache, and out of the way in memory."""
        size = max(1, _BLOCK_SAMPLES // (channels * self.window_samples))
        return [(start, min(start + size, frames)) for start in range(0, frames, size)]


@lru_cache(maxsize=8)
def stft(sample_rate: int, overlap: int = 8, window: str = "gauss") -> Stft:
    """The STFT whose window lasts about 46 ms: 2048 samples at 44.1 kHz, elsewhere the nearest size with a fast FFT.

    Args:
        overlap: windows over each sample: 8 is a hop of 256 samples at 44.1 kHz.

    >>> stft(44100).window_samples, stft(44100).hop_samples, stft(48000).window_samples
    (2048, 256, 2240)
    """
    unit, wanted = 2 * overlap, WINDOW_SECONDS * sample_rate
    sizes = (unit * count for count in range(1, math.ceil(2 * wanted / unit) + 2) if _smooth(unit * count))
    window_samples = min(sizes, key=lambda size: abs(size - wanted))
    return Stft(sample_rate, window_samples, window_samples // overlap, window)


def _smooth(number: int) -> bool:
    for factor in (2, 3, 5, 7):
        while number % factor == 0:
            number //= factor
    return number == 1
