"""ReaScript's functions, as the scripts call them, over items, takes and their sources. Names and arguments are REAPER's."""


from pathlib import Path
from typing import TYPE_CHECKING, Any

from daw.things import Thing, need, source_of, text

if TYPE_CHECKING:
    from daw.fake_reaper import Reaper


class Items:
    """Methods of ``Reaper``."""


    def CountSelectedMediaItems(self: "Reaper", project: Any) -> int:
        return len(self.selected)

    def GetSelectedMediaItem(self: "Reaper", project: Any, place: int) -> Thing:
        return self.selected[place]

    def CountMediaItems(self: "Reaper", project: Any) -> int:
        return len(self._of(project).items())

    def GetMediaItem(self: "Reaper", project: Any, place: int) -> Thing:
        return self._of(project).items()[place]

    def GetMediaItem_Track(self: "Reaper", item: Any) -> Thing:
        return next(track for project in self.projects for track in project.tracks
                    if any(one is need(item, "MediaItem") for one in track["items"]))

    def GetMediaItemInfo_Value(self: "Reaper", item: Any, key: str) -> float:
        return float(need(item, "MediaItem")[key])

    def SetMediaItemInfo_Value(self: "Reaper", item: Any, key: str, value: float) -> bool:
        need(item, "MediaItem")[key] = value
        return True

    def GetSetMediaItemInfo_String(self: "Reaper", item: Any, key: str, value: str, is_set: bool) -> tuple[bool, str]:
        return text(need(item, "MediaItem"), key, value, is_set)

    def GetDisplayedMediaItemColor(self: "Reaper", item: Any) -> int:
        return int(need(item, "MediaItem").get("colour", 0))

    def GetActiveTake(self: "Reaper", item: Any) -> Thing | None:
        takes = need(item, "MediaItem")["takes"]
        return takes[int(item["I_CURTAKE"])] if takes else None

    def AddMediaItemToTrack(self: "Reaper", track: Any) -> Thing:
        item = Thing("MediaItem", takes=[], I_CURTAKE=0)
        need(track, "MediaTrack")["items"].append(item)
        return item

    def AddTakeToMediaItem(self: "Reaper", item: Any) -> Thing:
        take = Thing("MediaItem_Take")
        need(item, "MediaItem")["takes"].append(take)
        return take

    def GetTakeName(self: "Reaper", take: Any) -> str:
        return str(need(take, "MediaItem_Take")["P_NAME"])

    def TakeIsMIDI(self: "Reaper", take: Any) -> bool:
        return bool(need(take, "MediaItem_Take")["midi"])

    def TakeFX_GetCount(self: "Reaper", take: Any) -> int:
        return int(need(take, "MediaItem_Take")["effects"])

    def GetTakeNumStretchMarkers(self: "Reaper", take: Any) -> int:
        return int(need(take, "MediaItem_Take")["markers"])

    def GetMediaItemTakeInfo_Value(self: "Reaper", take: Any, key: str) -> float:
        return float(need(take, "MediaItem_Take")[key])

    def SetMediaItemTakeInfo_Value(self: "Reaper", take: Any, key: str, value: float) -> bool:
        need(take, "MediaItem_Take")[key] = value
        return True

    def GetSetMediaItemTakeInfo_String(self: "Reaper", take: Any, key: str, value: str, is_set: bool) -> tuple[bool, str]:
        return text(need(take, "MediaItem_Take"), key, value, is_set)


    def GetMediaItemTake_Source(self: "Reaper", take: Any) -> Thing:
        return need(need(take, "MediaItem_Take")["source"], "PCM_source")

    def SetMediaItemTake_Source(self: "Reaper", take: Any, source: Any) -> bool:
        need(take, "MediaItem_Take")["source"] = need(source, "PCM_source")
        return True

    def GetMediaSourceParent(self: "Reaper", source: Any) -> Thing | None:
        parent = need(source, "PCM_source")["parent"]
        return None if parent is None else need(parent, "PCM_source")

    def GetMediaSourceFileName(self: "Reaper", source: Any, text: str = "") -> str:
        return str(need(source, "PCM_source")["path"])

    def GetMediaSourceLength(self: "Reaper", source: Any) -> tuple[float, bool]:
        return need(source, "PCM_source")["seconds"], source["beats"]

    def GetMediaSourceSampleRate(self: "Reaper", source: Any) -> int:
        return int(need(source, "PCM_source")["rate"])

    def GetMediaSourceNumChannels(self: "Reaper", source: Any) -> int:
        return int(need(source, "PCM_source")["channels"])

    def PCM_Source_CreateFromFile(self: "Reaper", path: str) -> Thing | None:
        return source_of(Path(path)) if Path(path).is_file() else None

    def PCM_Source_BuildPeaks(self: "Reaper", source: Any, mode: int) -> int:
        source["peaks"] = {0: 3, 1: max(0, source["peaks"] - 1), 2: -1}[mode]
        return int(source["peaks"])
