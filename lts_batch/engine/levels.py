"""How loud a stem is from moment to moment, between its clips and beyond them.

Moment by moment levels are interpolated in dB. Under ``level = follow`` the loudness of the whole stem lies on the straight
line between those of the clips, in LU; where hits do not meet, a path in dB is too quiet for that, and is raised by what is
missing.

A frame half-way between two spectra whose partials do not meet is too quiet as well, by up to 30 dB, for each partial has
faded. Were all of it turned up, the noise between the partials would come with them, louder than in either clip. So what
stands out is raised, and what lies far below is not: of the whole spectrum, and of each window of the envelope.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lts_batch.clips import loudness
from lts_batch.clips.survey import Survey
from lts_batch.engine import interpolate
from lts_batch.engine.align import Layout
from lts_batch.engine.mixes import Mix
from lts_batch.settings import Settings

FLOOR_DB = -60.0  # below the clip's peak; beyond the clips loudness is extrapolated in dB above it
HEADROOM_DB = 6.0  # how far beyond the ends a frame may pass the louder clip's, where the other is silent, say
CORRECTION_DB = 30.0  # the most by which a frame's loudness is corrected
MOST_LOUDER_DB = 24.0  # two hits that do not meet would have to be made louder than that
FAR_DB = 30.0  # so far under the strongest band of its frame a band is not raised any more
NEAR_DB = 10.0  # or so far under its surroundings
NODES = 33  # amounts at which the loudness of a moving stem is worked out ahead
_STEP_SECONDS = 0.01  # of the loudness meter


@dataclass(frozen=True)
class Law:
    """How levels of a stem follow from those of its clips.

    Attributes:
        amounts: rising amounts of clip 2 in levels ``[n]``.
        louder_db: by how much the path between the clips' levels has to be raised there, for its loudness to lie on the line.
    """

    amounts: NDArray[np.float64]
    louder_db: NDArray[np.float64]

    def wanted(self, clips: Sequence[Tensor], w: Tensor, peaks: Sequence[float]) -> Tensor:
        """Levels ``[channels, frames]`` for levels of the clips, under weights ``[clips, frames]``."""
        louder_db = np.interp(w[1].cpu().numpy(), self.amounts, self.louder_db)
        return between(clips, w, peaks) * torch.from_numpy((10.0 ** (louder_db / 20.0)).astype(np.float32)).to(clips[0])


def between(clips: Sequence[Tensor], w: Tensor, peaks: Sequence[float]) -> Tensor:
    """Levels ``[channels, frames]`` (amplitudes) interpolated in dB above a floor of -60 dB of each clip's peak.

    What lies below the floor (silence, in the end) is mixed as a plain gain, so that at an end it is exactly the clip's own
    level, and a path between a sound and silence still passes through every loudness.
    """
    path = below = torch.zeros_like(clips[0])
    for level, weight, share, peak in zip(clips, w, interpolate.shares(w), peaks, strict=True):
        floor = max(peak * 10.0 ** (FLOOR_DB / 20.0), 1e-30)
        path = path + weight * level.clamp_min(floor).log()
        below = below + share * (level / floor).clamp_max(1.0)
    found, louder = path.exp() * below, torch.stack(list(clips)).amax(0) * 10.0 ** (HEADROOM_DB / 20.0)
    return torch.where(interpolate.outside(w), torch.minimum(found, louder), found)


def gains(loudness: Tensor, target: Tensor, floor: float) -> Tensor:
    """What frames have to be multiplied by to be as loud as was wanted, bounded.

    Args:
        loudness, target: what they have and what they should have, K-weighted norms ``[channels, frames]``.
        floor: below it loudness no longer counts.
    """
    most = 10.0 ** (CORRECTION_DB / 20.0)
    return ((target + floor) / (loudness + floor)).clamp(1.0 / most, most)


def standing_out(gains_db: Tensor, over_db: Tensor, range_db: float) -> Tensor:
    """Gains in dB that raise what stands out, and what lies lower less and less, down to ``range_db`` below; and that turn down
    all the same.

    Args:
        over_db: how far each band lies above what it is compared with.
    """
    return torch.where(gains_db > 0.0, gains_db * (1.0 + over_db / range_db).clamp_(0.0, 1.0), gains_db)


def decibels(ratio: Tensor) -> Tensor:
    """Of an amplitude, down to -300 dB."""
    return ratio.clamp_min(1e-15).log10_().mul_(20.0)


def amplitude(gains_db: Tensor) -> Tensor:
    """Of a gain in dB."""
    return (gains_db * (math.log(10.0) / 20.0)).exp_()


# ---------------------------------------------------------------- the law of a stem


def law(nodes: Sequence[tuple[float, ...]], layout: Layout, surveys: Sequence[Survey], rate: int, *, repeated: bool) -> Law:
    """The law that has a stem's loudness on the line.

    Args:
        nodes: weights of levels that it passes through, as ``nodes`` gives them.
        layout: where its clips lie.
        rate: samples a second of stem and clips.
        repeated: clips go on from their ends to their starts.
    """
    louder_db = [0.0] * len(nodes)
    if not all(map(is_clip, nodes)):
        tracks = _tracks(layout, surveys, rate, repeated=repeated)
        # heard through the same tracks, so that beside an end nothing is missing
        alone = [replace(one, loudness_db=_heard_db(track, one.loudness_db))
                 for one, track in zip(surveys, tracks, strict=True)]
        louder_db = [0.0 if is_clip(weights) else line(weights, alone) - _mixed_db(weights, tracks, surveys)
                     for weights in nodes]
    return Law(np.array([weights[1] for weights in nodes]), np.clip(louder_db, -MOST_LOUDER_DB, MOST_LOUDER_DB))


def is_clip(weights: Sequence[float]) -> bool:
    """Whether all weight is on one clip."""
    return max(weights) == 1.0 == sum(map(abs, weights))


def path_db(weights: Sequence[float], layout: Layout, surveys: Sequence[Survey], rate: int, *, repeated: bool) -> float:
    """Loudness in LUFS of a stem whose levels are interpolated moment by moment; of a clip at another speed, its own there."""
    return _mixed_db(weights, _tracks(layout, surveys, rate, repeated=repeated), surveys)


def nodes(mix: Mix, settings: Settings) -> list[tuple[float, ...]]:
    """The weights of levels that a stem passes through: one, or a row of them in the order of x."""
    if settings.level == "match":
        return [(1.0, *[0.0] * (len(mix.weights or (0.0, 0.0)) - 1))]
    if settings.x_level is None and mix.weights is not None:
        return [mix.weights]
    curve = settings.x_level or settings.curve or ()
    amounts = sorted({x for _, x in curve})
    if len(amounts) > 1:
        ends = {x for x in (0.0, 1.0) if amounts[0] < x < amounts[-1]}
        amounts = sorted({*np.linspace(amounts[0], amounts[-1], NODES).tolist(), *ends})
    return [(1.0 - x, x) for x in amounts]


def line(weights: Sequence[float], surveys: Sequence[Survey]) -> float:
    """Loudness on the straight line between the clips' in LUFS; beyond them not far above the loudest."""
    straight = sum(weight * one.loudness_db for weight, one in zip(weights, surveys, strict=True))
    return min(straight, max(one.loudness_db for one in surveys) + HEADROOM_DB)


