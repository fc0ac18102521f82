"""Audio effects made of the tables that name them: those of pedalboard by name, VST3 and Audio Unit plug-ins by path.

A table can name nothing but an effect: no containers, no file streams, no attribute of Python. Every value is checked before
the effect sees it, and whatever is wrong is told by name.
"""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lts_batch.errors import SettingsError

_MOST_SHOWN = 24

# pedalboard takes some values that then give NaN, or no end of work
_LIMITS = {
    "centre_delay_ms": (1.0, 100.0), "centre_frequency_hz": (1.0, 384e3), "cutoff_frequency_hz": (1.0, 384e3),
    "cutoff_hz": (1.0, 384e3), "depth": (0.0, 1.0), "feedback": (-1.0, 1.0), "gain_db": (-120.0, 120.0),
    "mix": (0.0, 1.0), "rate_hz": (0.0, 100.0), "target_sample_rate": (1000.0, 768e3),
}
_MOST_VALUE = 1e6


def build(effect: Mapping[str, Any], place: str) -> Any:
    """The effect of a table, as pedalboard has it.

    Raises:
        SettingsError: an effect, a parameter or a value that there is not; a plug-in that cannot be loaded. The sentence begins
            with ``place``.
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
        raise SettingsError(f"{place}: {shown}: {sentence(error)}") from None


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
        raise SettingsError(f"{place}: {path} cannot be loaded ({sentence(error)}): check that it is a VST3 or Audio Unit"
                            " for this system, and give plugin_name where it holds more than one") from None
    if not plugin.is_effect:
        raise SettingsError(f"{place}: {path} is an instrument, and stems need effects: choose another plug-in")
    for key, value in values.items():
        if key not in plugin.parameters:
            raise SettingsError(_no_parameter(place, key, list(plugin.parameters)))
        try:
            setattr(plugin, key, value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise SettingsError(f"{place}: {key} = {value!r} is not what it takes: {sentence(error)}") from None
    return plugin


def _existing(value: Any, place: str, key: str, what: str) -> Path:
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{place}: {key} = {value!r} must be the path of {what}, as text")
    path = Path(value).expanduser()
    if not path.exists():
        raise SettingsError(f"{place}: {key} = {value!r} is missing: give the full path of {what}")
    return path


def _no_parameter(place: str, key: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    listed = f"its parameters are {', '.join(names[:_MOST_SHOWN])}{more}" if names else "it has none"
    return f"{place}: there is no parameter {key!r}{_nearest(key, names)}; {listed}"


def _nearest(word: Any, words: Iterable[str]) -> str:
    lower = {known.lower(): known for known in words}
    found = difflib.get_close_matches(str(word).lower(), lower, n=1)
    return f" (did you mean {lower[found[0]]!r}?)" if found else ""


def sentence(error: BaseException) -> str:
    """What an error of pedalboard's says, on one line."""
    return " ".join(str(error).split()).rstrip(".")
