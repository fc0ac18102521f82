"""Which files are trained on, and which are held back to judge by.

Files are split by a hash of their name, files that sound alike by that of the first of them, so that no sound has frames on
both sides, and a file stays on its side when others come and go.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

VALIDATION_SHARE = 0.08
MOST_SHARE = 0.25  # of all frames, where few files leave no other choice


def held_back(names: Sequence[str], frames: Sequence[int], groups: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """Whether each frame is held back; never all of them, and never none.

    Args:
        names: of the files; frames: how many each has, one file behind the other.
        groups: numbers of files that sound alike; each file is in one group.
    """
    ends = np.cumsum(frames, dtype=np.int64)
    found = np.zeros(int(ends[-1]), np.bool_)
    for group in groups:
        for number in group:
            found[ends[number] - frames[number]:ends[number]] = _draw(names[group[0]]) < VALIDATION_SHARE
    if found.all() or not found.any():  # few files: hold back one that is no large part, or the last frames
        found[:] = False
        sizes = [sum(frames[number] for number in group) for group in groups]
        small = [place for place, size in enumerate(sizes) if 0 < size <= MOST_SHARE * len(found)]
        if small:
            for number in groups[min(small, key=lambda place: _draw(names[groups[place][0]]))]:
                found[ends[number] - frames[number]:ends[number]] = True
        else:
            found[-max(1, int(VALIDATION_SHARE * len(found))):] = True
    return found


def _draw(name: str) -> float:
    """A number in 0..1 that belongs to a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
