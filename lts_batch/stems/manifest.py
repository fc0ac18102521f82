"""What was made from what: the record beside the stems, with everything needed to make each stem again.

JSON for programs at large, lines of tabs for plain Lua inside a DAW. Both are described in docs/protocol.md.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lts_batch.errors import JobError
from lts_batch.protocol import VERSION, to_lines

FORMAT = "lts-batch/manifest"


@dataclass(frozen=True)
class ClipEntry:
    """A clip as it was read: the whole file's size and hash, and the part of it that was used."""

    path: str
    name: str
    size_bytes: int
    sha256: str
    sample_rate: int
    channels: int
    offset_samples: int
    length_samples: int


@dataclass(frozen=True)
class StemEntry:
    """A stem as it was written; ``peak`` is linear, full scale 1.

    ``x`` is None for a curve and for more than two clips, ``weights`` (one for each clip) for a curve.
    """

    file: str
    index: int
    x: float | None
    samples: int
    sample_rate: int
    channels: int
    subtype: str
    peak: float
    sha256: str
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Manifest:
    """The record of one job.

    Attributes:
        job: the job's id; None for stems made by hand.
        lts_batch: the version that made them.
        model: name and sha256 of the model.
        settings: all settings, as ``settings.as_dict`` gives them.
        notes: sentences about what was done unasked, such as resampling.
        echo: what the client wanted back, as it came.
        job_digest: SHA-256 over the job's content, by which the daemon knows it again; None for stems made by hand.
    """

    job: str | None
    lts_batch: str
    model: Mapping[str, str]
    settings: Mapping[str, Any]
    clips: tuple[ClipEntry, ...]
    stems: tuple[StemEntry, ...]
    notes: tuple[str, ...] = ()
    echo: Mapping[str, Any] = field(default_factory=dict)
    job_digest: str | None = None

    def to_json(self) -> str:
        """The record as JSON text, UTF-8; half characters of odd file names are escaped, so that they come back."""
        values = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}
        text = json.dumps(values, ensure_ascii=False, allow_nan=False, indent=1)
        return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"

    def to_tsv(self) -> str:
        """The record as lines of tabs: job, model, setting, clip, stem, note, echo."""
        return to_lines("manifest", [
            ("job", self.job, self.job_digest),
            ("lts_batch", self.lts_batch),
            ("model", self.model["name"], self.model["sha256"]),
            *(("setting", key, value) for key, value in self.settings.items()),
            *(("clip", n, *dataclasses.astuple(clip)) for n, clip in enumerate(self.clips, 1)),
            *(("stem", stem.index, stem.x, *(value for key, value in dataclasses.asdict(stem).items()
                                             if key not in ("index", "x"))) for stem in self.stems),
            *(("note", note) for note in self.notes),
            *(("echo", key, value) for key, value in self.echo.items()),
        ])


def from_json(text: str) -> Manifest:
    """The manifest that ``Manifest.to_json`` wrote.

    Raises:
        JobError: not a manifest, or one of another version.
    """
    try:
        values = json.loads(text)
        if (values.pop("format"), values.pop("version")) != (FORMAT, VERSION):
            raise ValueError(f"it is no {FORMAT} of version {VERSION}")
        values["clips"] = tuple(ClipEntry(**clip) for clip in values["clips"])
        values["stems"] = tuple(_stem(stem) for stem in values["stems"])
        return Manifest(**{**values, "notes": tuple(values["notes"])})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise JobError(f"this manifest cannot be read ({error}); it was changed, or another version wrote it") from None


def _stem(values: dict[str, Any]) -> StemEntry:
    weights = values.get("weights")
    return StemEntry(**{**values, "weights": None if weights is None else tuple(weights)})
