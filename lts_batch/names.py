"""Names of stems that every system, file browser and sampler takes and sorts right."""

import re
import unicodedata
from collections.abc import Sequence

from lts_batch.protocol import is_device_name

LIMIT_BYTES = 200  # of 255 that file systems allow: room for what people and programs append
MOST_DECIMALS = 9

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


def stem_names(clip_names: Sequence[str], amounts: Sequence[float], *, curve: bool, naming: str) -> list[str]:
    """File names of the stems of one job, one for each amount, all different, of at most ``LIMIT_BYTES`` bytes.

    Args:
        clip_names: of the clips in their order, without ending.
        amounts: the x of each stem, in any order; numbers in the names count in the order of x.
        curve: there is one stem, whose amount moves; ``amounts`` is not looked at.
        naming: ``steps``, or ``lts`` for the names of the examples of Latent Timbre Synthesis.

    >>> stem_names(["kick", "snare"], [0, 0.5, 1], curve=False, naming="steps")[1]
    'kick~snare_02_x+0.50.wav'
    >>> stem_names(["kick", "snare"], [-0.1, 0.1], curve=False, naming="lts")
    ['01-x_extrapolations_-0.1.wav', '02-x_interpolations_0.1.wav']
    """
    if curve:
        endings = ["01_curve.wav" if naming != "lts" else "01-x_curve.wav"]
    else:
        decimals = _decimals(amounts, 1 if naming == "lts" else 2)
        order = sorted(range(len(amounts)), key=lambda n: amounts[n])
        places = {n: place for place, n in enumerate(order, 1)}
        width = max(2, len(str(len(amounts))))
        endings = [_ending(places[n], width, amount, decimals, naming) for n, amount in enumerate(amounts)]
    if naming == "lts":
        return endings
    longest = max((len(ending) for ending in endings), default=0)
    pair = _joined(clip_names, LIMIT_BYTES - longest - 1)
    return [f"{pair}_{ending}" for ending in endings]


def _ending(place: int, width: int, amount: float, decimals: int, naming: str) -> str:
    amount = round(amount, decimals) + 0.0  # -0.0 becomes 0.0
    if naming == "lts":
        kind = "interpolations" if 0 <= amount <= 1 else "extrapolations"
        return f"{place:0{width}}-x_{kind}_{amount:.{decimals}f}.wav"
    return f"{place:0{width}}_x{amount:+.{decimals}f}.wav"


def _decimals(amounts: Sequence[float], least: int) -> int:
    """Enough that no two amounts look alike, and up to 3 where that says them exactly."""
    wanted = len(set(amounts))
    apart = [d for d in range(least, MOST_DECIMALS + 1) if len({round(x, d) + 0.0 for x in amounts}) == wanted]
    exact = [d for d in apart if d <= 3 and all(abs(round(x, d) - x) < 1e-9 for x in amounts)]
    return (exact or apart or [MOST_DECIMALS])[0]


def _joined(clip_names: Sequence[str], limit_bytes: int) -> str:
    """The names with ``~`` between; where that is too long, what short names leave over goes to long ones."""
    cleaned = [clean(name) for name in clip_names]
    shares: dict[int, int] = {}
    left = limit_bytes - (len(cleaned) - 1)
    for count, n in enumerate(sorted(range(len(cleaned)), key=lambda n: len(cleaned[n].encode()))):
        shares[n] = min(len(cleaned[n].encode()), left // (len(cleaned) - count))
        left -= shares[n]
    return "~".join(clean(name, shares[n]) for n, name in enumerate(cleaned))
