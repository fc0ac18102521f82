"""Files that sound alike: the same recording in another format, at another level, or with other tags.

Held-out files that are copies of training files judge nothing. A file's signature is what its log shapes are on average in a
few short windows; silence and level are gone from log shapes already, so that copies have nearly equal signatures. Parts of
other files, and copies at another pitch or tempo, are not found.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WINDOWS = 12
WINDOW_FRAMES = 32  # about 0.1 s: longer ones would make all noises alike
CELL_BANDS = 4
HIGHEST_HZ = 8000.0  # above, formats and sample rates differ
FAINT = 0.33  # of log shapes: 40 dB under the frame, below which coders differ
ONSET = 0.1
MOST_APART = 0.012  # root mean square of log shapes: copies have 0.002 to 0.009, two noises of one kind 0.027
LENGTHS_APART = 0.05

Signature = NDArray[np.float32]


def signature(shapes: NDArray[np.float16], levels: NDArray[np.float32], centres_hz: NDArray[np.float64]) -> Signature:
    """Of log shapes ``[frames, bands]`` and levels ``[frames]``: means over short windows, evenly spread from the first loud
    frame on, and over cells of bands, of what lies above the faintest."""
    rows = int(np.searchsorted(centres_hz, HIGHEST_HZ)) // CELL_BANDS * CELL_BANDS
    if not len(levels):
        return np.zeros(WINDOWS * rows // CELL_BANDS, np.float32)
    onset = int(np.argmax(levels > ONSET * levels.max()))
    starts = np.linspace(onset, max(onset, len(levels) - WINDOW_FRAMES), WINDOWS).round().astype(int)
    heard = [np.maximum(shapes[start:start + WINDOW_FRAMES, :rows].astype(np.float32) - FAINT, 0.0) for start in starts]
    return np.stack([one.mean(0).reshape(-1, CELL_BANDS).mean(-1) for one in heard]).ravel()


def groups(signatures: Sequence[Signature], frames: Sequence[int]) -> list[list[int]]:
    """Numbers of files in groups that sound alike, each rising, most of them of one file. Silent files are like nothing."""
    leader = list(range(len(signatures)))

    def first(number: int) -> int:
        while leader[number] != number:
            number = leader[number]
        return number

    order = np.argsort(np.asarray(frames), kind="stable")
    lengths = np.asarray(frames)[order]
    table = np.stack(signatures)[order] if len(signatures) else np.zeros((0, 1), np.float32)
    ends = np.searchsorted(lengths, lengths * (1.0 + LENGTHS_APART), side="right")
    for place, end in enumerate(ends):  # of each file only those little longer are looked at
        if lengths[place] == 0:
            continue
        apart = np.sqrt(np.square(table[place + 1:end] - table[place]).mean(1))
        for other in order[place + 1:end][apart < MOST_APART]:
            one, two = sorted((first(int(order[place])), first(int(other))))
            leader[two] = one
    found: dict[int, list[int]] = {}
    for number in range(len(signatures)):
        found.setdefault(first(number), []).append(number)
    return list(found.values())
