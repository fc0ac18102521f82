"""The inner loops of the vocoder, compiled by numba when they are first imported; see vocoder.py for what they do."""

import math

import numpy as np
from numba import njit

WHOLE_TURN = 2.0 * math.pi
FAINT = 1.0 / 16.0  # of a peak's power: rows below that have no say in where it turns
RISING = 2.0  # a row hears an attack coming where it gets so many times louder


@njit(cache=True, nogil=True)
def principal(angle):  # type: ignore[no-untyped-def]
    """An angle between -pi and pi."""
    return angle - WHOLE_TURN * np.round(angle / WHOLE_TURN)


@njit(cache=True, nogil=True)
def read(low, high, share, centre):  # type: ignore[no-untyped-def]
    """Magnitude, phase at the position, and phase advance over one frame (not wrapped)."""
    channels, frames, rows = low.shape
    magnitude = np.empty((channels, frames, rows), np.float32)
    phase = np.empty((channels, frames, rows), np.float32)
    step = np.empty((channels, frames, rows), np.float32)
    for c in range(channels):
        for m in range(frames):
            for k in range(rows):
                a, b = low[c, m, k], high[c, m, k]
                here, there = math.sqrt(a.real**2 + a.imag**2), math.sqrt(b.real**2 + b.imag**2)
                magnitude[c, m, k] = here + share[m] * (there - here)
                angle = math.atan2(a.imag, a.real)
                advance = centre[k]
                if here > 0.0 and there > 0.0:
                    advance += principal(math.atan2(b.imag, b.real) - angle - centre[k])
                step[c, m, k] = advance
                if here > 0.0:
                    phase[c, m, k] = principal(angle + share[m] * advance)
                else:
                    phase[c, m, k] = principal(math.atan2(b.imag, b.real) - (1.0 - share[m]) * advance)
    return magnitude, phase, step


@njit(cache=True, nogil=True)
def onward(phase, step, positions, ratio, lead, m, k):  # type: ignore[no-untyped-def]
    """By how much row k turns from frame m - 1 to m: what it should advance less what the clip's phase does."""
    if ratio[m] == 1.0 and ratio[m - 1] == 1.0 and abs(positions[m] - positions[m - 1] - 1.0) < 1e-9:
        return 0.0
    before, now = step[lead, m - 1, k], step[lead, m, k]
    # half-way between two steps, which are known but for whole turns: half of one would be heard
    advance = before + 0.5 * principal(now - before)
    return principal(advance - (phase[lead, m, k] - phase[lead, m - 1, k]))


@njit(cache=True, nogil=True)
def agreed(phase, step, positions, ratio, lead, turns, m, first, power, least):  # type: ignore[no-untyped-def]
    """The turn of a region of rows from ``first`` on at frame m: the mean over those that are about as loud as its peak. Where
    two are equally loud, the last bit must not decide between them."""
    across, along = 0.0, 0.0
    for n in range(len(power)):
        if power[n] > least:
            angle = turns[m - 1, first + n] + onward(phase, step, positions, ratio, lead, m, first + n)
            across += (power[n] - least) ** 2 * math.cos(angle)
            along += (power[n] - least) ** 2 * math.sin(angle)
    return math.atan2(along, across)


@njit(cache=True, nogil=True)
def turn(magnitude, phase, step, positions, ratio, locked, reach, start):  # type: ignore[no-untyped-def]
    channels, frames, rows = magnitude.shape
    turns = np.zeros((frames, rows))
    power = np.zeros(rows)
    for m in range(frames):
        if locked[m]:
            back(magnitude, phase, step, positions, ratio, locked, reach, turns, m)
            continue
        if m == 0:
            turns[0] = start
            continue
        for k in range(rows):
            power[k] = 0.0
            for c in range(channels):
                power[k] += magnitude[c, m, k] ** 2
        first = 0
        while first < rows:  # a region: up to a peak, and down to the next valley
            peak = first
            while peak + 1 < rows and power[peak + 1] >= power[peak]:
                peak += 1
            stop = peak + 1
            while stop < rows and power[stop] < power[stop - 1]:
                stop += 1
            lead = 0
            for c in range(1, channels):
                if magnitude[c, m, peak] > magnitude[lead, m, peak]:
                    lead = c
            least = FAINT * power[peak]
            turned = agreed(phase, step, positions, ratio, lead, turns, m, first, power[first:stop], least)
            for k in range(first, stop):
                turns[m, k] = turned
            first = stop
    return turns


@njit(cache=True, nogil=True)
def back(magnitude, phase, step, positions, ratio, locked, reach, turns, lock):  # type: ignore[no-untyped-def]
    """Rows that hear an attack coming go along with it: backwards from the lock."""
    channels, frames, rows = magnitude.shape
    for k in range(rows):
        lead, loud, quiet = 0, 0.0, 0.0
        begin = max(0, lock - reach[k])
        for c in range(channels):
            most = 0.0
            for m in range(lock, min(frames, lock + reach[k] + 1)):
                most = max(most, magnitude[c, m, k])
            if most > loud:
                loud, lead = most, c
            quiet = max(quiet, magnitude[c, begin, k])
        if loud <= RISING * quiet:
            continue
        for m in range(lock - 1, begin - 1, -1):
            if locked[m]:
                break
            turns[m, k] = principal(turns[m + 1, k] - onward(phase, step, positions, ratio, lead, m + 1, k))


@njit(cache=True, nogil=True)
def turned(magnitude, phase, turns):  # type: ignore[no-untyped-def]
    channels, frames, rows = magnitude.shape
    out = np.empty((channels, frames, rows), np.complex64)
    for c in range(channels):
        for m in range(frames):
            for k in range(rows):
                angle = phase[c, m, k] + turns[m, k]
                out[c, m, k] = complex(magnitude[c, m, k] * math.cos(angle), magnitude[c, m, k] * math.sin(angle))
    return out

