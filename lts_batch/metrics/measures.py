"""How far two sounds lie apart.

Pure functions on arrays. Everything that takes audio judges by the STFT of ``spectra.py``, which belongs to none of the methods
that are judged. Audio is ``[channels, samples]``, model frames are magnitudes ``[frames, bands]``. Where two clips differ in
length the shorter one is padded with zeros. Results are floats in dB unless the name says otherwise.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lts_batch.metrics.spectra import HOP_SAMPLES, WINDOW_SAMPLES, Array, mel, stft

LEAST_DB = -300.0  # stands for minus infinity, so that tables and JSON hold numbers only
MOST_DB = 300.0  # stands for plus infinity: something where the reference is silent
SHAPE_OFFSET = 1e-3  # keeps bands that hold next to nothing from ruling the shape distance
QUIET_FRAME_DB = -60.0  # frames this far below the loudest one are not judged
FLOOR_DB = -80.0  # bins this far below the peak count as silence
LEAST_AMPLITUDE = 1e-15  # stands for silence in dB; -300 dB
RESOLUTIONS = (512, 1024, 2048, 4096)


# ---------------------------------------------------------------- frames


def shape_lsd_db(true: Array, other: Array) -> float:
    """Log-spectral distance of the shapes of two rows of frames, whatever their levels.

    With u = m / ||m|| and v = m' / ||m'|| per frame: the mean over frames of
    sqrt(mean over bands of (20 log10((u + 1e-3) / (v + 1e-3)))^2). Frames whose true level ||m|| is more than 60 dB
    under the loudest are left out. ``nan`` where ``true`` is silent throughout, for then there is no shape to judge.

    >>> m = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    >>> round(shape_lsd_db(m, 10 * m), 6)
    0.0
    """
    true, other = _frames(true, other)
    level = np.linalg.norm(true, axis=1)
    heard = (level > 0) & (level >= level.max(initial=0.0) * 10 ** (QUIET_FRAME_DB / 20))
    if not heard.any():
        return math.nan
    ratio = (_unit(true[heard]) + SHAPE_OFFSET) / (_unit(other[heard]) + SHAPE_OFFSET)
    return float(np.mean(np.sqrt(np.mean((20 * np.log10(ratio)) ** 2, axis=1))))


def spectral_convergence_db(true: Array, other: Array) -> float:
    """Spectral convergence of magnitudes: 20 log10(||M - M'|| / ||M||) over all frames and bands.

    >>> m = np.ones((4, 3))
    >>> round(spectral_convergence_db(m, m / 2), 2)
    -6.02
    """
    true, other = _frames(true, other)
    return _ratio_db(_energy(true - other), _energy(true))


# ---------------------------------------------------------------- audio


def mr_stft_sc_db(reference: Array, other: Array) -> float:
    """Spectral convergence of STFT magnitudes: Hann windows of 512, 1024, 2048 and 4096 samples, hop 1/4; their mean.

    Channels are taken together. -300 where nothing differs.
    """
    reference, other = _clips(reference, other)
    return float(np.mean([_stft_sc_db(reference, other, window) for window in RESOLUTIONS]))


def lsd_db(reference: Array, other: Array) -> float:
    """Log-spectral distance: the mean over frames of sqrt(mean over bins of (20 log10(|S| / |S'|))^2).

    STFT of 2048 samples, hop 512; magnitudes are raised to a floor 80 dB under the reference's peak (under the
    other's, where the reference is silent).
    """
    reference, other = _clips(reference, other)
    a, b = (stft(clip, WINDOW_SAMPLES, HOP_SAMPLES) for clip in (reference, other))
    peak = a.max(initial=0.0) or b.max(initial=0.0)
    difference_db = _floored_db(a, peak) - _floored_db(b, peak)
    return float(np.mean(np.sqrt(np.mean(difference_db**2, axis=-1))))


def log_mel_distance_db(a: Array, b: Array, sample_rate: int) -> float:
    """Mean absolute difference of the log-mel spectra: 128 bands up to Nyquist, STFT of 2048 samples, hop 512.

    Magnitude spectra through Slaney's mel filters, as power in dB, raised to a floor 80 dB under the louder peak of the
    two: the distance is the same both ways. Bands narrower than one bin (at high sample rates) are left out.
    """
    a, b = _clips(a, b)
    mel_a, mel_b = mel(a, sample_rate), mel(b, sample_rate)
    peak = max(mel_a.max(initial=0.0), mel_b.max(initial=0.0))
    return float(np.mean(np.abs(_floored_db(mel_a, peak) - _floored_db(mel_b, peak))))


def residual_db(reference: Array, other: Array) -> float:
    """Energy of the difference of two waveforms over the reference's energy: 10 log10(sum (a - b)^2 / sum a^2).

    >>> clip = np.ones((1, 100))
    >>> round(residual_db(clip, 0.9 * clip), 3)
    -20.0
    >>> residual_db(clip, clip)
    -300.0
    """
    reference, other = _clips(reference, other)
    return _ratio_db(_energy(reference - other), _energy(reference))


# ---------------------------------------------------------------- clips of different lengths


def log_mel_frames(audio: Array, sample_rate: int, reference_samples: int | None = None,
                   most_frames: int | None = None) -> NDArray[np.float32]:
    """What ``log_mel_distance_db`` compares, of one clip: dB of 128 mel bands ``[channels, frames, bands]``.

    Stems on the way from a short clip to a long one differ in length. Their frames are taken at the same shares of each
    stem's duration, so that one moment of the sound is compared with the same moment: frame n is centred on sample
    512 n * samples / reference_samples. Nothing is stretched or averaged, only the hop differs, and stems of the
    reference's length keep it.

    Args:
        reference_samples: length of the longest stem of the row, this one's if not given. All stems of a row get as many
            frames as the longest one has.
        most_frames: the most frames to take; of longer sounds they lie further apart.
    """
    clip = np.asarray(audio, np.float64)
    if clip.ndim != 2 or (reference_samples is not None and reference_samples < 1):
        raise ValueError(f"a stem must be [channels, samples], its reference 1 sample or longer, found {clip.shape} and"
                         f" {reference_samples}")
    clip = np.pad(clip, ((0, 0), (0, max(0, 1 - clip.shape[1]))))
    reference = clip.shape[1] if reference_samples is None else reference_samples
    count = 1 + math.ceil(reference / HOP_SAMPLES)
    spread = 1.0 if most_frames is None else max(1.0, (count - 1) / max(1, most_frames - 1))
    hop = HOP_SAMPLES * spread * clip.shape[1] / reference
    centres = np.rint(hop * np.arange(round((count - 1) / spread) + 1)).astype(np.int64)
    bands = mel(clip, sample_rate, centres)
    return np.asarray(20.0 * np.log10(np.maximum(bands, LEAST_AMPLITUDE)), np.float32)


def frames_distance_db(a: Array, b: Array) -> float:
    """Mean absolute difference of two ``log_mel_frames``, each raised to a floor 80 dB under the louder peak of the two.

    ``log_mel_distance_db``, where both stems are of one length.
    """
    if np.shape(a) != np.shape(b):
        raise ValueError(f"frames must be taken with one reference and one sample rate, found {np.shape(a)} and {np.shape(b)}")
    floor = max(a.max(initial=-math.inf), b.max(initial=-math.inf)) + FLOOR_DB
    return float(np.mean(np.abs(np.maximum(a, floor) - np.maximum(b, floor)), dtype=np.float64))


# ---------------------------------------------------------------- parts


def _frames(true: Array, other: Array) -> tuple[Array, Array]:
    """Both as float64 of one shape; frames are not padded, for they belong to each other one by one."""
    if np.ndim(true) != 2 or np.shape(true) != np.shape(other):
        raise ValueError(f"frames must be two arrays [frames, bands] of one shape, found {np.shape(true)} and"
                         f" {np.shape(other)}")
    return np.asarray(true, np.float64), np.asarray(other, np.float64)


def _clips(a: Array, b: Array) -> tuple[Array, Array]:
    """Both as float64 of one shape, the shorter one padded with zeros."""
    if np.ndim(a) != 2 or np.ndim(b) != 2 or np.shape(a)[0] != np.shape(b)[0]:
        raise ValueError(f"clips must be [channels, samples] with the same number of channels, found {np.shape(a)} and"
                         f" {np.shape(b)}")
    samples = max(1, np.shape(a)[1], np.shape(b)[1])
    padded = [np.pad(np.asarray(clip, np.float64), ((0, 0), (0, samples - np.shape(clip)[1]))) for clip in (a, b)]
    return padded[0], padded[1]


def _stft_sc_db(reference: Array, other: Array, window_samples: int) -> float:
    a, b = (stft(clip, window_samples, window_samples // 4) for clip in (reference, other))
    return _ratio_db(_energy(a - b), _energy(a))


def _unit(frames: Array) -> Array:
    level = np.linalg.norm(frames, axis=1, keepdims=True)
    return np.asarray(frames / np.where(level > 0, level, 1.0))


def _floored_db(magnitude: Array, peak: float) -> Array:
    """dB relative to the peak, at least FLOOR_DB; FLOOR_DB everywhere where the peak is zero."""
    if peak <= 0:
        return np.full_like(magnitude, FLOOR_DB)
    return np.asarray(20 * np.log10(np.maximum(magnitude / peak, 10 ** (FLOOR_DB / 20))))


def _energy(values: Array) -> float:
    return float(np.sum(np.square(values)))


def _ratio_db(part: float, whole: float) -> float:
    if part == 0:
        return LEAST_DB
    if whole == 0:
        return MOST_DB
    return float(np.clip(10 * math.log10(part / whole), LEAST_DB, MOST_DB))
