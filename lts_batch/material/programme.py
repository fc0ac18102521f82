"""What a corpus holds: how many clips of each kind, how long they are, and what sounds in each.

Each clip has its own random generators, seeded by (seed, kind, index, purpose), so that it is the same in any order.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lts_batch.material.arrangement import MIXES, SAMPLE_RATE, Layer, drums, melodic, synthesised
from lts_batch.material.soundfont import KITS
from lts_batch.material.synthesis import VOICES

SHARES = {"soundfont": 0.38, "drums": 0.14, "synthesis": 0.26, "mixes": 0.22}  # of the minutes
LENGTHS_SECONDS = {"soundfont": (4.0, 6.0), "drums": (4.0, 7.0), "synthesis": (4.0, 6.0), "mixes": (4.0, 9.0)}


@dataclass(frozen=True)
class Clip:
    """A file of the corpus, of so many samples."""

    kind: str
    index: int
    path: Path
    samples: int


def generator(seed: int, kind: str, index: int, purpose: str) -> np.random.Generator:
    """The random numbers of one clip for one purpose, which depend on no other."""
    return np.random.default_rng([seed, zlib.crc32(kind.encode()), index, zlib.crc32(purpose.encode())])


def plan(out: Path, seed: int, minutes: float, kinds: Sequence[str]) -> dict[str, list[Clip]]:
    """Clips of each kind until its share of the time is filled; at least one."""
    clips: dict[str, list[Clip]] = {}
    for kind in kinds:
        clips[kind], left = [], SHARES[kind] * minutes * 60
        while left > 0 or not clips[kind]:
            index = len(clips[kind])
            seconds = generator(seed, kind, index, "length").uniform(*LENGTHS_SECONDS[kind])
            name = f"{index:05d}_{_label(seed, kind, index)}.flac"
            clips[kind].append(Clip(kind, index, out / kind / name, round(seconds * SAMPLE_RATE)))
            left -= seconds
    return clips


def _dealt(seed: int, kind: str, index: int, count: int) -> int:
    """The card at ``index`` when a deck of ``count`` is shuffled and dealt over and over: each comes equally often."""
    return int(generator(seed, kind, index // count, "deck").permutation(count)[index % count])


def _label(seed: int, kind: str, index: int) -> str:
    if kind == "soundfont":
        return f"program{_dealt(seed, kind, index, 128):03d}"
    if kind == "drums":
        return f"kit{KITS[_dealt(seed, kind, index, len(KITS))]:02d}"
    if kind == "synthesis":
        return list(VOICES)[_dealt(seed, kind, index, len(VOICES))]
    return list(MIXES)[_dealt(seed, kind, index, len(MIXES))]


def layers_of(clip: Clip, seed: int) -> list[Layer]:
    """What sounds in a clip: sounds, and segments that are still to be played."""
    rng = generator(seed, clip.kind, clip.index, "layers")
    if clip.kind == "soundfont":
        return [melodic(rng, _dealt(seed, clip.kind, clip.index, 128), clip.samples)]
    if clip.kind == "drums":
        return [drums(rng, KITS[_dealt(seed, clip.kind, clip.index, len(KITS))], clip.samples, clip.index)]
    if clip.kind == "synthesis":
        return [synthesised(rng, _label(seed, clip.kind, clip.index), clip.samples)]
    return MIXES[_label(seed, clip.kind, clip.index)](rng, clip.samples)
