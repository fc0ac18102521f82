"""The line by which we know again what we wrote, with the root it is for."""

import json
import re

_MARK = "lts-batch service "


def mark(root: str) -> str:
    """One line of ASCII that can stand in a comment of a unit as well as of XML, where ``--`` and ``<`` may not.

    >>> mark("/music/a--b")
    'lts-batch service {"root": "/music/a\\\\u002d\\\\u002db"}'
    """
    data = json.dumps({"root": root})
    return _MARK + re.sub("[-<>&]", lambda found: f"\\u{ord(found[0]):04x}", data)


def marked_root(text: str) -> str | None:
    """The root in the first mark of a text, or nothing if the text is not ours.

    >>> marked_root(f"# {mark('/music/a--b')}")
    '/music/a--b'
    """
    found = re.search(re.escape(_MARK) + r'(\{"root": ".*"\})', text)
    if found is None:
        return None
    try:
        return str(json.loads(found[1])["root"])
    except ValueError:
        return None
