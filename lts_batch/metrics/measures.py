"""How far two sounds lie apart, and how evenly a row of stems fills the way between two clips.

Pure functions on arrays. A method's own transform flatters it, so everything that takes audio judges by a plain
short-time Fourier transform (STFT) of its own: periodic Hann window, frames centred on multiples of the hop, the clip
zero-padded on both sides. Audio is ``[channels, samples]``, model frames are magnitudes ``[frames, bands]``. Where two
clips differ in length the shorter one is padded with zeros. Results are floats in dB unless the name says otherwise.
"""

import math
import warnings
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

LEAST_DB = -300.0  # stands for minus infinity, so that tables and JSON hold numbers only
MOST_DB = 300.0  # stands for plus infinity: something where the reference is silent
SHAPE_OFFSET = 1e-3  # keeps bands that hold next to nothing from ruling the shape distance
QUIET_FRAME_DB = -60.0  # frames this far below the loudest one are not judged
FLOOR_DB = -80.0  # bins this far below the peak count as silence
LEAST_AMPLITUDE = 1e-15  # stands for silence in dB; -300 dB
RESOLUTIONS = (512, 1024, 2048, 4096)
WINDOW_SAMPLES = 2048
HOP_SAMPLES = 512
MEL_BANDS = 128


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
    a, b = (_stft(clip, WINDOW_SAMPLES, HOP_SAMPLES) for clip in (reference, other))
    peak = a.max(initial=0.0) or b.max(initial=0.0)
    difference_db = _floored_db(a, peak) - _floored_db(b, peak)
    return float(np.mean(np.sqrt(np.mean(difference_db**2, axis=-1))))


def log_mel_distance_db(a: Array, b: Array, sample_rate: int) -> float:
    """Mean absolute difference of the log-mel spectra: 128 bands up to Nyquist, STFT of 2048 samples, hop 512.

    Magnitude spectra through Slaney's mel filters, as power in dB, raised to a floor 80 dB under the louder peak of the
    two: the distance is the same both ways. Bands narrower than one bin (at high sample rates) are left out.
    """
    a, b = _clips(a, b)
    mel_a, mel_b = _mel(a, sample_rate), _mel(b, sample_rate)
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


# ---------------------------------------------------------------- a row of stems


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
    mel = _mel(clip, sample_rate, centres)
    return np.asarray(20.0 * np.log10(np.maximum(mel, LEAST_AMPLITUDE)), np.float32)


def frames_distance_db(a: Array, b: Array) -> float:
    """Mean absolute difference of two ``log_mel_frames``, each raised to a floor 80 dB under the louder peak of the two.

    ``log_mel_distance_db``, where both stems are of one length.
    """
    if np.shape(a) != np.shape(b):
        raise ValueError(f"frames must be taken with one reference and one sample rate, found {np.shape(a)} and {np.shape(b)}")
    floor = max(a.max(initial=-math.inf), b.max(initial=-math.inf)) + FLOOR_DB
    return float(np.mean(np.abs(np.maximum(a, floor) - np.maximum(b, floor)), dtype=np.float64))


def step_distances_db(stems: Sequence[Array], sample_rate: int) -> Array:
    """Log-mel distances between all stems of a row ``[stems, stems]``, laid over each other as in ``log_mel_frames``.

    The first diagonal beside the main one holds the steps, the first and last row the distances to the ends.
    """
    longest = max(1, *(np.shape(stem)[1] for stem in stems))
    frames = [log_mel_frames(stem, sample_rate, longest) for stem in stems]
    found = np.zeros((len(stems), len(stems)))
    for one, other in combinations(range(len(stems)), 2):
        found[one, other] = found[other, one] = frames_distance_db(frames[one], frames[other])
    return found


