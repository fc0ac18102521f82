"""A chain of audio effects over a stem: those of pedalboard by name, VST3 and Audio Unit plug-ins by path.

    effects = [
        { name = "HighpassFilter", cutoff_frequency_hz = 80 },
        { plugin = "/plugins/Room.vst3", parameters = { size = 0.4 } },
    ]

A table can name nothing but an effect: no containers, no file streams, no attribute of Python. Delays that effects own up
to (look-ahead, codecs, pitch shifting) are taken out again, so that what comes out begins where it went in.
"""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lts_batch.errors import SettingsError

Audio = NDArray[np.float32]

BLOCK_SAMPLES = 1 << 16  # effects always see blocks of this size, whatever comes in, so that results do not depend on it
# pedalboard's pitch shifter gives silence when it is fed in blocks (its issue 415): it gets all at once, as memory allows
_NEVER_IN_PARTS = ("PitchShift",)
_LEAST_SAMPLES = 1024  # pedalboard takes the shorter side of a block for its channels
_MOST_DELAY_SECONDS = 60.0
_MOST_SHOWN = 24

# pedalboard takes some values that then give NaN, or no end of work
_LIMITS = {
    "centre_delay_ms": (1.0, 100.0), "centre_frequency_hz": (1.0, 384e3), "cutoff_frequency_hz": (1.0, 384e3),
    "cutoff_hz": (1.0, 384e3), "depth": (0.0, 1.0), "feedback": (-1.0, 1.0), "gain_db": (-120.0, 120.0),
    "mix": (0.0, 1.0), "rate_hz": (0.0, 100.0), "target_sample_rate": (1000.0, 768e3),
}
_MOST_VALUE = 1e6


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
            return _sentence(error) or "it says no more"
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


def build(effect: Mapping[str, Any], place: str) -> Any:
    """The effect of a table, as pedalboard has it.

    Raises:
        SettingsError: as ``Chain``, beginning with ``place``.
    """
    if ("name" in effect) == ("plugin" in effect):
        raise SettingsError(f"{place} must have either a name, for an effect that comes along, or a plugin, the path of a"
                            f" VST3 or Audio Unit; the names are {', '.join(known())}")
    return _plugin(effect, place) if "plugin" in effect else _known(effect, place)


def _library() -> Any:  # without types: half of what is used here has none
    import pedalboard

    return pedalboard


def known() -> dict[str, type]:
    """The effects that come along: pedalboard's, without those that hold others or load plug-ins."""
    pedalboard = _library()
    no_effects = (pedalboard.PluginContainer, pedalboard.ExternalPlugin)
    no_sound = (pedalboard.Plugin, pedalboard.IIRFilter)  # what others are made from
    return {name: kind for name, kind in sorted(vars(pedalboard).items())
            if isinstance(kind, type) and issubclass(kind, pedalboard.Plugin) and not issubclass(kind, no_effects)
            and kind not in no_sound and not name.startswith("_")}


def parameters(kind: type) -> list[str]:
    """The parameters of an effect that comes along."""
    names = [name for base in kind.__mro__ if base is not _library().Plugin for name, value in vars(base).items()
             if isinstance(value, property)]
    return [name for name in dict.fromkeys(names) if name != "impulse_response"]


def _known(effect: Mapping[str, Any], place: str) -> Any:
    kinds = known()
    name = effect["name"]
    if name not in kinds:
        raise SettingsError(f"{place}: there is no such effect{_nearest(name, kinds)}; there are {', '.join(kinds)}")
    kind = kinds[name]
    values = {}
    for key, value in effect.items():
        if key != "name":
            if key not in parameters(kind):
                raise SettingsError(_no_parameter(place, key, parameters(kind)))
            values[key] = _value(kind, key, value, place)
    try:
        return kind(**values)
    except (TypeError, ValueError, RuntimeError) as error:
        shown = ", ".join(f"{key} = {effect[key]!r}" for key in values)
        if isinstance(error, TypeError):  # pedalboard lists its C++ signatures
            raise SettingsError(f"{place}: {shown or 'nothing'} is not what it takes; its parameters are"
                                f" {', '.join(parameters(kind))}") from None
        raise SettingsError(f"{place}: {shown}: {_sentence(error)}") from None


