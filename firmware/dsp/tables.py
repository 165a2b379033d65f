"""The one sine table, and the arithmetic of frequencies."""

import math
from array import array

SAMPLE_RATE = 8000
BLOCK = 256  # samples, 32 ms
SINE_STEPS = 256  # a turn
SINE_PEAK = 511  # Q9


def build_sine() -> "array[int]":
    """One turn of a sine, 256 signed values of +-511 (16 bits each; the cosine starts at index 64).

    No value lies within 0.01 of a rounding edge, so 32-bit floats give the same table.
    """
    return array("h", [round(SINE_PEAK * math.sin(i * math.pi * 2 / SINE_STEPS)) for i in range(SINE_STEPS)])


SINE = build_sine()


def phase_step(freq_hz: int) -> int:
    """Phase a sample of an oscillator, in 1/65536 turns (0.12 Hz steps at 8 kHz)."""
    return (freq_hz * 65536 + SAMPLE_RATE // 2) // SAMPLE_RATE
