"""The clips that models are judged by: found, read, and paired.

Everything is judged mono at 44.1 kHz, at most the first 10 s, and both clips of a pair are cut to the shorter one's length, so
that all ways between them have the same moments.
"""

import math
import os
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lts_batch.errors import ClipError
from lts_batch.files import audio
from lts_batch.files.sources import Excerpt, Resampled
from lts_batch.training.sounds import SUFFIXES

SAMPLE_RATE_HZ = 44100
LONGEST_SECONDS = 10.0
PAIRS = 20
PACKAGE_FOLDER = Path("/usr/share/sonic-pi/samples")  # of the Debian package sonic-pi-samples

Audio = NDArray[np.float32]  # [samples]


@dataclass(frozen=True)
class Pair:
    """Two clips ``[samples]`` at 44.1 kHz, cut to one length, and their names."""

    names: tuple[str, str]
    clips: tuple[Audio, Audio]

    @property
    def title(self) -> str:
        """Both names."""
        return "~".join(self.names)


def fixed_pairs() -> list[tuple[str, str]]:
    """The evaluation list, by names: fixed before anything was compared, and never trained on."""
    inside = Path(__file__).with_name("evaluation.toml")
    path = inside if inside.is_file() else Path(__file__).parents[2] / "benchmarks" / "evaluation.toml"
    return [(first, second) for first, second in tomllib.loads(path.read_text(encoding="utf-8"))["pairs"]]


def choose(folder: Path | None, count: int = PAIRS) -> list[tuple[Path, Path]]:
    """Which clips to pair: at most ``count`` pairs, the same each time.

    The evaluation list, where the folder (or, without one, the installed package sonic-pi-samples) holds its clips. Else all
    sounds at any depth of the folder in the order of their names: neighbours first, then every second, and so on.

    Raises:
        ClipError: no such folder, fewer than two sounds, or no folder given and no package installed.
    """
    if folder is None and not PACKAGE_FOLDER.is_dir():
        raise ClipError(f"the clips of the evaluation list are not at {PACKAGE_FOLDER}: give a FOLDER of sounds, or install the"
                        " Debian package sonic-pi-samples")
    place = folder or PACKAGE_FOLDER
    if not place.is_dir():
        raise ClipError(f"{place} is not a folder: give a folder of sounds to judge by")
    listed = [(place / f"{first}.flac", place / f"{second}.flac") for first, second in fixed_pairs()]
    if all(path.is_file() for pair in listed for path in pair):
        return listed[:count]
    sounds = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
                    and not path.name.startswith("."))
    if len(sounds) < 2:
        raise ClipError(f"{place} holds {len(sounds)} sounds: give a folder with two or more to go between")
    places = sorted(combinations(range(len(sounds)), 2), key=lambda pair: (pair[1] - pair[0], pair[0]))
    return [(sounds[first], sounds[second]) for first, second in places[:count]]


def load(path: Path) -> Audio:
    """The first 10 s of a clip ``[samples]``, channels averaged, at 44.1 kHz. Raises ``ClipError`` as ``audio.read``."""
    with audio.open_reader(path) as reader:
        rate = reader.sample_rate
        samples = reader.read(0, min(reader.samples, math.ceil(LONGEST_SECONDS * rate)))
    mono = np.ascontiguousarray(samples.mean(0, keepdims=True))
    if rate != SAMPLE_RATE_HZ:
        source = Resampled(Excerpt(mono, rate, 0, mono.shape[1]), SAMPLE_RATE_HZ)
        mono = source.read(0, source.samples)
    return np.ascontiguousarray(mono[0, :round(LONGEST_SECONDS * SAMPLE_RATE_HZ)])


def load_pairs(chosen: Sequence[tuple[Path, Path]]) -> tuple[dict[str, Audio], list[Pair], dict[str, str]]:
    """Whole clips by name, the pairs of them cut to one length, and what could not be used with the reason.

    Raises:
        ClipError: not one pair could be judged.
    """
    clips: dict[Path, Audio] = {}
    skipped: dict[str, str] = {}
    for path in dict.fromkeys(path for pair in chosen for path in pair):
        try:
            clips[path] = _audible(load(path), path)
        except ClipError as error:
            skipped[path.name] = str(error)
    names = named(list(clips))
    pairs = [_pair(one, two, clips, names) for one, two in chosen if one in clips and two in clips]
    if not pairs:
        raise ClipError(f"none of {len(chosen)} pairs could be judged: {'; '.join(skipped.values())}")
    return {names[path]: clip for path, clip in clips.items()}, pairs, skipped


def named(paths: Sequence[Path]) -> dict[Path, str]:
    """What to call clips: their names without ending, with folders or ending where those are alike.

    >>> list(named([Path("a/x.wav"), Path("b/x.wav"), Path("b/y.wav")]).values())
    ['a/x.wav', 'b/x.wav', 'y']
    """
    stems = Counter(path.stem for path in paths)
    depth = len(Path(os.path.commonpath([path.parent for path in paths])).parts) if paths else 0
    return {path: path.stem if stems[path.stem] == 1 else "/".join(path.parts[depth:]) for path in paths}


def _audible(clip: Audio, path: Path) -> Audio:
    if audio.peak(clip) <= 10.0 ** (audio.SILENCE_DB / 20.0):
        raise ClipError(f"{path} is silent in its first {LONGEST_SECONDS:g} s: choose another clip")
    return clip


def _pair(one: Path, two: Path, clips: Mapping[Path, Audio], names: Mapping[Path, str]) -> Pair:
    samples = min(len(clips[one]), len(clips[two]))
    return Pair((names[one], names[two]), (clips[one][:samples], clips[two][:samples]))
