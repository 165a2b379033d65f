"""Ringing: the alternating voltage that an exchange puts on the pair.

Source: GB 3380 (tones and ringing of China's exchanges): 25 +-3 Hz, 90 +-15 V rms, 1 s on / 4 s off, +-10 %.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MilliVolts = NDArray[np.int32]


@dataclass(frozen=True)
class Ringing:
    """Frequency (must divide 1,000 Hz), voltage, and (on, off) pairs of the cadence that repeat."""

    freq_hz: int = 25
    volts_rms: float = 90.0
    cadence_ms: tuple[tuple[int, int], ...] = ((1000, 4000),)


CHINA = Ringing()
DISTINCTIVE = Ringing(cadence_ms=((400, 200), (400, 4000)))


def ring_period_mv(ringing: Ringing) -> MilliVolts:
    """One period of the ringing voltage, a value a millisecond, without the battery under it."""
    period_ms = 1000 // ringing.freq_hz
    angle = 2.0 * np.pi * np.arange(period_ms) / period_ms
    return np.rint(ringing.volts_rms * math.sqrt(2.0) * 1000.0 * np.sin(angle)).astype(np.int32)
