"""Clips on disk to stems on disk, with the record that lets each stem be made again.

Stems are rendered into working files beside their folder. Only when all are done is it known whether they fit into
24 bit; then each is written whole, and the manifest last. A failure leaves nothing behind.
"""

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lts_batch import __version__, audio, finish, pipeline
from lts_batch.analysis import Excerpt
from lts_batch.checkpoint import Model
from lts_batch.errors import ClipError, OutputError
from lts_batch.manifest import ClipEntry, Manifest, StemEntry
from lts_batch.moves import sha256
from lts_batch.names import clean, stem_names
from lts_batch.settings import Settings, as_dict
from lts_batch.whole import output_error, temporary_beside, write_whole

DRAFT_ITERATIONS = 4
_COPY_SAMPLES = 1 << 20

Progress = Callable[[float, str], None]


class Cancelled(Exception):
    """Raised by a progress callback to give a render up."""


@dataclass(frozen=True)
class Clip:
    """A file, or a part of it in samples of its own rate; ``name`` is what stems are named after."""

    path: Path
    offset_samples: int = 0
    length_samples: int | None = None
    name: str | None = None

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
        working = stack.enter_context(_working(out))
        say(0.0, "reading")
        titles = [str(clip.path) for clip in clips]
        planned = pipeline.plan(sources, settings, model, titles)
        if preview:
            _preview(sources, planned, out / "preview.wav", overwrite)
            say(0.0, f"preview in {out / 'preview.wav'}")
        peaks = _render_into(planned, working, say)
        scale = settings.clip == "scale"
        gain = finish.common_gain(peaks) if scale else 1.0
        subtype: audio.Subtype = "PCM_24" if scale or max(peaks) <= 1.0 else "FLOAT"
        notes = [*planned.notes, *_scaling_note(peaks, gain, subtype)]
        entries = []
        with _all_or_nothing(out, wanted, kept=overwrite):
            for number, (name, stem) in enumerate(zip(names, planned.stems, strict=True)):
                _write(working / f"{number}.f32", out / name, planned, stem, gain, subtype, overwrite)
                entries.append(StemEntry(name, number + 1, stem.x, stem.samples, planned.sample_rate, planned.channels,
                                         subtype, min(1.0, peaks[number] * gain) if subtype != "FLOAT" else peaks[number],
                                         sha256(out / name)))
            manifest = Manifest(job, __version__, {"name": settings.model, "sha256": str(model.record.get("sha256"))},
                                as_dict(settings),
                                tuple(_entry(clip, source) for clip, source in zip(clips, sources, strict=True)),
                                tuple(entries), tuple(notes), dict(echo or {}), job_digest)
            write_whole(out / "manifest.tsv", manifest.to_tsv(), overwrite=overwrite)
            write_whole(out / "manifest.json", manifest.to_json(), overwrite=overwrite)
        say(1.0, "done")
        return manifest


def _open(clip: Clip, stack: ExitStack) -> Excerpt:
    reader = stack.enter_context(audio.open_reader(clip.path))
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
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(out, error) from None
    try:
        yield
    except BaseException:
        for folder in made:
            try:
                folder.rmdir()
            except OSError:
                break
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
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _all_or_nothing(out: Path, names: Sequence[str], *, kept: bool) -> Iterator[None]:
    """Removes what was written of ``names`` if not all can be; files that were to be replaced stay as they are."""
    before = {name for name in names if (out / name).exists()} if kept else set()
    try:
        yield
    except BaseException:
        for name in set(names) - before:
            (out / name).unlink(missing_ok=True)
        raise


def _refuse_existing(out: Path, names: Sequence[str]) -> None:
    there = [name for name in names if (out / name).exists()]
    if there:
        raise OutputError(f"{out} already holds {there[0]}{f' and {len(there) - 1} more' if len(there) > 1 else ''}, and"
                          " nothing is overwritten unasked: choose another folder, or say --force")


def _render_into(planned: pipeline.Plan, working: Path, say: Progress) -> list[float]:
    """All stems as raw float32 working files; their peaks."""
    peaks = [0.0] * len(planned.stems)
    total, done = sum(stem.samples for stem in planned.stems), 0
    with ExitStack() as stack:
        try:
            files = [stack.enter_context((working / f"{number}.f32").open("wb")) for number in range(len(peaks))]
            for block in pipeline.blocks(planned):
                files[block.stem].write(np.ascontiguousarray(block.samples.T, dtype="<f4").tobytes())
                peaks[block.stem] = max(peaks[block.stem], audio.peak(block.samples))
                done += block.samples.shape[1]
                say(0.95 * done / total, f"stem {block.stem + 1} of {len(peaks)}")
        except OSError as error:
            raise output_error(working.parent, error) from None
    return peaks


def _write(source: Path, destination: Path, planned: pipeline.Plan, stem: pipeline.Stem, gain: float,
           subtype: audio.Subtype, overwrite: bool) -> None:
    with (source.open("rb") as file,
          audio.Writer(destination, planned.sample_rate, planned.channels, subtype=subtype, overwrite=overwrite,
                       expected_samples=stem.samples) as writer):
        while data := file.read(_COPY_SAMPLES * planned.channels * 4):
            block = np.frombuffer(data, dtype="<f4").reshape(-1, planned.channels).T
            writer.write(block if gain == 1.0 else np.clip(block * np.float32(gain), -1.0, 1.0))


def _preview(sources: Sequence[Excerpt], planned: pipeline.Plan, path: Path, overwrite: bool) -> None:
    settings = planned.settings
    draft = dataclasses.replace(settings, x=(0.5,), curve=None, repair=0,
                                iterations=min(settings.iterations, DRAFT_ITERATIONS))
    plan = pipeline.plan(sources, draft, planned.model)
    with audio.Writer(path, plan.sample_rate, plan.channels, subtype="FLOAT", overwrite=overwrite) as writer:
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
    return ClipEntry(str(clip.path), clean(clip.title), clip.path.stat().st_size, sha256(clip.path), source.sample_rate,
                     source.channels, source.start, source.samples)