def monotony(distances: Sequence[float]) -> float:
    """Spearman's rank correlation of distances with their order: 1 where they rise throughout, -1 where they fall.

    Equal distances share the mean of their ranks; 0 where all are equal.

    >>> monotony([0.0, 1.0, 3.0, 2.0])
    0.8
    """
    values = _distances(distances)
    below = (values[None, :] < values[:, None]).sum(axis=1)
    ranks = below + ((values[None, :] == values[:, None]).sum(axis=1) - 1) / 2
    ranks, order = ranks - ranks.mean(), np.arange(values.size) - (values.size - 1) / 2
    spread = math.sqrt(_energy(ranks) * _energy(order))
    return float(ranks @ order) / spread if spread > 0 else 0.0


def evenness(distances: Sequence[float]) -> tuple[float, float]:
    """Coefficient of variation (standard deviation / mean) and largest / mean of the distances of neighbouring steps.

    0 and 1 are ideal. Steps that do not move at all are even: (0, 1).

    >>> evenness([2.0, 2.0, 2.0])
    (0.0, 1.0)
    """
    steps = _distances(distances)
    mean = float(np.mean(steps))
    return (float(np.std(steps)) / mean, float(np.max(steps)) / mean) if mean > 0 else (0.0, 1.0)


def path_length(distances: Sequence[float], direct: float) -> float:
    """Sum of the distances of neighbouring steps over the distance of the two ends: 1 is straight, more is a detour.

    Infinite where the ends coincide but the path moves; 1 where nothing moves.

    >>> path_length([1.0, 2.0, 1.0], 4.0)
    1.0
    """
    total = float(np.sum(_distances(distances)))
    if direct > 0:
        return total / direct
    return math.inf if total > 0 else 1.0


# ---------------------------------------------------------------- spectra


def spectra(audio: Array) -> Array:
    """STFT magnitudes ``[channels, 1 + ceil(samples / 512), 1025]`` of audio, of 2048 samples, hop 512."""
    return _stft(audio, WINDOW_SAMPLES, HOP_SAMPLES)


@lru_cache(maxsize=4)
def mel_filters(sample_rate: int) -> NDArray[np.float64]:
    """Slaney's mel filters over those bins, of power: ``[bands, 1025]``; bands narrower than one bin are left out."""
    import librosa  # here, because importing it takes longer than most measures

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty filters detected")
        weights = librosa.filters.mel(sr=sample_rate, n_fft=WINDOW_SAMPLES, n_mels=MEL_BANDS, dtype=np.float64)
    return np.asarray(weights[weights.any(axis=1)])


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


def _stft(audio: Array, window_samples: int, hop_samples: int) -> Array:
    """STFT magnitudes ``[channels, 1 + ceil(samples / hop), bins]``."""
    return _spectra(audio, window_samples, hop_samples * np.arange(1 + math.ceil(audio.shape[1] / hop_samples)))


def _spectra(audio: Array, window_samples: int, centres: NDArray[np.int64]) -> Array:
    """Magnitudes ``[channels, frames, bins]`` under Hann windows around rising ``centres`` (samples); zeros outside."""
    half = window_samples // 2
    padded = np.pad(audio, ((0, 0), (half, max(0, int(centres[-1]) + half - audio.shape[1]))))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, window_samples, axis=1)[:, centres]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_samples) / window_samples)
    return np.abs(np.fft.rfft(pieces * hann, axis=-1))


def _stft_sc_db(reference: Array, other: Array, window_samples: int) -> float:
    a, b = (_stft(clip, window_samples, window_samples // 4) for clip in (reference, other))
    return _ratio_db(_energy(a - b), _energy(a))


def _mel(audio: Array, sample_rate: int, centres: NDArray[np.int64] | None = None) -> Array:
    """Mel magnitudes, the root of band power: ``[channels, frames, bands]``; frames of the STFT, or around ``centres``."""
    found = spectra(audio) if centres is None else _spectra(audio, WINDOW_SAMPLES, centres)
    return np.asarray(np.sqrt(found**2 @ mel_filters(sample_rate).T))


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


def _distances(distances: Sequence[float]) -> Array:
    steps = np.asarray(distances, np.float64)
    if steps.ndim != 1 or steps.size == 0 or not np.all(steps >= 0):
        raise ValueError(f"distances of neighbouring steps must be one or more numbers >= 0, found {distances!r}")
    return steps
