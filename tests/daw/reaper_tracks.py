"""ReaScript's functions over tracks, envelopes and what is heard, as the scripts call them. Names are REAPER's."""


from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from daw.things import Thing, need, text

if TYPE_CHECKING:
    from daw.fake_reaper import Reaper


class Tracks:
    """Methods of ``Reaper``."""


    def CountTracks(self: "Reaper", project: Any) -> int:
        return len(self._of(project).tracks)

    def InsertTrackAtIndex(self: "Reaper", place: int, defaults: bool) -> None:
        self.project.tracks.insert(place, Thing("MediaTrack", items=[], P_NAME="", colour=0, envelopes={}))

    def GetTrack(self: "Reaper", project: Any, place: int) -> Thing:
        return self._of(project).tracks[place]

    def CountTrackMediaItems(self: "Reaper", track: Any) -> int:
        return len(need(track, "MediaTrack")["items"])

    def GetTrackMediaItem(self: "Reaper", track: Any, place: int) -> Thing:
        return need(track, "MediaTrack")["items"][place]

    def GetTrackColor(self: "Reaper", track: Any) -> int:
        return int(need(track, "MediaTrack")["colour"])

    def GetMediaTrackInfo_Value(self: "Reaper", track: Any, key: str) -> float:
        if key == "IP_TRACKNUMBER":
            return 1.0 + next(n for n, one in enumerate(self.project.tracks) if one is need(track, "MediaTrack"))
        return float(need(track, "MediaTrack")[key])

    def SetMediaTrackInfo_Value(self: "Reaper", track: Any, key: str, value: float) -> bool:
        need(track, "MediaTrack")[key] = value
        return True

    def GetSetMediaTrackInfo_String(self: "Reaper", track: Any, key: str, value: str, is_set: bool) -> tuple[bool, str]:
        return text(need(track, "MediaTrack"), key, value, is_set)

    def ColorToNative(self: "Reaper", red: int, green: int, blue: int) -> int:
        return blue << 16 | green << 8 | red  # as Windows has it

    def ColorFromNative(self: "Reaper", colour: int) -> tuple[int, int, int]:
        return colour & 255, colour >> 8 & 255, colour >> 16 & 255

    def TrackList_AdjustWindows(self: "Reaper", minor: bool) -> None:
        assert self.refresh == 0

    def UpdateArrange(self: "Reaper") -> None:
        assert self.refresh == 0

    def PreventUIRefresh(self: "Reaper", count: int) -> None:
        self.refresh += count
        assert self.refresh >= 0

    def RecursiveCreateDirectory(self: "Reaper", path: str, ignored: int) -> int:
        Path(path).mkdir(parents=True, exist_ok=True)
        return 1


    def CountTakeEnvelopes(self: "Reaper", take: Any) -> int:
        return len(need(take, "MediaItem_Take")["envelopes"])

    def GetTakeEnvelope(self: "Reaper", take: Any, place: int) -> Thing:
        return list(need(take, "MediaItem_Take")["envelopes"].values())[place]

    def GetTakeEnvelopeByName(self: "Reaper", take: Any, name: str) -> Thing | None:
        return need(take, "MediaItem_Take")["envelopes"].get(name)

    def GetTrackEnvelopeByName(self: "Reaper", track: Any, name: str) -> Thing | None:
        return need(track, "MediaTrack")["envelopes"].get(name)

    def GetSetEnvelopeInfo_String(self: "Reaper", envelope: Any, key: str, value: str, is_set: bool) -> tuple[bool, str]:
        assert key == "ACTIVE"
        return text(need(envelope, "TrackEnvelope"), key, value, is_set)

    def GetEnvelopeScalingMode(self: "Reaper", envelope: Any) -> int:
        return int(need(envelope, "TrackEnvelope")["scaling"])

    def Envelope_Evaluate(self: "Reaper", envelope: Any, seconds: float, rate: float, samples: int) -> tuple[int, float]:
        return 0, need(envelope, "TrackEnvelope")["value"](seconds)

    def ScaleFromEnvelopeMode(self: "Reaper", mode: int, value: float) -> float:
        return value / 1000.0 if mode else value

    def CreateTrackAudioAccessor(self: "Reaper", track: Any) -> Thing:
        self.accessors += 1
        return Thing("AudioAccessor", track=need(track, "MediaTrack"))

    def DestroyAudioAccessor(self: "Reaper", accessor: Any) -> None:
        assert need(accessor, "AudioAccessor")
        self.accessors -= 1

    def GetAudioAccessorSamples(self: "Reaper", accessor: Any, rate: int, channels: int, start: float, count: int,
                                buffer: Any) -> int:
        values = self.rendered(need(accessor, "AudioAccessor")["track"], start, rate, count)
        table = buffer.table()
        for place, value in enumerate(np.asarray(values)[:, :channels].ravel(), 1):
            table[place] = float(value)
        return 1

    def new_array(self: "Reaper", size: int) -> Any:
        return self.array(size)
