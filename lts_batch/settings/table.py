"""What can be asked of a render: one frozen dataclass, which is the table of all settings.

Keys that a job file may set are marked ``job_safe``: they can neither name a path nor run anything.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from lts_batch.errors import SettingsError
from lts_batch.settings.checks import CURVES, check_curve, check_value, check_weights, grid_size

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
RIVALS = ("x", "curve", "weights", "grid")  # each says which stems there are


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
    repair: int | None = _setting(None, "Griffin-Lim steps after the first phase; by itself 32 with phase = griffinlim, 4 with"
                                  " pghi, 16 where a clip is stretched or squeezed more than threefold, else none",
                                  least=0, most=1000)
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
            check_value(item, getattr(self, item.name))
        given = [name for name in RIVALS if getattr(self, name) is not None]
        if len(given) > 1:
            raise SettingsError(f"{given[0]} and {given[1]} exclude each other: leave one of them out")
        for name in CURVES:
            if getattr(self, name) is not None:
                check_curve(name, getattr(self, name), self.curve_unit)
        check_weights(self.weights or ())
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
        return grid_size(self.grid)


def even_steps(count: int, beyond: float) -> tuple[float, ...]:
    """``count`` even steps from 0 to 1, at least 2, and on past both in the same steps, as many as fit into ``beyond``.

    >>> even_steps(3, 0.6)
    (-0.5, 0.0, 0.5, 1.0, 1.5)
    """
    step = 1.0 / (count - 1)
    outer = math.floor(beyond / step + 1e-9)
    return tuple(round(n * step, 6) for n in range(-outer, count + outer))


FIELDS = {item.name: item for item in dataclasses.fields(Settings)}
