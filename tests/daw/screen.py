"""A screen that nobody sees: Xvfb, its windows, keys that are pressed in them, and pictures of it. By Xlib alone."""

import ctypes
import ctypes.util
import os
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEIGHT = 1280, 800
_PRESS, _RELEASE, _ALT, _VIEWABLE = 2, 3, 8, 2


class _Key(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
                ("window", ctypes.c_ulong), ("root", ctypes.c_ulong), ("subwindow", ctypes.c_ulong), ("time", ctypes.c_ulong),
                ("x", ctypes.c_int), ("y", ctypes.c_int), ("x_root", ctypes.c_int), ("y_root", ctypes.c_int),
                ("state", ctypes.c_uint), ("keycode", ctypes.c_uint), ("same_screen", ctypes.c_int),
                ("rest", ctypes.c_long * 24)]


class _Attributes(ctypes.Structure):
    _fields_ = [("geometry", ctypes.c_int * 6), ("visual", ctypes.c_void_p), ("root", ctypes.c_ulong),
                ("kinds", ctypes.c_int * 4), ("planes", ctypes.c_ulong * 2), ("save_under", ctypes.c_int),
                ("colormap", ctypes.c_ulong), ("installed", ctypes.c_int), ("map_state", ctypes.c_int),
                ("rest", ctypes.c_long * 16)]


# a window may be gone between two calls: Xlib would end the process for it
_ignore = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda display, error: 0)


def ended(process: subprocess.Popen[bytes]) -> None:
    """End a process, and wait for it."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Screen:
    """An X server of its own, on a free display, for a ``with`` that gives the display's name."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder, self.program = folder, program
        folder.mkdir()

    def __enter__(self) -> str:
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            [self.program, "-displayfd", str(writing), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", str(self.folder),
             "-nolisten", "tcp"], pass_fds=(writing,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as lines:
            name = f":{lines.readline().strip()}"
        found = ctypes.util.find_library("X11")
        self.x = ctypes.CDLL(found)
        self.x.XOpenDisplay.restype = ctypes.c_void_p
        for function in ("XDefaultRootWindow", "XStringToKeysym"):
            getattr(self.x, function).restype = ctypes.c_ulong
        self.display = ctypes.c_void_p(self.x.XOpenDisplay(name.encode()))
        if not self.display.value:
            ended(self.process)
            raise RuntimeError(f"no display {name}")
        self.x.XSetErrorHandler(_ignore)
        self.root = self.x.XDefaultRootWindow(self.display)
        return name

    def __exit__(self, *error: object) -> None:
        self.x.XCloseDisplay(self.display)
        ended(self.process)

    def windows(self) -> dict[str, int]:
        """The visible ones that have a title."""
        root, parent, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
        children = ctypes.POINTER(ctypes.c_ulong)()
        self.x.XQueryTree(self.display, ctypes.c_ulong(self.root), ctypes.byref(root), ctypes.byref(parent),
                          ctypes.byref(children), ctypes.byref(count))
        found: dict[str, int] = {}
        for window in children[:count.value]:
            title, seen = ctypes.c_char_p(), _Attributes()
            self.x.XGetWindowAttributes(self.display, ctypes.c_ulong(window), ctypes.byref(seen))
            self.x.XFetchName(self.display, ctypes.c_ulong(window), ctypes.byref(title))
            if seen.map_state == _VIEWABLE and title.value:
                found[title.value.decode()] = window
        return found

    def press(self, title: str, key: str, *, alt: bool = False) -> None:
        """Press and release a key in a window; nothing happens if it is gone."""
        window = self.windows().get(title)
        if window is None:
            return
        symbol = ctypes.c_ulong(self.x.XStringToKeysym(key.encode()))
        code = self.x.XKeysymToKeycode(self.display, symbol)
        for kind, mask in ((_PRESS, 1), (_RELEASE, 2)):
            event: Any = _Key(type=kind, display=self.display, window=window, root=self.root, state=_ALT if alt else 0,
                              keycode=code, same_screen=1)
            self.x.XSendEvent(self.display, ctypes.c_ulong(window), 1, ctypes.c_long(mask), ctypes.byref(event))
        self.x.XSync(self.display, 0)

    def picture(self) -> np.ndarray:
        """What is seen, as [rows, columns, red green blue] in bytes (Xvfb keeps it in the format of xwd)."""
        data = (self.folder / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        assert (header[4], header[5], header[11]) == (WIDTH, HEIGHT, 32), "another format of pixels"
        start = header[0] + 12 * header[19]
        pixels = np.frombuffer(data, np.uint8, HEIGHT * header[12], start).reshape(HEIGHT, header[12] // 4, 4)[:, :WIDTH]
        return np.ascontiguousarray(pixels[..., 2::-1])
