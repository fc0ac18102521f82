"""What is to be started at login, and the name it goes by."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from lts_batch.errors import ModelError, ServiceError, SettingsError

# Exit codes that trying again does not mend: wrong usage of the command line, a wrong setting, an unusable model. Anything
# else may pass: a disk that is not there yet, another daemon that is about to end.
LASTING = (2, SettingsError.exit_code, ModelError.exit_code)
RESTART_SECONDS = 60  # before the next try; the least that the Windows Task Scheduler takes
STOP_SECONDS = 30  # from the signal to the end by force
NICE = 10

_PREFIX = "lts-batch-"
_SLUG_LETTERS = 24


@dataclass(frozen=True)
class Service:
    """A daemon on one root.

    Args:
        root: the watched folder, absolute, in the user's own words (links stay).
        python: the interpreter that lts_batch is installed for, absolute.
        options: further words of ``lts-batch watch``.
        config: the folder of the user's choices if it is not the usual one (``LTS_BATCH_CONFIG``).

    Raises:
        ServiceError: one of them can't be written into the system's files.
    """

    root: str
    python: str
    options: tuple[str, ...] = ()
    config: str | None = None

    def __post_init__(self) -> None:
        for text in (self.root, self.python, *self.options, self.config or ""):
            check_text(text)

    @property
    def name(self) -> str:
        """The name under which the system knows it."""
        return name_of(self.root)

    def watch(self) -> tuple[str, ...]:
        """The words that start the daemon directly. ``-P`` keeps a folder that the daemon happens to start in out of it."""
        return (self.python, "-P", "-m", "lts_batch", "watch", self.root, *self.options)

    def supervised(self, *own: str) -> tuple[str, ...]:
        """The words that start it where the system can't tell lasting mistakes from passing ones."""
        return (self.python, "-P", "-m", "lts_batch", "service", "run", *own, "--", self.root, *self.options)


def name_of(root: str) -> str:
    """A name of small ASCII letters, digits and hyphens that tells roots apart and can still be recognised.

    >>> name_of("/home/ada/Märchen & Lärm")
    'lts-batch-marchen-larm-9b46b0b4'
    """
    last = re.split(r"[/\\]", root.rstrip("/\\"))[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode("ascii").lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:_SLUG_LETTERS].strip("-") or "root"
    same = unicodedata.normalize("NFC", root)  # macOS spells an umlaut in two ways
    if re.match(r"[A-Za-z]:|\\\\", root):  # Windows does not tell small letters from capitals
        same = same.lower()
    digest = hashlib.sha256(same.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_PREFIX}{slug}-{digest}"


def check_text(text: str) -> None:
    """Raises ``ServiceError`` for what XML or a line of text can't hold: control characters, halves of characters."""
    for letter in text:
        if unicodedata.category(letter) in ("Cc", "Cs") or letter in "\ufffe\uffff":
            raise ServiceError(f"{text!r} has the character U+{ord(letter):04X} in it, which files of the system's cannot hold:"
                               " rename that folder, or give another")