def _value(kind: type, key: str, value: Any, place: str) -> Any:
    """A value as the effect takes it: of the kind that its default is."""
    if key == "impulse_response_filename":
        return str(_existing(value, place, key, "an audio file"))
    default = _default(kind, key)
    choices = getattr(type(default), "__members__", None)
    if choices:
        if value not in choices:
            raise SettingsError(f"{place}: {key} = {value!r} is not known{_nearest(value, choices)}; there are"
                                f" {', '.join(choices)}")
        return choices[value]
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise SettingsError(f"{place}: {key} = {value!r} has the wrong type, it takes true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SettingsError(f"{place}: {key} = {value!r} has the wrong type, it takes a number")
    least, most = _LIMITS.get(key, (-_MOST_VALUE, _MOST_VALUE))
    if not (math.isfinite(value) and least <= value <= most):
        raise SettingsError(f"{place}: {key} = {value:g} is out of range: it goes from {least:g} to {most:g}")
    return float(value)


def _default(kind: type, key: str) -> Any:
    if kind.__name__ == "Convolution":  # cannot be made of nothing
        return 0.0
    return getattr(kind(), key)


def _plugin(effect: Mapping[str, Any], place: str) -> Any:
    extra = sorted(set(effect) - {"plugin", "plugin_name", "parameters"})
    if extra:
        raise SettingsError(f"{place}: {extra[0]!r} is not known beside plugin; known are plugin_name and parameters, a"
                            " table of the plug-in's own")
    path = _existing(effect["plugin"], place, "plugin", "a .vst3 or .component")
    name = effect.get("plugin_name")
    values = effect.get("parameters", {})
    if not (name is None or isinstance(name, str)) or not isinstance(values, Mapping):
        raise SettingsError(f"{place}: plugin_name must be text and parameters a table, found {name!r} and {values!r}")
    try:
        plugin = _library().load_plugin(str(path), plugin_name=name)
    except (ImportError, ValueError, RuntimeError) as error:
        raise SettingsError(f"{place}: {path} cannot be loaded ({_sentence(error)}): check that it is a VST3 or Audio Unit"
                            " for this system, and give plugin_name where it holds more than one") from None
    if not plugin.is_effect:
        raise SettingsError(f"{place}: {path} is an instrument, and stems need effects: choose another plug-in")
    for key, value in values.items():
        if key not in plugin.parameters:
            raise SettingsError(_no_parameter(place, key, list(plugin.parameters)))
        try:
            setattr(plugin, key, value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise SettingsError(f"{place}: {key} = {value!r} is not what it takes: {_sentence(error)}") from None
    return plugin


def _existing(value: Any, place: str, key: str, what: str) -> Path:
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{place}: {key} = {value!r} must be the path of {what}, as text")
    path = Path(value).expanduser()
    if not path.exists():
        raise SettingsError(f"{place}: {key} = {value!r} is missing: give the full path of {what}")
    return path


def _title(effect: Mapping[str, Any]) -> str:
    return str(effect.get("name") or Path(str(effect.get("plugin", "without a name"))).stem)


def _no_parameter(place: str, key: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    listed = f"its parameters are {', '.join(names[:_MOST_SHOWN])}{more}" if names else "it has none"
    return f"{place}: there is no parameter {key!r}{_nearest(key, names)}; {listed}"


def _nearest(word: Any, words: Iterable[str]) -> str:
    lower = {known.lower(): known for known in words}
    found = difflib.get_close_matches(str(word).lower(), lower, n=1)
    return f" (did you mean {lower[found[0]]!r}?)" if found else ""


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")