def _mixed_db(weights: Sequence[float], tracks: Sequence[Tensor], surveys: Sequence[Survey]) -> float:
    """Less than on the line, for where one clip is loud the other need not be."""
    w = torch.tensor(weights, dtype=torch.float64)[:, None].expand(-1, tracks[0].shape[1])
    return _heard_db(between(tracks, w, [one.peak for one in surveys]), line(weights, surveys))


def _heard_db(track: Tensor, otherwise_db: float) -> float:
    """Loudness in LUFS of K-weighted levels ``[channels, steps of 10 ms]``; something else where they are silent."""
    found_db = loudness.integrated_db(track.square().numpy())
    return found_db if np.isfinite(found_db) else otherwise_db


def _tracks(layout: Layout, surveys: Sequence[Survey], rate: int, *, repeated: bool) -> list[Tensor]:
    """K-weighted levels of the clips in the stem's time ``[channels, steps of 10 ms]``."""
    count = max(1, round(layout.samples / rate / _STEP_SECONDS))
    steps = np.arange(0.5, count, dtype=np.float64) * _STEP_SECONDS
    tracks = []
    for warp, one in zip(layout.warps, surveys, strict=True):
        place = warp(steps * rate) / rate / _STEP_SECONDS
        known = one.energies.shape[1]
        place = place % known if repeated else place
        found = one.energies[:, np.clip(place.astype(np.int64), 0, known - 1)]
        tracks.append(torch.from_numpy(np.sqrt(found * ((place >= 0) & (place < known)))))
    channels = max(len(track) for track in tracks)
    return [track.expand(channels, -1) if len(track) == 1 else
            torch.nn.functional.pad(track, (0, 0, 0, channels - len(track))) for track in tracks]
