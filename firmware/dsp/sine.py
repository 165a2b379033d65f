"""Kernel: two sines at once, what the box dials with."""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr16


# Each sine peaks at 511 << 4; their sum stays below 2^15.
@micropython.viper
def dual_tone(samples: ptr16, sine: ptr16, phases: ptr16, n: int, low: int, high: int):
    """Write n samples of two sines of equal level (-9 dBm0 each) from the table of 256 steps.

    `low` and `high` are phase steps in 1/65536 turns; `phases` (2 words) is kept from call to call.
    """
    a = int(phases[0])
    b = int(phases[1])
    i = 0
    while i < n:
        x = (int(sine[a >> 8]) ^ 0x8000) - 0x8000 + (int(sine[b >> 8]) ^ 0x8000) - 0x8000
        samples[i] = (x << 4) & 0xFFFF
        a = (a + low) & 0xFFFF
        b = (b + high) & 0xFFFF
        i += 1
    phases[0] = a
    phases[1] = b
