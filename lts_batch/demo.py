"""The whole path on two recordings that ship with the project: a watch root, the daemon once, stems, a picture."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lts_batch.errors import JobError, OutputError
from lts_batch.files import audio
from lts_batch.files.whole import output_error
from lts_batch.settings import presets_folder
from lts_batch.stems import plots
from lts_batch.stems.manifest import Manifest, from_json
from lts_batch.watch.daemon import Daemon

SET_NAME = "choir to piano"
SETTLE_SECONDS = 0.3


@dataclass(frozen=True)
class Demo:
    """What the demo made: the folder of the stems, their record, and the picture."""

    stems: Path
    manifest: Manifest
    picture: Path


def demo(root: Path, *, progress: Callable[[float, str], None] | None = None) -> Demo:
    """Builds a watch root, drops the shipped pair into its inbox, runs the daemon once, draws the stems.

    Raises:
        OutputError: ``root`` exists and is not empty, or cannot be written to.
        JobError: the daemon could not make the stems.
    """
    say = progress or (lambda fraction, message: None)
    inbox = root / "inbox" / SET_NAME
    try:
        if root.exists() and not root.is_dir():
            raise OutputError(f"{root} is a file, and the demo needs a folder: give another one with --folder")
        if root.exists() and any(root.iterdir()):
            raise OutputError(f"{root} is there already and not empty: remove it, or give another folder with --folder")
        inbox.mkdir(parents=True)
        for name in ("choir.flac", "piano.flac"):
            shutil.copyfile(presets_folder() / "demo" / name, inbox / name)
    except OSError as error:
        raise output_error(root, error) from None
    summary = Daemon(root, settle_seconds=SETTLE_SECONDS, lease_seconds=0.0,
                     progress=lambda job, fraction, message: say(fraction, message)).run_once()
    if failed := summary.of("failed"):
        raise JobError(f"the demo came to no stems: {failed[0].message}")
    stems = root / summary.of("done")[0].folder
    manifest = from_json((stems / "manifest.json").read_text(encoding="utf-8"))
    picture = root / "stems.png"
    pieces = [(f"x = {stem.x:g}", *audio.read(stems / stem.file)) for stem in manifest.stems]
    pieces[0] = (f"choir, {pieces[0][0]}", *pieces[0][1:])
    pieces[-1] = (f"piano, {pieces[-1][0]}", *pieces[-1][1:])
    plots.stems(picture, pieces, "From a choir to a piano in five stems")
    return Demo(stems, manifest, picture)
