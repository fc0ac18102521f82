"""Trials of a schedule: how long steps and figures take on this machine, before a training is fitted to a time."""

import time

from lts_batch.training.train import Training, denormals_flushed

TRIAL_SECONDS = 1.0


def frames_per_second(training: Training, trial_seconds: float = TRIAL_SECONDS) -> float:
    """Frames a second of a few steps that count for nothing: the training is good for no other use afterwards."""
    times: list[float] = []
    with denormals_flushed():
        while len(times) < 3 or sum(times) < trial_seconds:
            clock = time.monotonic()
            training.one_step()
            times.append(time.monotonic() - clock)
            training.course.step = (training.course.step + 1) % training.schedule.steps
    return training.schedule.batch / sorted(times[1:])[(len(times) - 1) // 2]  # the first warms up


def figures_seconds(training: Training) -> float:
    """How long the figures on the held-out files take, once."""
    clock = time.monotonic()
    training.figures(0.0)
    return time.monotonic() - clock
