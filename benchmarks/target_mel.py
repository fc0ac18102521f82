"""Log-mel spectra of magnitudes that never sounded, so that a stem can be judged by what it was meant to be.

Targets are magnitudes of the filterbank. Each band counts in the mel bands as ``lts_batch.metrics.mel_bands`` says, and
frames are averaged over time under the square of a Hann window of 2048 samples, every 512 samples. So target and audio are in
one scale (``measures``), but for what bands smear and sines in one window beat; the mean of that is found on clips whose
magnitudes and waveform are both known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.frame.filterbank import Bands
from lts_batch.frame.slices import Slices
from lts_batch.metrics import measures, mel_bands, spectra
from lts_batch.resynthesis import phase

HEARD_DB = -60.0  # under a clip's loudest mel band: quieter cells don't calibrate

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TargetMel:
    """The mapping for one band layout and sample rate.

    Attributes:
        weights: power in each mel band of a magnitude of 1 in each band ``[mel bands, rows]``.
        inside: which mel bands lie within the bands: only these are judged ``[mel bands]``.
    """

    bands: Bands
    sample_rate: int
    weights: Array
    inside: NDArray[np.bool_]

    def of_magnitudes(self, magnitudes: Tensor, slices: Slices) -> Array:
        """dB ``[channels, columns, judged mel bands]`` of magnitudes ``[channels, rows, frames]`` of a sound's only slice."""
        power = magnitudes.double().square().numpy() @ self._over_time(slices)  # [channels, rows, columns]
        mel = np.einsum("mr,crt->ctm", self.weights[self.inside, :power.shape[1]], power)
        return np.asarray(10.0 * np.log10(np.maximum(mel, mel_bands.LEAST_POWER)))

    def of_audio(self, audio: NDArray[np.float32]) -> Array:
        """The same of a waveform ``[channels, samples]``, by a plain STFT."""
        return measures.log_mel_frames(audio, self.sample_rate)[..., self.inside].astype(np.float64)

    def of_audio_by_bands(self, audio: NDArray[np.float32], slices: Slices) -> Array:
        """The same of a waveform, by way of its own magnitudes in the filterbank."""
        return self.of_magnitudes(magnitudes(audio, slices), slices)

    def offset_db(self, clips: Sequence[NDArray[np.float32]], slices: Sequence[Slices]) -> Array:
        """By how much the plain STFT lies above the mapping, in the mean over some clips' cells ``[judged mel bands]``."""
        total, count = np.zeros(self.inside.sum()), np.zeros(self.inside.sum())
        for clip, one in zip(clips, slices, strict=True):
            heard_db = self.of_audio(clip)
            heard = heard_db > heard_db.max() + HEARD_DB
            total += ((heard_db - self.of_audio_by_bands(clip, one)) * heard).sum((0, 1))
            count += heard.sum((0, 1))
        return np.where(count > 0, total / np.maximum(count, 1), 0.0)

    def _over_time(self, slices: Slices) -> Array:
        """Weights of frames in each column ``[frames, columns]``."""
        frames = slices.frames(0) * slices.hop_samples
        columns = spectra.HOP_SAMPLES * np.arange(1 + -(-slices.samples // spectra.HOP_SAMPLES))
        distance = np.abs(frames[:, None] - columns) / spectra.WINDOW_SAMPLES
        seen = np.cos(np.pi * np.minimum(distance, 0.5)) ** 4
        return np.asarray(seen / seen.sum(0))


def target_mel(bands: Bands, rows: int, sample_rate: int) -> TargetMel:
    """The mapping for the first ``rows`` bands."""
    filters = spectra.mel_filters(sample_rate)  # [mel bands, bins]
    bins_hz = np.arange(filters.shape[1]) * sample_rate / spectra.WINDOW_SAMPLES
    centres = bands.centres_hz[:rows]
    weights = mel_bands.weights(centres, sample_rate)
    used = [bins_hz[row > 0] for row in filters]
    inside = np.array([one[0] > bands.lowest_hz and one[-1] < centres[-1] for one in used])
    return TargetMel(bands, sample_rate, weights, inside)


def magnitudes(audio: NDArray[np.float32], slices: Slices) -> Tensor:
    """Magnitudes ``[channels, model rows, frames]`` of a waveform that one slice holds."""
    if not slices.whole:
        raise ValueError(f"{slices.samples} samples are more than one transform holds")
    bank = slices.bank()
    whole = torch.zeros(audio.shape[0], slices.transform[0])
    whole[:, :audio.shape[1]] = torch.from_numpy(audio)
    return phase.strengths(slices.risen(bank.forward(whole, slices.every))[:, :bank.model_rows])
