"""A training corpus that anyone may render, use and pass on: a free SoundFont, our own synthesis, and mixes of both.

What a clip holds is a function of seed, kind and index (``programme.py``), so neither order nor the number of workers
matters. Clips of a kind are rendered in batches of fixed members, because fluidsynth plays many segments in one run.
"""

import io
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lts_batch import __version__
from lts_batch.errors import CorpusError, OutputError
from lts_batch.files.moves import sha256
from lts_batch.files.whole import is_temporary, output_error, write_whole
from lts_batch.material import effects
from lts_batch.material.arrangement import SAMPLE_RATE
from lts_batch.material.programme import SHARES, Clip, generator, layers_of, plan
from lts_batch.material.soundfont import (
    KNOWN_LICENCES,
    UNKNOWN_LICENCE,
    Segment,
    find_fluidsynth,
    find_soundfont,
    fluidsynth_version,
    is_soundfont,
    render_segments,
)
from lts_batch.material.tones import Samples, finish

__all__ = ["SHARES", "CorpusReport", "find_soundfont", "render"]

FORMAT_VERSION = 1
BATCH_CLIPS = 24
DONE, UNDER_WAY = "corpus.json", "corpus.unfinished.json"


@dataclass(frozen=True)
class CorpusReport:
    """What was rendered.

    Attributes:
        files, seconds: by kind.
        soundfont: name, sha256, licence; empty where none was used.
        note: a sentence on what is missing, or an empty one.
    """

    folder: Path
    seed: int
    files: dict[str, int]
    seconds: dict[str, float]
    soundfont: dict[str, str]
    fluidsynth: str
    note: str


def render(out: Path, *, seed: int = 0, minutes: float = 60.0, soundfont: Path | None = None,
           progress: Callable[[int, int], None] | None = None, workers: int | None = None) -> CorpusReport:
    """Render a corpus of 44.1 kHz mono 16-bit FLAC files into ``out``, in folders by kind.

    An unfinished render of the same seed and length is taken up where it stopped. ``corpus.json`` is written last:
    where it lies, the corpus is complete.

    Args:
        minutes: about how much sound in all; without a SoundFont only the share of our own synthesis.
        soundfont: a General MIDI font; looked for in the usual places and in ``FLUID_SOUNDFONT`` if not given.
        progress: called with (files done, files in all).

    Raises:
        CorpusError: a SoundFont that is named but missing, or fluidsynth failed.
        OutputError: ``out`` holds something else, or cannot be written.
    """
    if not 0 < minutes <= 6000:
        raise CorpusError(f"minutes = {minutes:g} is out of range: a corpus has more than 0 and at most 6000 minutes")
    if seed < 0:
        raise CorpusError(f"seed = {seed} is out of range: it starts at 0")
    if soundfont is not None and not soundfont.is_file():
        raise CorpusError(f"SoundFont {soundfont} does not exist: name an .sf2 file, or leave it out to have one"
                          " looked for")
    if soundfont is not None and not is_soundfont(soundfont):
        raise CorpusError(f"{soundfont} is no SoundFont: name an .sf2 file, or leave it out to have one looked for")
    executable = find_fluidsynth()
    font = soundfont or find_soundfont()
    missing = _missing(executable, font)
    if missing:
        executable = font = None
    facts = _facts(seed, minutes, font, executable)
    _open_folder(out, facts)
    clips = plan(out, seed, minutes, tuple(SHARES) if font else ("synthesis",))
    batches = [found[start:start + BATCH_CLIPS] for found in clips.values()
               for start in range(0, len(found), BATCH_CLIPS)]
    total, done = sum(map(len, batches)), 0
    with ThreadPoolExecutor(max_workers=workers or min(2, os.cpu_count() or 1)) as pool:
        waiting = {pool.submit(_render_batch, batch, seed, font, executable): len(batch) for batch in batches}
        try:
            for future in as_completed(waiting):
                future.result()
                done += waiting[future]
                if progress is not None:
                    progress(done, total)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    files = {kind: len(found) for kind, found in clips.items()}
    seconds = {kind: round(sum(clip.samples for clip in found) / SAMPLE_RATE, 3) for kind, found in clips.items()}
    write_whole(out / DONE, _json(facts | {"files": files, "seconds": seconds, "note": missing}), overwrite=True)
    (out / UNDER_WAY).unlink(missing_ok=True)
    return CorpusReport(out, seed, files, seconds, facts["soundfont"], facts["fluidsynth"], missing)


def _missing(executable: Path | None, font: Path | None) -> str:
    if executable is None:
        return ("fluidsynth was not found, so only our own synthesis was rendered: install fluidsynth and a General"
                " MIDI SoundFont for the whole corpus")
    if font is None and os.environ.get("FLUID_SOUNDFONT"):
        return (f"FLUID_SOUNDFONT names {os.environ['FLUID_SOUNDFONT']}, which does not exist, so only our own"
                " synthesis was rendered: name an .sf2 file there, or unset it")
    if font is None:
        return ("no SoundFont was found, so only our own synthesis was rendered: install one (FluidR3_GM is free) or"
                " name it by FLUID_SOUNDFONT")
    return ""


