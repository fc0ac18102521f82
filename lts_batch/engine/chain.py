"""A chain of audio effects over a stem: those of pedalboard by name, VST3 and Audio Unit plug-ins by path.

    effects = [
        { name = "HighpassFilter", cutoff_frequency_hz = 80 },
        { plugin = "/plugins/Room.vst3", parameters = { size = 0.4 } },
    ]

What a table may hold is said in ``effects.py``. Delays that effects own up to (look-ahead, codecs, pitch shifting) are taken
out again, so that what comes out begins where it went in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lts_batch.engine.effects import build, sentence
from lts_batch.errors import SettingsError

Audio = NDArray[np.float32]

BLOCK_SAMPLES = 1 << 16  # effects always see blocks of this size, whatever comes in, so that results do not depend on it
# pedalboard's pitch shifter gives silence when it is fed in blocks (its issue 415): it gets all at once, as memory allows
_NEVER_IN_PARTS = ("PitchShift",)
_LEAST_SAMPLES = 1024  # pedalboard takes the shorter side of a block for its channels
_MOST_DELAY_SECONDS = 60.0

class Chain:
    """Effects in their order, ready to be run over any number of stems, one after the other.

    Args:
        effects: tables as in a preset.
        source: what to call the place they come from in an error.

    Raises:
        SettingsError: an effect, a parameter or a value that there is not; a plug-in that cannot be loaded.
    """

    def __init__(self, effects: Sequence[Mapping[str, Any]], source: str) -> None:
        self._links = [_Link(effect, f"{source}: effect {number} ({_title(effect)})")
                       for number, effect in enumerate(effects, 1)]

    def check(self, sample_rate: int, channels: int) -> None:
        """Tries each effect on a moment of silence.

        Raises:
            SettingsError: an effect that does not work at this sample rate or with this many channels.
        """
        for link in self._links:
            link.together(sample_rate, channels)

    def run(self, blocks: Iterable[Audio], sample_rate: int, channels: int, samples: int) -> Iterator[Audio]:
        """A stem through the chain, and silence after it until ``samples`` have come out.

        More than two channels go through an effect each, for effects know mono and stereo only. Where one knows stereo
        only, a channel of its own goes in on both sides, and what comes out is averaged.

        Args:
            blocks: ``[channels, any number]``.
            samples: length of what comes out: the stem's, and how long effects may ring on.

        Yields:
            Blocks ``[channels, at most BLOCK_SAMPLES]``.
        """
        stream: Iterable[Audio] = blocks
        for link in self._links:
            stream = link.run(stream, sample_rate, channels, samples)
        yield from stream


class _Link:
    """One effect of a chain, as often as there are channels that need one of their own."""

    def __init__(self, effect: Mapping[str, Any], place: str) -> None:
        self._effect, self._place = effect, place
        self._made = [build(effect, place)]

    def together(self, sample_rate: int, channels: int) -> int:
        """How many channels go through one effect: 2 for a mono stem where it knows stereo only."""
        wanted = channels if channels <= 2 else 1
        trouble = [self._trouble(sample_rate, width) for width in range(wanted, 3)]
        if all(trouble):
            raise SettingsError(f"{self._place} does not work with {channels} channel{'s' * (channels != 1)} at"
                                f" {sample_rate} Hz ({trouble[0]}): leave it out, or choose another sample_rate")
        return wanted + trouble.index("")

    def _trouble(self, sample_rate: int, channels: int) -> str:
        try:
            self._made[0].process(np.zeros((channels, _LEAST_SAMPLES), np.float32), sample_rate)
        except (ValueError, RuntimeError) as error:
            return sentence(error) or "it says no more"
        return ""

    def run(self, blocks: Iterable[Audio], sample_rate: int, channels: int, samples: int) -> Iterator[Audio]:
        """A stem through the effect, as ``Chain.run``."""
        width = self.together(sample_rate, channels)
        groups = [slice(n, n + 1) for n in range(channels)] if channels > 2 else [slice(channels)]
        self._made += [build(self._effect, self._place) for _ in groups[len(self._made):]]
        for effect in self._made:
            effect.reset()
        whole = self._effect.get("name") in _NEVER_IN_PARTS
        held = 0
        for block in _even(blocks, channels, max(samples, _LEAST_SAMPLES) if whole else BLOCK_SAMPLES):
            out = np.concatenate([_process(effect, block[group], sample_rate, width, whole)
                                  for effect, group in zip(self._made, groups, strict=False)])[:, :samples]
            if not np.isfinite(out).all():
                raise SettingsError(f"{self._place} gives values that are no numbers: keep frequencies below"
                                    f" {sample_rate / 2:g} Hz, half the sample rate, and feedback and gain within reason")
            samples -= out.shape[1]
            held += block.shape[1] - out.shape[1]
            for start in range(0, out.shape[1], BLOCK_SAMPLES):
                yield out[:, start:start + BLOCK_SAMPLES]
            if samples <= 0:
                return
            if held > _MOST_DELAY_SECONDS * sample_rate + BLOCK_SAMPLES:
                raise SettingsError(f"{self._place} holds audio back for more than {_MOST_DELAY_SECONDS:g} s: leave it out")


def _process(effect: Any, block: Audio, sample_rate: int, width: int, whole: bool) -> Audio:
    """What an effect makes of a block, as far as it gives it out already; of the whole stem, all of it."""
    given = np.repeat(block, width // len(block), axis=0)
    out: Audio = effect.process(given, sample_rate, reset=whole)
    return out if len(out) == len(block) else out.mean(axis=0, keepdims=True, dtype=np.float32)


def _even(blocks: Iterable[Audio], channels: int, samples: int) -> Iterator[Audio]:
    """The same audio in blocks of one size, then silence without end."""
    block, filled = np.zeros((channels, samples), np.float32), 0
    for given in blocks:
        taken = 0
        while taken < given.shape[1]:
            count = min(samples - filled, given.shape[1] - taken)
            block[:, filled:filled + count] = given[:, taken:taken + count]
            taken, filled = taken + count, filled + count
            if filled == samples:
                yield block
                block, filled = np.zeros_like(block), 0
    while True:
        yield block
        block = np.zeros_like(block)


def _title(effect: Mapping[str, Any]) -> str:
    return str(effect.get("name") or Path(str(effect.get("plugin", "without a name"))).stem)
