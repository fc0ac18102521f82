"""Clips on disk to stems on disk, with the record that lets each stem be made again.

Stems are rendered into a hidden folder inside theirs. Only when all are done is it known whether they fit into 24 bit;
then they are written, and only when all of that went well do they take their places, the manifest last. A failure
leaves everything as it was.
"""

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lts_batch import __version__, audio, finish, pipeline
from lts_batch.analysis import Excerpt
from lts_batch.checkpoint import Model
from lts_batch.errors import ClipError, OutputError
from lts_batch.manifest import ClipEntry, Manifest, StemEntry
from lts_batch.moves import sha256
from lts_batch.names import clean, stem_names
from lts_batch.settings import Settings, as_dict
from lts_batch.whole import output_error, place, temporary_beside, write_whole

DRAFT_ITERATIONS = 4
_COPY_SAMPLES = 1 << 20

Progress = Callable[[float, str], None]


class Cancelled(Exception):
    """Raised by a progress callback to give a render up."""


@dataclass(frozen=True)
class Clip:
    """A file, or a part of it in samples of its own rate.

    Attributes:
        name: what stems are named after; the file's name if not given.
        opened: an open handle to read instead of opening ``path``, for callers that have checked it; it stays open.
    """

    path: Path
    offset_samples: int = 0
    length_samples: int | None = None
    name: str | None = None
    opened: BinaryIO | None = None

    @property
    def title(self) -> str:
        """The given name, else the file's."""
        return self.name or self.path.stem


def render(clips: Sequence[Clip], settings: Settings, out: Path, *, model: Model, job: str | None = None,
           job_digest: str | None = None, echo: Mapping[str, Any] | None = None, overwrite: bool = False,
           preview: bool = False, progress: Progress | None = None) -> Manifest:
    """Writes the stems of one job, manifest.json and manifest.tsv into ``out``.

    Args:
        overwrite: replace files of the same names.
        preview: write the middle stem in draft quality first, as ``preview.wav``.
        progress: takes a fraction and a message; may raise ``Cancelled``.

    Raises:
        ClipError, SettingsError, OutputError: with nothing left behind.
    """
    say = progress or (lambda fraction, message: None)
    with ExitStack() as stack:
        sources = [_open(clip, stack) for clip in clips]
        names = _files(clips, settings)
        wanted = [*names, "manifest.json", "manifest.tsv", *(["preview.wav"] if preview else [])]
        stack.enter_context(_folder(out))
        if not overwrite:
            _refuse_existing(out, wanted)
        new = stack.enter_context(_taken_back())
        working = stack.enter_context(_working(out))
        say(0.0, "reading")
        titles = [str(clip.path) for clip in clips]
        planned = pipeline.plan(sources, settings, model, titles)
        if preview:
            _preview(sources, planned, working / "preview.wav")
            _deliver(working, out, ["preview.wav"], new, overwrite)
            say(0.0, f"preview in {out / 'preview.wav'}")
        peaks = _render_into(planned, working, say)
        scale = settings.clip == "scale"
        gain = finish.common_gain(peaks) if scale else 1.0
        subtype: audio.Subtype = "PCM_24" if scale or max(peaks) <= 1.0 else "FLOAT"
        notes = [*planned.notes, *_scaling_note(peaks, gain, subtype)]
        entries = []
        for number, (name, stem) in enumerate(zip(names, planned.stems, strict=True)):
            _write(working / f"{number}.f32", working / name, planned, stem, gain, subtype)
            entries.append(StemEntry(name, number + 1, stem.x, stem.samples, planned.sample_rate, planned.channels,
                                     subtype, min(1.0, peaks[number] * gain) if subtype != "FLOAT" else peaks[number],
                                     sha256(working / name)))
        manifest = Manifest(job, __version__, {"name": settings.model, "sha256": str(model.record.get("sha256"))},
                            as_dict(settings),
                            tuple(_entry(clip, source) for clip, source in zip(clips, sources, strict=True)),
                            tuple(entries), tuple(notes), dict(echo or {}), job_digest)
        write_whole(working / "manifest.tsv", manifest.to_tsv())
        write_whole(working / "manifest.json", manifest.to_json())
        _deliver(working, out, [*names, "manifest.tsv", "manifest.json"], new, overwrite)
        say(1.0, "done")
        return manifest


def _open(clip: Clip, stack: ExitStack) -> Excerpt:
    reader = stack.enter_context(audio.open_reader(clip.opened or clip.path))
    length = reader.samples - clip.offset_samples if clip.length_samples is None else clip.length_samples
    if clip.offset_samples < 0 or length < 1 or clip.offset_samples + length > reader.samples:
        raise ClipError(f"{clip.path} has {reader.samples} samples; the part from {clip.offset_samples} with {length} samples"
                        " does not lie in it: choose another offset or length")
    return Excerpt(reader, reader.sample_rate, clip.offset_samples, length)


def _files(clips: Sequence[Clip], settings: Settings) -> list[str]:
    return stem_names([clip.title for clip in clips], settings.amounts() or [0.0], curve=settings.curve is not None,
                      naming=settings.naming)


