"""Readers of what services are described by, written from the systems' own documentation and not from our writers."""

import plistlib
import re
from typing import Any
from xml.etree import ElementTree

TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def read_unit(text: str) -> dict[str, dict[str, str]]:
    """Sections and keys of a unit; systemd.syntax(7). A line that ends with a backslash would swallow the next."""
    sections: dict[str, dict[str, str]] = {}
    for line in text.split("\n"):
        assert not line.endswith("\\"), line
        if not line.strip() or line[0] in "#;":
            continue
        if found := re.fullmatch(r"\[(.+)\]", line):
            section = sections.setdefault(found[1], {})
        else:
            key, _, value = line.partition("=")
            assert key not in section, f"{key} is there twice"
            section[key] = value.strip(" \t")
    return sections


def specifiers_undone(text: str) -> str:
    """systemd.unit(5): two percent signs are one; one is the beginning of a specifier, which ours never have."""
    assert re.sub("%%", "", text).count("%") == 0, text
    return text.replace("%%", "%")


def unit_words(value: str) -> list[str]:
    """The words of a command line; systemd.service(5): quotes and C escapes, then specifiers."""
    words, word, quote, letters = [], None, "", iter(value)
    for letter in letters:
        if letter == "\\":
            word = (word or "") + {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t", "s": " "}[next(letters)]
        elif quote:
            word, quote = (word or "") + ("" if letter == quote else letter), "" if letter == quote else quote
        elif letter in "\"'":
            word, quote = word or "", letter
        elif letter in " \t":
            words, word = words + ([] if word is None else [word]), None
        else:
            word = (word or "") + letter
    assert not quote, value
    return [specifiers_undone(one) for one in words + ([] if word is None else [word])]


def windows_words(line: str) -> list[str]:
    """What a program on Windows finds in a command line after its own name ("Parsing C command-line arguments")."""
    words, word, quoted, place = [], None, False, 0
    while place < len(line):
        found = re.compile(r'(\\*)(.?)', re.DOTALL).match(line, place)
        assert found is not None
        slashes, letter = found[1], found[2]
        place = found.end()
        if letter == '"':
            word = (word or "") + "\\" * (len(slashes) // 2)
            if len(slashes) % 2:
                word += '"'
            elif quoted and line[place:place + 1] == '"':
                word, place = word + '"', place + 1
            else:
                quoted = not quoted
            continue
        if slashes:
            word = (word or "") + slashes
        if letter in (" ", "\t") and not quoted:
            words, word = words + ([] if word is None else [word]), None
        elif letter:
            word = (word or "") + letter
    return words + ([] if word is None else [word])


def read_agent(text: str) -> dict[str, Any]:
    """A property list by the standard library."""
    return dict(plistlib.loads(text.encode("utf-8")))


def read_task(text: str) -> dict[str, str]:
    """Texts of a task by their paths in it, through UTF-16 as the Task Scheduler reads it."""
    root = ElementTree.fromstring(text.encode("utf-16"))
    assert root.tag == f"{TASK}Task" and root.get("version") == "1.2"
    found: dict[str, str] = {}

    def walk(element: ElementTree.Element, path: str) -> None:
        for child in element:
            name = f"{path}/{child.tag.removeprefix(TASK)}"
            assert name not in found, name
            found[name] = child.text or ""
            walk(child, name)

    walk(root, "")
    return found
