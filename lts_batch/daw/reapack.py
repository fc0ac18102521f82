"""An index of the REAPER scripts for ReaPack (https://reapack.com), which installs scripts from a page and keeps them fresh.

One package with all scripts, made of the headers in the script that names the others (ReaPack's package header format).
"""

import re
from pathlib import Path
from xml.etree import ElementTree

from lts_batch import __version__
from lts_batch.daw.scripts import scripts_folder

_MAIN = "lts_morph.lua"
_SECTION = "main"  # of REAPER's action list


def index(base_url: str) -> str:
    """The index as XML text.

    Args:
        base_url: the address under which the folder ``daw_scripts`` of this version can be read.
    """
    scripts = scripts_folder().resolve()
    folder = scripts / "reaper"
    head = _header((folder / _MAIN).read_text(encoding="utf-8"))
    root = ElementTree.Element("index", version="1", name="lts_batch")
    category = ElementTree.SubElement(root, "category", name="Items")
    package = ElementTree.SubElement(category, "reapack", name=_MAIN, type="script", desc=head["description"])
    version = ElementTree.SubElement(package, "version", name=__version__, author=head["author"])
    for path, target, is_main in _provided(folder, head["provides"]):
        where = path.relative_to(scripts).as_posix()
        attributes = {"main": _SECTION} if is_main else {}
        if target != _MAIN:
            attributes["file"] = target
        ElementTree.SubElement(version, "source", attributes).text = f"{base_url.rstrip('/')}/{where}"
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _header(text: str) -> dict[str, str]:
    """The values of a header: of one line, or of the indented lines below."""
    found: dict[str, str] = {}
    for key, value, more in re.findall(r"^-- @(\w+) ?(.*)\n((?:--   .*\n)*)", text, re.MULTILINE):
        found[key] = value or "\n".join(line.removeprefix("--").strip() for line in more.splitlines())
    return found


def _provided(folder: Path, lines: str) -> list[tuple[Path, str, bool]]:
    """Files that a package provides: where they lie, where they go beside the main script, and whether they are actions."""
    found = []
    for line in lines.splitlines():
        kind, pattern, _, goal = re.fullmatch(r"\[(main|nomain)\] (\S+)( > (\S+))?", line).groups()  # type: ignore[union-attr]
        parent = (folder / pattern).parent.resolve()
        for path in sorted(parent.glob(Path(pattern).name)):
            place = f"{goal}{path.name}" if goal else path.relative_to(folder.resolve()).as_posix()
            found.append((path.resolve(), place, kind == "main"))
    return found
