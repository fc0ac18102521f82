"""Loops that are seamless by construction pass; what is cut, fades or dies away does not."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lts_batch.clips import loops
from lts_batch.files.sources import Excerpt, Source

RATE = 44100
SEEDS = range(4)
Array = NDArray[np.float64]
Make = Callable[[np.random.Generator], Array]


def is_seamless(samples: NDArray[np.floating], rate: int = RATE) -> bool:
    held = np.atleast_2d(samples).astype(np.float32)
    held /= max(1.25 * np.abs(held).max(), 1e-9)
    return loops.is_seamless(Excerpt(held, rate, 0, held.shape[1]))


def partials(samples: int, pitches: NDArray[np.floating], rng: np.random.Generator, whole: bool) -> Array:
    """Notes of ten partials each; with ``whole`` cycles only, they go round."""
    turns, out = np.arange(samples) / samples, np.zeros(samples)
    for pitch in pitches * samples / RATE:
        cycles = round(pitch) if whole else np.floor(pitch) + rng.uniform(0.2, 0.8)
        for partial in range(1, 11):
            out += np.sin(2 * np.pi * (cycles * partial * turns + rng.uniform())) / partial
    return out


def some_samples(rng: np.random.Generator) -> int:
    return int(rng.uniform(0.5, 3) * RATE)


def noise(samples: int, rng: np.random.Generator, slope: float) -> Array:
    """Noise that goes round."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    return np.fft.irfft(spectrum * np.maximum(np.fft.rfftfreq(samples, 1 / RATE), 20) ** -slope, samples)


def hit(rng: np.random.Generator, decay_seconds: float) -> Array:
    times = np.arange(round(8 * decay_seconds * RATE)) / RATE
    pitch = rng.uniform(50, 300)
    body = np.sin(2 * np.pi * pitch * times) + rng.uniform(0.1, 0.5) * rng.standard_normal(len(times))
    return body * np.exp(-times / decay_seconds) * (1 - times / times[-1])


def drums(rng: np.random.Generator) -> Array:
    """Hits on a grid, the first on the first sample, ringing on over the end, in a quiet room."""
    grid = round(rng.uniform(0.1, 0.2) * RATE)
    out = np.zeros(16 * grid)
    kit = [hit(rng, 0.08), hit(rng, 0.05), 0.3 * hit(rng, 0.03)]
    for step in range(16):
        for sound, due in zip(kit, (step % 4 == 0, step % 8 == 4, rng.random() < 0.7), strict=True):
            if due:
                np.add.at(out, (step * grid + np.arange(len(sound))) % len(out), sound * rng.uniform(0.7, 1.0))
    return out + 0.01 * rng.standard_normal(len(out))


def turned(make: Make) -> Make:
    def made(rng: np.random.Generator) -> Array:
        out = make(rng)
        return np.roll(out, rng.integers(len(out)))

    return made


def pad(rng: np.random.Generator) -> Array:
    samples = some_samples(rng)
    swell = 1 + 0.5 * np.sin(2 * np.pi * rng.integers(1, 5) * np.arange(samples) / samples)
    return swell * partials(samples, np.array([110, 165, 220]) * rng.uniform(0.8, 1.2), rng, True)


def faded(sound: Array, in_seconds: float = 1e-9, out_seconds: float = 1e-9) -> Array:
    ramps = [np.minimum(np.arange(len(sound)) / (seconds * RATE), 1.0) for seconds in (in_seconds, out_seconds)]
    return sound * ramps[0] * ramps[1][::-1]


def dying(rng: np.random.Generator, most_db: float, least_db: float) -> Array:
    out = partials(some_samples(rng), rng.uniform(80, 600, 1), rng, False)
    return out * 10 ** (-rng.uniform(least_db, most_db) / 20 * np.arange(len(out)) / len(out))


