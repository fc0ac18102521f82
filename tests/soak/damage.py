"""Job files as nobody should write them: good ones damaged in every way that a seed can think of, and bytes at random."""

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from lts_batch.protocol import JOB_FILE_LIMIT_BYTES
from lts_batch.settings import FIELDS, preset_paths

LARGE_EVERY = 2000  # for large inputs cost far more than the rest

_HEAD = {"format": "lts-batch/job", "version": 1}
_TWO = [{"path": "a.wav", "offset_samples": 441, "length_samples": 1323, "name": "cello"}, {"path": "b.wav", "rendered": True}]
GOOD: list[dict[str, Any]] = [
    {**_HEAD, "clips": _TWO, "preset": "graded-11", "settings": {"sample_rate": 48000, "align": "stretch", "detail": 1.0},
     "echo": {"project": "song.rpp", "track": 4, "position_seconds": 12.5, "muted": True}},
    {**_HEAD, "clips": _TWO, "settings": {"curve": [[0.0, 0.0], [1.5, 1.0]], "curve_unit": "seconds"}},
    {**_HEAD, "clips": _TWO * 2, "settings": {"grid": "5x5", "align": "onsets"}},
    {**_HEAD, "clips": [*_TWO, {"path": "/r/c.wav"}], "settings": {"weights": [[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]}},
    {**_HEAD, "clips": _TWO, "settings": {"curve": [[0.0, 0.0], [1.0, 0.5]], "curve_shape": "smooth", "x_level": 0.0,
                                          "x_pitch": [[0.0, 1.0]]}},
    {**_HEAD, "clips": _TWO, "settings": {"x": [0.0, 0.5, 1.0], "quality": "draft", "bit_depth": 16, "ceiling_db": -1.0}},
    {**_HEAD, "clips": _TWO, "preset": "sweep", "echo": {f"k{n}": n for n in range(64)}},
]

_ODD_TEXTS = ["", "..", "../x", "a/../b", "\0", "\ud800", "\udfff a", "é\u0301", "\u202e", "a\nb", "x" * 5000, "NaN", "general",
              "/etc/passwd", "C:\\x", "//host/x", "~", "3x3", "101x2", "draft", "\U0001f3b9", "%s{}", "con", "a\tb", " ", "-1"]
_ODD_NUMBERS: list[float] = [0, -1, 1, 2, 2**31, 2**53, 2**53 + 1, 2**63, 2**64, 10**30, 10**400, -10**400, 0.1, -0.0, 1e308,
                             -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 1.0, 3.0000000001, 1001, 1002]
_KEYS = ["format", "version", "clips", "preset", "settings", "echo", "path", "name", "rendered", "offset_samples",
         "length_samples", "clip", "", "__proto__", "a b", "\ud800", *FIELDS]
_WORDS = [b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\u0000", b"\\ud800", b"null", b"NaN", b"-Infinity", b"1e999", b"//",
          b"\xff", b"\xef\xbb\xbf", b"\0", b"true", b"9" * 50, b"\xc3\x28", b"\xed\xa0\x80", b"'"]


def value(rng: random.Random, depth: int = 3) -> Any:
    """Anything that JSON can say, and the three numbers that it cannot."""
    kind = rng.randrange(8 if depth else 5)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.choice(_ODD_NUMBERS)
    if kind == 2:
        return rng.uniform(-4, 4)
    if kind == 3:
        return rng.choice([*_ODD_TEXTS, *preset_names()])
    if kind == 4:
        return "".join(chr(rng.choice([rng.randrange(128), rng.randrange(0x2000), rng.randrange(0x110000)])) for _ in range(5))
    if kind == 5:
        return {rng.choice(_KEYS): value(rng, depth - 1) for _ in range(rng.randrange(4))}
    return [value(rng, depth - 1) for _ in range(rng.randrange(5))]


def preset_names(found: list[str] = []) -> list[str]:  # noqa: B006  (read once)
    """The presets that come along."""
    if not found:
        found.extend(preset_paths())
    return found


def nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree: what holds it, and the key or number there."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from nodes(tree[key])


def bent(rng: random.Random) -> Any:
    """A good job whose tree was changed in a few places."""
    tree: Any = copy.deepcopy(rng.choice(GOOD))
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        places = list(nodes(tree))
        if not places:
            return tree
        (holder, key), (other, other_key) = rng.choice(places), rng.choice(places)
        what = rng.randrange(7)
        if what == 0:
            holder[key] = value(rng)
        elif what == 1:
            del holder[key]
        elif what == 2:
            holder[key], other[other_key] = copy.deepcopy(other[other_key]), copy.deepcopy(holder[key])
        elif what == 3:
            holder[key] = [holder[key]]
        elif what == 4:
            holder[key] = {rng.choice(_KEYS): holder[key]}
        elif isinstance(holder, dict):
            holder[rng.choice(_KEYS)] = value(rng) if what == 5 else holder.pop(key)
        else:
            holder.extend(copy.deepcopy(holder[key]) for _ in range(rng.choice([1, 2, 70])))
    return tree


def written(rng: random.Random, tree: Any) -> bytes:
    """As JSON, in some of the ways that it can be written."""
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.7, indent=rng.choice([None, None, 1, "\t"]))
    return text.encode(rng.choice(["utf-8"] * 9 + ["utf-8-sig", "utf-16", "utf-32"]), "surrogatepass")


