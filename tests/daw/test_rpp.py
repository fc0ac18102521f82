"""The REAPER project beside the stems, read by a library that knows such files and by the sounds it names."""

import dataclasses
from pathlib import Path

import pytest
import rpp as reader
import soundfile
import watching
from watching import wav

from lts_batch.stems import rpp
from lts_batch.stems.manifest import ClipEntry, Manifest, StemEntry
from lts_batch.watch.daemon import Daemon

root = watching.root


def manifest(names: tuple[str, ...], x: tuple[float | None, ...]) -> Manifest:
    clips = tuple(ClipEntry(f"/{name}", name, 1, "0" * 64, 44100, 1, 0, 1) for name in names)
    stems = tuple(StemEntry(f"{names[0]}_{n:02}_x{amount}.wav", n, amount, 22050, 44100, 1, "PCM_24", 0.5, "0" * 64)
                  for n, amount in enumerate(x, 1))
    return Manifest("j", "0", {"name": "m", "sha256": "0" * 64}, {}, clips, stems, job_digest="1" * 64)


def of(element: object, key: str) -> list[str]:
    """The words of a line of a block."""
    return next(list(map(str, line[1:])) for line in element.children if isinstance(line, list) and line[0] == key)  # type: ignore[attr-defined]


def test_stems_of_a_daemon_come_with_a_project(root: Path) -> None:
    for role, seed in (("A", 1), ("B", 2)):
        wav(root / "inbox" / f"kick_{role}.wav", seed, 8000)
    Daemon(root, settle_seconds=0.0, lease_seconds=0.0).run_once()
    (path,) = (root / "outbox").rglob("*.rpp")
    parsed = reader.loads(path.read_text(encoding="utf-8"))
    folder, *tracks = parsed.findall(".//TRACK")
    assert of(parsed, "SAMPLERATE")[0] == "44100"
    assert of(folder, "NAME") == ["kick_A~kick_B"] and of(folder, "ISBUS") == ["1", "1"] and folder.find(".//ITEM") is None
    assert [of(track, "NAME")[0] for track in tracks] == ["x+0.00", "x+0.25", "x+0.50", "x+0.75", "x+1.00"]
    assert [of(track, "MUTESOLO")[0] for track in tracks] == ["1", "1", "0", "1", "1"]
    assert sum(int(of(track, "ISBUS")[1]) for track in (folder, *tracks)) == 0  # what is opened is closed
    for track in tracks:
        item = track.find(".//ITEM")
        sound = soundfile.info(path.parent / of(item.find(".//SOURCE"), "FILE")[0])
        assert float(of(item, "LENGTH")[0]) == pytest.approx(sound.frames / sound.samplerate, abs=1e-9)
        assert float(of(item, "POSITION")[0]) == 0.0 and int(of(track, "NCHAN")[0]) == 2
    colours = [int(of(track, "PEAKCOL")[0]) for track in tracks]
    reds = [colour & 255 for colour in colours]
    assert reds == sorted(reds) and len(set(colours)) == 5 and all(colour & 0x1000000 for colour in colours)


@pytest.mark.parametrize("name", ["plain", 'say "a"', "it's", "both ' and \"", "all ' \" `", "ümlaut 😀", "two\nlines"])
def test_names_of_all_kinds_can_be_read(name: str) -> None:
    text = rpp.project(manifest((name, "b"), (0.0, 1.0)))
    folder, first, _ = reader.loads(text).findall(".//TRACK")
    expected = name.replace("\n", " ")
    expected = expected.replace("`", "'") if all(quote in expected for quote in "\"'`") else expected
    assert of(folder, "NAME") == [f"{expected}~b"] and of(first.find(".//ITEM"), "NAME") == [f"{expected}_01_x0.0.wav"]


def test_the_same_job_gives_the_same_project_and_another_does_not() -> None:
    one = manifest(("a", "b"), (0.0, 0.5))
    assert rpp.project(one) == rpp.project(one) != rpp.project(dataclasses.replace(one, job_digest="2" * 64))


def test_a_curve_is_one_track_that_sounds() -> None:
    folder, track = reader.loads(rpp.project(manifest(("a", "b"), (None,)))).findall(".//TRACK")
    assert of(track, "MUTESOLO")[0] == "0" and of(track, "ISBUS") == ["2", "-1"] and of(folder, "ISBUS") == ["1", "1"]
