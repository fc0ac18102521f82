"""Runs hpsMorph of sms-tools in an environment of its own: it is AGPL, and wants a NumPy older than ours.

    PYTHON benchmarks/sms_morph.py CLIPS.npz STEMS.npz

Reads ``clips`` ``[2, samples]``, ``x`` ``[steps]`` and ``sample_rate``, writes ``stems`` ``[steps, samples]``. Harmonic plus
stochastic model (Serra, Smith 1990), analysed with a Blackman window; frequencies and magnitudes of the harmonics and the
stochastic envelope are all mixed by x. Nothing of this package is imported here, and nothing of sms-tools there.
"""

import sys

import numpy as np
from scipy.signal import get_window
from smstools.models.hpsModel import hpsModelAnal, hpsModelSynth
from smstools.transformations.hpsTransformations import hpsMorph

WINDOW, FFT, HOP, SYNTHESIS_FFT = 2401, 4096, 128, 512  # 5 periods of the lowest note
THRESHOLD_DB, HARMONICS, LOWEST_HZ, HIGHEST_HZ, F0_ERROR = -90, 60, 90.0, 1200.0, 10.0
DEVIATION, LEAST_SECONDS, STOCHASTIC = 0.01, 0.05, 0.2


def main() -> None:
    given = np.load(sys.argv[1])
    rate, samples = int(given["sample_rate"]), given["clips"].shape[1]
    window = get_window("blackman", WINDOW)
    parts = []
    for clip in given["clips"].astype(np.float64):
        padded = np.pad(clip, (0, max(0, WINDOW + HOP - samples)))
        freq, mag, _, noise = hpsModelAnal(padded, rate, window, FFT, HOP, THRESHOLD_DB, HARMONICS, LOWEST_HZ, HIGHEST_HZ,
                                           F0_ERROR, DEVIATION, LEAST_SECONDS, SYNTHESIS_FFT, STOCHASTIC)
        frames = min(len(freq), len(noise))
        parts.append((freq[:frames], mag[:frames], noise[:frames]))
    stems = []
    for x in given["x"]:
        amounts = (np.array([0.0, x, 1.0, x]) for _ in range(3))  # hpsMorph changes what it is given
        freq, mag, noise = hpsMorph(*parts[0], *parts[1], *amounts)
        stem = hpsModelSynth(freq, mag, np.array([]), noise, SYNTHESIS_FFT, HOP, rate)[0]
        stems.append(np.pad(stem, (0, max(0, samples - len(stem))))[:samples])
    np.savez(sys.argv[2], stems=np.array(stems, np.float32))


if __name__ == "__main__":
    main()
