"""Clips on disk to stems on disk, with the record that lets each stem be made again.

Each stem is finished as soon as its last block is there, in a hidden folder inside the stems' own. Only when all are done
is it known whether they fit into 24 bit; then they are written, and only when all of that went well do they take their
places, the manifest last. A failure leaves everything as it was.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lts_batch import __version__
from lts_batch.engine import finish, fit, mixes, pipeline, spacing
from lts_batch.engine.chain import Chain
from lts_batch.engine.finish import Peak
from lts_batch.engine.mixes import Mix
from lts_batch.errors import ClipError, SettingsError
from lts_batch.files import audio, wav
from lts_batch.files.moves import sha256
from lts_batch.files.sources import Excerpt
from lts_batch.files.whole import write_whole
from lts_batch.models.checkpoint import AnyModel
from lts_batch.original.classic_model import ClassicModel
from lts_batch.settings import RIVALS, Settings, as_dict
from lts_batch.stems import latent_map, plots, stored
from lts_batch.stems.delivery import deliver, output_folder, refuse_existing, taken_back, working_folder
from lts_batch.stems.manifest import ClipEntry, Manifest, StemEntry
from lts_batch.stems.names import clean, stem_names
from lts_batch.stems.stored import Progress, Stored

FIT_SHARE = 0.5  # of the work of a job whose model is fitted first
MOST_DRAWN, DRAWN_SECONDS = 13, 60  # stems in a picture, and how much of each
DRAFT_REPAIRS = 4  # of a preview whose phase has nothing else to come from


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


def render(clips: Sequence[Clip], settings: Settings, out: Path, *, model: AnyModel, job: str | None = None,
           job_digest: str | None = None, echo: Mapping[str, Any] | None = None, overwrite: bool = False,
           preview: bool = False, draw_map: bool = False, draw_stems: bool = False, workers: int | None = None,
           progress: Progress | None = None) -> Manifest:
    """Writes the stems of one job, manifest.json and manifest.tsv into ``out``.

    Args:
        overwrite: replace files of the same names.
        preview: write the middle stem in draft quality first, as ``preview.wav``.
        draw_map: draw clips and stems in the latent space, as ``map.png`` and ``map.json``.
        draw_stems: draw the stems side by side, as ``stems.png``.
        workers: how many slices of stems are made at a time; as many as there are cores if not given.
        progress: takes a fraction and a message; may raise ``Cancelled``.

    Raises:
        ClipError, SettingsError, OutputError: with nothing left behind.
    """
    say = progress or (lambda fraction, message: None)
    with ExitStack() as stack:
        sources = [_open(clip, stack) for clip in clips]
        chain = finish.effects(settings)
        known = None if settings.spacing == "even-distance" else mixes.mixes(settings, len(clips))
        stack.enter_context(output_folder(out))
        pictures = [*(["map.png", "map.json"] if draw_map else []), *(["stems.png"] if draw_stems else [])]
        records = ["manifest.json", "manifest.tsv", *pictures, *(["preview.wav"] if preview else [])]
        if not overwrite:
            refuse_existing(out, [*_names(clips, known or (), settings), *records])
        new = stack.enter_context(taken_back())
        working = stack.enter_context(working_folder(out))
        say(0.0, "reading")
        titles = [str(clip.path) for clip in clips]
        fitted = fit.fitted(sources, settings, model, titles, progress=lambda done, what: say(FIT_SHARE * done, what))
        model, say = fitted.model, _after(FIT_SHARE if fitted.fresh else 0.0, say)
        planned = pipeline.plan(sources, spacing.resolved(sources, settings, model, titles), model, titles)
        if chain is not None:
            chain.check(planned.sample_rate, planned.channels)
        wanted = known or tuple(stem.mix for stem in planned.stems)
        names = _names(clips, wanted, settings)
        if not overwrite:
            refuse_existing(out, names)
        if preview:
            _preview(sources, settings, model, chain, working)
            deliver(working, out, ["preview.wav"], new, overwrite)
            say(0.0, f"preview in {out / 'preview.wav'}")
        finished = stored.finished(planned, chain, working, say, workers)
        peaks = [one.peak for one in finished]
        gain = finish.job_gain(peaks, settings)
        subtype = stored.subtype_for(settings, max(peak.sample for peak in peaks) * gain)
        entries = _write(finished, names, wanted, planned, settings, gain, subtype, working)
        notes = (*filter(None, [fitted.note]), *planned.notes, *_gain_notes(peaks, gain, subtype, settings))
        manifest = Manifest(job, __version__, {"name": settings.model, "sha256": str(model.record.get("sha256"))},
                            as_dict(settings), tuple(_entry(clip, source) for clip, source in zip(clips, sources, strict=True)),
                            entries, notes, dict(echo or {}), job_digest)
        write_whole(working / "manifest.tsv", manifest.to_tsv())
        write_whole(working / "manifest.json", manifest.to_json())
        if draw_map:
            _map(sources, [clip.title for clip in clips], wanted, settings, model, working)
        if draw_stems:
            _picture(names, wanted, working, " ~ ".join(clip.title for clip in clips))
        deliver(working, out, [*names, *pictures, "manifest.tsv", "manifest.json"], new, overwrite)
        say(1.0, "done")
        return manifest


def _after(share: float, say: Progress) -> Progress:
    """Progress of what is left to do when a share of the work is done."""
    return lambda fraction, message: say(share + (1.0 - share) * fraction, message)


def _open(clip: Clip, stack: ExitStack) -> Excerpt:
    reader = stack.enter_context(audio.open_reader(clip.opened or clip.path))
    length = reader.samples - clip.offset_samples if clip.length_samples is None else clip.length_samples
    if clip.offset_samples < 0 or length < 1 or clip.offset_samples + length > reader.samples:
        raise ClipError(f"{clip.path} has {reader.samples} samples; the part from {clip.offset_samples} with {length} samples"
                        " does not lie in it: choose another offset or length")
    return Excerpt(reader, reader.sample_rate, clip.offset_samples, length)


def _names(clips: Sequence[Clip], wanted: Sequence[Mix], settings: Settings) -> list[str]:
    return stem_names([clip.title for clip in clips], wanted, settings.naming)


def _write(finished: Sequence[Stored], names: Sequence[str], wanted: Sequence[Mix], planned: pipeline.Plan, settings: Settings,
           gain: float, subtype: wav.Subtype, working: Path) -> tuple[StemEntry, ...]:
    """All stems under their names, and what the manifest says of them."""
    entries = []
    for number, (name, mix, stem) in enumerate(zip(names, wanted, finished, strict=True)):
        seed = settings.seed + number if settings.dither else None
        stored.write(stem, working / name, planned, gain, subtype, seed)
        level = stem.peak.sample * gain
        entries.append(StemEntry(name, number + 1, mix.x, stem.samples, planned.sample_rate, planned.channels, subtype,
                                 level if subtype == "FLOAT" else min(1.0, level), sha256(working / name), mix.weights))
    return tuple(entries)


def _preview(sources: Sequence[Excerpt], settings: Settings, model: AnyModel, chain: Chain | None, working: Path) -> None:
    """The middle of all clips, in draft quality, as ``preview.wav``."""
    middle = {"x": (0.5,)} if len(sources) == 2 else {"weights": (tuple(1.0 / len(sources) for _ in sources),)}
    ways: dict[str, Any] = dict.fromkeys(RIVALS) | middle
    repair = DRAFT_REPAIRS if settings.phase == "griffinlim" else 0
    draft = dataclasses.replace(settings, **ways, spacing="even-x", quality="draft", repair=repair)
    planned = pipeline.plan(sources, draft, model)
    made, = stored.finished(planned, chain, working, lambda fraction, message: None)
    stored.write(made, working / "preview.wav", planned, finish.job_gain([made.peak], draft), "FLOAT", None)


def _map(sources: Sequence[Excerpt], titles: Sequence[str], wanted: Sequence[Mix], settings: Settings, model: AnyModel,
         working: Path) -> None:
    """Clips and stems in the latent space, before the frames that the model was trained on, where they are at hand."""
    if isinstance(model, ClassicModel):
        raise SettingsError("a map needs a model that lts-batch train made, and this one comes from the original Latent Timbre"
                            " Synthesis: leave out --map")
    if settings.spacing == "even-distance":  # where the stems are was found by ear
        settings = dataclasses.replace(settings, spacing="even-x", x=tuple(mix.x for mix in wanted if mix.x is not None))
    corpus = latent_map.known_corpus(model)
    drawn = latent_map.draw_up(model, Path(settings.model).name, sources, settings, corpus, names=titles)
    plots.latent_map(working / "map.png", drawn.layers, *latent_map.titles(drawn))
    write_whole(working / "map.json", drawn.to_json())


def _picture(names: Sequence[str], wanted: Sequence[Mix], working: Path, title: str) -> None:
    """The stems side by side, the first and the last among them where not all can be shown."""
    shown = np.unique(np.linspace(0, len(names) - 1, min(len(names), MOST_DRAWN)).round().astype(int)).tolist()
    pieces = []
    for number in shown:
        with audio.open_reader(working / names[number]) as reader:
            samples = reader.read(0, min(reader.samples, DRAWN_SECONDS * reader.sample_rate))
            pieces.append((wanted[number].label, samples, reader.sample_rate))
    left_out = f", {len(shown)} of {len(names)} stems" if len(shown) < len(names) else ""
    plots.stems(working / "stems.png", pieces, title + left_out)


def _gain_notes(peaks: Sequence[Peak], gain: float, subtype: str, settings: Settings) -> list[str]:
    over = _db(max(peak.sample for peak in peaks))
    if gain != 1.0 and gain == finish.common_gain([peak.sample for peak in peaks]):
        return [f"all stems were scaled by {_db(gain):.2f} dB, for the loudest peaked at {over:+.2f} dBFS"]
    if gain != 1.0:
        return [f"all stems were turned down by {-_db(gain):.2f} dB to the ceiling of {settings.ceiling_db:g} dBTP, for the"
                f" loudest reached {_db(max(peak.true for peak in peaks)):+.2f} dBTP"]
    if subtype == "FLOAT" and settings.bit_depth != 32:
        return [f"written as 32-bit float, for the loudest stem peaks at {over:+.2f} dBFS; clip = scale would turn all"
                " down by as much"]
    return []


def _db(value: float) -> float:
    return float(20 * np.log10(max(value, 1e-9)))


def _entry(clip: Clip, source: Excerpt) -> ClipEntry:
    try:
        size_bytes = clip.opened.seek(0, 2) if clip.opened else clip.path.stat().st_size
        digest = sha256(clip.opened or clip.path)
    except OSError as error:
        raise ClipError(f"{clip.path} cannot be read any more ({error.strerror}): leave clips where they are until their"
                        " stems are made") from None
    return ClipEntry(str(clip.path), clean(clip.title), size_bytes, digest, source.sample_rate, source.channels,
                     source.start, source.samples)
