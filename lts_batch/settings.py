"""What can be asked of a render: one frozen dataclass, and the presets that change a few of its values.

A preset is a TOML file that holds differences only. Keys that a job file may set are marked ``job_safe``: they can
neither name a path nor run anything.
"""

import dataclasses
import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from lts_batch.errors import SettingsError

X_LIMIT = 3.0  # beyond this a straight path in the latent space has left everything the model has seen

ALIGNMENTS = ("stretch", "trim", "pad")
LENGTHS = ("interpolate", "first", "second", "longest")
PHASES = ("source", "griffinlim")
CLIPPINGS = ("float", "scale")
NAMINGS = ("steps", "lts")
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text in quotes"}


def _setting(default: Any, help: str, *, choices: tuple[str, ...] = (), least: float | None = None,
             most: float | None = None, job_safe: bool = True) -> Any:
    return field(default=default, metadata={"help": help, "choices": choices, "least": least, "most": most,
                                            "job_safe": job_safe})


@dataclass(frozen=True)
class Settings:
    """Everything that decides how stems sound and what they are called."""

    x: tuple[float, ...] | None = _setting(
        None, "interpolation amounts, one stem each; clip 1 at 0, clip 2 at 1", least=-X_LIMIT, most=X_LIMIT)
    steps: int = _setting(5, "number of stems from x = 0 to x = 1, where no list of x is given", least=1, most=1001)
    beyond: float = _setting(0.0, "how far to go on past both clips, in the same steps", least=0.0, most=X_LIMIT - 1)
    curve: tuple[tuple[float, float], ...] | None = _setting(
        None, "breakpoints [time, x] of one stem whose amount moves", least=-X_LIMIT, most=X_LIMIT)
    curve_unit: str = _setting("fraction", "unit of the curve's times", choices=("fraction", "seconds"))
    detail: float = _setting(1.0, "how much of what the model lost is put back; 0 is LTS as published",
                             least=0.0, most=1.0)
    align: str = _setting("stretch", "how clips of different lengths are laid over each other", choices=ALIGNMENTS)
    length: str = _setting("interpolate", "duration of the stems", choices=LENGTHS)
    phase: str = _setting("source", "where the phase of the stems comes from", choices=PHASES)
    repair: int = _setting(0, "Griffin-Lim steps after the source phase", least=0, most=1000)
    iterations: int = _setting(32, "Griffin-Lim steps of phase = griffinlim", least=1, most=1000)
    sample: bool = _setting(False, "draw latents from the encoder's distribution instead of taking its mean")
    temperature: float = _setting(1.0, "spread of those draws", least=0.0, most=10.0)
    seed: int = _setting(0, "seed of everything random", least=0, most=2**31 - 1)
    sample_rate: int | None = _setting(None, "output sample rate in Hz; clip 1's if not given", least=1000, most=768000)
    clip: str = _setting("float", "what to do when a stem passes full scale: write the job as 32-bit float, or scale"
                         " all its stems by one gain", choices=CLIPPINGS)
    fade_in_seconds: float = _setting(0.0, "fade at the start of each stem", least=0.0, most=3600.0)
    fade_out_seconds: float = _setting(0.0, "fade at the end of each stem", least=0.0, most=3600.0)
    naming: str = _setting("steps", "names of the stems", choices=NAMINGS)
    model: str = _setting("general", "a shipped model's name or a model folder", job_safe=False)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(item, getattr(self, item.name))
        if self.curve is not None and self.x is not None:
            raise SettingsError("x and curve exclude each other: leave one of them out")
        if self.curve is not None:
            _check_curve(self.curve, self.curve_unit)

    def amounts(self) -> tuple[float, ...]:
        """The x of each stem in rising order; empty where a curve takes their place.

        >>> Settings(steps=3, beyond=0.5).amounts()
        (-0.5, 0.0, 0.5, 1.0, 1.5)
        """
        if self.curve is not None:
            return ()
        if self.x is not None:
            return tuple(sorted(set(self.x)))
        if self.steps == 1:
            return (0.5,)
        step = 1.0 / (self.steps - 1)
        outer = math.floor(self.beyond / step + 1e-9)
        return tuple(round(n * step, 6) for n in range(-outer, self.steps + outer))


def _check(item: "dataclasses.Field[Any]", value: Any) -> None:
    name, least, most, choices = item.name, item.metadata["least"], item.metadata["most"], item.metadata["choices"]
    if value is None:
        return
    if choices and value not in choices:
        raise SettingsError(f"{name} = {value!r} is not known: choose one of {', '.join(choices)}"
                            f"{_nearest(str(value), choices)}")
    numbers = [v for pair in value for v in pair[1:]] if name == "curve" else value if name == "x" else [value]
    if name in ("x", "curve") and not numbers:
        raise SettingsError(f"{name} is empty: give at least one amount, for example x = [0, 0.5, 1]")
    for number in numbers:
        if isinstance(number, int | float) and not isinstance(number, bool):
            if not math.isfinite(number):
                raise SettingsError(f"{name} = {number} is not a finite number")
            if (least is not None and number < least) or (most is not None and number > most):
                raise SettingsError(f"{name} = {number:g} is out of range: it goes from {least:g} to {most:g}")


