"""What a project of the stand-in for REAPER is made of: tracks, items, takes, sources and envelopes."""

import uuid
from pathlib import Path
from typing import Any

import soundfile


class Thing(dict[str, Any]):
    """Something with values: a track, an item, a take, a source or an envelope. Lua knows it by its handle."""

    count = 0

    def __init__(self, kind: str, **values: Any) -> None:
        super().__init__(values)
        Thing.count += 1
        self.kind, self.handle = kind, f"{kind}: 0x{Thing.count:08x}"


def need(thing: Any, kind: str) -> Thing:
    """A handle of the right kind."""
    assert isinstance(thing, Thing) and thing.kind == kind, f"{thing!r} is no {kind}"
    return thing


def text(thing: Thing, key: str, value: str, is_set: bool) -> tuple[bool, str]:
    """What functions do that give or take a text."""
    if is_set:
        thing[key] = value
    return True, str(thing.get(key, ""))


def source_of(path: Path) -> Thing:
    """A source for a file, as REAPER would read it."""
    info = soundfile.info(path)
    return Thing("PCM_source", path=str(path), rate=info.samplerate, channels=info.channels, seconds=info.duration,
                 beats=False, parent=None, peaks=0)


def item_of(path: Path, *, position: float = 0.0, offset: float = 0.0, length: float | None = None, **values: Any) -> Thing:
    """An item with one take that plays a file; ``values`` go to the item or, as they belong, to its take."""
    source = source_of(path)
    take = Thing("MediaItem_Take", source=source, P_NAME=path.name, D_STARTOFFS=offset, D_PLAYRATE=1.0, D_PITCH=0.0, D_VOL=1.0,
                 D_PAN=0.0, I_CHANMODE=0, effects=0, markers=0, envelopes={}, midi=False)
    for key in [key for key in values if key in take and key != "D_VOL"]:
        take[key] = values.pop(key)
    own = {"D_POSITION": position, "D_LENGTH": source["seconds"] - offset if length is None else length, "D_VOL": 1.0,
           "B_MUTE": 0.0, "I_CURTAKE": 0, "GUID": f"{{{uuid.uuid4()}}}", "colour": 0,
           **dict.fromkeys(("D_FADEINLEN", "D_FADEOUTLEN", "D_FADEINLEN_AUTO", "D_FADEOUTLEN_AUTO"), 0.0)}
    return Thing("MediaItem", takes=[take], **{**own, **values})


class Project:
    """Tracks of items, and what is stored beside them."""

    def __init__(self, file: Path) -> None:
        self.thing = Thing("ReaProject")
        self.file, self.tracks, self.state, self.dirty, self.rate = file, list[Thing](), dict[str, str](), False, 44100

    def add(self, *items: Thing, **values: Any) -> Thing:
        """A new track with items."""
        track = Thing("MediaTrack", items=list(items), P_NAME="", colour=0, envelopes={}, **values)
        self.tracks.append(track)
        return track

    def items(self) -> list[Thing]:
        """All of them."""
        return [item for track in self.tracks for item in track["items"]]
