"""Names of stems that every system, file browser and sampler takes and sorts right."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from lts_batch.engine.mixes import Mix, decimals
from lts_batch.protocol import is_device_name

LIMIT_BYTES = 200  # of 255 that file systems allow: room for what people and programs append

_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
# controls, lone surrogates, private and unassigned code points; APFS refuses the last, Windows the first
_NO_CHARACTERS = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_TURNS_TEXT_ROUND = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(name: str, limit_bytes: int = LIMIT_BYTES) -> str:
    """A part of a file name that is legal on Linux, macOS and Windows, and looks as much like ``name`` as may be.

    >>> clean('ki/ck: "1"?'), clean("nul.tar"), clean("end. . "), clean("")
    ('ki_ck_ _1__', 'nul_.tar', 'end', 'clip')
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join("_" if unicodedata.category(c) in _NO_CHARACTERS or c in _TURNS_TEXT_ROUND else c for c in text)
    text = _trim(_cut(_trim(_FORBIDDEN.sub("_", text)), limit_bytes))
    if is_device_name(text):
        head, dot, tail = text.partition(".")
        text = _trim(_cut(f"{head}_{dot}{tail}", limit_bytes))
    return text or _cut("clip", limit_bytes)


def _trim(text: str) -> str:
    """Without the spaces that get lost, the dots that hide a file at its start and that Windows drops at its end."""
    return text.strip().lstrip(".").rstrip(". ").strip()


def _cut(text: str, limit_bytes: int) -> str:
    return text.encode("utf-8")[:limit_bytes].decode("utf-8", "ignore")


def stem_names(clip_names: Sequence[str], mixes: Sequence[Mix], naming: str) -> list[str]:
    """File names of the stems of one job, one for each mix, all different, of at most ``LIMIT_BYTES`` bytes.

    Args:
        clip_names: of the clips in their order, without ending.
        mixes: of the stems in their order, by which they are numbered.
        naming: ``steps``, or ``lts`` for the names of the examples of Latent Timbre Synthesis.

    >>> from lts_batch.engine.mixes import at
    >>> stem_names(["kick", "snare"], at([0, 0.5, 1]), "steps")[1]
    'kick~snare_02_x+0.50.wav'
    >>> stem_names(["kick", "snare"], at([-0.1, 0.1]), "lts")
    ['01-x_extrapolations_-0.1.wav', '02-x_interpolations_0.1.wav']
    """
    width = max(2, len(str(len(mixes))))
    if naming == "lts":
        return [f"{place:0{width}}-{ending}.wav" for place, ending in enumerate(_lts_endings(mixes), 1)]
    endings = [f"{place:0{width}}_{mix.label}.wav" for place, mix in enumerate(mixes, 1)]
    together = _joined(clip_names, LIMIT_BYTES - max(map(len, endings), default=0) - 1)
    return [f"{together}_{ending}" for ending in endings]


def _lts_endings(mixes: Sequence[Mix]) -> Iterator[str]:
    places = decimals([(mix.x,) for mix in mixes if mix.x is not None], 1)
    for mix in mixes:
        inside = all(0.0 <= round(weight, places) <= 1.0 for weight in mix.weights or ())
        kind = "interpolations" if inside else "extrapolations"
        if mix.x is not None:
            yield f"x_{kind}_{round(mix.x, places) + 0.0:.{places}f}"  # -0.0 becomes 0.0
        else:
            yield "x_curve" if mix.weights is None else f"{kind}_{mix.label}"


def _joined(clip_names: Sequence[str], limit_bytes: int) -> str:
    """The names with ``~`` between; where that is too long, what short names leave over goes to long ones."""
    cleaned = [clean(name) for name in clip_names]
    shares: dict[int, int] = {}
    left = limit_bytes - (len(cleaned) - 1)
    for count, n in enumerate(sorted(range(len(cleaned)), key=lambda n: len(cleaned[n].encode()))):
        shares[n] = min(len(cleaned[n].encode()), left // (len(cleaned) - count))
        left -= shares[n]
    return "~".join(clean(name, shares[n]) for n, name in enumerate(cleaned))
