"""ReaScript's functions over projects, the program and its user, as the scripts call them. Names are REAPER's."""


import uuid
from typing import TYPE_CHECKING, Any

from daw.things import Thing, need

if TYPE_CHECKING:
    from daw.fake_reaper import Reaper


class Program:
    """Methods of ``Reaper``."""


    def EnumProjects(self: "Reaper", number: int) -> tuple[Thing, str]:
        assert number == -1
        return self.project.thing, str(self.project.file)

    def ValidatePtr2(self: "Reaper", project: Any, thing: Any, kind: str) -> bool:
        return isinstance(thing, Thing) and kind == "ReaProject*" and thing in (one.thing for one in self.projects)

    def _of(self: "Reaper", thing: Any) -> Any:
        return next(one for one in self.projects if one.thing is need(thing, "ReaProject"))

    def GetSetProjectInfo(self: "Reaper", project: Any, key: str, value: float, is_set: bool) -> float:
        assert not is_set
        return {"PROJECT_SRATE_USE": float(self._of(project).rate > 0), "PROJECT_SRATE": float(self._of(project).rate)}[key]

    def GetAudioDeviceInfo(self: "Reaper", key: str) -> tuple[bool, str]:
        assert key == "SRATE"
        return True, "96000"

    def GetProjectPathEx(self: "Reaper", project: Any) -> str:
        return str(self._of(project).file.parent / "Media")

    def SetProjExtState(self: "Reaper", project: Any, section: str, key: str, value: str) -> int:
        state = self._of(project).state
        state.pop(key, None)
        if value:
            state[key] = value
        return 1

    def EnumProjExtState(self: "Reaper", project: Any, section: str, place: int) -> Any:
        state = list(self._of(project).state.items())
        return (True, *state[place]) if place < len(state) else (False, "", "")

    def MarkProjectDirty(self: "Reaper", project: Any) -> None:
        self._of(project).dirty = True


    def get_action_context(self: "Reaper") -> Any:
        return True, self.action, 0, 1, 0, 0, 0

    def GetResourcePath(self: "Reaper") -> str:
        return str(self.folder.parents[1])

    def time_precise(self: "Reaper") -> float:
        return self.now

    def defer(self: "Reaper", function: Any) -> bool:
        self.queue.append(function)
        return True

    def genGuid(self: "Reaper", text: str = "") -> str:
        return f"{{{str(uuid.uuid4()).upper()}}}"

    def MB(self: "Reaper", text: str, title: str, kind: int) -> int:
        assert self.refresh == 0 and kind == 0
        self.boxes.append(text)
        return 1

    def GetUserInputs(self: "Reaper", title: str, count: int, captions: str, values: str) -> tuple[bool, str]:
        fields = captions.split(",")
        assert [field for field in fields if "=" not in field] == fields[:count] and fields[-1] == "separator=\n"
        assert len(values.split("\n")) == count <= 16
        self.asked.append(values)
        answer = self.answers.pop(0)
        return (False, "") if answer is None else (True, "\n".join(answer or values.split("\n")))

    def HasExtState(self: "Reaper", section: str, key: str) -> bool:
        return (section, key) in self.ext

    def GetExtState(self: "Reaper", section: str, key: str) -> str:
        return self.ext.get((section, key), "")

    def SetExtState(self: "Reaper", section: str, key: str, value: str, persist: bool) -> None:
        assert persist
        self.ext[section, key] = value

    def Undo_BeginBlock2(self: "Reaper", project: Any) -> None:
        self.blocks += 1
        self.before = [(list(one.tracks), one) for one in self.projects]

    def Undo_EndBlock2(self: "Reaper", project: Any, name: str, flags: int) -> None:
        assert flags == -1 and self.blocks == 1
        self.blocks -= 1
        self.undo.append(name)

    def Undo_DoUndo2(self: "Reaper", project: Any) -> int:
        assert self.blocks == 0
        for tracks, one in self.before:
            one.tracks[:] = tracks
        self.undo.pop()
        return 1


    def gfx_init(self: "Reaper", title: str, width: int, height: int) -> int:
        self.window = True
        return 1

    def gfx_quit(self: "Reaper") -> None:
        self.window = False

    def gfx_setfont(self: "Reaper", number: int, name: str, size: int) -> int:
        return 1

    def gfx_getchar(self: "Reaper") -> int:
        assert self.window
        self.drawn, key, self.key = [], self.key, 0
        mouse = self.lua.globals().gfx
        mouse.mouse_cap = 0 if self.click is None else 1
        mouse.mouse_x, mouse.mouse_y = 370, 12 + 44 * (self.click or 0)  # a row's button
        self.click = None
        return key

    def gfx_set(self: "Reaper", *colour: float) -> None:
        assert all(0 <= value <= 1 for value in colour)

    def gfx_rect(self: "Reaper", x: float, y: float, width: float, height: float, filled: int) -> None:
        assert width >= 0 and height > 0

    def gfx_measurestr(self: "Reaper", text: str) -> float:
        return 6.0 * len(text)

    def gfx_drawstr(self: "Reaper", text: str) -> None:
        self.drawn.append(text)

    def gfx_update(self: "Reaper") -> None:
        assert self.window