def scratched(rng: random.Random, data: bytes) -> bytes:
    """Bytes with a few of them changed, lost, doubled or put in."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        a = rng.randrange(len(found) + 1)
        b = min(len(found), a + rng.choice([1, 1, 2, 10, 100]))
        what = rng.randrange(6)
        if what == 0 and a < len(found):
            found[a] ^= 1 << rng.randrange(8)
        elif what == 1:
            del found[a:b]
        elif what == 2:
            found[a:a] = found[a:b]
        elif what == 3:
            found[a:b] = rng.randbytes(b - a)
        elif what == 4:
            found[a:a] = rng.choice(_WORDS)
        else:
            del found[a if rng.random() < 0.2 else len(found):]
    return bytes(found)


def doubled(rng: random.Random, data: bytes) -> bytes:
    """A key put in a second time."""
    places = list(re.finditer(rb'"[a-z_]+": ', data))
    if not places:
        return data
    place = rng.choice(places)
    return data[:place.start()] + place[0] + written(rng, value(rng, 1)) + b", " + data[place.start():]


def nested(rng: random.Random) -> bytes:
    """Deep down, alone or somewhere in a good job."""
    depth = int(10 ** rng.uniform(1, 5))
    left, right = rng.choice([(b"[", b"]"), (b'{"a":', b"}"), (b"[[", b"]]"), (b'[{"clips":', b"}]")])
    inner = left * depth + b"1" + right * (depth if rng.random() < 0.7 else 0)
    if rng.random() < 0.5:
        return inner
    tree = copy.deepcopy(rng.choice(GOOD))
    holder, key = rng.choice(list(nodes(tree)))
    holder[key] = "DEEP"
    return json.dumps(tree).encode().replace(b'"DEEP"', inner)


def large(rng: random.Random) -> bytes:
    """Close to the most bytes that a job file may have, in one place of a good job."""
    room = JOB_FILE_LIMIT_BYTES - 4096
    tree: Any = copy.deepcopy(rng.choice(GOOD))
    holder, key = rng.choice([place for place in nodes(tree) if isinstance(place[0], dict)])
    what = rng.randrange(7)
    if what == 0:
        holder[key] = rng.choice(["x", "../", "\n", "é", "_A"]) * (room // 8)
    elif what == 1:
        holder["k" * room] = holder.pop(key)
    elif what == 2:
        holder[key] = [rng.choice([0, 0.5, 10**20, [], {}, "", [0, 0]])] * (room // 25)
    elif what == 3:
        holder.update({f"k{n}": n for n in range(room // 20)})
    elif what == 4:
        holder[key] = "DIGITS"
        return json.dumps(tree).encode().replace(b'"DIGITS"', rng.choice([b"9", b"-9", b"0.", b"1e"]) + b"9" * room)
    elif what == 5:
        return json.dumps(tree).encode() + rng.choice([b" ", b"\0", b"[", b"\xff"]) * room
    else:
        holder[key] = [[n / 50000, n % 2] for n in range(50000)]
    return json.dumps(tree).encode()[:JOB_FILE_LIMIT_BYTES]


def inputs(seed: int) -> Iterator[bytes]:
    """Job files without end, each the same for the same seed and number; every ``LARGE_EVERY``-th is large."""
    kinds: list[Callable[[random.Random], bytes]] = [
        *[lambda rng: written(rng, bent(rng))] * 8, *[lambda rng: scratched(rng, written(rng, rng.choice(GOOD)))] * 5,
        lambda rng: scratched(rng, written(rng, bent(rng))), lambda rng: written(rng, value(rng)),
        lambda rng: rng.randbytes(rng.randrange(300)), lambda rng: doubled(rng, written(rng, rng.choice(GOOD)))]
    number = 0
    while True:
        rng = random.Random(f"{seed} {number}")
        number += 1
        if number % LARGE_EVERY == 0:
            yield large(rng)
        elif number % 100 == 0:
            yield nested(rng)
        else:
            yield rng.choice(kinds)(rng)