def _facts(seed: int, minutes: float, font: Path | None, executable: Path | None) -> dict[str, Any]:
    described: dict[str, str] = {}
    if font is not None:
        digest = sha256(font)
        described = {"name": font.name, "sha256": digest, "licence": KNOWN_LICENCES.get(digest, UNKNOWN_LICENCE)}
    return {"format_version": FORMAT_VERSION, "lts_batch_version": __version__, "seed": seed, "minutes": minutes,
            "sample_rate": SAMPLE_RATE, "soundfont": described,
            "fluidsynth": fluidsynth_version(executable) if executable else ""}


# ---------------------------------------------------------------- files


def _open_folder(out: Path, facts: dict[str, Any]) -> None:
    """Make the folder, or check that it holds an unfinished render of the same facts."""
    try:
        if out.exists() and not out.is_dir():
            raise OutputError(f"{out} is a file: name a new or empty folder for the corpus")
        if out.is_dir() and any(out.iterdir()):
            if (out / DONE).is_file():
                raise OutputError(f"{out} already holds a finished corpus: name another folder, or delete that one"
                                  " first")
            if not (out / UNDER_WAY).is_file():
                raise OutputError(f"{out} is not empty: name a new or empty folder for the corpus")
            before = json.loads((out / UNDER_WAY).read_text(encoding="utf-8"))
            changed = sorted(key for key in facts | before if facts.get(key) != before.get(key))
            if changed:
                values = ", ".join(f"{key} {before.get(key)!r} there, {facts.get(key)!r} here" for key in changed)
                raise OutputError(f"{out} holds an unfinished corpus of other settings ({values}): repeat the command"
                                  " with those, or name another folder")
            for left in filter(is_temporary, list(out.rglob("*"))):  # of a crash
                left.unlink()
            return
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / UNDER_WAY, _json(facts), overwrite=True)
    except (ValueError, AttributeError):
        raise OutputError(f"{out / UNDER_WAY} is damaged: delete the folder and render the corpus anew") from None
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from None


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from None


def _flac(sound: Samples, rng: np.random.Generator) -> bytes:
    """16-bit FLAC with triangular dither."""
    import soundfile

    dither = rng.random(len(sound)) - rng.random(len(sound))
    words = np.clip(np.round(sound * 32767.0 + dither), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, words, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


# ---------------------------------------------------------------- from layers to files


def _render_batch(clips: Sequence[Clip], seed: int, font: Path | None, executable: Path | None) -> None:
    """All clips of a batch, of which those that lie there already are not written again."""
    if all(clip.path.is_file() for clip in clips):
        return
    layers = [layers_of(clip, seed) for clip in clips]
    # everything the SoundFont plays goes through one run, also for clips that exist: the same run gives the same bits
    segments = [layer for found in layers for layer in found if isinstance(layer, Segment)]
    played: list[Samples] = []
    if segments:
        assert font is not None and executable is not None
        hall = clips[0].index // BATCH_CLIPS % 3 == 2
        stereo = render_segments(segments, font, executable, SAMPLE_RATE, effects=hall)
        played = [sound.mean(axis=0) for sound in stereo]
    sounds = iter(played)
    for clip, found in zip(clips, layers, strict=True):
        parts = [next(sounds) if isinstance(layer, Segment) else layer for layer in found]
        if not clip.path.is_file():
            _make(clip.path.parent)
            write_whole(clip.path, _finished(clip, parts, generator(seed, clip.kind, clip.index, "finish")), overwrite=True)


def _finished(clip: Clip, parts: Sequence[Samples], rng: np.random.Generator) -> bytes:
    """Layers to one file: effects, mix, bandwidth, noise floor, level, dither."""
    mix = np.zeros(clip.samples, np.float32)
    for number, part in enumerate(parts):
        sound = finish(part, SAMPLE_RATE)
        if rng.random() < (0.4 if clip.kind == "mixes" else 0.35):
            sound = effects.random_chain(rng, sound, SAMPLE_RATE)
        mix += sound * np.float32(1.0 if number == 0 else 10 ** (rng.uniform(-18, 3) / 20))
    if len(parts) > 1 and rng.random() < 0.3:
        mix = effects.random_chain(rng, finish(mix, SAMPLE_RATE), SAMPLE_RATE)
    if rng.random() < 0.3:
        mix = effects.band_limit(rng, mix, SAMPLE_RATE)
    mix = finish(mix, SAMPLE_RATE)
    if rng.random() < 0.25:
        mix = effects.noise_floor(rng, mix, SAMPLE_RATE)
    peak = float(np.abs(mix).max())
    level_db = float(rng.uniform(-30, -1))
    return _flac(mix * np.float32(10 ** (level_db / 20) / max(peak, 1e-9)), rng)
