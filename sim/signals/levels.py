"""Levels: what one dBm0 is in samples.

A full-scale sine is +3.14 dBm0 (ITU-T G.711, A-law), so a sine of 0 dBm0 has a peak of 22,826 of 32,767.
The level of anything that is no sine is the level of the sine of equal power.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]
Pcm = NDArray[np.int16]

SAMPLE_RATE_HZ = 8000
SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000
FULL_SCALE = 32767
FULL_SCALE_DBM0 = 3.14


def gain_of(change_db: float) -> float:
    """Amplitude ratio of `change_db`."""
    return float(10.0 ** (change_db / 20.0))


def sine_peak(level_dbm0: float) -> float:
    """Peak of a sine of `level_dbm0`, in int16 steps."""
    return FULL_SCALE * gain_of(level_dbm0 - FULL_SCALE_DBM0)


def rms_of(level_dbm0: float) -> float:
    """Root mean square of any signal of `level_dbm0`, in int16 steps."""
    return sine_peak(level_dbm0) / math.sqrt(2.0)


def level_dbm0(samples: Signal | Pcm) -> float:
    """Level of `samples` over their whole length; -inf for silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return 10.0 * math.log10(power / (FULL_SCALE**2 / 2.0)) + FULL_SCALE_DBM0 if power else -math.inf


def at_level(samples: Signal, level: float) -> Signal:
    """`samples` scaled so that their level over their whole length is `level` dBm0."""
    return samples * gain_of(level - level_dbm0(samples))


def sine(freq_hz: float, samples: int, level: float, phase: float = 0.0) -> Signal:
    """A sine of `level` dBm0, `samples` long, that starts at `phase` radians."""
    angle = 2.0 * np.pi * freq_hz / SAMPLE_RATE_HZ * np.arange(samples) + phase
    return np.asarray(sine_peak(level) * np.sin(angle))


def silence(duration_ms: float) -> Signal:
    """`duration_ms` of nothing, rounded to whole samples."""
    return np.zeros(round(duration_ms * SAMPLES_PER_MS))


def join(parts: Sequence[Signal]) -> Signal:
    """`parts` one after the other; an empty sequence gives an empty signal."""
    return np.concatenate(parts) if parts else np.zeros(0)


def to_pcm(samples: Signal) -> Pcm:
    """Round once and saturate, as the converter of a box does."""
    return np.clip(np.rint(samples), -FULL_SCALE - 1, FULL_SCALE).astype(np.int16)
