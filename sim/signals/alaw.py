"""A-law (ITU-T G.711), by its definition: 13 bits, sign and magnitude, seven chords, even bits inverted."""

import numpy as np
from numpy.typing import NDArray

from sim.signals.levels import Pcm


def alaw_encode(samples: Pcm) -> NDArray[np.uint8]:
    """One byte a sample. The magnitude is truncated to 12 bits, as G.711's decision values ask."""
    value = samples.astype(np.int32) >> 3
    negative = value < 0
    magnitude = np.where(negative, -value - 1, value)
    chord = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    step = (magnitude >> np.maximum(chord, 1)) & 0x0F
    return ((chord << 4 | step | np.where(negative, 0, 0x80)) ^ 0x55).astype(np.uint8)


def alaw_decode(code: NDArray[np.uint8]) -> Pcm:
    """The middle of each step, in int16 steps."""
    value = code.astype(np.int32) ^ 0x55
    chord, step = (value >> 4) & 0x07, value & 0x0F
    middle = (step << 1) + 1
    magnitude = np.where(chord == 0, middle, (middle + 32) << np.maximum(chord - 1, 0))
    return (np.where(value & 0x80, magnitude, -magnitude) << 3).astype(np.int16)
