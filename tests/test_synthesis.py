"""Training tones: what every voice promises, and the physics of the blocks they are built of."""

import numpy as np
import pytest
import scipy.special
from numpy.typing import NDArray

from lts_batch.material import effects, tones
from lts_batch.material.synthesis import VOICES

RATE = 44100


def spectrum_db(sound: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies and levels in dB below the strongest bin, through a window whose sidelobes lie 90 dB down."""
    window = np.blackman(len(sound)) ** 2
    size = np.abs(np.fft.rfft(sound.astype(np.float64) * window))
    return np.fft.rfftfreq(len(sound), 1 / RATE), 20 * np.log10(size / size.max() + 1e-12)


def peak_hz(sound: NDArray[np.float32], low_hz: float, high_hz: float) -> float:
    """The strongest partial between two frequencies, by a parabola through log magnitudes."""
    hz, level = spectrum_db(sound)
    at = int(np.argmax(np.where((hz > low_hz) & (hz < high_hz), level, -np.inf)))
    left, middle, right = level[at - 1:at + 2]
    return float(hz[at] + 0.5 * (left - right) / (left - 2 * middle + right) * hz[1])


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_gives_sound_of_the_asked_length_without_dc(name: str) -> None:
    for number, seconds in enumerate((0.1, 0.5, 1.7, 3.0)):
        sound = VOICES[name](np.random.default_rng(number), seconds, RATE)
        assert sound.shape == (round(seconds * RATE),)
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() == pytest.approx(1.0, abs=1e-3)
        assert np.sqrt(np.mean(sound**2)) > 10 ** (-50 / 20)
        assert abs(sound.mean()) < 0.01 * np.abs(sound).max()  # -40 dB


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_depends_on_its_seed_alone(name: str) -> None:
    first, again, other = (VOICES[name](np.random.default_rng(seed), 0.4, RATE) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 0.05


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_works_at_other_rates(name: str) -> None:
    for rate in (22050, 96000):
        sound = VOICES[name](np.random.default_rng(3), 0.5, rate)
        assert sound.shape == (round(0.5 * rate),)
        assert np.isfinite(sound).all()


def test_voices_differ_in_spectrum() -> None:
    """The median spectra of any two voices lie apart: none is a copy of another."""
    shapes = {}
    for name, voice in VOICES.items():
        bands = []
        for seed in range(6):
            power = np.abs(np.fft.rfft(voice(np.random.default_rng(seed), 1.0, RATE))) ** 2
            edges = np.geomspace(33, 22000, 31).astype(int)  # one bin a hertz
            level = 10 * np.log10(np.add.reduceat(power, edges)[:-1] + 1e-12)
            bands.append(level - level.max())
        shapes[name] = np.clip(np.median(bands, axis=0), -60, 0)
    names = list(shapes)
    distances = [np.sqrt(np.mean((shapes[a] - shapes[b]) ** 2)) for n, a in enumerate(names) for b in names[:n]]
    assert min(distances) > 1.5
    assert np.median(distances) > 8


@pytest.mark.parametrize("frequency_hz", [110.0, 1234.5, 5000.0])
def test_a_saw_does_not_alias(frequency_hz: float) -> None:
    saw = tones.oscillator(np.full(RATE, frequency_hz), 1 / np.arange(1, 700), RATE)
    hz, level = spectrum_db(saw)
    nearest = np.round(hz / frequency_hz) * frequency_hz
    off_comb = np.abs(hz - nearest) > 12
    assert level[off_comb].max() < -60
    tenth = np.argmin(np.abs(hz - 4 * frequency_hz))
    if 4 * frequency_hz < RATE / 2:
        assert level[tenth - 3:tenth + 4].max() == pytest.approx(-20 * np.log10(4), abs=0.7)  # 1/k, to the bin


def test_a_gliding_saw_keeps_below_nyquist() -> None:
    """Going up four octaves, no image may come down: below the fundamental there is nothing."""
    track = 500.0 * 16 ** np.linspace(0, 1, 2 * RATE)
    saw = tones.oscillator(track, 1 / np.arange(1, 700), RATE)
    for start in range(0, 2 * RATE - 2048, 4096):
        piece = saw[start:start + 2048] * np.blackman(2048)
        power = np.abs(np.fft.rfft(piece)) ** 2
        hz = np.fft.rfftfreq(2048, 1 / RATE)
        lowest = track[start]
        assert power[hz < 0.7 * lowest - 65].sum() < 1e-4 * power.sum()


@pytest.mark.parametrize("index", [0.5, 2.0, 5.0])
def test_fm_sidebands_are_bessel_functions(index: float) -> None:
    carrier, modulator = 6000.0, 440.0
    sound = tones.fm_tone(carrier, modulator, np.full(RATE, index), RATE)
    window = np.hanning(RATE)
    size = np.abs(np.fft.rfft(sound * window)) / (0.5 * window.sum())
    for k in range(-6, 7):
        assert size[round(carrier + k * modulator)] == pytest.approx(abs(scipy.special.jv(k, index)), abs=2e-3)
    between = size[round(carrier + modulator / 2) - 50:round(carrier + modulator / 2) + 50]
    assert between.max() < 1e-4


@pytest.mark.parametrize("frequency_hz", [41.2, 82.41, 440.0, 1318.5])
def test_a_string_is_in_tune(frequency_hz: float, rng: np.random.Generator) -> None:
    burst = np.zeros(4 * RATE, np.float32)
    size = round(RATE / frequency_hz)
    burst[:size] = rng.standard_normal(size)
    sound = tones.string(burst, frequency_hz, decay_seconds=6.0, damping=0.05, stiffness=0.0, sample_rate=RATE)
    for k in (1, 2, 3):
        found = peak_hz(sound, (k - 0.4) * frequency_hz, (k + 0.4) * frequency_hz)
        assert abs(1200 * np.log2(found / (k * frequency_hz))) < 5


def test_a_string_dies_in_its_time(rng: np.random.Generator) -> None:
    burst = np.zeros(3 * RATE, np.float32)
    burst[:200] = rng.standard_normal(200)
    sound = tones.string(burst, 220.5, decay_seconds=1.5, damping=0.0, stiffness=0.0, sample_rate=RATE)
    early, late = (np.sqrt(np.mean(sound[int(s * RATE):int(s * RATE) + 4000] ** 2)) for s in (0.2, 0.95))
    assert 20 * np.log10(late / early) == pytest.approx(-30, abs=1)


def test_a_stiff_string_stretches_its_partials(rng: np.random.Generator) -> None:
    b, f = 4e-4, 110.0
    burst = np.zeros(3 * RATE, np.float32)
    burst[:60] = rng.standard_normal(60)
    sound = tones.string(burst, f, decay_seconds=5.0, damping=0.02, stiffness=b, sample_rate=RATE)
    for k in (2, 6, 10):
        expected = k * f * np.sqrt(1 + b * k**2)
        assert abs(1200 * np.log2(peak_hz(sound, expected - 40, expected + 40) / expected)) < 5


def test_partials_decay_at_their_own_rates() -> None:
    hz, decay = np.array([1000.0, 3000.0, 30000.0]), np.array([2.0, 0.5, 9.0])
    sound = tones.partials(hz, decay, np.ones(3), np.zeros(3), samples=RATE, sample_rate=RATE)
    time = np.arange(RATE) / RATE
    expected = sum(10 ** (-3 * time / d) * np.sin(2 * np.pi * f * time) for f, d in ((1000, 2.0), (3000, 0.5)))
    assert np.abs(sound - expected).max() < 1e-4  # the third, above Nyquist, is not there


@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0, 2.0])
def test_coloured_noise_has_its_slope(slope: float, rng: np.random.Generator) -> None:
    power = np.abs(np.fft.rfft(tones.coloured_noise(rng, 10 * RATE, slope))) ** 2
    hz = np.fft.rfftfreq(10 * RATE, 1 / RATE)
    low, high = (power[(hz > f) & (hz < 1.4 * f)].mean() for f in (200, 6400))
    assert 10 * np.log10(high / low) == pytest.approx(-10 * np.log10(32) * slope, abs=0.7)


def test_a_flat_gain_gives_the_signal_back(rng: np.random.Generator) -> None:
    for samples in (1, 700, 5000, RATE):
        signal = rng.standard_normal(samples).astype(np.float32)
        out = tones.shape_spectrum(signal, lambda hz, position: np.ones((len(hz), position.shape[1])), RATE)
        assert np.abs(out - signal).max() < 1e-5


def test_a_moving_filter_is_where_it_should_be(rng: np.random.Generator) -> None:
    signal = rng.standard_normal(2 * RATE).astype(np.float32)
    out = tones.shape_spectrum(signal, lambda hz, position: tones.band(hz, 500.0 * 8**position, 8.0), RATE)
    for where in (0.25, 0.5, 0.75):
        start = int(where * 2 * RATE) - 4096
        power = np.abs(np.fft.rfft(out[start:start + 8192] * np.hanning(8192))) ** 2
        hz = np.fft.rfftfreq(8192, 1 / RATE)[1:]
        centre = np.exp((np.log(hz) * power[1:]).sum() / power[1:].sum())
        assert abs(np.log2(centre / (500 * 8**where))) < 0.2


@pytest.mark.parametrize("name", effects.EFFECTS)
def test_an_effect_keeps_length_and_does_something(name: str, rng: np.random.Generator) -> None:
    sound = VOICES["harmonic"](rng, 1.5, RATE)
    effect, _ = effects.EFFECTS[name]
    changes = []
    for seed in range(4):
        out = effect(np.random.default_rng(seed), sound, RATE)
        assert out.shape == sound.shape
        assert out.dtype == np.float32
        assert np.isfinite(out).all()
        assert np.array_equal(out, effect(np.random.default_rng(seed), sound, RATE))
        changes.append(np.abs(out - sound).max())
    assert max(changes) > 0.01


def test_a_band_limit_leaves_nothing_above(rng: np.random.Generator) -> None:
    sound = tones.coloured_noise(rng, RATE, 0.0)
    top_db = []
    for seed in range(12):
        out = effects.band_limit(np.random.default_rng(seed), sound, RATE)
        power = np.abs(np.fft.rfft(out[4096:-4096] * np.hanning(len(out) - 8192))) ** 2
        hz = np.fft.rfftfreq(len(out) - 8192, 1 / RATE)
        top_db.append(10 * np.log10(power[hz > 20100].mean() / power.max() + 1e-15))
    assert np.median(top_db) < -70