LOOPS: dict[str, Make] = {
    "tones": lambda rng: partials(some_samples(rng), rng.uniform(40, 500, rng.integers(1, 4)), rng, True),
    "noise": lambda rng: noise(some_samples(rng), rng, rng.uniform(0, 1)),
    "noise cut anywhere": lambda rng: noise(4 * RATE, rng, rng.uniform(0, 0.7))[:some_samples(rng)],
    "drums": drums, "drums cut anywhere": turned(drums), "pad": pad, "pad cut anywhere": turned(pad),
}
OTHERS: dict[str, Make] = {
    "tones that jump": lambda rng: partials(some_samples(rng), rng.uniform(60, 500, rng.integers(1, 4)), rng, False),
    "one shot": lambda rng: np.pad(hit(rng, 0.1), (0, some_samples(rng))) + 1e-4 * rng.standard_normal(1),
    "one shot cut off": lambda rng: hit(rng, 0.2)[:round(rng.uniform(0.3, 0.6) * RATE)],
    "a note that dies away": lambda rng: dying(rng, 45, 25),
    "a note backwards": lambda rng: dying(rng, 45, 25)[::-1],
    "noise that dies away": lambda rng: noise(RATE, rng, 0.5) * 10 ** (-rng.uniform(25, 45) / 20 * np.arange(RATE) / RATE),
    "a held note": lambda rng: faded(partials(2 * RATE, rng.uniform(60, 500, 1), rng, False), 0.02),
    "fade in": lambda rng: faded(pad(rng), 0.3),
    "fade out": lambda rng: faded(pad(rng), out_seconds=0.3),
    "fades": lambda rng: faded(pad(rng), 0.2, 0.2),
    "sweep": lambda rng: np.sin(2 * np.pi * np.cumsum(np.geomspace(rng.uniform(60, 200), 3000, 2 * RATE)) / RATE),
    "silence": lambda rng: np.zeros(RATE),
}


@pytest.mark.parametrize("kind", LOOPS)
def test_loops_are_seamless(kind: str) -> None:
    assert [seed for seed in SEEDS if not is_seamless(LOOPS[kind](np.random.default_rng(seed)))] == []


@pytest.mark.parametrize("kind", OTHERS)
def test_others_are_not(kind: str) -> None:
    assert [seed for seed in SEEDS if is_seamless(OTHERS[kind](np.random.default_rng(seed)))] == []


@pytest.mark.parametrize("kind", ["tones", "pad"])
def test_a_loop_cut_short_is_none(kind: str) -> None:
    made = [LOOPS[kind](np.random.default_rng(seed)) for seed in SEEDS]
    assert [seed for seed, loop in zip(SEEDS, made, strict=True) if is_seamless(loop[:-333])] == []


@pytest.mark.parametrize("rate", [8000, 16000, 48000, 96000, 192000])
def test_the_rate_does_not_matter(rate: int) -> None:
    times = np.arange(rate) / rate
    whole, cut = (sum(np.sin(2 * np.pi * pitch * n * times) / n for n in range(1, 6)) for pitch in (221.0, 221.5))
    assert is_seamless(whole, rate)
    assert not is_seamless(cut, rate)


def test_the_level_does_not_matter(rng: np.random.Generator) -> None:
    for make, expected in ((drums, True), (OTHERS["one shot cut off"], False)):
        held = make(rng)[None].astype(np.float32)
        for gain in (2.0**-12, 1.0, 2.0**6):
            assert loops.is_seamless(Excerpt(held * np.float32(gain), RATE, 0, held.shape[1])) == expected


def test_one_bad_channel_is_enough(rng: np.random.Generator) -> None:
    good, bad = (partials(RATE, np.array([220.0]), rng, whole) for whole in (True, False))
    assert is_seamless(np.stack([good, good]))
    assert not is_seamless(np.stack([good, bad]))


def test_very_short_clips_are_none() -> None:
    assert not is_seamless(np.sin(2 * np.pi * 100 * np.arange(RATE // 5) / RATE))
    assert not is_seamless(np.ones(1))


def test_of_long_clips_little_is_read() -> None:
    class Watched:
        sample_rate, channels, samples = 48000, 1, 3600 * 48000
        read_samples = 0

        def read(self, start: int, count: int) -> NDArray[np.float32]:
            self.read_samples += count
            times = np.arange(start, start + count) / self.sample_rate
            return np.sin(2 * np.pi * (220.0 * times % 1.0))[None].astype(np.float32)

    watched = Watched()
    held: Source = watched
    assert loops.is_seamless(held)
    assert watched.read_samples < 15 * watched.sample_rate
