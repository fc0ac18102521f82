"""What can be asked of a render: one frozen dataclass, and the presets that change a few of its values.

A preset is a TOML file that holds differences only. Keys that a job file may set are marked ``job_safe``: they can
neither name a path nor run anything.
"""

import dataclasses
import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from lts_batch.errors import SettingsError

X_LIMIT = 3.0  # beyond this a straight path in the latent space has left everything the model has seen

ALIGNMENTS = ("stretch", "onsets", "beats", "trim", "pad", "loop")
LENGTHS = ("interpolate", "first", "second", "longest")
LOOPS = ("auto", "on", "off")
SPACINGS = ("even-x", "even-distance")
ENVELOPES = ("transport", "straight")
PATHS = ("linear", "spherical")
LEVELS = ("follow", "match", "keep")
PITCHES = ("keep", "glide", "first", "second")
PHASES = ("source", "griffinlim", "pghi")
DOMAINS = ("frame", "stft")
QUALITIES = ("standard", "draft")
DEPTHS = (16, 24, 32)
DEVICES = ("auto", "cpu", "cuda", "mps")
CLIPPINGS = ("float", "scale")
NAMINGS = ("steps", "lts")
LEAST_CLIPS, MOST_CLIPS = 2, 4
MOST_GRID = 100
GRID = r"([2-9]|[1-9][0-9]|100)x([2-9]|[1-9][0-9]|100)"
WEIGHTS_SUM = 1e-5  # how far from 1 weights may sum, for thirds of five digits
RIVALS = ("x", "curve", "weights", "grid")  # each says which stems there are
CURVES = ("curve", "x_level", "x_pitch")  # breakpoints over time
_EXAMPLES = {"x": "[0, 0.5, 1]", "weights": "[[0.4, 0.3, 0.3]]", **dict.fromkeys(CURVES, "[[0, 0], [1, 1]]")}
_LISTS = {"x": "a number or a list of numbers", "curve": "a list of [time, x] pairs",
          "x_level": "a number or a list of [time, x] pairs", "x_pitch": "a number or a list of [time, x] pairs",
          "weights": "a list of lists, one weight for each clip",
          "effects": "a list of tables of text, finite numbers, true and false"}
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text in quotes"}


