"""Kernels every block passes first: the high-pass and the energy of each hop."""

try:
    import micropython
except ImportError:  # CPython
    from firmware.dsp.portable import micropython, ptr16, ptr32

from array import array

HOP = 64  # samples, 8 ms

# Fourth-order Butterworth high-pass, 250 Hz at 8 kHz, as two sections; Q13: gain, -a1, a2.
# 50 Hz: -56 dB, 100 Hz: -32 dB, 450 Hz: -0.04 dB.
HIGH_PASS_SECTIONS = array("H", [6874, 13615, 5690, 7550, 14953, 7054])


def new_high_pass_state() -> "array[int]":
    """Rest state of both sections: x1 x2 y1 y2 and the rounding remainder of each."""
    return array("H", [0] * 10)


# gain Q13 * (x0 - 2 x1 + x2) <= 7550 * 2^17 = 0.99e9; with the poles' part 1.72e9, below 2^31.
@micropython.viper
def high_pass(i: int, acc: int, y1: int, samples: ptr16, clean: ptr16, n: int, state: ptr16, sections: ptr16):
    """Both second-order sections over n samples, signed, into `clean`, offset binary (32768 = 0); saturating.

    y0 = (gain (x0 - 2 x1 + x2) + back1 y1 - back2 y2 + remainder) >> 13; the remainder is kept, so that
    rounding makes no DC and no limit cycle. i, acc, y1: 0 (they claim the registers).
    """
    flip = 0x8000
    at = 0
    while at < 10:
        x1 = (int(state[at]) ^ 0x8000) - 0x8000
        x2 = (int(state[at + 1]) ^ 0x8000) - 0x8000
        y1 = (int(state[at + 2]) ^ 0x8000) - 0x8000
        y2 = (int(state[at + 3]) ^ 0x8000) - 0x8000
        rest = int(state[at + 4])
        gain = int(sections[0])
        back1 = int(sections[1])
        back2 = int(sections[2])
        if at:
            gain = int(sections[3])
            back1 = int(sections[4])
            back2 = int(sections[5])
        i = 0
        while i < n:
            x0 = (int(samples[i]) ^ flip) - 0x8000
            acc = gain * (x0 - x1 - x1 + x2) + back1 * y1 - back2 * y2 + rest
            rest = acc & 0x1FFF
            y2 = y1
            y1 = acc >> 13
            if y1 > 32767:
                y1 = 32767
            elif y1 < -32767:
                y1 = -32767
            x2 = x1
            x1 = x0
            clean[i] = y1 + 0x8000
            i += 1
        state[at] = x1 & 0xFFFF
        state[at + 1] = x2 & 0xFFFF
        state[at + 2] = y1 & 0xFFFF
        state[at + 3] = y2 & 0xFFFF
        state[at + 4] = rest
        samples = clean
        flip = 0
        at += 5


@micropython.viper
def measure_hops(n: int, x: int, i: int, samples: ptr16, energies: ptr32, totals: ptr32, first: int):
    """Energy and sum of each of the four hops of a block of offset binary samples, from index `first` on.

    energies: sum of (x * x) >> 8, at most 2^28; a sine of amplitude A gives A^2 / 8. totals: sum of the
    samples as they are. n, x, i: 0 (they claim the registers).
    """
    i = 0
    hop = 0
    while hop < 4:
        energy = 0
        total = 0
        n = 64
        while n:
            n -= 1
            x = int(samples[i])
            total += x
            x -= 0x8000
            energy += (x * x) >> 8
            i += 1
        energies[first + hop] = energy
        totals[first + hop] = total
        hop += 1
