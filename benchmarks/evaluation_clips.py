"""The clips that every comparison uses: the pairs of evaluation.toml, mono at 44.1 kHz, at most 10 s."""

import subprocess
import tomllib
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

LIST = Path(__file__).with_name("evaluation.toml")
SAMPLE_RATE_HZ = 44100
LONGEST_SECONDS = 10.0
DEBIAN_FOLDER = Path("/usr/share/sonic-pi/samples")


def pairs(count: int) -> list[tuple[str, str]]:
    """The first ``count`` pairs of the list, by name."""
    listed = tomllib.loads(LIST.read_text(encoding="utf-8"))["pairs"]
    if not 1 <= count <= len(listed):
        raise SystemExit(f"--pairs {count}: {LIST.name} lists {len(listed)} pairs, give 1 to {len(listed)}")
    return [(first, second) for first, second in listed[:count]]


def find_folder(given: Path | None) -> Path:
    """The folder that holds the clips: the one given, or where the Debian package sonic-pi-samples put them."""
    folder = given or _packaged_folder()
    if folder is None or not folder.is_dir():
        raise SystemExit(f"the evaluation clips are not at {folder or DEBIAN_FOLDER}: install the Debian package"
                         " sonic-pi-samples, or give --clips FOLDER with its FLAC files")
    return folder


def _packaged_folder() -> Path | None:
    try:
        listed = subprocess.run(["dpkg", "-L", "sonic-pi-samples"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return DEBIAN_FOLDER if DEBIAN_FOLDER.is_dir() else None
    return next((Path(line).parent for line in listed.splitlines() if line.endswith(".flac")), None)


def load(folder: Path, name: str) -> NDArray[np.float32]:
    """One clip as ``[samples]``: channels averaged, resampled to 44.1 kHz, cut after 10 s."""
    path = folder / f"{name}.flac"
    if not path.is_file():
        raise SystemExit(f"clip {path} is missing: --clips must name the folder of sonic-pi-samples")
    return mono_44100(path)[:round(LONGEST_SECONDS * SAMPLE_RATE_HZ)]


def mono_44100(path: Path) -> NDArray[np.float32]:
    """A whole file as ``[samples]``, channels averaged, at 44.1 kHz; its length is ``samples_44100``'s."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(axis=1)
    if rate != SAMPLE_RATE_HZ:
        mono = soxr.resample(mono, rate, SAMPLE_RATE_HZ, quality="VHQ")
    samples = samples_44100(len(audio), rate)
    return np.ascontiguousarray(np.pad(mono, (0, max(0, samples - len(mono))))[:samples], np.float32)


def samples_44100(samples: int, rate_hz: int) -> int:
    """Length at 44.1 kHz of so many samples at another rate."""
    return max(1, round(samples * SAMPLE_RATE_HZ / rate_hz))
