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
    """Whole hertz, voltage, and (on, off) pairs of the cadence that repeat."""

    freq_hz: int = 25
    volts_rms: float = 90.0
    cadence_ms: tuple[tuple[int, int], ...] = ((1000, 4000),)


CHINA = Ringing()
DISTINCTIVE = Ringing(cadence_ms=((400, 200), (400, 4000)))


def ring_second_mv(ringing: Ringing) -> MilliVolts:
    """One second (whole periods) of the ringing voltage without the battery; a value a millisecond."""
    angle = 2.0 * np.pi * ringing.freq_hz * np.arange(1000) / 1000.0
    peak_mv = ringing.volts_rms * math.sqrt(2.0) * 1000.0
    return np.asarray(np.rint(peak_mv * np.sin(angle)), dtype=np.int32)
