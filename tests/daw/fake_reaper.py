"""A stand-in for REAPER: ReaScript's functions over projects, and a clock that is moved.

It is strict: a function that ReaScript doesn't have (``reaper_api.py``), a wrong number of arguments, or a handle of another
kind is an error. What scripts do between two turns of the clock happens at once.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lupa.lua54 import LuaRuntime

from daw.reaper_api import FUNCTIONS, GFX
from daw.reaper_items import Items
from daw.reaper_program import Program
from daw.reaper_tracks import Tracks
from daw.things import Project, Thing

SCRIPTS = Path(__file__).parents[2] / "daw_scripts"
TICK_SECONDS = 0.033
_STRICT = """
function(name, least, most, call)
  return function(...)
    local count = select('#', ...)
    if count < least or count > most then
      error(('%s expects %d to %d arguments, got %d'):format(name, least, most, count), 2)
    end
    return call(...)
  end
end
"""


class Reaper(Items, Tracks, Program):
    """The program, with the scripts installed in a folder.

    Attributes:
        boxes: what was said in message boxes; answers: what the user will say when asked, a list of fields each, or None.
        undo: names of undo steps; drawn: what the window shows; click: the number of a button to press, once.
    """

    def __init__(self, place: Path, project: Project, *, root: Path | None) -> None:
        self.folder = place / "Scripts" / "lts_batch"
        shutil.copytree(SCRIPTS / "reaper", self.folder)
        shutil.copytree(SCRIPTS / "shared", self.folder / "shared")
        if root is not None:
            (self.folder / "place.tsv").write_text(f"lts-batch-place\t1\nroot\t{root.as_posix()}\n", encoding="utf-8")
        self.projects, self.accessors, self.blocks, self.before = [project], 0, 0, list[Any]()
        self.project, self.ext, self.selected = project, dict[tuple[str, str], str](), list[Thing]()
        self.boxes, self.answers, self.asked = list[str](), list[list[str] | None](), list[str]()
        self.undo, self.refresh, self.now, self.queue = list[str](), 0, 0.0, list[Any]()
        self.drawn, self.key, self.window = list[str](), 0, False
        self.click: int | None = None
        self.rendered: Callable[[Thing, float, int, int], np.ndarray] = lambda track, start, rate, count: np.zeros((count, 2))
        self.failing: str | None = None
        self.handles: dict[str, Thing] = {}
        self.lua = LuaRuntime(unpack_returned_tuples=True)
        self._hand_out()

    # ---------------------------------------------------------------- Lua

    def _hand_out(self) -> None:
        strict = self.lua.eval(_STRICT)
        table = self.lua.eval("setmetatable({}, {__index = function(_, name)"
                              " error('reaper.' .. tostring(name) .. ' is no function of ReaScript', 2) end})")
        for name, (least, most) in FUNCTIONS.items():
            table[name] = strict(f"reaper.{name}", least, most, self._called(name))
        globals_ = self.lua.globals()
        globals_.reaper = table
        globals_.gfx = self.lua.eval("{mouse_x = -1, mouse_y = -1, mouse_cap = 0, w = 420, h = 100, x = 0, y = 0}")
        for name in GFX:
            globals_.gfx[name] = getattr(self, f"gfx_{name}")
        self.array = self.lua.eval("""function(size)
            local values = {}
            return {clear = function() for n = 1, size do values[n] = 0 end end, table = function() return values end}
        end""")

    def _called(self, name: str) -> Callable[..., Any]:
        function = getattr(self, name)

        def call(*arguments: Any) -> Any:
            if self.failing == name:
                raise RuntimeError(f"{name} fails")
            found = function(*(self.handles.get(one, one) if isinstance(one, str) else one for one in arguments))
            return tuple(map(self._handle, found)) if isinstance(found, tuple) else self._handle(found)

        return call

    def _handle(self, value: Any) -> Any:
        if isinstance(value, Thing):
            self.handles[value.handle] = value
            return value.handle
        return value

    def run(self, script: str) -> None:
        """Run an action."""
        self.action = str(self.folder / script)
        self.lua.eval("function(text, name) return assert(load(text, '@' .. name)) end")(
            (self.folder / script).read_text(encoding="utf-8"), script)()

    def turn(self, seconds: float = TICK_SECONDS) -> bool:
        """Let the clock go on, and all that was put off have its turn. Whether anything still waits for one."""
        self.now += seconds
        queue, self.queue = self.queue, []
        for function in queue:
            function()
        return bool(self.queue)

    def until(self, reached: Callable[[], bool], seconds: float = 60.0) -> None:
        """Turn until it is so."""
        end = self.now + seconds
        while not reached():
            assert self.now < end and self.queue, f"it did not come to that: {self.boxes} {self.drawn}"
            self.turn()
