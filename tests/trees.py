"""Trees of folders, to compare what was there before with what is there after."""

import hashlib
from collections.abc import Callable
from pathlib import Path

Tree = Callable[[Path], dict[str, str]]


def listed(folder: Path) -> dict[str, str]:
    """Everything under a folder, with a hash of its content."""
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file()
            else "folder" for path in sorted(folder.rglob("*"))}
