"""Ardour's real window on a screen that nobody sees, driven by a test."""

import base64
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from daw.ardour_session import ArdourSession
from daw.screen import Screen, ended

_CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<Ardour><Config>
<Option name="try-autostart-engine" value="1"/>
<Option name="hide-dummy-backend" value="0"/>
<Option name="discover-plugins-on-start" value="0"/>
</Config><Extra><AudioMIDISetup><EngineStates>
<State backend="None (Dummy)" driver="Normal Speed" device="Silence" input-device="" output-device="" sample-rate="44100"
 buffer-size="1024" n-periods="0" input-latency="0" output-latency="0" active="1" use-buffered-io="0"
 midi-option="1 in, 1 out, Silence" lm-input="" lm-output=""><MIDIDevices/></State>
</EngineStates></AudioMIDISetup></Extra></Ardour>
"""
_SIGNALS, _TIMER = 49, 47  # how many there are in Ardour 7.3, and which one is LuaTimerDS


class ArdourWindow:
    """Ardour with a session, its actions ``lts_*.lua`` in the order of their names as script-1, ..., and its hook.

    Use it in a ``with``: Ardour and the screen are ended and waited for.
    """

    def __init__(self, session: ArdourSession, program: Callable[[str], str]) -> None:
        self.session, self.remote = session, session.home / "remote"
        self.remote.mkdir()
        self.actions = sorted(path for path in (session.config / "scripts").glob("lts_*.lua") if path.stem != "lts_import")
        (session.config / ".a7").touch()  # no questions at the first start
        (session.config / "config").write_text(_CONFIG, encoding="utf-8")
        self._keep_scripts()
        self.program, self.screen = program("ardour"), Screen(session.home / "screen", program("Xvfb"))

    def __enter__(self) -> "ArdourWindow":
        with ExitStack() as stack:
            environment = {**self.session.environment(), "DISPLAY": stack.enter_context(self.screen),
                           "LTS_BATCH_REMOTE": str(self.remote)}
            environment.pop("WAYLAND_DISPLAY", None)
            log = stack.enter_context((self.session.home / "ardour.log").open("wb"))
            self.process = subprocess.Popen([self.program, "-a", "-n", "-d", "-O", str(self.session.folder)], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            stack.callback(ended, self.process)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    def _keep_scripts(self) -> None:
        kept = self.session.home / "kept"
        kept.mkdir()
        here = Path(__file__).parent
        self.session.run(here / "ardour_keep.lua", str(kept), *map(str, self.actions),
                         str(self.session.config / "scripts" / "lts_import.lua"), str(here / "ardour_remote.lua"))
        bits = "".join("1" if place == _SIGNALS - 1 - _TIMER else "0" for place in range(_SIGNALS))
        hooks = "".join(
            f'<LuaCallback lua="Lua 5.3.5" id="{9000 + number}" name={quoteattr(path.name)} signals="{bits}">'
            f"{base64.b64encode(path.read_bytes()).decode()}</LuaCallback>"
            for number, path in enumerate(sorted(kept.glob("hook-*"))))
        actions = base64.b64encode((kept / "actions").read_bytes()).decode()
        (self.session.config / "ui_scripts").write_text(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<UIScripts><ActionScript lua="Lua 5.3.5">{actions}</ActionScript>'
            f"<ActionHooks>{hooks}</ActionHooks></UIScripts>\n", encoding="utf-8")

    def until(self, reached: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Wait until it is so."""
        end = time.monotonic() + seconds
        while not reached():
            log = (self.session.home / "ardour.log").read_text(encoding="utf-8", errors="replace")
            assert self.process.poll() is None, f"Ardour ended: {log}"
            assert time.monotonic() < end, f"it did not come to that: {what}; windows: {self.screen.windows()}\n{log}"
            time.sleep(0.05)

    def ask(self, code: str) -> None:
        """Give Ardour Lua to run, and don't wait for it."""
        (self.remote / "do.tmp").write_text(code, encoding="utf-8")
        (self.remote / "do.tmp").replace(self.remote / "do.lua")

    def answer(self) -> list[str]:
        """Wait for what it said."""
        done = self.remote / "done.txt"
        self.until(done.exists, "an answer")
        first, *lines = done.read_text(encoding="utf-8").split("\n")
        done.unlink()
        assert first == "done", first
        return lines

    def do(self, code: str) -> list[str]:
        """Both."""
        self.ask(code)
        return self.answer()

    def act(self, script: str, title: str) -> None:
        """Run an action whose window has the title, and agree to what stands there."""
        number = [path.name for path in self.actions].index(script) + 1
        self.ask(f'Editor:access_action("LuaAction", "script-{number}")')
        self.until(lambda: title in self.screen.windows(), f"a window {title}")
        time.sleep(0.3)  # until it is drawn
        self.picture = self.screen.picture()
        self.until(lambda: self._agreed(title), f"{title} closed")
        self.answer()

    def _agreed(self, title: str) -> bool:
        # a window that is not ready yet loses its keys: press again
        if title in self.screen.windows():
            self.screen.press(title, "o", alt=True)
            time.sleep(0.3)
        return title not in self.screen.windows()

    def keep_picture(self, name: str, picture: np.ndarray | None = None) -> None:
        """Save what is seen (or a picture) where the environment variable ARDOUR_PICTURES says, if it does."""
        folder = os.environ.get("ARDOUR_PICTURES")
        if folder:
            import matplotlib.image

            matplotlib.image.imsave(Path(folder) / name, self.screen.picture() if picture is None else picture)
