"""Settles the bandwidth floor gamma: attack smear against low-note resolution. Prints a table and, on request, JSON.

    python benchmarks/gamma_trial.py [--json FILE]

For each gamma: the energy that a click spreads to more than 20 ms (and 50 ms) before itself; the width of a low tone in
semitones (frame magnitude above -6 dB of its peak); and what a slice of 3 s and of 6 s differs from the whole, away
from its outer quarters.
"""

import argparse
import json
import math
from pathlib import Path

import torch

from lts_batch.frame.filterbank import Bands, Filterbank, Grid

RATE = 44100


def magnitudes(bands: Bands, audio: torch.Tensor) -> torch.Tensor:
    samples, frames = Grid(RATE, bands.frame_rate).covering(audio.shape[1], least_seconds=8.0)
    return Filterbank(bands, RATE, samples, frames).forward(audio)[0]


def smear_db(bands: Bands, before_seconds: float) -> float:
    click = torch.zeros(1, 6 * RATE)
    click[0, 3 * RATE] = 1.0
    energy = (magnitudes(bands, click).abs() ** 2).sum(0).double()
    at = round(3 * float(bands.frame_rate))
    return 10 * math.log10(energy[: at - round(before_seconds * float(bands.frame_rate))].sum() / energy.sum())


def width_semitones(bands: Bands, tone_hz: float) -> float:
    time = torch.arange(6 * RATE) / RATE
    frame = magnitudes(bands, torch.sin(2 * math.pi * tone_hz * time)[None])[: len(bands), 1000].abs()
    over = (frame > frame.max() / 2).nonzero()[:, 0]
    return 12 * math.log2(bands.centres_hz[over[-1]] / bands.centres_hz[over[0]])


def slice_error_db(bands: Bands, frames: int) -> float:
    torch.manual_seed(0)
    noise = torch.randn(1, 16 * RATE)
    whole = magnitudes(bands, noise)
    start, quarter = 2000, frames // 4
    part = noise[:, start * 128:(start + frames) * 128]
    sliced = Filterbank(bands, RATE, frames * 128, frames).forward(part)[0][:, quarter:-quarter]
    true = whole[:, start + quarter:start + frames - quarter]
    return 20 * math.log10((sliced - true).norm() / true.norm())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for gamma in (0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0):
        bands = Bands(gamma_hz=gamma)
        rows.append({
            "gamma_hz": gamma,
            "smear_20ms_db": smear_db(bands, 0.02), "smear_50ms_db": smear_db(bands, 0.05),
            "width_41hz_semitones": width_semitones(bands, 41.2),
            "width_110hz_semitones": width_semitones(bands, 110.0),
            "width_440hz_semitones": width_semitones(bands, 440.0),
            "slice_3s_db": slice_error_db(bands, 1176), "slice_6s_db": slice_error_db(bands, 2352),
        })
        if gamma == 0.0:
            print("  ".join(f"{name:>22}" for name in rows[0]))
        print("  ".join(f"{value:22.2f}" for value in rows[-1].values()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
