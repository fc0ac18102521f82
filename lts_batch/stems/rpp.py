"""A REAPER project beside the stems, for people without our scripts: every stem on a track of its own, ready to be heard.

REAPER's project files are lines of words in blocks of ``<NAME`` and ``>``; the words are those that REAPER itself writes. Media
is named by file alone, so the project finds its stems wherever the folder is put.
"""

import uuid
from collections.abc import Iterator, Sequence

from lts_batch.stems.manifest import Manifest, StemEntry

FILE = "stems.rpp"
_COLOURS = ((0x33, 0x88, 0xDD), (0xE0, 0x8A, 0x33))  # of clip 1 and clip 2
_IS_SET = 0x1000000


def project(manifest: Manifest) -> str:
    """The project's text: a folder track named after the clips, the stems in their order below it, all but the middle muted."""
    seed = uuid.uuid5(uuid.NAMESPACE_URL, manifest.job_digest or "".join(stem.sha256 for stem in manifest.stems))
    stems = manifest.stems
    middle = _middle(stems)
    lines = ["<REAPER_PROJECT 0.1 \"7.0/lts_batch\" 0", f"  SAMPLERATE {stems[0].sample_rate} 1 0", "  TEMPO 120 4 4",
             *_folder(seed, "~".join(clip.name for clip in manifest.clips))]
    for place, stem in enumerate(stems):
        lines += _track(seed, stem, _colour(_share(stems, place)), muted=place != middle, last=place == len(stems) - 1)
    return "\n".join([*lines, ">"]) + "\n"


def _folder(seed: uuid.UUID, name: str) -> Iterator[str]:
    yield f"  <TRACK {_guid(seed, 'folder')}"
    yield f"    NAME {_quoted(name)}"
    yield "    ISBUS 1 1"
    yield "  >"


def _track(seed: uuid.UUID, stem: StemEntry, colour: int, *, muted: bool, last: bool) -> Iterator[str]:
    yield f"  <TRACK {_guid(seed, f'track {stem.index}')}"
    yield f"    NAME {_quoted(stem.file.rsplit('_', 1)[-1].removesuffix('.wav'))}"
    yield f"    PEAKCOL {colour}"
    yield f"    MUTESOLO {int(muted)} 0 0"
    yield f"    ISBUS {'2 -1' if last else '0 0'}"
    yield f"    NCHAN {max(2, stem.channels + stem.channels % 2)}"
    yield "    <ITEM"
    yield "      POSITION 0"
    yield f"      LENGTH {stem.samples / stem.sample_rate:.12f}"
    yield "      LOOP 0"
    yield f"      IGUID {_guid(seed, f'item {stem.index}')}"
    yield f"      NAME {_quoted(stem.file)}"
    yield "      SOFFS 0"
    yield "      <SOURCE WAVE"
    yield f"        FILE {_quoted(stem.file)}"
    yield "      >"
    yield "    >"
    yield "  >"


def _guid(seed: uuid.UUID, what: str) -> str:
    """The same for the same job, so that the same render gives the same file."""
    return f"{{{str(uuid.uuid5(seed, what)).upper()}}}"


def _quoted(text: str) -> str:
    """A word as REAPER writes it: in the first kind of quotes that the text does not hold."""
    line = " ".join(text.split("\n")).replace("\r", " ")
    for quote in "\"'`":
        if quote not in line:
            return f"{quote}{line}{quote}"
    return f"`{line.replace('`', chr(39))}`"


def _share(stems: Sequence[StemEntry], place: int) -> float:
    x = stems[place].x
    found = x if x is not None else place / (len(stems) - 1) if len(stems) > 1 else 0.5
    return min(1.0, max(0.0, found))


def _middle(stems: Sequence[StemEntry]) -> int:
    """The stem nearest to x = 0.5; of those without an amount the middle one."""
    if any(stem.x is None for stem in stems):
        return (len(stems) - 1) // 2
    return min(range(len(stems)), key=lambda place: abs((stems[place].x or 0.0) - 0.5))


def _colour(share: float) -> int:
    """Between the colours of the clips, as REAPER keeps it: blue, green, red, and a bit that says that it is set."""
    red, green, blue = (round(one + (other - one) * share) for one, other in zip(*_COLOURS, strict=True))
    return _IS_SET | blue << 16 | green << 8 | red