def _setting(default: Any, help: str, *, choices: tuple[str | int, ...] = (), least: float | None = None,
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
    spacing: str = _setting("even-x", "whether the steps are equal in x, or equally far apart to the ear",
                            choices=SPACINGS)
    curve: tuple[tuple[float, float], ...] | None = _setting(
        None, "breakpoints [time, x] of one stem whose amount moves", least=-X_LIMIT, most=X_LIMIT)
    curve_unit: str = _setting("fraction", "unit of the times of curves", choices=("fraction", "seconds"))
    curve_shape: str = _setting("linear", "straight lines between breakpoints, or a smooth curve that never overshoots",
                                choices=("linear", "smooth"))
    x_level: tuple[tuple[float, float], ...] | None = _setting(
        None, "the amount for levels, a number or breakpoints [time, x]; x if not given", least=-X_LIMIT, most=X_LIMIT)
    x_pitch: tuple[tuple[float, float], ...] | None = _setting(
        None, "the amount for pitch, a number or breakpoints [time, x]; x if not given", least=-X_LIMIT, most=X_LIMIT)
    weights: tuple[tuple[float, ...], ...] | None = _setting(
        None, "a list of weights per stem, one for each clip, that sum to 1; takes the place of x", least=-X_LIMIT,
        most=X_LIMIT + 1)
    grid: str | None = _setting(None, "stems over a square with a clip in each of its corners, for example 3x3")
    path: str = _setting("linear", "the way through the latent space", choices=PATHS)
    envelope: str = _setting("transport", "how the spectral envelope gets from clip to clip: its energy moves along the"
                             " frequencies, or one fades into the other", choices=ENVELOPES)
    detail: float = _setting(1.0, "how much of what the model lost is put back; 0 is LTS as published",
                             least=0.0, most=1.0)
    fit: bool = _setting(False, "adapt the model to the clips before stems are made, so that it loses less of them")
    align: str = _setting("stretch", "how clips of different lengths are laid over each other", choices=ALIGNMENTS)
    length: str = _setting("interpolate", "duration of the stems", choices=LENGTHS)
    loop: str = _setting("auto", "whether the clips are seamless loops, and their stems shall be", choices=LOOPS)
    level: str = _setting("follow", "loudness of the stems: on the line between the clips', as clip 1, or as it comes",
                          choices=LEVELS)
    pitch: str = _setting("keep", "whether pitched clips glide into each other, or take the pitch of one", choices=PITCHES)
    phase: str = _setting("source", "where the phase of the stems comes from", choices=PHASES)
    domain: str = _setting("frame", "the transform that phase is rebuilt on", choices=DOMAINS)
    repair: int | None = _setting(None, "Griffin-Lim steps after the first phase; by itself 32 for phase = griffinlim, else"
                                  " none", least=0, most=1000)
    quality: str = _setting("standard", "draft computes every third frame, for quick listening", choices=QUALITIES)
    sample: bool = _setting(False, "draw latents from the encoder's distribution instead of taking its mean")
    temperature: float = _setting(1.0, "spread of those draws", least=0.0, most=10.0)
    seed: int = _setting(0, "seed of everything random", least=0, most=2**31 - 1)
    sample_rate: int | None = _setting(None, "output sample rate in Hz; clip 1's if not given", least=1000, most=768000)
    bit_depth: int = _setting(24, "bits of the written files; 32 is floating point", choices=DEPTHS)
    dither: bool = _setting(False, "triangular dither, where 16 bits are written")
    clip: str = _setting("float", "what to do when a stem passes full scale: write the job as 32-bit float, or scale"
                         " all its stems by one gain", choices=CLIPPINGS)
    ceiling_db: float | None = _setting(None, "true-peak ceiling in dBTP: one gain turns the whole job down to it",
                                        least=-60.0, most=0.0)
    remove_dc: bool = _setting(False, "take a constant offset out of each stem")
    trim_db: float | None = _setting(None, "cut silence below this level (dB under the stem's peak) off start and end",
                                     least=-120.0, most=-10.0)
    fade_in_seconds: float = _setting(0.0, "fade at the start of each stem", least=0.0, most=3600.0)
    fade_out_seconds: float = _setting(0.0, "fade at the end of each stem", least=0.0, most=3600.0)
    effects: tuple[dict[str, Any], ...] | None = _setting(
        None, "a chain of audio effects over each stem: tables with a name or a plugin, and parameters", job_safe=False)
    tail_seconds: float = _setting(0.0, "how long effects may ring on past the end", least=0.0, most=60.0)
    naming: str = _setting("steps", "names of the stems", choices=NAMINGS)
    device: str = _setting("auto", "where the model and the transforms run; auto takes a GPU where there is one",
                           choices=DEVICES, job_safe=False)
    model: str = _setting("general", "a shipped model's name or a model folder", job_safe=False)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(item, getattr(self, item.name))
        given = [name for name in RIVALS if getattr(self, name) is not None]
        if len(given) > 1:
            raise SettingsError(f"{given[0]} and {given[1]} exclude each other: leave one of them out")
        for name in CURVES:
            if getattr(self, name) is not None:
                _check_curve(name, getattr(self, name), self.curve_unit)
        for row in self.weights or ():
            if not LEAST_CLIPS <= len(row) <= MOST_CLIPS:
                raise SettingsError(f"weights {list(row)} are {len(row)}: give each stem one weight for each clip,"
                                    f" {LEAST_CLIPS} to {MOST_CLIPS}")
            if abs(math.fsum(row) - 1.0) > WEIGHTS_SUM:
                raise SettingsError(f"weights {list(row)} sum to {math.fsum(row):g}; the weights of a stem must sum to 1")
        if self.grid is not None:
            self.grid_size()
        if self.spacing == "even-distance" and given:
            raise SettingsError(f"spacing = 'even-distance' chooses x by itself: leave {given[0]} out, and give steps")

    def amounts(self) -> tuple[float, ...]:
        """The x of each stem in rising order; empty where a curve, weights or a grid take their place.

        >>> Settings(steps=3, beyond=0.5).amounts()
        (-0.5, 0.0, 0.5, 1.0, 1.5)
        """
        if self.curve is not None or self.weights is not None or self.grid is not None:
            return ()
        if self.x is not None:
            return tuple(sorted(set(self.x)))
        return (0.5,) if self.steps == 1 else even_steps(self.steps, self.beyond)

    def grid_size(self) -> tuple[int, int]:
        """Columns and rows of ``grid``.

        >>> Settings(grid="5x3").grid_size()
        (5, 3)
        """
        found = re.fullmatch(GRID, self.grid or "")
        if not found:
            raise SettingsError(f"grid = {self.grid!r} is not known: write columns x rows, from 2x2 to"
                                f" {MOST_GRID}x{MOST_GRID}, for example 3x3")
        return int(found[1]), int(found[2])


def even_steps(count: int, beyond: float) -> tuple[float, ...]:
    """``count`` even steps from 0 to 1, at least 2, and on past both in the same steps, as many as fit into ``beyond``.

    >>> even_steps(3, 0.6)
    (-0.5, 0.0, 0.5, 1.0, 1.5)
    """
    step = 1.0 / (count - 1)
    outer = math.floor(beyond / step + 1e-9)
    return tuple(round(n * step, 6) for n in range(-outer, count + outer))


def _check(item: "dataclasses.Field[Any]", value: Any) -> None:
    name, least, most, choices = item.name, item.metadata["least"], item.metadata["most"], item.metadata["choices"]
    if value is None:
        return
    if choices and value not in choices:
        raise SettingsError(f"{name} = {value!r} is not known: choose one of {', '.join(map(str, choices))}"
                            f"{_nearest(str(value), tuple(map(str, choices)))}")
    numbers = _numbers(name, value)
    if name in ("x", "weights", *CURVES) and not numbers:
        raise SettingsError(f"{name} is empty: give at least one amount, for example {name} = {_EXAMPLES[name]}")
    for number in numbers:
        if isinstance(number, int | float) and not isinstance(number, bool):
            if not math.isfinite(number):
                raise SettingsError(f"{name} = {number} is not a finite number")
            if (least is not None and number < least) or (most is not None and number > most):
                raise SettingsError(f"{name} = {number:g} is out of range: it goes from {least:g} to {most:g}")


def _numbers(name: str, value: Any) -> list[Any]:
    """What of a value has to be in range."""
    if name in CURVES:
        return [v for pair in value for v in pair[1:]]
    if name == "weights":
        return [v for row in value for v in row]
    return list(value) if name == "x" else [value]


def _check_curve(name: str, curve: tuple[tuple[float, float], ...], unit: str) -> None:
    times = [point[0] for point in curve]
    if not all(math.isfinite(t) and t >= 0 for t in times) or any(b <= a for a, b in pairwise(times)):
        raise SettingsError(f"the times of a curve must rise from 0 upwards, found {times} in {name}")
    if unit == "fraction" and times[-1] > 1:
        raise SettingsError(f"{name} time {times[-1]:g} lies past the end: with curve_unit = 'fraction' times go from 0"
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
    _let_the_later_win(values)
    try:
        return dataclasses.replace(base, **values)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from None


def _let_the_later_win(values: dict[str, Any]) -> None:
    """Ways to say which stems there are exclude each other: what is said now takes the place of what was said before."""
    given = any(values.get(name) is not None for name in RIVALS)
    if given:
        values.setdefault("spacing", "even-x")
    counted = "steps" in values or values.get("spacing") == "even-distance"
    if given or counted or "beyond" in values:
        for name in RIVALS:
            if name != "grid" or given or counted:  # a grid has a beyond of its own
                values.setdefault(name, None)


def _convert(key: str, value: Any, source: str) -> Any:
    """TOML and JSON values to the types of the dataclass; nothing is guessed."""
    kind = FIELDS[key].type
    wanted = kind.__name__ if isinstance(kind, type) else str(kind)
    if value is None and "None" in wanted:
        return None
    if key in _LISTS:
        found = _convert_list(key, value)
        if found is None:
            raise SettingsError(f"{source}: {key} must be {_LISTS[key]}, found {value!r}")
        return found
    real = _is_real(value)
    if "bool" in wanted and isinstance(value, bool):
        return value
    if "int" in wanted and real and float(value).is_integer():
        return int(value)
    if "float" in wanted and real:
        return float(value)
    if "str" in wanted and isinstance(value, str):
        return value
    raise SettingsError(f"{source}: {key} = {value!r} has the wrong type, it takes {_KINDS[wanted.split(' ')[0]]}")


def _convert_list(key: str, value: Any) -> tuple[Any, ...] | None:
    """The same for settings that are lists; None for what is none."""
    if _is_real(value) and key in ("x", "x_level", "x_pitch"):
        value = [value] if key == "x" else [[0.0, value]]
    if not isinstance(value, list | tuple):
        return None
    if key == "x":
        return tuple(float(v) for v in value) if all(map(_is_real, value)) else None
    if key == "effects":
        return tuple(dict(one) for one in value) if all(isinstance(one, dict) and _is_data(one) for one in value) else None
    if not _is_table(value) or (key in CURVES and any(len(pair) != 2 for pair in value)):
        return None
    return tuple(tuple(float(v) for v in row) for row in value)


def _is_table(value: list[Any] | tuple[Any, ...]) -> bool:
    return all(isinstance(row, list | tuple) and all(map(_is_real, row)) for row in value)


def _is_data(value: Any) -> bool:
    """What a manifest can hold."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_data(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_is_data, value))
    return isinstance(value, str | bool) or (_is_real(value) and math.isfinite(value))


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
