"""Whether the stems at x = 0 and x = 1 are the clips, judged against the files.

Where a stem has its clip's own length it must null; where a fixed length forbids that, its log-mel frames must be those of the
clip at the same shares of the duration; beside it stands the clip as Rubber Band stretches it (``pedalboard``). While a curve
rests on an end, the stem there is the clip too.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import job
import numpy as np
import pedalboard
from evaluation_clips import SAMPLE_RATE_HZ
from study import Results, columns, say

from lts_batch.metrics import measures
from lts_batch.models.checkpoint import Model

Clip = job.Audio  # [1, samples]
NULL_DB, LOG_MEL_DB = -90.0, 1.5  # targets: below the one; within the other
REST_SECONDS = 0.5  # after which a moving curve no longer rings into a rest
REST_SHARE = 0.4  # of the stem, at either end
LEAST_REST_SECONDS = 2.5  # of a stem whose rests are long enough to be judged


@dataclass(frozen=True)
class Case:
    """Some settings, and what both clips have to come out as."""

    name: str
    settings: Mapping[str, Any]
    laid: Callable[[Clip, Clip], tuple[Clip, Clip]]
    beside: float = 0.0  # how far from the ends: there nothing is passed through, and everything made


def _as_they_are(first: Clip, second: Clip) -> tuple[Clip, Clip]:
    return first, second


def _trimmed(first: Clip, second: Clip) -> tuple[Clip, Clip]:
    samples = min(first.shape[1], second.shape[1])
    return first[:, :samples], second[:, :samples]


def _padded(first: Clip, second: Clip) -> tuple[Clip, Clip]:
    samples = max(first.shape[1], second.shape[1])
    return tuple(np.pad(clip, ((0, 0), (0, samples - clip.shape[1]))) for clip in (first, second))  # type: ignore[return-value]


def _repeated(first: Clip, second: Clip) -> tuple[Clip, Clip]:
    samples = max(first.shape[1], second.shape[1])
    return tuple(np.resize(clip[0], samples)[None] for clip in (first, second))  # type: ignore[return-value]


CASES = (
    Case("as they come", {}, _as_they_are),
    Case("align = onsets", {"align": "onsets"}, _as_they_are),
    Case("align = beats", {"align": "beats"}, _as_they_are),
    Case("align = trim", {"align": "trim"}, _trimmed),
    Case("align = pad", {"align": "pad"}, _padded),
    Case("align = loop", {"align": "loop"}, _repeated),
    Case("loop = on", {"loop": "on"}, _as_they_are),
    Case("quality = draft", {"quality": "draft"}, _as_they_are),
    Case("domain = stft", {"domain": "stft"}, _as_they_are),
    Case("length = first", {"length": "first"}, _as_they_are),
    Case("length = second", {"length": "second"}, _as_they_are),
    Case("length = longest", {"length": "longest"}, _as_they_are),
    Case("a millionth beside", {"align": "trim"}, _trimmed, 1e-6),
    Case("the same, align = pad", {"align": "pad"}, _padded, 1e-6),
    Case("the same, draft", {"align": "trim", "quality": "draft"}, _trimmed, 1e-6),
)
RESTS = "curve at rest"


def run(pairs: Mapping[str, tuple[Clip, Clip]], model: Model) -> Results:
    """For each case and pair ``[{"null_db"} or {"log_mel_db"} of x = 0, of x = 1]``."""
    found: Results = {}
    for case in CASES:
        say(f"ends, {case.name}")
        found[case.name] = {
            name: [_judged(stem, clip) for stem, clip in
                   zip(job.stems(clips, SAMPLE_RATE_HZ, model, x=[case.beside, 1.0 - case.beside], **case.settings),
                       case.laid(*clips), strict=True)]
            for name, clips in pairs.items()}
    say(f"ends, {RESTS}")
    found[RESTS] = {name: _rests(_trimmed(*clips), model) for name, clips in pairs.items()
                    if min(clip.shape[1] for clip in clips) >= LEAST_REST_SECONDS * SAMPLE_RATE_HZ}
    return found


def _judged(stem: Clip, clip: Clip) -> Results:
    if stem.shape == clip.shape:
        return {"null_db": measures.residual_db(clip, stem)}
    return {"log_mel_db": resampled_log_mel_db(clip, stem),
            "rubber_band_db": resampled_log_mel_db(clip, _stretched(clip, stem.shape[1]))}


def _stretched(clip: Clip, samples: int) -> Clip:
    """A clip at another length, of its own power, as Rubber Band makes it."""
    found = pedalboard.time_stretch(clip.astype(np.float32), SAMPLE_RATE_HZ, stretch_factor=clip.shape[1] / samples)
    fitted = np.pad(found[:, :samples], ((0, 0), (0, max(0, samples - found.shape[1]))))
    return np.asarray(fitted * np.sqrt(np.square(clip).mean() / max(np.square(fitted).mean(), 1e-20)), np.float32)


def resampled_log_mel_db(clip: Clip, stem: Clip) -> float:
    """Log-mel distance of a clip and the same at another speed, frames taken at the same shares of both durations.

    A window sees more of the faster one, so the power of the slower one is averaged over as much: by a squared Hann window,
    as that of the frames is one, whose variance together with theirs is that of the faster one's.
    """
    longest = max(stem.shape[1], clip.shape[1])
    frames = [measures.log_mel_frames(one, SAMPLE_RATE_HZ, longest).astype(np.float64) for one in (clip, stem)]
    speed = clip.shape[1] / stem.shape[1]
    slower = 0 if speed > 1.0 else 1
    speed = max(speed, 1.0 / speed)
    # both have a frame for every 512 samples of the slower one, whose window is 4 frames long
    reach = 2.0 * math.sqrt(speed**2 - 1.0)
    place = np.arange(-math.ceil(reach), math.ceil(reach) + 1)
    kernel = np.cos(0.5 * np.pi * np.clip(place / reach, -1.0, 1.0)) ** 4
    power = np.pad(10.0 ** (frames[slower] / 10.0), ((0, 0), (len(place) // 2,) * 2, (0, 0)))
    smeared = np.stack([np.convolve(band, kernel / kernel.sum(), "valid") for band in power[0].T], axis=1)[None]
    frames[slower] = 10.0 * np.log10(np.maximum(smeared, 1e-30))
    return measures.frames_distance_db(frames[0], frames[1])


def _rests(clips: tuple[Clip, Clip], model: Model) -> list[Results]:
    """Clips of one length under a curve that rests on either end."""
    curve = [[0.0, 0.0], [REST_SHARE, 0.0], [1.0 - REST_SHARE, 1.0], [1.0, 1.0]]
    stem, = job.stems(clips, SAMPLE_RATE_HZ, model, curve=curve)
    samples = round(REST_SHARE * stem.shape[1] - REST_SECONDS * SAMPLE_RATE_HZ)
    return [{"null_db": measures.residual_db(clips[0][:, :samples], stem[:, :samples])},
            {"null_db": measures.residual_db(clips[1][:, -samples:], stem[:, -samples:])}]


def worst(found: Mapping[str, Sequence[Results]], key: str) -> tuple[float, str] | None:
    """The largest figure of a case, and where it is."""
    figures = [(one[key], f"{name}, x = {x}") for name, both in found.items() for x, one in enumerate(both) if key in one]
    return max(figures) if figures else None


def table(results: Results) -> str:
    rows = []
    for case, found in results.items():
        null, mel = worst(found, "null_db"), worst(found, "log_mel_db")
        rows.append([case, len(found), null and null[0], null[1] if null else "", _median(found, "log_mel_db"),
                     _median(found, "rubber_band_db"), mel and mel[0], _beside(found, mel and mel[1]), mel[1] if mel else ""])
    return ("stems at x = 0 and 1 against the files: worst null of all pairs, and the log-mel distance where lengths differ\n"
            + columns(["", "pairs", "null dB", "worst", "log-mel dB, median", "Rubber Band", "worst", "Rubber Band",
                      ""], rows, 1))


def _median(found: Mapping[str, Sequence[Results]], key: str) -> float | None:
    figures = [one[key] for both in found.values() for one in both if key in one]
    return float(np.median(figures)) if figures else None


def _beside(found: Mapping[str, Sequence[Results]], place: str | None) -> float | None:
    """Rubber Band's figure at a place that ``worst`` named."""
    return next((one.get("rubber_band_db") for name, both in found.items() for x, one in enumerate(both)
                 if f"{name}, x = {x}" == place), None)


def failures(results: Results) -> list[str]:
    lines = []
    for case, found in results.items():
        for key, most, what in (("null_db", NULL_DB, "null of"), ("log_mel_db", LOG_MEL_DB, "log-mel distance of")):
            at = worst(found, key)
            if at is not None and not at[0] < most:
                lines.append(f"{case}: {what} {at[0]:.1f} dB at {at[1]}, wanted below {most:g}")
    return lines


def picture(results: Results, axis: Any) -> None:
    """The worst null of each case."""
    found = {case: at[0] for case, cases in results.items() if (at := worst(cases, "null_db")) is not None}
    axis.barh(list(found), list(found.values()), color="C0")
    axis.axvline(NULL_DB, color="C3", lw=1)
    axis.set_title("worst null at the ends / dB", fontsize=9)
    axis.tick_params(labelsize=7)
    axis.invert_yaxis()