def _check_curve(curve: tuple[tuple[float, float], ...], unit: str) -> None:
    times = [point[0] for point in curve]
    if not all(math.isfinite(t) and t >= 0 for t in times) or any(b <= a for a, b in pairwise(times)):
        raise SettingsError(f"the times of a curve must rise from 0 upwards, found {times}")
    if unit == "fraction" and times[-1] > 1:
        raise SettingsError(f"curve time {times[-1]:g} lies past the end: with curve_unit = 'fraction' times go from 0"
                            " to 1; say curve_unit = 'seconds' for seconds")


def _nearest(word: str, words: tuple[str, ...]) -> str:
    found = difflib.get_close_matches(word, words, n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


FIELDS = {item.name: item for item in dataclasses.fields(Settings)}


def change(base: Settings, differences: Mapping[str, Any], source: str, *, from_job: bool = False) -> Settings:
    """``base`` with some values changed, each checked for name, type and range.

    Args:
        source: what to call the place the differences come from in an error.
        from_job: accept only keys that a job file may set.

    Raises:
        SettingsError: unknown key (with the nearest right one), wrong type, out of range.
    """
    values: dict[str, Any] = {}
    for key, value in differences.items():
        if key not in FIELDS:
            raise SettingsError(f"{source}: unknown key {key!r}{_nearest(key, tuple(FIELDS))};"
                                f" known are {', '.join(FIELDS)}")
        if from_job and not FIELDS[key].metadata["job_safe"]:
            raise SettingsError(f"{source}: a job file may not set {key!r}; set it in a preset or on the command line")
        values[key] = _convert(key, value, source)
    # a list of amounts and a curve exclude each other; the later word wins
    if values.get("x") is not None or "steps" in values or "beyond" in values:
        values.setdefault("curve", None)
        values.setdefault("x", None)
    elif values.get("curve") is not None:
        values.setdefault("x", None)
    try:
        return dataclasses.replace(base, **values)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from None


def _convert(key: str, value: Any, source: str) -> Any:
    """TOML and JSON values to the types of the dataclass; nothing is guessed."""
    kind = FIELDS[key].type
    wanted = kind.__name__ if isinstance(kind, type) else str(kind)
    real = _is_real(value)
    if value is None and "None" in wanted:
        return None
    if key == "x":
        value = [value] if real else value
        if isinstance(value, list | tuple) and all(map(_is_real, value)):
            return tuple(float(v) for v in value)
        raise SettingsError(f"{source}: x must be a number or a list of numbers, found {value!r}")
    if key == "curve":
        if isinstance(value, list | tuple) and all(isinstance(pair, list | tuple) and len(pair) == 2
                                                   and all(map(_is_real, pair)) for pair in value):
            return tuple((float(t), float(x)) for t, x in value)
        raise SettingsError(f"{source}: curve must be a list of [time, x] pairs, found {value!r}")
    if "bool" in wanted and isinstance(value, bool):
        return value
    if "int" in wanted and real and float(value).is_integer():
        return int(value)
    if "float" in wanted and real:
        return float(value)
    if "str" in wanted and isinstance(value, str):
        return value
    raise SettingsError(f"{source}: {key} = {value!r} has the wrong type, it takes {_KINDS[wanted.split(' ')[0]]}")


def _is_real(value: Any) -> bool:
    """A number that fits a float; true and false are none."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)


def as_dict(settings: Settings) -> dict[str, Any]:
    """All values, ready for JSON; ``change(Settings(), as_dict(s), "")`` gives ``s`` back."""
    return {name: getattr(settings, name) for name in FIELDS}


# ---------------------------------------------------------------- presets


def presets_folder() -> Path:
    """Where presets, shipped models and demo clips lie: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "presets"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "presets"


def preset_paths() -> dict[str, Path]:
    """Names and files of the shipped presets."""
    return {path.stem: path for path in sorted(presets_folder().glob("*.toml"))}


def preset_about(path: Path) -> str:
    """The sentence with which a preset file introduces itself, or nothing."""
    return str(_preset_values(path).get("about", ""))


def load_preset(name_or_path: str, base: Settings | None = None, *, shipped_only: bool = False) -> Settings:
    """Settings of a shipped preset by name, or of any TOML file by path.

    Args:
        shipped_only: refuse paths (job files may only name presets).

    Raises:
        SettingsError: no such preset, not TOML, or a key or value that is not known.
    """
    paths = preset_paths()
    path = paths.get(name_or_path)
    if path is None and not shipped_only and (Path(name_or_path).suffix == ".toml" or Path(name_or_path).is_file()):
        path = Path(name_or_path)
    if path is None:
        raise SettingsError(f"no preset is called {name_or_path!r}{_nearest(name_or_path, tuple(paths))};"
                            f" there are {', '.join(paths)}")
    differences = _preset_values(path)
    differences.pop("about", None)
    return change(base or Settings(), differences, f"preset {path.name}")


def _preset_values(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"preset {path} cannot be read ({error.strerror}): check the name and the folder") from None
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number of 5000 digits, a thousand brackets
        raise SettingsError(f"preset {path} is not TOML: {error}") from None
