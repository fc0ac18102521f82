"""Finished stems in working files, until all are there and it is known how they are to be written.

A job's gain and format depend on its loudest stem, and an hour of stems does not fit into memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lts_batch.engine import finish, pipeline
from lts_batch.engine.chain import Chain
from lts_batch.engine.finish import Audio, Peak
from lts_batch.files import wav
from lts_batch.files.whole import output_error
from lts_batch.settings import Settings

_COPY_SAMPLES = 1 << 18

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Stored:
    """A finished stem in a working file: float32, channels side by side."""

    path: Path
    samples: int
    peak: Peak


def finished(planned: pipeline.Plan, chain: Chain | None, working: Path, say: Progress, workers: int | None = None
             ) -> list[Stored]:
    """All stems, each finished as soon as it is complete."""
    found: dict[int, Stored] = {}
    total, done = sum(stem.samples for stem in planned.stems), 0
    missing = [stem.samples for stem in planned.stems]
    try:
        for block in pipeline.blocks(planned, workers):
            path = working / f"{block.stem}.made"
            _append(path, block.samples)
            missing[block.stem] -= block.samples.shape[1]
            if not missing[block.stem]:
                found[block.stem] = _finish_one(path, planned, planned.stems[block.stem], chain)
            done += block.samples.shape[1]
            say(0.95 * done / total, f"stem {block.stem + 1} of {len(missing)}")
    except OSError as error:  # also from closing, which writes what is left
        raise output_error(working.parent, error) from None
    return [found[number] for number in range(len(missing))]


def _finish_one(path: Path, planned: pipeline.Plan, stem: pipeline.Stem, chain: Chain | None) -> Stored:
    def made() -> Iterator[Audio]:
        return _read(path, planned.channels)

    found = finish.finish(made, planned.sample_rate, planned.channels, planned.settings, stem.loudness_db, chain)
    gauge = finish.Gauge(planned.sample_rate, planned.channels, planned.settings)
    destination = path.with_suffix(".finished")
    for block in found.blocks():
        gauge.add(block)
        if found.blocks is not made:
            _append(destination, block)
    if found.blocks is made:  # nothing was done to it
        path.rename(destination)
    else:
        path.unlink()
    return Stored(destination, found.samples, gauge.finish())


def _append(path: Path, block: Audio) -> None:
    with path.open("ab") as file:  # one at a time: systems allow few open files
        file.write(np.ascontiguousarray(block.T, dtype="<f4").tobytes())


def _read(path: Path, channels: int) -> Iterator[Audio]:
    with path.open("rb") as file:
        while data := file.read(_COPY_SAMPLES * channels * 4):
            yield np.frombuffer(data, dtype="<f4").reshape(-1, channels).T


def subtype_for(settings: Settings, peak: float) -> wav.Subtype:
    """The format asked for, or 32-bit float where a stem passes full scale by more than the rounding of its gain."""
    if settings.bit_depth == 32 or peak > 1.0 + 1e-6:
        return "FLOAT"
    return "PCM_16" if settings.bit_depth == 16 else "PCM_24"


def write(stem: Stored, destination: Path, planned: pipeline.Plan, gain: float, subtype: wav.Subtype,
          dither_seed: int | None) -> None:
    """Turns a working file into a WAV file."""
    with wav.Writer(destination, planned.sample_rate, planned.channels, subtype=subtype, expected_samples=stem.samples,
                      dither_seed=dither_seed) as writer:
        for block in _read(stem.path, planned.channels):
            scaled = block if gain == 1.0 else block * np.float32(gain)
            writer.write(scaled if subtype == "FLOAT" else np.clip(scaled, -1.0, 1.0))  # a hair over full scale is full scale
    stem.path.unlink()