@contextmanager
def _folder(out: Path) -> Iterator[None]:
    """The output folder, made where it is missing, and unmade, with what was made above it, if it stays empty."""
    made: list[Path] = []
    try:
        try:
            made = [folder for folder in (out, *out.parents) if not folder.exists()]
            standing = next((folder for folder in (out, *out.parents) if folder not in made), Path())
            if not standing.is_dir():
                raise OutputError(f"{standing} is a file, and stems need a folder: choose another name for it")
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(out, error) from None
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def _working(out: Path) -> Iterator[Path]:
    """A hidden folder for the working files, on the disk of the output."""
    folder = temporary_beside(out / "stems")
    try:
        folder.mkdir()
    except OSError as error:
        raise output_error(out, error) from None
    try:
        yield folder
    except OutputError as error:  # people know a file by where it was to go
        raise OutputError(str(error).replace(str(folder), str(out))) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _taken_back() -> Iterator[list[Path]]:
    """Files put on the list are removed again if the block fails."""
    new: list[Path] = []
    try:
        yield new
    except BaseException:
        for path in new:
            path.unlink(missing_ok=True)
        raise


def _deliver(working: Path, out: Path, names: Sequence[str], new: list[Path], overwrite: bool) -> None:
    """Gives finished files their place and notes on the list those that replace nothing."""
    for path in (out / name for name in names):
        fresh = not path.exists()
        try:
            place(working / path.name, path, overwrite=overwrite)
        except OSError as error:
            raise output_error(path, error) from None
        if fresh:
            new.append(path)


def _refuse_existing(out: Path, names: Sequence[str]) -> None:
    there = [name for name in names if (out / name).exists()]
    if there:
        raise OutputError(f"{out} already holds {there[0]}{f' and {len(there) - 1} more' if len(there) > 1 else ''}, and"
                          " nothing is overwritten unasked: choose another folder, or say --force")


def _render_into(planned: pipeline.Plan, working: Path, say: Progress) -> list[float]:
    """All stems as raw float32 working files; their peaks."""
    peaks = [0.0] * len(planned.stems)
    total, done = sum(stem.samples for stem in planned.stems), 0
    try:
        for block in pipeline.blocks(planned):
            with (working / f"{block.stem}.f32").open("ab") as file:  # one at a time: systems allow few open files
                file.write(np.ascontiguousarray(block.samples.T, dtype="<f4").tobytes())
            peaks[block.stem] = max(peaks[block.stem], audio.peak(block.samples))
            done += block.samples.shape[1]
            say(0.95 * done / total, f"stem {block.stem + 1} of {len(peaks)}")
    except OSError as error:  # also from closing, which writes what is left
        raise output_error(working.parent, error) from None
    return peaks


def _write(source: Path, destination: Path, planned: pipeline.Plan, stem: pipeline.Stem, gain: float,
           subtype: audio.Subtype) -> None:
    with (source.open("rb") as file,
          audio.Writer(destination, planned.sample_rate, planned.channels, subtype=subtype,
                       expected_samples=stem.samples) as writer):
        while data := file.read(_COPY_SAMPLES * planned.channels * 4):
            block = np.frombuffer(data, dtype="<f4").reshape(-1, planned.channels).T
            writer.write(block if gain == 1.0 else np.clip(block * np.float32(gain), -1.0, 1.0))


def _preview(sources: Sequence[Excerpt], planned: pipeline.Plan, path: Path) -> None:
    settings = planned.settings
    draft = dataclasses.replace(settings, x=(0.5,), curve=None, repair=0,
                                iterations=min(settings.iterations, DRAFT_ITERATIONS))
    plan = pipeline.plan(sources, draft, planned.model)
    with audio.Writer(path, plan.sample_rate, plan.channels, subtype="FLOAT") as writer:
        for block in pipeline.blocks(plan):
            writer.write(block.samples)


def _scaling_note(peaks: Sequence[float], gain: float, subtype: str) -> list[str]:
    over = 20 * np.log10(max(*peaks, 1e-9))
    if gain != 1.0:
        return [f"all stems were scaled by {20 * np.log10(gain):.2f} dB, for the loudest peaked at {over:+.2f} dBFS"]
    if subtype == "FLOAT":
        return [f"written as 32-bit float, for the loudest stem peaks at {over:+.2f} dBFS; clip = scale would turn all"
                " down by as much"]
    return []


def _entry(clip: Clip, source: Excerpt) -> ClipEntry:
    try:
        size_bytes = clip.opened.seek(0, 2) if clip.opened else clip.path.stat().st_size
        digest = sha256(clip.opened or clip.path)
    except OSError as error:
        raise ClipError(f"{clip.path} cannot be read any more ({error.strerror}): leave clips where they are until their"
                        " stems are made") from None
    return ClipEntry(str(clip.path), clean(clip.title), size_bytes, digest, source.sample_rate, source.channels,
                     source.start, source.samples)
