"""Kernels between the codec's 16 kHz and the firmware's 8 kHz: one half-band low-pass of 23 taps.

Taps: 0.5 sinc(n/2) under a Kaiser window (beta 4), times 32,768, n = -11..11; those at even n are zero
except the middle one. 0 dB at 3.0 kHz, -0.8 dB at 3.4 kHz, -6 dB at 4 kHz, -21 dB at 4.6 kHz, below -53 dB
from 5 kHz on. The sum of their sizes is under 1.5, so no intermediate leaves 31 bits. Portable by the rules
of dsp/portable.py.
"""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr16

TAIL = 22
"""Samples of the past that stand before each block."""
ODD_TAPS = (-84, 290, -690, 1437, -3053, 10292)
"""At n = +-11, +-9, ..., +-1; the middle tap is 16,384; their sum is 32,768 less rounding."""


@micropython.viper
def decimate(i: int, acc: int, j: int, frames: ptr16, samples: ptr16, n: int):
    """Make n samples at 8 kHz out of TAIL + 2n frames at 16 kHz, then move the last TAIL frames to the
    front. i, acc, j: 0 (they claim the registers)."""
    i = 0
    j = 0
    while j < n:
        acc = (-84) * ((int(frames[i]) ^ 0x8000) + (int(frames[i + 22]) ^ 0x8000) - 0x10000)
        acc += 290 * ((int(frames[i + 2]) ^ 0x8000) + (int(frames[i + 20]) ^ 0x8000) - 0x10000)
        acc += (-690) * ((int(frames[i + 4]) ^ 0x8000) + (int(frames[i + 18]) ^ 0x8000) - 0x10000)
        acc += 1437 * ((int(frames[i + 6]) ^ 0x8000) + (int(frames[i + 16]) ^ 0x8000) - 0x10000)
        acc += (-3053) * ((int(frames[i + 8]) ^ 0x8000) + (int(frames[i + 14]) ^ 0x8000) - 0x10000)
        acc += 10292 * ((int(frames[i + 10]) ^ 0x8000) + (int(frames[i + 12]) ^ 0x8000) - 0x10000)
        acc += 16384 * ((int(frames[i + 11]) ^ 0x8000) - 0x8000)
        acc = (acc + 16384) >> 15
        if acc > 32767:
            acc = 32767
        if acc < -32768:
            acc = -32768
        samples[j] = acc & 0xFFFF
        i += 2
        j += 1
    j = 0
    while j < 22:
        frames[j] = frames[i + j]
        j += 1


@micropython.viper
def interpolate(samples: ptr16, frames: ptr16, n: int):
    """Make 2n frames at 16 kHz out of 11 + n samples at 8 kHz, then move the last 11 samples to the front."""
    i = 0
    j = 0
    while i < n:
        acc = (-84) * ((int(samples[i]) ^ 0x8000) + (int(samples[i + 11]) ^ 0x8000) - 0x10000)
        acc += 290 * ((int(samples[i + 1]) ^ 0x8000) + (int(samples[i + 10]) ^ 0x8000) - 0x10000)
        acc += (-690) * ((int(samples[i + 2]) ^ 0x8000) + (int(samples[i + 9]) ^ 0x8000) - 0x10000)
        acc += 1437 * ((int(samples[i + 3]) ^ 0x8000) + (int(samples[i + 8]) ^ 0x8000) - 0x10000)
        acc += (-3053) * ((int(samples[i + 4]) ^ 0x8000) + (int(samples[i + 7]) ^ 0x8000) - 0x10000)
        acc += 10292 * ((int(samples[i + 5]) ^ 0x8000) + (int(samples[i + 6]) ^ 0x8000) - 0x10000)
        acc = (acc + 8192) >> 14
        if acc > 32767:
            acc = 32767
        if acc < -32768:
            acc = -32768
        frames[j] = acc & 0xFFFF
        frames[j + 1] = samples[i + 6]
        i += 1
        j += 2
    j = 0
    while j < 11:
        samples[j] = samples[i + j]
        j += 1
